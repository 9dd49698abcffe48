//! From tensors and strings to a checkpoint that fits together, or the reason why it does not.

use alloc::{collections::BTreeSet, format, string::String, vec, vec::Vec};

use half::f16;
use safetensors::Dtype;

use super::{
    Checkpoint, VERSION,
    checks::{
        check_best, check_held_out, check_pairs, check_squares, check_titles, check_trained, check_values, parsed,
        shape_of,
    },
    format::Input,
    knowledge, known,
    meta::ProgressRecord,
    plan_of, relations,
    stored::name_of_exact,
    text,
};
use crate::{
    data::IdMap,
    models::{Cfkg, Gmf, Kgcn, LightGcn, Mf, Mlp, Model, NeuMf, SasRec},
    plan::{Param, Plan, State, Tensor},
    train::{History, TrainConfig, mean_fault},
};

/// What is read, and which tensors were asked for.
pub(super) struct Reader<'a> {
    input: &'a Input<'a>,
    used: BTreeSet<&'a str>,
}

pub(super) fn read(input: &Input) -> Result<Checkpoint, String> {
    check_version(input)?;
    let model: Model = json(input, "model")?;
    check_widths(&model, input.data_len())?;
    let config: TrainConfig = json(input, "train")?;
    config
        .validate()
        .map_err(|error| format!("metadata key train: {error}"))?;
    let mut reader = Reader::new(input);
    let known = known::read(input, &mut reader, model.rows())?;
    let plan = plan_of(&model, &config, known.as_ref()).map_err(|error| format!("metadata key model: {error}"))?;
    let record: ProgressRecord = json(input, "progress")?;
    let progress = record.progress();
    if let Some(reason) = progress.counts("sample").fault(record.optimizer_step) {
        return Err(format!("metadata key progress: {reason}"));
    }
    let state = reader.parameters(&reader.with_tables(plan.clone()), record.optimizer_step)?;
    let best_values = reader.values("best/", &plan)?;
    let average_values = reader.values("average/", &plan)?;
    check_best(best_values.is_some(), "progress", &progress)?;
    let has_mean = average_values.is_some();
    if let Some(reason) = mean_fault(config.average_from, progress.epoch, progress.averaged, has_mean) {
        return Err(format!("tensors average/... and metadata key progress: {reason}"));
    }
    let rows = model.rows();
    let user_ids = reader.keys("users", "ids/user", rows[0])?;
    let item_ids = reader.keys("items", "ids/item", rows[1])?;
    let titles = reader.titles(rows[1])?;
    let history = reader.history(rows)?;
    let relations = relations::read(input, &mut reader, &item_ids)?;
    let knowledge = knowledge::read(input, &mut reader, &model)?;
    reader.finish()?;
    Ok(Checkpoint {
        model,
        config,
        state,
        progress,
        best_values,
        average_values,
        keyed: record.keyed,
        user_ids,
        item_ids,
        titles,
        history,
        relations,
        knowledge,
        known,
    })
}

/// Whether it is a checkpoint that this build reads.
pub(super) fn check_version(input: &Input) -> Result<(), String> {
    match input.string("pocketrec") {
        Ok(VERSION) => Ok(()),
        Ok(other) => Err(format!(
            "metadata key pocketrec: version {other:?}, this build reads {VERSION:?}"
        )),
        Err(reason) => Err(format!("{reason}: it is no checkpoint of this library")),
    }
}

pub(super) fn json<T: serde::de::DeserializeOwned>(input: &Input, key: &str) -> Result<T, String> {
    parsed(key, input.string(key)?)
}

/// Every column of a layer has a bias in the file, and every column of an embedding a row, of bytes at least: a model that is wider than
/// the file is refused before its plan is built.
fn check_widths(model: &Model, bytes: usize) -> Result<(), String> {
    let (factors, layers): (usize, &[usize]) = match model {
        Model::Mf(Mf { factors, .. }) | Model::Gmf(Gmf { factors, .. }) => (*factors, &[]),
        Model::Mlp(Mlp { layers, .. }) => (0, layers),
        Model::LightGcn(LightGcn { embedding_dim, .. }) | Model::Cfkg(Cfkg { embedding_dim, .. }) => {
            (*embedding_dim, &[])
        }
        Model::NeuMf(NeuMf { factors, layers, .. }) => (*factors, layers),
        Model::SasRec(SasRec { embedding_dim, .. }) | Model::Kgcn(Kgcn { embedding_dim, .. }) => (*embedding_dim, &[]),
    };
    check_columns(
        layers.iter().fold(factors, |sum, &width| sum.saturating_add(width)),
        bytes,
    )
}

