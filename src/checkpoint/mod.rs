//! Checkpoints: everything a trainer knows, in one safetensors file that PyTorch opens.
//!
//! `safetensors.torch.load_file` gives the tensors by name, `safetensors.safe_open(..).metadata()` the strings.
//!
//! | tensor | type, shape | what |
//! |---|---|---|
//! | `NAME` | F32 `[rows, width]` or `[width]` | a parameter under its name in the plan; weights are `[outputs, inputs]` |
//! | `NAME`, `scale/NAME` | F16 `[rows, width]`, or I8 with F16 `[rows, 2]` | a table of an [export](crate::train::Trainer::export): of bytes each row has its step and its middle, `x = middle + step * code` |
//! | `exact/NAME`, `exact_rows/NAME` | F32 `[n, width]`, I32 `[n]` | the rows of such a table that were learnt or came since, and which they are; they count, where `NAME` has them too |
//! | `adam.m/NAME`, `adam.v/NAME` | as `NAME` | moments, for all parameters or for none |
//! | `average/NAME` | as `NAME` | mean of the parameters over late epochs, where there is one: it is what the trainer recommends with, and `NAME` and `adam` are what training goes on from |
//! | `best/NAME` | as `NAME` | parameters of the best epoch, where early stopping is on and they are not those in use |
//! | `ids/user.bytes`, `ids/user.ends` | U8, I64 | keys, one after the other in UTF-8, and where each ends; absent where the keys are the row numbers; likewise `ids/item`, `titles` |
//! | `history/offsets`, `history/items` | I64 `[users + 1]`, I32 | trained items of user `u`: `items[offsets[u]..offsets[u + 1]]` |
//! | `history/held_out`, `history/absorbed` | I32 `[n, 2]` | (user, item) |
//! | `history/others` | I32 `[items]` | users of each item who are not in the file, where users were chosen for an export |
//! | `relations/pairs` | I32 `[n, 2]` | (head, tail) of related items, relation by relation, where there are relations |
//! | `relations/attributes` | I32 `[n, 2]` | (item, attribute), likewise, where there are attributes, whose keys are `ids/attribute` |
//! | `knowledge/offsets`, `knowledge/neighbours` | I64 `[items + 1]`, I32 `[n, 2]` | (entity, relation) of each item's neighbours, likewise, where the model sees some; `ids/entity` and `ids/entity_relation` have their keys |
//! | `known/items.offsets`, `known/items` | I64 `[rows + 1]`, I32 | features of the items, where the model [knows](Known) them by some: those of row `r` are `items[offsets[r]..offsets[r + 1]]`, and `TABLE.features` has a row each; likewise `known/users` |
//! | `known/items.keys.bytes`, `known/items.keys.ends`, `known/items.bounds` | U8, I64, F32 | what they stand for, column by column: keys, and bounds of quantiles |
//!
//! | metadata | what |
//! |---|---|
//! | `pocketrec` | version of the format, `1` |
//! | `model`, `train`, `progress` | JSON: the model, the settings with the seed, the position; random numbers are functions of seed and position |
//! | `relations` | JSON: of each relation its name, its pairs, the weight of its edges and whether they are positives; its attributes, and whether they are nodes |
//! | `known` | JSON: the share of ids that is left out, and of users and of items the number of rows that have features, and the columns: name, kind, how many keys and bounds |
//! | `users`, `items`, `attributes`, `titles`, `entities`, `entity_relations` | `numbered N` or `text N` |
//! | `checksum` | over all names, shapes, values and metadata: a damaged file is refused, whichever bit it is |
//!
//! A file is replaced at once or not at all; see [`replace_file`]. Loading trusts nothing: every size is checked
//! against the file's length before memory is taken, counts and settings against what training can reach, and where
//! memory is too small the error says how many bytes were asked for. A header may have 16 MiB and 131,072 tensors.

#[cfg(feature = "std")]
mod atomic;
mod checks;
mod classical;
mod click_trainer;
mod clicks;
mod delta;
mod export;
#[cfg(feature = "std")]
mod files;
mod format;
mod header;
mod knowledge;
mod known;
mod meta;
mod read;
mod relations;
mod sink;
mod stored;
#[cfg(test)]
mod tests;
mod text;
mod trainer;
mod write;

#[cfg(feature = "std")]
pub use atomic::replace_file;
pub(crate) use classical::Stored;
pub use clicks::ClickCheckpoint;
pub use delta::{Delta, DeltaConfig};
pub use export::Export;
#[cfg(feature = "tune")]
pub(crate) use meta::Exact;

use alloc::{
    string::{String, ToString},
    vec::Vec,
};
use core::fmt::Display;

