//! Checkpoints of click-through models: the same container, with the encoder of the fields.

use alloc::{borrow::Cow, collections::BTreeMap, format, string::String, vec, vec::Vec};

use safetensors::Dtype;
use serde::{Serialize, de::DeserializeOwned};

use super::{
    IN_MEMORY, VERSION,
    checks::check_best,
    fault,
    format::{self, Input, Output, Values},
    input_in,
    meta::ClickProgressRecord,
    read::{Reader, check_columns, check_room, check_version, gathered, json, words},
    sink::{Sink, Unwritten, written},
    write::{check_json, parameters},
};
use crate::{
    Result,
    data::clicks::{Encoder, Layout, Table},
    models::ClickModel,
    plan::{Plan, State},
    train::{ClickConfig, ClickHistory, ClickProgress, absorbed_fault, check_averaging, mean_fault},
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

impl ClickCheckpoint {
    /// The bytes of a checkpoint file.
    ///
    /// # Errors
    /// [`Error::Checkpoint`](crate::Error::Checkpoint) where the parts do not fit together; [`Error::Memory`](crate::Error::Memory).
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        written(|to| self.write(to))
    }

    pub(super) fn write(&self, to: &mut Sink) -> Result<(), Unwritten> {
        let plan = self.model.plan()?;
        self.check(&plan)?;
        let mut tensors = Vec::new();
        let others = [
            ("best", self.best_values.as_deref()),
            ("average", self.average_values.as_deref()),
        ];
        parameters(&plan, &self.state, &others, &mut tensors)?;
        if let Some(encoder) = &self.encoder {
            tensors.push(as_json("encoder", encoder)?);
        }
        if self.history.users() > 0 {
            tensors.push(as_json("absorbed", &self.history)?);
        }
        let layout = self.model.layout();
        if let Some(reason) = absorbed_fault(layout, self.support.as_deref(), &self.history) {
            return Err(reason.into());
        }
        for (table, counts) in layout.vocabularies.iter().zip(self.support.iter().flatten()) {
            tensors.push(Output {
                name: format!("support/{}", table.name),
                shape: vec![counts.len()],
                values: Values::I32(Cow::Borrowed(counts)),
            });
        }
        check_unread(layout, tensors.iter().map(Output::bytes).sum())?;
        format::write(tensors, self.strings()?, to)
    }

    /// Model, settings and position, each of which can be read back.
    fn strings(&self) -> Result<BTreeMap<String, String>, Unwritten> {
        let record = ClickProgressRecord::new(&self.progress, self.state.step);
        let strings = BTreeMap::from([
            ("pocketrec".into(), VERSION.into()),
            ("model".into(), serde_json::to_string(&self.model)?),
            ("clicks".into(), serde_json::to_string(&self.config)?),
            ("click_progress".into(), serde_json::to_string(&record)?),
        ]);
        check_json::<ClickModel>("model", &strings)?;
        check_json::<ClickConfig>("clicks", &strings)?;
        check_json::<ClickProgressRecord>("click_progress", &strings)?;
        Ok(strings)
    }

    /// The reader's checks of settings, position and encoder, before the first byte is written.
    fn check(&self, plan: &Plan) -> Result<(), String> {
        let of_settings = |error| format!("metadata key clicks: {error}");
        self.config.validate().map_err(of_settings)?;
        check_averaging(plan, self.config.average_from).map_err(of_settings)?;
        let difference = |encoder| self.model.layout().difference(encoder);
        if let Some(reason) = self.encoder.as_ref().and_then(difference) {
            return Err(format!("tensor encoder: {reason}"));
        }
        let (progress, has_mean) = (&self.progress, self.average_values.is_some());
        let fault = progress.counts("row").fault(self.state.step);
        let mean_fault = || mean_fault(self.config.average_from, progress.epoch, progress.averaged, has_mean);
        if let Some(reason) = fault.or_else(mean_fault) {
            return Err(reason);
        }
        check_best(self.best_values.is_some(), "click_progress", progress)
    }

    /// Reads the bytes of a file.
    ///
    /// # Errors
    /// [`Error::Checkpoint`](crate::Error::Checkpoint), with the tensor or metadata key at fault where it is damaged, of another version, of another kind of
    /// model, or does not fit together.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        read(&input_in(bytes)?).map_err(|reason| fault(IN_MEMORY, reason))
    }
}

pub(super) fn read(input: &Input) -> Result<ClickCheckpoint, String> {
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
    let record: ClickProgressRecord = json(input, "click_progress")?;
    let progress = record.progress();
    if let Some(reason) = progress.counts("row").fault(record.optimizer_step) {
        return Err(format!("metadata key click_progress: {reason}"));
    }
    let mut reader = Reader::new(input);
    let state = reader.parameters(&reader.with_tables(plan.clone()), record.optimizer_step)?;
    let best_values = reader.values("best/", &plan)?;
    let average_values = reader.values("average/", &plan)?;
    let has_mean = average_values.is_some();
    if let Some(reason) = mean_fault(config.average_from, progress.epoch, progress.averaged, has_mean) {
        return Err(format!("tensors average/... and metadata key click_progress: {reason}"));
    }
    check_best(best_values.is_some(), "click_progress", &progress)?;
    let encoder: Option<Encoder> = listed(&mut reader, "encoder")?;
    if let Some(reason) = encoder.as_ref().and_then(|encoder| model.layout().difference(encoder)) {
        return Err(format!("tensor encoder: {reason}"));
    }
    let history: ClickHistory = listed(&mut reader, "absorbed")?.unwrap_or_default();
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

/// What a tensor holds as JSON, if it is there.
fn listed<T: DeserializeOwned>(reader: &mut Reader, name: &str) -> Result<Option<T>, String> {
    if !reader.has(name) {
        return Ok(None);
    }
    let json = reader.vector(name, Dtype::U8)?;
    // Lists of short lists take so many times the bytes that they are written with.
    check_room(json.len(), 8).map_err(|reason| format!("tensor {name}: {reason}"))?;
    from_json(name, json).map(Some)
}

/// A tensor that holds `value` as JSON, which can be read back.
fn as_json<T: Serialize + DeserializeOwned>(name: &str, value: &T) -> Result<Output<'static>, Unwritten> {
    let json = serde_json::to_vec(value)?;
    from_json::<T>(name, &json)?;
    Ok(Output {
        name: name.into(),
        shape: vec![json.len()],
        values: Values::U8(Cow::Owned(json)),
    })
}

fn from_json<T: DeserializeOwned>(name: &str, json: &[u8]) -> Result<T, String> {
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