/// The same for a number of columns, each of which has a byte in the file.
pub(super) fn check_columns(columns: usize, bytes: usize) -> Result<(), String> {
    match columns > bytes {
        true => Err(format!(
            "metadata key model: {columns} columns do not fit a file with {bytes} bytes of tensors"
        )),
        false => Ok(()),
    }
}

/// The values, where there is memory for all of them.
pub(super) fn gathered<T>(values: impl ExactSizeIterator<Item = T>) -> Result<Vec<T>, String> {
    let mut all = Vec::new();
    let bytes = size_of::<T>() as u64 * values.len() as u64;
    all.try_reserve_exact(values.len()).map_err(|_| no_memory(bytes))?;
    all.extend(values);
    Ok(all)
}

/// Refuses what would take so many bytes in small pieces, where there are not so many at once: the allocations of maps
/// and strings cannot fail one by one.
pub(super) fn check_room(bytes: usize, each: usize) -> Result<(), String> {
    let bytes = bytes.saturating_mul(each);
    let reserved = Vec::<u8>::new().try_reserve_exact(bytes);
    reserved.map_err(|_| no_memory(bytes as u64))
}

fn no_memory(bytes: u64) -> String {
    format!("there is no memory for {bytes} bytes")
}

impl<'a> Reader<'a> {
    pub fn new(input: &'a Input<'a>) -> Self {
        Reader {
            input,
            used: BTreeSet::new(),
        }
    }

    /// Checks that every tensor was asked for, and the checksum.
    pub fn finish(&self) -> Result<(), String> {
        if let Some(name) = self.input.names().find(|name| !self.used.contains(name)) {
            return Err(format!("tensor {name} does not belong to this model"));
        }
        self.input.verify()
    }

    /// Whether there is such a tensor.
    pub fn has(&self, name: &str) -> bool {
        self.input.has(name)
    }

    /// The type of a tensor, if it is there.
    pub fn dtype(&self, name: &str) -> Option<Dtype> {
        self.input.dtype(name)
    }

    pub fn tensor(&mut self, name: &str, dtype: Dtype) -> Result<(&'a [usize], &'a [u8]), String> {
        let (name, shape, bytes) = self.input.tensor(name, dtype)?;
        self.used.insert(name);
        Ok((shape, bytes))
    }

