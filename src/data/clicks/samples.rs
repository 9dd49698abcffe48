//! Encoded rows, by column.

use alloc::vec::Vec;
use core::ops::Range;

use super::{
    Layout, Ragged, Sequence,
    collect::Columns,
    layout::Dependent,
    notes::{Clamped, NegativesReport, Notes, UnknownKeys},
};
use crate::{data::IdMap, shared::Arc};

/// Encoded rows, by column. Fields are addressed by their place in [`Layout`]; all access is to slices.
#[derive(Clone, Debug, PartialEq)]
pub struct Samples {
    pub(super) layout: Arc<Layout>,
    pub(super) columns: Columns,
    pub(super) sequences: Vec<Sequence>,
    pub(super) labels: Vec<f32>,
    /// Empty where all count alike.
    pub(super) weights: Vec<f32>,
    pub(super) groups: Vec<u32>,
    /// The keys of the groups.
    pub(super) users: Arc<IdMap>,
    pub(super) candidates: Option<Candidates>,
    pub(super) notes: Notes,
}

impl Samples {
    /// Rows without groups, weights and negatives.
    pub(super) fn new(layout: Arc<Layout>, columns: Columns, sequences: Vec<Sequence>, labels: Vec<f32>) -> Self {
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

    /// The user of each row, as an index into [`Past::users`](super::Past::users); empty where the schema groups by nothing.
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

    /// By field, standardised numbers so far from all of training that they were cut to [`Scale::LIMIT`](super::Scale::LIMIT).
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

/// The negatives of each row: the fields that depend on the candidate.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Candidates {
    /// Those of row `r`: `offsets[r]..offsets[r + 1]`.
    pub offsets: Vec<u32>,
    pub columns: Columns,
    pub dependent: Dependent,
}

impl Candidates {
    pub fn range(&self, row: usize) -> Range<usize> {
        match self.offsets.get(row..).unwrap_or_default() {
            [start, end, ..] => *start as usize..*end as usize,
            _ => 0..0,
        }
    }
}
