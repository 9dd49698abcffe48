//! The part of a batch that a tile reads.

use core::ops::Range;

use super::rows::Rows;
use crate::{data::Batch, plan::Space, rng::Rng};

/// Where samples come from.
#[derive(Clone, Copy)]
pub(super) enum Source<'a> {
    /// Id columns alone, to be scored.
    Ids(&'a [&'a [u32]]),
    /// A batch.
    Batch(&'a Batch),
}

/// Consecutive samples of a source.
#[derive(Clone)]
pub(super) struct Part<'a> {
    pub source: Source<'a>,
    pub samples: Range<usize>,
    /// What dropout draws from; nothing where nothing is left out.
    pub noise: Option<Rng>,
}

impl<'a> Part<'a> {
    /// The rows of a space that belong to the samples.
    pub fn rows(&self, space: Space) -> Range<usize> {
        match (space, self.source) {
            (Space::Steps(sequence), Source::Batch(batch)) => {
                let offsets = batch.offsets(sequence);
                offsets[self.samples.start] as usize..offsets[self.samples.end] as usize
            }
            _ => self.samples.clone(),
        }
    }

    /// Where each sample's steps of a sequence begin, and the last one's end, as the batch counts them; nothing where
    /// there are no sequences.
    pub fn offsets(&self, space: Space) -> &'a [u32] {
        match (space, self.source) {
            (Space::Steps(sequence), Source::Batch(batch)) => {
                &batch.offsets(sequence)[self.samples.start..=self.samples.end]
            }
            _ => &[],
        }
    }

    /// The ids of a column that lies along `space`.
    pub fn ids(&self, column: usize, space: Space) -> &'a [u32] {
        match self.source {
            Source::Ids(columns) => &columns[column][self.samples.clone()],
            Source::Batch(batch) => &batch.column(column).ids[self.rows(space)],
        }
    }

    /// The weights of a column's ids; nothing where it has none.
    pub fn weights(&self, column: usize, space: Space) -> &'a [f32] {
        match self.source {
            Source::Batch(batch) if !batch.column(column).weights.is_empty() => {
                &batch.column(column).weights[self.rows(space)]
            }
            _ => &[],
        }
    }

    /// `width` numeric features from the `first` on, of `count` in all.
    pub fn numeric(&self, first: usize, width: usize, count: usize) -> Rows<'a> {
        let data = match self.source {
            Source::Ids(_) => &[],
            Source::Batch(batch) => &batch.numeric()[self.samples.start * count + first..],
        };
        Rows {
            data,
            stride: count,
            width,
        }
    }
}