    /// The bytes of a tensor of one dimension.
    pub fn vector(&mut self, name: &str, dtype: Dtype) -> Result<&'a [u8], String> {
        let (shape, bytes) = self.tensor(name, dtype)?;
        match shape {
            [_] => Ok(bytes),
            _ => Err(format!("tensor {name} has shape {shape:?}; it must have one dimension")),
        }
    }

    fn floats(&mut self, name: &str, expected: &[usize]) -> Result<Vec<f32>, String> {
        let (shape, bytes) = self.tensor(name, Dtype::F32)?;
        if shape != expected {
            return Err(format!(
                "tensor {name} has shape {shape:?}; the model needs {expected:?}"
            ));
        }
        finite(name, bytes)
    }

    /// A tensor of numbers.
    pub fn numbers(&mut self, name: &str) -> Result<Vec<u32>, String> {
        let bytes = self.vector(name, Dtype::I32)?;
        gathered(words(bytes)).map_err(|reason| format!("tensor {name}: {reason}"))
    }

    /// A tensor of long numbers.
    pub fn long_numbers(&mut self, name: &str) -> Result<Vec<u64>, String> {
        let bytes = self.vector(name, Dtype::I64)?;
        gathered(long_words(bytes)).map_err(|reason| format!("tensor {name}: {reason}"))
    }

    /// A tensor of one dimension, of finite floats.
    pub fn float_vector(&mut self, name: &str) -> Result<Vec<f32>, String> {
        let bytes = self.vector(name, Dtype::F32)?;
        finite(name, bytes)
    }

    /// A matrix of finite floats with rows of a width.
    pub fn matrix(&mut self, name: &str, width: usize) -> Result<Vec<f32>, String> {
        let (shape, bytes) = self.tensor(name, Dtype::F32)?;
        match shape {
            [_, columns] if *columns == width => finite(name, bytes),
            _ => Err(format!("tensor {name} has shape {shape:?}; it must be [rows, {width}]")),
        }
    }

    /// A matrix of finite floats with so many rows, and its width.
    pub fn rows_of_floats(&mut self, name: &str, rows: usize) -> Result<(usize, Vec<f32>), String> {
        let (shape, bytes) = self.tensor(name, Dtype::F32)?;
        match *shape {
            [there, width] if there == rows && width > 0 => Ok((width, finite(name, bytes)?)),
            _ => Err(format!("tensor {name} has shape {shape:?}; it must be [{rows}, width]")),
        }
    }

    /// Whether a parameter is there under a prefix. If one is, all must be.
    fn any(&self, prefix: &str, plan: &Plan) -> bool {
        let named = |param: &Param| self.input.has(&format!("{prefix}{}", param.name));
        plan.params().iter().any(named)
    }

    /// The values of all parameters under a prefix, if they are there.
    pub fn values(&mut self, prefix: &str, plan: &Plan) -> Result<Option<Vec<Vec<f32>>>, String> {
        if !self.any(prefix, plan) {
            return Ok(None);
        }
        let values = |param: &Param| self.floats(&format!("{prefix}{}", param.name), &shape_of(param));
        plan.params().iter().map(values).collect::<Result<_, _>>().map(Some)
    }

    /// Parameters with their moments.
    pub fn parameters(&mut self, plan: &Plan, step: u64) -> Result<State, String> {
        let has_moments = self.any("adam.m/", plan) || self.any("adam.v/", plan);
        let mut tensors = Vec::new();
        for param in plan.params() {
            let name = &param.name;
            let mut tensor = Tensor {
                stored: self.stored(param)?,
                ..Tensor::default()
            };
            let exact = tensor.stored.as_ref().map(|stored| stored.exact().len());
            let (name_of_floats, shape) = match exact {
                None => (name.clone(), shape_of(param)),
                Some(rows) => (name_of_exact(name), vec![rows, param.width]),
            };
            if exact != Some(0) {
                tensor.value = self.floats(&name_of_floats, &shape)?;
            }
            if has_moments {
                tensor.m = self.floats(&format!("adam.m/{name}"), &shape)?;
                tensor.v = self.floats(&format!("adam.v/{name}"), &shape)?;
                check_squares(&format!("adam.v/{name}"), &tensor.v)?;
            }
            tensors.push(tensor);
        }
        Ok(State { step, tensors })
    }

    pub fn texts(&mut self, name: &str) -> Result<Vec<&'a str>, String> {
        let ends_name = format!("{name}.ends");
        let ends = self.vector(&ends_name, Dtype::I64)?;
        let bytes = self.vector(&format!("{name}.bytes"), Dtype::U8)?;
        // What comes of them: a slice, an end and a place in a table each, or a string.
        check_room(bytes.len() + 8 * ends.len(), 1).map_err(|reason| format!("tensor {ends_name}: {reason}"))?;
        text::split(bytes, long_words(ends)).map_err(|reason| format!("tensor {ends_name}: {reason}"))
    }

    /// The keys of a column: one a row.
    pub fn keys(&mut self, key: &str, name: &str, rows: usize) -> Result<IdMap, String> {
        let (kind, count) =
            counted(self.input.string(key)?).ok_or_else(|| format!("metadata key {key} is malformed"))?;
        if count as usize != rows {
            return Err(format!("metadata key {key}: {count} keys for {rows} rows"));
        }
        if kind == "numbered" {
            return Ok(IdMap::numbered(count));
        }
        let keys = self.texts(name)?;
        if keys.len() != rows {
            return Err(format!("tensor {name}.ends: {} keys for {rows} rows", keys.len()));
        }
        IdMap::from_keys(keys).map_err(|error| format!("tensor {name}.bytes: {error}"))
    }

    pub fn titles(&mut self, rows: usize) -> Result<Vec<String>, String> {
        if self.input.string("titles").is_err() {
            return Ok(Vec::new());
        }
        let titles = self.texts("titles")?;
        check_titles(titles.len(), rows)?;
        Ok(titles.into_iter().map(String::from).collect())
    }

    pub fn history(&mut self, rows: [usize; 2]) -> Result<History, String> {
        let offsets = gathered(long_words(self.vector("history/offsets", Dtype::I64)?))?;
        let items = gathered(words(self.vector("history/items", Dtype::I32)?))?;
        check_trained(&offsets, &items, rows)?;
        let held_out = self.pairs("history/held_out", rows)?;
        check_held_out(&held_out)?;
        let absorbed = self.pairs("history/absorbed", rows)?;
        check_room(absorbed.len(), 64).map_err(|reason| format!("tensor history/absorbed: {reason}"))?;
        let mut history = History {
            offsets,
            items,
            held_out,
            others: self.others(rows[1])?,
            ..History::default()
        };
        for (user, item) in absorbed {
            history.absorbed.entry(user).or_default().push(item);
        }
        Ok(history)
    }

    /// Users of each item who are not in the file; nothing where all are.
    fn others(&mut self, items: usize) -> Result<Vec<u32>, String> {
        let name = "history/others";
        if !self.has(name) {
            return Ok(Vec::new());
        }
        let others = self.numbers(name)?;
        match others.len() <= items {
            true => Ok(others),
            false => Err(format!("tensor {name} has {} numbers for {items} items", others.len())),
        }
    }

    pub fn pairs(&mut self, name: &str, rows: [usize; 2]) -> Result<Vec<(u32, u32)>, String> {
        let (shape, bytes) = self.tensor(name, Dtype::I32)?;
        if !matches!(shape, [_, 2]) {
            return Err(format!("tensor {name} has shape {shape:?}; it must be [n, 2]"));
        }
        let pairs = long_words(bytes).map(|pair| (pair as u32, (pair >> 32) as u32));
        let pairs = gathered(pairs).map_err(|reason| format!("tensor {name}: {reason}"))?;
        check_pairs(name, &pairs, rows)?;
        Ok(pairs)
    }
}

