//! Checkpoints of click-through models: the same container, with the encoder of the fields.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    io::{self, Write},
    path::Path,
};

use safetensors::Dtype;
use serde::{Deserialize, Serialize};

use super::{
    VERSION, check_finite, fault,
    format::{self, Input, Output, Values},
    input_of,
    meta::{Exact, is_zero},
    read::{Reader, check_columns, check_room, check_version, gathered, json, words},
    replace_file,
    write::{check_json, parameters, refused},
};
use crate::{
    Error, Result,
    data::clicks::{Encoder, Layout, Table},
    executor::LossSum,
    models::ClickModel,
    plan::{Plan, State},
    train::{BestClickEpoch, ClickConfig, ClickHistory, ClickProgress, absorbed_fault, check_averaging, mean_fault},
};

/// Everything a [`ClickTrainer`](crate::train::ClickTrainer) knows, as plain data.
///
/// Tensors are those of [`Checkpoint`](super::Checkpoint) (`NAME`, `adam.m/NAME`, `adam.v/NAME`, `best/NAME`, `average/NAME`); `encoder`, U8, the encoder as
/// JSON, if there is one; `support/VOCABULARY`, I32, how many training rows each row of its tables has been in, if that
/// is known; and `absorbed`, U8, the clicks that were absorbed as JSON, if there are some. Metadata are `model`, `clicks` (the settings), `click_progress` and `checksum`.
#[derive(Clone, Debug)]
pub struct ClickCheckpoint {
    /// The model.
    pub model: ClickModel,
    /// The settings.
    pub config: ClickConfig,
    /// Parameters, moments, and the optimiser's step count.
    pub state: State,
    /// Where training stands.
    pub progress: ClickProgress,
    /// Parameters of the best epoch, one entry a parameter in the plan's order.
    pub best_values: Option<Vec<Vec<f32>>>,
    /// The mean of the parameters over epochs, if there is one, in the same order.
    pub average_values: Option<Vec<Vec<f32>>>,
    /// What encodes the fields.
    pub encoder: Option<Encoder>,
    /// How many training rows have each row of a vocabulary's tables, by vocabulary of the model's layout.
    pub support: Option<Vec<Vec<u32>>>,
    /// Clicks that were absorbed.
    pub history: ClickHistory,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    epoch: u32,
    row: u64,
    step: u64,
    optimizer_step: u64,
    loss_sum: Exact,
    loss_samples: u64,
    best: Option<(u32, Exact)>,
    stale: u32,
    plateaus: u32,
    #[serde(default, skip_serializing_if = "is_zero")]
    averaged: u32,
    #[serde(default, skip_serializing_if = "is_zero")]
    absorbed: u64,
}

impl Record {
    fn progress(&self) -> ClickProgress {
        ClickProgress {
            epoch: self.epoch,
            row: self.row,
            step: self.step,
            loss: LossSum {
                sum: self.loss_sum.0,
                samples: self.loss_samples,
            },
            best: self.best.map(|(epoch, value)| BestClickEpoch { epoch, value: value.0 }),
            stale: self.stale,
            plateaus: self.plateaus,
            averaged: self.averaged,
            absorbed: self.absorbed,
        }
    }
}

