//! Checkpoints of classical models: the same container, with what each model has learnt.
//!
//! | tensor | type, shape | what |
//! |---|---|---|
//! | `walks/offsets`, `walks/neighbours`, `walks/weights` | I64 `[items + 1]`, I32, F32 | of RP3beta: the neighbours of item `i` are `offsets[i]..offsets[i + 1]` |
//! | `user.weight`, `item.weight` | F32 `[rows, factors]` | of iALS |
//! | `item.placed` | I32 | of iALS: items whose vectors come of features, where there are some |
//! | `ids/..`, `titles`, `history/..` | | as in other checkpoints |
//!
//! Metadata are `pocketrec`, `classical` (the model's name), `settings` (JSON), `iterations` (of iALS), `trained_items` (of iALS, where new
//! items came after training), `users`, `items`, `titles` and
//! `checksum`.

use alloc::{
    borrow::Cow,
    collections::BTreeMap,
    format,
    string::{String, ToString},
    vec,
    vec::Vec,
};
use core::fmt::Display;

use super::{
    IN_MEMORY, VERSION,
    checks::{check_history, check_titles, check_values},
    fault,
    format::{self, Input, Output, Values},
    input_in,
    read::{Reader, check_version, json, keyed_rows},
    sink::{Sink, Unwritten, written},
    text::Texts,
    write::{check_json, history, keys, texts},
};
use crate::{
    Result,
    classical::{Classical, Factors, IalsConfig, Method, Records, Rp3BetaConfig, Walks},
    device::Device,
};

/// What tells a model's file from another's: its settings and its tensors.
pub trait Stored: Sized {
    fn write<'a>(&'a self, to: &mut Contents<'a>) -> Result<(), Unwritten>;
    fn read(from: &mut Source<'_, '_>) -> Result<Self, String>;
}

/// Tensors and strings of a file that is being written.
pub struct Contents<'a> {
    tensors: Vec<Output<'a>>,
    strings: BTreeMap<String, String>,
}

/// A file that is being read, and the rows that its tables have.
pub struct Source<'r, 'a> {
    reader: &'r mut Reader<'a>,
    input: &'a Input<'a>,
    rows: [usize; 2],
}

impl<M: Method> Classical<M> {
    /// The bytes of a file that PyTorch opens, too. The same model gives the same bytes.
    ///
    /// # Errors
    /// [`Error::Checkpoint`](crate::Error::Checkpoint) where a value is not finite; [`Error::Memory`](crate::Error::Memory).
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        written(|to| self.write(to))
    }

    pub(super) fn write(&self, to: &mut Sink) -> Result<(), Unwritten> {
        let records = &self.records;
        let rows = [records.users(), records.items()];
        check_titles(records.titles.len(), rows[1])?;
        check_history(&records.history, rows)?;
        let mut contents = Contents {
            tensors: Vec::new(),
            strings: BTreeMap::from([
                ("pocketrec".into(), VERSION.into()),
                ("classical".into(), M::NAME.into()),
            ]),
        };
        let sides = [
            ("users", "ids/user", &records.user_ids),
            ("items", "ids/item", &records.item_ids),
        ];
        for (key, name, ids) in sides {
            let string = keys(name, ids, ids.len(), &mut contents.tensors);
            contents.strings.insert(key.into(), string);
        }
        if !records.titles.is_empty() {
            let count = format!("text {}", records.titles.len());
            contents.strings.insert("titles".into(), count);
            texts("titles", Texts::of(records.titles.iter()), &mut contents.tensors);
        }
        history(&records.history, &mut contents.tensors);
        self.method.write(&mut contents)?;
        format::write(contents.tensors, contents.strings, to)
    }

    /// Reads the bytes of a file.
    ///
    /// # Errors
    /// [`Error::Checkpoint`](crate::Error::Checkpoint) with the tensor or metadata key at fault where it is damaged, of another
    /// version, of another model, or does not fit together, and [`Error::Device`](crate::Error::Device).
    pub fn from_bytes(bytes: &[u8], device: &Device) -> Result<Self> {
        Self::of_input(&input_in(bytes)?, IN_MEMORY, device)
    }

    pub(super) fn of_input(input: &Input, place: impl Display, device: &Device) -> Result<Self> {
        let (method, records) = read::<M>(input).map_err(|reason| fault(place, reason))?;
        Classical::with(method, records, device)
    }
}