/// The floats of a tensor, all of which must be finite.
fn finite(name: &str, bytes: &[u8]) -> Result<Vec<f32>, String> {
    let values = gathered(words(bytes).map(f32::from_bits)).map_err(|reason| format!("tensor {name}: {reason}"))?;
    check_values(name, &values)?;
    Ok(values)
}

/// How many keys a column has by its metadata string.
pub(super) fn keyed_rows(input: &Input, key: &str) -> Result<usize, String> {
    let (_, count) = counted(input.string(key)?).ok_or_else(|| format!("metadata key {key} is malformed"))?;
    Ok(count as usize)
}

/// `numbered 12` or `text 12`.
fn counted(string: &str) -> Option<(&str, u32)> {
    let (kind, count) = string.split_once(' ')?;
    let count = count.parse().ok()?;
    matches!(kind, "numbered" | "text").then_some((kind, count))
}

/// The halves that bytes stand for.
pub(super) fn halves(bytes: &[u8]) -> impl ExactSizeIterator<Item = f16> + '_ {
    bytes.as_chunks().0.iter().map(|&half| f16::from_le_bytes(half))
}

// Of arrays, not of slices of as many bytes: compilers make one copy of them all.
pub(super) fn words(bytes: &[u8]) -> impl ExactSizeIterator<Item = u32> + '_ {
    bytes.as_chunks().0.iter().map(|&word| u32::from_le_bytes(word))
}

fn long_words(bytes: &[u8]) -> impl ExactSizeIterator<Item = u64> + '_ {
    bytes.as_chunks().0.iter().map(|&word| u64::from_le_bytes(word))
}
