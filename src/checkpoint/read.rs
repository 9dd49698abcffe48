//! From tensors and strings to a checkpoint that fits together, or the reason why it does not.

use std::collections::BTreeSet;

use safetensors::Dtype;

use super::{Checkpoint, VERSION, format::Input, meta::ProgressRecord, text, write::shape_of};
use crate::{
    data::IdMap,
    models::{Gmf, Mf, Mlp, Model, NeuMf},
    plan::{Param, Plan, State, Tensor},
    train::{History, TrainConfig, all_finite, mean_fault},
};

/// More layers than this are taken for an attack on the plan builder's time.
const MAX_LAYERS: usize = 1024;

/// What is read, and which tensors were asked for.
pub(super) struct Reader<'a> {
    input: &'a Input,
    used: BTreeSet<String>,
}

pub(super) fn read(input: &Input) -> Result<Checkpoint, String> {
    check_version(input)?;
    let model: Model = json(input, "model")?;
    check_widths(&model, input.data_len())?;
    let plan = model.plan().map_err(|error| format!("metadata key model: {error}"))?;
    let config: TrainConfig = json(input, "train")?;
    config
        .validate()
        .map_err(|error| format!("metadata key train: {error}"))?;
    let record: ProgressRecord = json(input, "progress")?;
    let progress = record.progress();
    let mut reader = Reader::new(input);
    let state = reader.parameters(&plan, record.optimizer_step)?;
    let best_values = reader.values("best/", &plan)?;
    let average_values = reader.values("average/", &plan)?;
    if best_values.is_some() && progress.best.is_none() {
        return Err("tensors best/... are there, but metadata key progress has no best epoch".into());
    }
    let has_mean = average_values.is_some();
    if let Some(reason) = mean_fault(config.average_from, progress.epoch, progress.averaged, has_mean) {
        return Err(format!("tensors average/... and metadata key progress: {reason}"));
    }
    let rows = [plan.rows(0), plan.rows(1)];
    let user_ids = reader.keys("users", "ids/user", rows[0])?;
    let item_ids = reader.keys("items", "ids/item", rows[1])?;
    let titles = reader.titles(rows[1])?;
    let history = reader.history(rows)?;
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
    serde_json::from_str(input.string(key)?).map_err(|error| format!("metadata key {key}: {error}"))
}

/// Every column of a layer has a bias in the file, and every column of an embedding a row: a model that is wider than
/// the file is refused before its plan is built.
fn check_widths(model: &Model, bytes: usize) -> Result<(), String> {
    let (factors, layers): (usize, &[usize]) = match model {
        Model::Mf(Mf { factors, .. }) | Model::Gmf(Gmf { factors, .. }) => (*factors, &[]),
        Model::Mlp(Mlp { layers, .. }) => (0, layers),
        Model::NeuMf(NeuMf { factors, layers, .. }) => (*factors, layers),
    };
    check_layers(layers, factors, bytes)
}

/// The same for the widths of hidden layers, beside `factors` columns of embeddings.
pub(super) fn check_layers(layers: &[usize], factors: usize, bytes: usize) -> Result<(), String> {
    if layers.len() > MAX_LAYERS {
        return Err(format!(
            "metadata key model: {} layers, at most {MAX_LAYERS} are read",
            layers.len()
        ));
    }
    let width = layers.iter().fold(factors, |sum, &width| sum.saturating_add(width));
    if width > bytes / 4 {
        return Err(format!(
            "metadata key model: {width} columns do not fit a file with {bytes} bytes of tensors"
        ));
    }
    Ok(())
}

impl<'a> Reader<'a> {
    pub fn new(input: &'a Input) -> Self {
        Reader {
            input,
            used: BTreeSet::new(),
        }
    }

    /// Checks that every tensor was asked for, and the checksum.
    pub fn finish(&self) -> Result<(), String> {
        if let Some(name) = self.input.names().iter().find(|name| !self.used.contains(*name)) {
            return Err(format!("tensor {name} does not belong to this model"));
        }
        self.input.verify()
    }

    /// Whether there is such a tensor.
    pub fn has(&self, name: &str) -> bool {
        self.input.has(name)
    }

    fn tensor(&mut self, name: &str, dtype: Dtype) -> Result<(&[usize], &[u8]), String> {
        self.used.insert(name.into());
        self.input.tensor(name, dtype)
    }

    /// The bytes of a tensor of one dimension.
    pub fn vector(&mut self, name: &str, dtype: Dtype) -> Result<&[u8], String> {
        let (shape, bytes) = self.tensor(name, dtype)?;
        match shape {
            [_] => Ok(bytes),
            _ => Err(format!("tensor {name} has shape {shape:?}; it must have one dimension")),
        }
    }