fn read<M: Method>(input: &Input) -> Result<(M, Records), String> {
    check_version(input)?;
    let name = input
        .string("classical")
        .map_err(|reason| format!("{reason}: it is no checkpoint of a classical model"))?;
    if name != M::NAME {
        return Err(format!(
            "metadata key classical: it is a model {name:?}, and not {:?}",
            M::NAME
        ));
    }
    let mut reader = Reader::new(input);
    let rows = [keyed_rows(input, "users")?, keyed_rows(input, "items")?];
    let mut source = Source {
        reader: &mut reader,
        input,
        rows,
    };
    // The model first: what it holds says that there may be so many rows.
    let method = M::read(&mut source)?;
    let records = Records {
        user_ids: reader.keys("users", "ids/user", rows[0])?,
        item_ids: reader.keys("items", "ids/item", rows[1])?,
        titles: reader.titles(rows[1])?,
        history: reader.history(rows)?,
    };
    check_users(&records)?;
    reader.finish()?;
    Ok((method, records))
}

/// Why these items cannot be placed, or not so many have been trained on.
fn check_placed(factors: &Factors) -> Result<(), String> {
    let (items, trained, placed) = (factors.items(), factors.trained_items, &factors.placed);
    if trained > items {
        return Err(format!("metadata key trained_items: {trained} of {items} items"));
    }
    match placed.is_sorted_by(|a, b| a < b) && placed.last().is_none_or(|&last| (last as usize) < items) {
        true => Ok(()),
        false => Err(format!(
            "tensor item.placed must hold some of {items} items in ascending order"
        )),
    }
}

/// A user is known by the trained or the absorbed interactions; a number of others would be made up.
fn check_users(records: &Records) -> Result<(), String> {
    let history = &records.history;
    let absorbed = history.absorbed.keys().max().map_or(0, |&user| user as usize + 1);
    let known = history.offsets.len().saturating_sub(1).max(absorbed);
    match known == records.users() {
        true => Ok(()),
        false => Err(format!(
            "metadata key users: {} users, but tensors history/... have {known}",
            records.users()
        )),
    }
}

impl Source<'_, '_> {
    /// A metadata key that holds a number.
    fn count(&self, key: &str) -> Result<u32, String> {
        let text = self.input.string(key)?;
        text.parse()
            .map_err(|_| format!("metadata key {key}: {text:?} is not a number"))
    }
}

impl Contents<'_> {
    fn settings<T: serde::Serialize + serde::de::DeserializeOwned>(&mut self, settings: &T) -> Result<(), Unwritten> {
        self.strings.insert("settings".into(), serde_json::to_string(settings)?);
        Ok(check_json::<T>("settings", &self.strings)?)
    }
}

impl<'a> Contents<'a> {
    fn tensor(&mut self, name: &str, shape: Vec<usize>, values: Values<'a>) {
        self.tensors.push(Output {
            name: name.into(),
            shape,
            values,
        });
    }
}

impl Stored for Walks {
    fn write<'a>(&'a self, to: &mut Contents<'a>) -> Result<(), Unwritten> {
        check_walks(&self.offsets, &self.neighbours, &self.weights, self.items())?;
        to.settings(&self.config)?;
        let len = |len: usize| vec![len];
        to.tensor(
            "walks/offsets",
            len(self.offsets.len()),
            Values::I64(Cow::Borrowed(&self.offsets)),
        );
        to.tensor(
            "walks/neighbours",
            len(self.neighbours.len()),
            Values::I32(Cow::Borrowed(&self.neighbours)),
        );
        to.tensor(
            "walks/weights",
            len(self.weights.len()),
            Values::F32(Cow::Borrowed(&self.weights)),
        );
        Ok(())
    }

    fn read(from: &mut Source<'_, '_>) -> Result<Self, String> {
        let config: Rp3BetaConfig = json(from.input, "settings")?;
        config
            .validate()
            .map_err(|error| format!("metadata key settings: {error}"))?;
        let offsets = from.reader.long_numbers("walks/offsets")?;
        let neighbours = from.reader.numbers("walks/neighbours")?;
        let weights = from.reader.float_vector("walks/weights")?;
        check_walks(&offsets, &neighbours, &weights, from.rows[1])?;
        Ok(Walks {
            config,
            offsets,
            neighbours,
            weights,
        })
    }
}