impl ClickCheckpoint {
    /// Writes the file: an older one of that name is replaced once the new one is whole and on the disk.
    ///
    /// # Errors
    /// [`Error::Io`] where the operating system refuses, [`Error::Checkpoint`] where a value is not finite.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let asides = [self.best_values.as_deref(), self.average_values.as_deref()];
        check_finite(&self.model.plan()?, &self.state, asides, path)?;
        replace_file(path, |to| self.write_to(to))
    }

    /// Writes the bytes of a checkpoint file.
    ///
    /// # Errors
    /// Those of the writer, and [`io::ErrorKind::InvalidInput`] where the state is not one of the model.
    pub fn write_to(&self, to: &mut dyn Write) -> io::Result<()> {
        let invalid = |error: Error| io::Error::new(io::ErrorKind::InvalidInput, error);
        let plan = self.model.plan().map_err(invalid)?;
        self.check(&plan).map_err(refused)?;
        let mut tensors = Vec::new();
        let ClickProgress { epoch, averaged, .. } = self.progress;
        let has_mean = self.average_values.is_some();
        let fault = self.progress.counts().fault(self.state.step);
        if let Some(reason) = fault.or_else(|| mean_fault(self.config.average_from, epoch, averaged, has_mean)) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, reason));
        }
        let others = [
            ("best", self.best_values.as_deref()),
            ("average", self.average_values.as_deref()),
        ];
        parameters(&plan, &self.state, &others, &mut tensors)?;
        let mut json = |name: &str, json: Vec<u8>| {
            tensors.push(Output {
                name: name.into(),
                shape: vec![json.len()],
                values: Values::U8(Cow::Owned(json)),
            });
        };
        if let Some(encoder) = &self.encoder {
            let bytes = serde_json::to_vec(encoder)?;
            from_json::<Encoder>("encoder", &bytes).map_err(refused)?;
            json("encoder", bytes);
        }
        if self.history.users() > 0 {
            let bytes = serde_json::to_vec(&self.history)?;
            from_json::<ClickHistory>("absorbed", &bytes).map_err(refused)?;
            json("absorbed", bytes);
        }
        let layout = self.model.layout();
        if let Some(reason) = absorbed_fault(layout, self.support.as_deref(), &self.history) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, reason));
        }
        for (table, counts) in layout.vocabularies.iter().zip(self.support.iter().flatten()) {
            tensors.push(Output {
                name: format!("support/{}", table.name),
                shape: vec![counts.len()],
                values: Values::I32(Cow::Borrowed(counts)),
            });
        }
        let progress = &self.progress;
        let record = Record {
            epoch: progress.epoch,
            row: progress.row,
            step: progress.step,
            optimizer_step: self.state.step,
            loss_sum: Exact(progress.loss.sum),
            loss_samples: progress.loss.samples,
            best: progress.best.map(|best| (best.epoch, Exact(best.value))),
            stale: progress.stale,
            plateaus: progress.plateaus,
            averaged: progress.averaged,
            absorbed: progress.absorbed,
        };
        let strings = BTreeMap::from([
            ("pocketrec".into(), VERSION.into()),
            ("model".into(), serde_json::to_string(&self.model)?),
            ("clicks".into(), serde_json::to_string(&self.config)?),
            ("click_progress".into(), serde_json::to_string(&record)?),
        ]);
        check_unread(layout, tensors.iter().map(Output::bytes).sum()).map_err(refused)?;
        check_json::<ClickModel>("model", &strings).map_err(refused)?;
        check_json::<ClickConfig>("clicks", &strings).map_err(refused)?;
        check_json::<Record>("click_progress", &strings).map_err(refused)?;
        format::write(tensors, strings, to)
    }

    /// The reader's checks of settings and encoder, before the first byte is written.
    fn check(&self, plan: &Plan) -> Result<(), String> {
        let of_settings = |error| format!("metadata key clicks: {error}");
        self.config.validate().map_err(of_settings)?;
        check_averaging(plan, self.config.average_from).map_err(of_settings)?;
        let difference = |encoder| self.model.layout().difference(encoder);
        match self.encoder.as_ref().and_then(difference) {
            Some(reason) => Err(format!("tensor encoder: {reason}")),
            None => Ok(()),
        }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`Error::Io`] where it is no regular file or cannot be read, [`Error::Checkpoint`] with the tensor or metadata key at fault where it
    /// is damaged, of another version, of another kind of model, or does not fit together.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let input = input_of(path)?;
        read(&input).map_err(|reason| fault(path, reason))
    }

    /// Reads the bytes of a file.
    ///
    /// # Errors
    /// [`Error::Checkpoint`], as [`ClickCheckpoint::load`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let input = Input::read(bytes, bytes.len() as u64);
        let read = input.and_then(|input| read(&input));
        read.map_err(|reason| fault(Path::new("in memory"), reason))
    }
}

