//! Click data: fields, behaviour sequences and labels, encoded for click-through models.
//!
//! A [`Schema`] says what the columns of a file mean. [`Training`] fits an [`Encoder`] to the training rows and encodes
//! them as [`Samples`]; the encoder then encodes dev and test rows, and the requests of an app. With `std`,
//! [`SampleFiles`](super::SampleFiles) does so from files.
//!
//! - Row 0 of every vocabulary is for keys that training does not know.
//! - A history holds what the row's user did earlier, never what comes later: see [`Past`].
//! - A value takes 4 bytes a row, a history 8 whatever its length: events are stored once and rows hold ranges of them.

mod candidates;
mod collect;
mod encoder;
mod field;
mod generate;
mod grow;
mod histories;
mod late;
mod layout;
mod numeric;
mod ragged;
mod rows;
mod sampler;
mod schema;
mod side;
mod vocabulary;
mod walk;
mod wiring;

use alloc::{sync::Arc, vec::Vec};

pub(crate) use encoder::Dependent;
pub use encoder::{Encoder, Values};
pub use field::{Field, Kind};
pub use generate::{Part, PlantedClickData, PlantedClicks, PlantedLogit};
pub use histories::{Past, Sequence};
pub(crate) use late::{Events, LateRow};
pub(crate) use layout::MAX_FIELDS;
pub use layout::{IdField, Layout, SequenceField, Table};
pub use numeric::Scale;
pub use ragged::Ragged;
pub use rows::{Rows, Training};
pub(crate) use sampler::{CandidateSampler, Pick};
pub use schema::Schema;
pub use side::SideTable;
pub use vocabulary::{UNKNOWN, Vocabulary};

use candidates::Candidates;
use collect::Columns;

/// Encoded rows, by column. Fields are addressed by their place in [`Layout`]; all access is to slices.
#[derive(Clone, Debug, PartialEq)]
pub struct Samples {
    layout: Arc<Layout>,
    columns: Columns,
    sequences: Vec<Sequence>,
    labels: Vec<f32>,
    groups: Vec<u32>,
    candidates: Option<Candidates>,
}

impl Samples {
    /// Which fields there are.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// A field with one id a row, by its place in [`Layout::ids`].
    pub fn ids(&self, field: usize) -> &[u32] {
        &self.columns.ids[field]
    }

    /// All numbers: `[rows, layout().numbers.len()]`, row-major.
    pub fn numbers(&self) -> &[f32] {
        &self.columns.numbers
    }

    /// A field with any number of ids a row, by its place in [`Layout::many`].
    pub fn many(&self, field: usize) -> &Ragged {
        &self.columns.many[field]
    }

    /// A behaviour sequence, by its place in [`Layout::sequences`].
    pub fn sequence(&self, sequence: usize) -> &Sequence {
        &self.sequences[sequence]
    }

    /// One label a row, in 0..=1.
    pub fn labels(&self) -> &[f32] {
        &self.labels
    }

    /// The user of each row, as an index into [`Past::users`]; empty where the schema groups by nothing.
    pub fn groups(&self) -> &[u32] {
        &self.groups
    }
}