/// Why these are not the weights of so many items.
fn check_walks(offsets: &[u64], neighbours: &[u32], weights: &[f32], items: usize) -> Result<(), String> {
    let ends = (offsets.first().copied(), offsets.last().copied());
    let want = (Some(0), Some(neighbours.len() as u64));
    if ends != want || offsets.len() != items + 1 || !offsets.is_sorted() {
        return Err(format!(
            "tensor walks/offsets must rise from 0 to {} for {items} items",
            neighbours.len()
        ));
    }
    if weights.len() != neighbours.len() {
        return Err(format!(
            "tensor walks/weights has {} values for {} neighbours",
            weights.len(),
            neighbours.len()
        ));
    }
    if let Some(item) = neighbours.iter().find(|&&item| item as usize >= items) {
        return Err(format!("tensor walks/neighbours: item {item}, there are {items}"));
    }
    check_values("walks/weights", weights)?;
    match weights.iter().any(|&weight| weight <= 0.0) {
        true => Err("tensor walks/weights holds a value that is not above 0, as every weight is".into()),
        false => Ok(()),
    }
}

impl Stored for Factors {
    fn write<'a>(&'a self, to: &mut Contents<'a>) -> Result<(), Unwritten> {
        to.settings(&self.config)?;
        to.strings.insert("iterations".into(), self.iterations.to_string());
        let factors = self.config.factors;
        for (name, vectors) in [("user.weight", &self.users), ("item.weight", &self.items)] {
            check_values(name, vectors)?;
            let rows = vectors.len() / self.width;
            let values = match factors == self.width {
                true => Cow::Borrowed(&vectors[..]),
                false => vectors
                    .chunks_exact(self.width)
                    .flat_map(|row| row[..factors].iter().copied())
                    .collect(),
            };
            to.tensor(name, vec![rows, factors], Values::F32(values));
        }
        if !self.placed.is_empty() {
            let placed = Values::I32(Cow::Borrowed(&self.placed));
            to.tensor("item.placed", vec![self.placed.len()], placed);
        }
        if self.trained_items != self.items() {
            let trained = self.trained_items.to_string();
            to.strings.insert("trained_items".into(), trained);
        }
        Ok(())
    }

    fn read(from: &mut Source<'_, '_>) -> Result<Self, String> {
        let config: IalsConfig = json(from.input, "settings")?;
        config
            .validate()
            .map_err(|error| format!("metadata key settings: {error}"))?;
        let iterations = from.count("iterations")?;
        let users = from.reader.matrix("user.weight", config.factors)?;
        let items = from.reader.matrix("item.weight", config.factors)?;
        let [user_rows, item_rows] = [&users, &items].map(|vectors| vectors.len() / config.factors);
        // Users who were absorbed after training have no vector.
        if user_rows > from.rows[0] || item_rows != from.rows[1] {
            let [users, items] = from.rows;
            return Err(format!(
                "tensors user.weight and item.weight have {user_rows} and {item_rows} rows for {users} users and {items} items"
            ));
        }
        let mut factors = Factors::of_rows(config, iterations, [&users, &items]).map_err(|error| error.to_string())?;
        if from.reader.has("item.placed") {
            factors.placed = from.reader.numbers("item.placed")?;
        }
        if from.input.string("trained_items").is_ok() {
            factors.trained_items = from.count("trained_items")? as usize;
        }
        check_placed(&factors)?;
        Ok(factors)
    }
}