    fn floats(&mut self, name: &str, param: &Param) -> Result<Vec<f32>, String> {
        let (shape, bytes) = self.tensor(name, Dtype::F32)?;
        let expected = shape_of(param);
        if shape != expected {
            return Err(format!(
                "tensor {name} has shape {shape:?}; the model needs {expected:?}"
            ));
        }
        let values: Vec<f32> = words(bytes).map(f32::from_bits).collect();
        if !all_finite(&values) {
            return Err(format!("tensor {name} holds a value that is not finite"));
        }
        Ok(values)
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
        let values = |param: &Param| self.floats(&format!("{prefix}{}", param.name), param);
        plan.params().iter().map(values).collect::<Result<_, _>>().map(Some)
    }

    /// Parameters with their moments.
    pub fn parameters(&mut self, plan: &Plan, step: u64) -> Result<State, String> {
        let has_moments = self.any("adam.m/", plan) || self.any("adam.v/", plan);
        let mut tensors = Vec::new();
        for param in plan.params() {
            let name = &param.name;
            let mut tensor = Tensor {
                value: self.floats(name, param)?,
                ..Tensor::default()
            };
            if has_moments {
                tensor.m = self.floats(&format!("adam.m/{name}"), param)?;
                tensor.v = self.floats(&format!("adam.v/{name}"), param)?;
                if tensor.v.iter().any(|&v| v < 0.0) {
                    return Err(format!(
                        "tensor adam.v/{name} holds a negative value; it is a mean of squares"
                    ));
                }
            }
            tensors.push(tensor);
        }
        Ok(State { step, tensors })
    }

    fn texts(&mut self, name: &str) -> Result<Vec<&str>, String> {
        let ends_name = format!("{name}.ends");
        let ends: Vec<u64> = long_words(self.vector(&ends_name, Dtype::I64)?).collect();
        let bytes = self.vector(&format!("{name}.bytes"), Dtype::U8)?;
        text::split(bytes, &ends).map_err(|reason| format!("tensor {ends_name}: {reason}"))
    }

    /// The keys of a column: one a row.
    fn keys(&mut self, key: &str, name: &str, rows: usize) -> Result<IdMap, String> {
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

    fn titles(&mut self, rows: usize) -> Result<Vec<String>, String> {
        if self.input.string("titles").is_err() {
            return Ok(Vec::new());
        }
        let titles = self.texts("titles")?;
        if titles.len() > rows {
            return Err(format!("tensor titles.ends: {} titles for {rows} items", titles.len()));
        }
        Ok(titles.into_iter().map(String::from).collect())
    }

    fn history(&mut self, rows: [usize; 2]) -> Result<History, String> {
        let offsets: Vec<u64> = long_words(self.vector("history/offsets", Dtype::I64)?).collect();
        let items: Vec<u32> = words(self.vector("history/items", Dtype::I32)?).collect();
        let users = offsets.len().saturating_sub(1);
        let ends = (
            offsets.first().copied().unwrap_or(0),
            offsets.last().copied().unwrap_or(0),
        );
        if users > rows[0] || ends != (0, items.len() as u64) || !offsets.is_sorted() {
            return Err(format!(
                "tensor history/offsets must rise from 0 to {} for at most {} users",
                items.len(),
                rows[0]
            ));
        }
        if let Some(item) = items.iter().find(|&&item| item as usize >= rows[1]) {
            return Err(format!(
                "tensor history/items: item {item}, the table has {} rows",
                rows[1]
            ));
        }
        let held_out = self.pairs("history/held_out", rows)?;
        if !held_out.is_sorted() {
            return Err("tensor history/held_out is not sorted".into());
        }
        let mut history = History {
            offsets,
            items,
            held_out,
            ..History::default()
        };
        for (user, item) in self.pairs("history/absorbed", rows)? {
            history.absorbed.entry(user).or_default().push(item);
        }
        Ok(history)
    }

    fn pairs(&mut self, name: &str, rows: [usize; 2]) -> Result<Vec<(u32, u32)>, String> {
        let (shape, bytes) = self.tensor(name, Dtype::I32)?;
        if !matches!(shape, [_, 2]) {
            return Err(format!("tensor {name} has shape {shape:?}; it must be [n, 2]"));
        }
        let flat: Vec<u32> = words(bytes).collect();
        let pairs: Vec<(u32, u32)> = flat.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect();
        let outside = |&&(user, item): &&(u32, u32)| user as usize >= rows[0] || item as usize >= rows[1];
        match pairs.iter().find(outside) {
            Some(pair) => Err(format!("tensor {name}: {pair:?} lies outside the tables")),
            None => Ok(pairs),
        }
    }
}

/// `numbered 12` or `text 12`.
fn counted(string: &str) -> Option<(&str, u32)> {
    let (kind, count) = string.split_once(' ')?;
    let count = count.parse().ok()?;
    matches!(kind, "numbered" | "text").then_some((kind, count))
}

pub(super) fn words(bytes: &[u8]) -> impl Iterator<Item = u32> + '_ {
    bytes
        .chunks_exact(4)
        .map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]))
}

fn long_words(bytes: &[u8]) -> impl Iterator<Item = u64> + '_ {
    let word = |b: &[u8]| u64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]);
    bytes.chunks_exact(8).map(word)
}
