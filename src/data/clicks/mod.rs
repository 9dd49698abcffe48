//! Click data: fields, behaviour sequences and labels, encoded for click-through models.
//!
//! A [`Schema`] says what the columns of a file mean. [`Training`] fits an [`Encoder`] to the training rows and encodes
//! them as [`Samples`]; the encoder then encodes dev and test rows, and the requests of an app. With `std`,
//! [`SampleFiles`](super::SampleFiles) does so from files.
//!
//! - Row 0 of every vocabulary is for keys that training does not know.
//! - A history holds what the row's user did earlier, never what comes later: see [`Past`].
//! - A value takes 4 bytes a row, a history 8 whatever its length: events are stored once and rows hold ranges of them.

mod builder;
mod candidates;
mod collect;
mod encoder;
mod field;
mod grow;
mod histories;
mod identity;
mod late;
mod layout;
mod notes;
mod numeric;
mod ragged;
mod resume;
mod rows;
mod sampler;
mod schema;
mod side;
mod vocabulary;
mod wiring;

use alloc::{sync::Arc, vec::Vec};

pub(crate) use encoder::Dependent;
pub use encoder::{Encoder, Values};
pub use field::{Field, Kind};
pub use histories::{Past, Sequence};
pub use identity::Identity;
pub(crate) use late::{Events, LateRow};
pub(crate) use layout::MAX_FIELDS;
pub use layout::{IdField, Layout, SequenceField, Table};
pub use notes::{Clamped, NegativesReport, UnknownKeys};
pub use numeric::Scale;
pub use ragged::Ragged;
pub use rows::{Rows, Training};
pub(crate) use sampler::{CandidateSampler, Pick};
pub use schema::{LABEL_AT_LEAST, Schema};
pub use side::SideTable;
pub use vocabulary::{UNKNOWN, Vocabulary};

pub use super::planted::{Part, PlantedClickData, PlantedClicks, PlantedLogit};

use candidates::Candidates;
use collect::Columns;
use notes::Notes;

use super::interactions::IdMap;

/// Encoded rows, by column. Fields are addressed by their place in [`Layout`]; all access is to slices.
#[derive(Clone, Debug, PartialEq)]
pub struct Samples {
    layout: Arc<Layout>,
    columns: Columns,
    sequences: Vec<Sequence>,
    labels: Vec<f32>,
    /// Empty where all count alike.
    weights: Vec<f32>,
    groups: Vec<u32>,
    /// The keys of the groups.
    users: Arc<IdMap>,
    candidates: Option<Candidates>,
    notes: Notes,
}

impl Samples {
    /// Rows without groups, weights and negatives.
    fn new(layout: Arc<Layout>, columns: Columns, sequences: Vec<Sequence>, labels: Vec<f32>) -> Self {
        Samples {
            layout,
            columns,
            sequences,
            labels,
            weights: Vec::new(),
            groups: Vec::new(),
            users: Arc::default(),
            candidates: None,
            notes: Notes::default(),
        }
    }

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

    /// How many times each row counts in training; empty where all count once. Evaluations do not read them.
    pub fn weights(&self) -> &[f32] {
        &self.weights
    }

    /// The user of each row, as an index into [`Past::users`]; empty where the schema groups by nothing.
    pub fn groups(&self) -> &[u32] {
        &self.groups
    }

    /// The key of a group, if there is such a group.
    pub fn user(&self, group: u32) -> Option<alloc::borrow::Cow<'_, str>> {
        self.users.key(group)
    }

    /// By field, rows whose keys the encoder does not know; of rows that a fitted encoder encoded. Fields that know all
    /// are not there.
    pub fn unknown_keys(&self) -> &[UnknownKeys] {
        &self.notes.unknown
    }

    /// The same of the negatives that rows carry: `rows` and `of` count negatives.
    pub fn unknown_negatives(&self) -> &[UnknownKeys] {
        &self.notes.unknown_negatives
    }

    /// By field, standardised numbers so far from all of training that they were cut to [`Scale::LIMIT`].
    pub fn clamped(&self) -> &[Clamped] {
        &self.notes.clamped
    }

    /// What became of the negatives that rows carry.
    pub fn negatives_report(&self) -> &NegativesReport {
        &self.notes.negatives
    }

    /// The field of the number that is farthest from 0 in a row, as it is scaled, and that number: weights of ids count
    /// as numbers too.
    pub(crate) fn farthest_number(&self, row: usize) -> Option<(&str, f32)> {
        let width = self.layout.numbers.len();
        let numbers = self
            .columns
            .numbers
            .get(row * width..(row + 1) * width)
            .unwrap_or_default();
        let numbers = self
            .layout
            .numbers
            .iter()
            .map(|name| name.as_str())
            .zip(numbers.iter().copied());
        let many = self.layout.many.iter().zip(&self.columns.many);
        let weights =
            many.flat_map(|(field, many)| many.weights_of(row).iter().map(move |&x| (field.name.as_str(), x)));
        numbers
            .chain(weights)
            .max_by(|(_, a), (_, b)| a.abs().total_cmp(&b.abs()))
    }
}