use self::{format::Input, sink::written};
use crate::{
    Error, Result,
    data::{IdMap, Knowledge, Relations},
    models::Model,
    plan::{Plan, State},
    train::{History, Known, Progress, TrainConfig},
};

/// The version that is written and read.
const VERSION: &str = "1";

/// Everything a trainer knows, as plain data.
///
/// ```
/// use pocketrec::{checkpoint::Checkpoint, device::Device, models::Gmf, train::*};
/// let mut trainer = Trainer::new(Gmf::new(30, 20), Device::cpu(), TrainConfig::default())?;
/// let mut file = Vec::new();
/// trainer.checkpoint()?.write_to(&mut file)?;
/// let checkpoint = Checkpoint::from_bytes(&file)?;
/// assert_eq!(checkpoint.state, trainer.state()?);
/// file.pop();
/// assert!(Checkpoint::from_bytes(&file).is_err()); // truncated
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// The model, with the rows of its tables.
    pub model: Model,
    /// The settings.
    pub config: TrainConfig,
    /// What training goes on from: parameters, moments, and the optimiser's step count.
    pub state: State,
    /// Where training stands.
    pub progress: Progress,
    /// Parameters of the best epoch, one entry a parameter in the plan's order.
    pub best_values: Option<Vec<Vec<f32>>>,
    /// Mean of the parameters over the last [`Progress::averaged`] epochs, likewise, where that is not 0: what is
    /// recommended with ([`TrainConfig::average_from`]).
    pub average_values: Option<Vec<Vec<f32>>>,
    /// Whether the keys are those of data, and not just the row numbers.
    pub keyed: bool,
    /// Keys of the users, one a row.
    pub user_ids: IdMap,
    /// Keys of the items, one a row.
    pub item_ids: IdMap,
    /// Titles of the first items, or of none.
    pub titles: Vec<String>,
    /// Which items users have.
    pub history: History,
    /// Relations between items that are trained with.
    pub relations: Option<Relations>,
    /// The neighbours of items that the model sees.
    pub knowledge: Option<Knowledge>,
    /// Features of users and items, where the model has rows of these.
    pub known: Option<Known>,
}

/// The same, borrowed: saving copies nothing.
#[derive(Clone, Copy)]
pub(crate) struct Contents<'a> {
    pub model: &'a Model,
    pub config: &'a TrainConfig,
    pub state: &'a State,
    pub progress: &'a Progress,
    pub best_values: Option<&'a [Vec<f32>]>,
    pub average_values: Option<&'a [Vec<f32>]>,
    pub keyed: bool,
    pub user_ids: &'a IdMap,
    pub item_ids: &'a IdMap,
    pub titles: &'a [String],
    pub history: &'a History,
    pub relations: Option<&'a Relations>,
    pub knowledge: Option<&'a Knowledge>,
    pub known: Option<&'a Known>,
}

impl Contents<'_> {
    /// The plan whose parameters are there.
    fn plan(&self) -> Result<Plan> {
        plan_of(self.model, self.config, self.known)
    }
}

fn plan_of(model: &Model, config: &TrainConfig, known: Option<&Known>) -> Result<Plan> {
    match known {
        None => model.plan_for(config.loss),
        Some(known) => known.plan(model, config.loss),
    }
}

impl Checkpoint {
    fn contents(&self) -> Contents<'_> {
        Contents {
            model: &self.model,
            config: &self.config,
            state: &self.state,
            progress: &self.progress,
            best_values: self.best_values.as_deref(),
            average_values: self.average_values.as_deref(),
            keyed: self.keyed,
            user_ids: &self.user_ids,
            item_ids: &self.item_ids,
            titles: &self.titles,
            history: &self.history,
            relations: self.relations.as_ref(),
            knowledge: self.knowledge.as_ref(),
            known: self.known.as_ref(),
        }
    }

    /// The bytes of a checkpoint file, for where there are no files.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] where the parts do not fit together; [`Error::Memory`].
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        written(|to| write::write(&self.contents(), to))
    }

    /// Reads the bytes of a file.
    ///
    /// # Errors
    /// [`Error::Checkpoint`], as [`Checkpoint::load`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        read::read(&input_in(bytes)?).map_err(|reason| fault(IN_MEMORY, reason))
    }
}

/// What stands for a path where there is no file.
const IN_MEMORY: &str = "in memory";

/// What is in bytes, as a container.
fn input_in(bytes: &[u8]) -> Result<Input<'_>> {
    Input::of_bytes(bytes).map_err(|reason| fault(IN_MEMORY, reason))
}

/// The bytes of a trainer's file.
pub(crate) fn to_bytes(contents: &Contents) -> Result<Vec<u8>> {
    written(|to| write::write(contents, to))
}

fn fault(place: impl Display, reason: String) -> Error {
    Error::Checkpoint {
        path: place.to_string(),
        reason,
    }
}
