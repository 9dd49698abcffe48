//! Rows of different lengths.

use alloc::vec::Vec;
use core::ops::Range;

use crate::{Error, Result};

/// Any number of ids a row: those of row `r` are `offsets[r]..offsets[r + 1]` of `ids`.
#[derive(Clone, Debug, PartialEq)]
pub struct Ragged {
    offsets: Vec<u32>,
    pub(super) ids: Vec<u32>,
    weights: Vec<f32>,
}

impl Default for Ragged {
    fn default() -> Self {
        Ragged {
            offsets: alloc::vec![0],
            ids: Vec::new(),
            weights: Vec::new(),
        }
    }
}

impl Ragged {
    /// Where each row begins in [`ids`](Ragged::ids): one more than there are rows, from 0 on.
    pub fn offsets(&self) -> &[u32] {
        &self.offsets
    }

    /// The ids of all rows.
    pub fn ids(&self) -> &[u32] {
        &self.ids
    }

    /// One weight an id; empty where all are 1 because the field has none.
    pub fn weights(&self) -> &[f32] {
        &self.weights
    }

    /// Where the ids of a row stand in [`ids`](Ragged::ids); nowhere if there is no such row.
    #[inline]
    pub fn range(&self, row: usize) -> Range<usize> {
        match self.offsets.get(row..).unwrap_or_default() {
            [start, end, ..] => *start as usize..*end as usize,
            _ => 0..0,
        }
    }

    /// The ids of a row.
    pub fn of(&self, row: usize) -> &[u32] {
        self.ids.get(self.range(row)).unwrap_or_default()
    }

    /// The weights of the ids of a row; empty where the field has none.
    pub fn weights_of(&self, row: usize) -> &[f32] {
        self.weights.get(self.range(row)).unwrap_or_default()
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.offsets.len() - 1
    }

    pub(super) fn push(&mut self, id: u32) {
        self.ids.push(id);
    }

    pub(super) fn push_weighted(&mut self, id: u32, weight: f32) {
        self.ids.push(id);
        self.weights.push(weight);
    }

    /// Ends the row to which ids were pushed.
    pub(super) fn end_row(&mut self) -> Result<()> {
        let end = u32::try_from(self.ids.len())
            .map_err(|_| Error::config("samples", "more than 4294967295 ids of one field; split the data"))?;
        self.offsets.push(end);
        Ok(())
    }

    /// Takes the rows from `rows` on away, and what was pushed behind the last.
    pub(super) fn truncate(&mut self, rows: usize) {
        self.offsets.truncate(rows + 1);
        let end = self.offsets.last().copied().unwrap_or(0) as usize;
        self.ids.truncate(end);
        self.weights.truncate(end);
    }

    /// Adds a copy of a row of another of the same kind.
    pub(super) fn push_row(&mut self, from: &Ragged, row: usize) -> Result<()> {
        let range = from.range(row);
        self.ids.extend_from_slice(&from.ids[range.clone()]);
        if !from.weights.is_empty() {
            self.weights.extend_from_slice(&from.weights[range]);
        }
        self.end_row()
    }
}