fn read(input: &Input) -> Result<ClickCheckpoint, String> {
    check_version(input)?;
    let config: ClickConfig =
        json(input, "clicks").map_err(|reason| format!("{reason}: it is no checkpoint of a click-through model"))?;
    config
        .validate()
        .map_err(|error| format!("metadata key clicks: {error}"))?;
    let model: ClickModel = json(input, "model")?;
    check_columns(model.least_columns(), input.data_len())?;
    check_unread(model.layout(), input.data_len())?;
    let plan = model.plan().map_err(|error| format!("metadata key model: {error}"))?;
    check_averaging(&plan, config.average_from).map_err(|error| format!("metadata key clicks: {error}"))?;
    let record: Record = json(input, "click_progress")?;
    let progress = record.progress();
    if let Some(reason) = progress.counts().fault(record.optimizer_step) {
        return Err(format!("metadata key click_progress: {reason}"));
    }
    let mut reader = Reader::new(input);
    let state = reader.parameters(&plan, record.optimizer_step)?;
    let best_values = reader.values("best/", &plan)?;
    let average_values = reader.values("average/", &plan)?;
    let has_mean = average_values.is_some();
    if let Some(reason) = mean_fault(config.average_from, record.epoch, record.averaged, has_mean) {
        return Err(format!("tensors average/... and metadata key click_progress: {reason}"));
    }
    let encoder = match reader.has("encoder") {
        false => None,
        true => {
            let encoder: Encoder = listed(&mut reader, "encoder")?;
            if let Some(reason) = model.layout().difference(&encoder) {
                return Err(format!("tensor encoder: {reason}"));
            }
            Some(encoder)
        }
    };
    let history: ClickHistory = match reader.has("absorbed") {
        false => ClickHistory::default(),
        true => listed(&mut reader, "absorbed")?,
    };
    let support = reader.support(&model)?;
    if let Some(reason) = absorbed_fault(model.layout(), support.as_deref(), &history) {
        return Err(format!("tensors support/... and absorbed: {reason}"));
    }
    reader.finish()?;
    Ok(ClickCheckpoint {
        model,
        config,
        state,
        progress,
        best_values,
        average_values,
        encoder,
        support,
        history,
    })
}

/// The rows of a vocabulary are those of its tables. Where no field reads it there is no table, and its rows, which are
/// counted all the same, may not be more than the file has bytes.
fn check_unread(layout: &Layout, bytes: usize) -> Result<(), String> {
    let mut tables = layout.vocabularies.iter().zip(layout.are_read());
    match tables.find(|(table, is_read)| !is_read && table.rows as usize > bytes) {
        None => Ok(()),
        Some((Table { name, rows }, _)) => Err(format!(
            "metadata key model: {rows} rows of the vocabulary {name}, which no field reads, in {bytes} bytes of tensors"
        )),
    }
}

/// What a tensor holds as JSON.
fn listed<T: serde::de::DeserializeOwned>(reader: &mut Reader, name: &str) -> Result<T, String> {
    let json = reader.vector(name, Dtype::U8)?;
    // Lists of short lists take so many times the bytes that they are written with.
    check_room(json.len(), 8).map_err(|reason| format!("tensor {name}: {reason}"))?;
    from_json(name, json)
}

fn from_json<T: serde::de::DeserializeOwned>(name: &str, json: &[u8]) -> Result<T, String> {
    serde_json::from_slice(json).map_err(|error| format!("tensor {name}: {error}"))
}

impl Reader<'_> {
    /// How many training rows have each row of the tables. If one vocabulary is counted, all must be.
    fn support(&mut self, model: &ClickModel) -> Result<Option<Vec<Vec<u32>>>, String> {
        let names = model.layout().vocabularies.iter();
        let names: Vec<String> = names.map(|table| format!("support/{}", table.name)).collect();
        if !names.iter().any(|name| self.has(name)) {
            return Ok(None);
        }
        let counts = |name: &String| gathered(words(self.vector(name, Dtype::I32)?));
        names.iter().map(counts).collect::<Result<_, _>>().map(Some)
    }
}
