//! A delta as a file: tensors of rows and of their numbers, by the name of their parameter.

use alloc::{borrow::Cow, collections::BTreeMap, format, string::String, vec, vec::Vec};

use serde::{Deserialize, Serialize};

use super::{Change, Delta};
use crate::{
    Result,
    checkpoint::{
        IN_MEMORY, VERSION,
        checks::{check_pairs, check_values},
        fault,
        format::{self, Input, Output, Values},
        input_in,
        read::{Reader, check_version, json},
        sink::{Sink, Unwritten},
        text::Texts,
        write::{check_json, texts},
    },
};

/// What is no tensor.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    base: String,
    before: [u32; 2],
    after: [u32; 2],
    absorbed: u64,
}

/// What tensors of keys are called.
const KEYS: [&str; 2] = ["ids/user", "ids/item"];

impl Delta {
    /// `rows/NAME`, I32 `[n]`, and `NAME`, F32 `[n, width]`, for each parameter that has rows that differ; `ids/user` and
    /// `ids/item` have the keys of new ones, and `clicks`, I32 `[n, 2]`, what was absorbed.
    pub(in crate::checkpoint) fn write(&self, to: &mut Sink) -> Result<(), Unwritten> {
        let mut tensors = Vec::new();
        for change in &self.changes {
            check_values(&change.name, &change.values)?;
            tensors.push(Output {
                name: format!("rows/{}", change.name),
                shape: vec![change.rows.len()],
                values: Values::I32(Cow::Borrowed(&change.rows)),
            });
            tensors.push(Output {
                name: change.name.clone(),
                shape: vec![change.rows.len(), change.width],
                values: Values::F32(Cow::Borrowed(&change.values)),
            });
        }
        for (name, keys) in KEYS.into_iter().zip(&self.keys) {
            if !keys.is_empty() {
                texts(name, Texts::of(keys.iter()), &mut tensors);
            }
        }
        if !self.clicks.is_empty() {
            let flat: Vec<u32> = self.clicks.iter().flat_map(|&(user, item)| [user, item]).collect();
            tensors.push(Output {
                name: "clicks".into(),
                shape: vec![self.clicks.len(), 2],
                values: Values::I32(flat.into()),
            });
        }
        let rows = |rows: [usize; 2]| rows.map(|rows| u32::try_from(rows).unwrap_or(u32::MAX));
        let record = Record {
            base: self.base.clone(),
            before: rows(self.before),
            after: rows(self.after),
            absorbed: self.absorbed,
        };
        let strings = BTreeMap::from([
            ("pocketrec".into(), VERSION.into()),
            ("delta".into(), serde_json::to_string(&record)?),
        ]);
        check_json::<Record>("delta", &strings)?;
        format::write(tensors, strings, to)
    }

    /// Reads the bytes of a file.
    ///
    /// # Errors
    /// [`Error::Checkpoint`](crate::Error::Checkpoint) with the tensor or metadata key at fault where it is damaged, of another
    /// version or no delta.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        read(&input_in(bytes)?).map_err(|reason| fault(IN_MEMORY, reason))
    }
}

pub(in crate::checkpoint) fn read(input: &Input) -> Result<Delta, String> {
    check_version(input)?;
    let record: Record = json(input, "delta").map_err(|reason| format!("{reason}: it is no delta"))?;
    let rows = |rows: [u32; 2]| rows.map(|rows| rows as usize);
    let (before, after) = (rows(record.before), rows(record.after));
    if before[0] > after[0] || before[1] > after[1] {
        return Err(format!("metadata key delta: {before:?} rows cannot become {after:?}"));
    }
    let mut reader = Reader::new(input);
    let names = input.names().filter_map(|name| name.strip_prefix("rows/"));
    let changes = names.map(|name| change(&mut reader, name)).collect::<Result<_, _>>()?;
    let mut keys = [Vec::new(), Vec::new()];
    for ((name, keys), (before, after)) in KEYS.into_iter().zip(&mut keys).zip(before.into_iter().zip(after)) {
        if reader.has(&format!("{name}.ends")) {
            *keys = reader.texts(name)?.into_iter().map(String::from).collect();
        }
        if keys.len() > after - before {
            return Err(format!(
                "tensor {name}.ends: {} keys for {} new rows",
                keys.len(),
                after - before
            ));
        }
    }
    let clicks = match reader.has("clicks") {
        true => reader.pairs("clicks", after)?,
        false => Vec::new(),
    };
    check_pairs("clicks", &clicks, after)?;
    reader.finish()?;
    Ok(Delta {
        base: record.base,
        before,
        after,
        absorbed: record.absorbed,
        changes,
        keys,
        clicks,
    })
}

/// Rows of a parameter: as many as are numbered, in ascending order.
fn change(reader: &mut Reader, name: &str) -> Result<Change, String> {
    let rows_name = format!("rows/{name}");
    let rows = reader.numbers(&rows_name)?;
    if rows.is_empty() || !rows.windows(2).all(|pair| pair[0] < pair[1]) {
        return Err(format!("tensor {rows_name} is not in ascending order, or empty"));
    }
    let (width, values) = reader.rows_of_floats(name, rows.len())?;
    Ok(Change {
        name: name.into(),
        width,
        rows,
        values,
    })
}
