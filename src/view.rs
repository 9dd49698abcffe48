//! Which columns a stage means, what their rows are, and how gradients are written to them.

use serde::{Deserialize, Serialize};

/// A range of columns of an activation buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    /// Index of the buffer.
    pub buffer: usize,
    /// First column.
    pub start: usize,
    /// Number of columns.
    pub width: usize,
}

impl View {
    /// Columns `start..start + width` of this view. Whether they are there, [`finish`](crate::plan::PlanBuilder::finish)
    /// checks.
    pub fn columns(self, start: usize, width: usize) -> View {
        View {
            start: self.start.saturating_add(start),
            width,
            ..self
        }
    }

    /// The columns, within the buffer.
    pub fn range(self) -> core::ops::Range<usize> {
        self.start..self.start.saturating_add(self.width)
    }
}

/// What the rows of an id column or of an activation buffer are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Space {
    /// The samples of a batch.
    Samples,
    /// The steps of a sequence of this number, all samples' one after the other: a sample has as many as its
    /// history is long.
    Steps(usize),
    /// The nodes of a graph: all rows of the tables that are [propagated](crate::ops::Propagate), one table behind the
    /// other. They are the same in every batch.
    Nodes,
}

impl Space {
    /// Number of the space among those that a batch has rows of: 0 for samples, then the sequences. Nodes are no rows of a
    /// batch, and beyond all of these: `usize::MAX`.
    pub fn index(self) -> usize {
        match self {
            Space::Samples => 0,
            Space::Steps(sequence) => 1 + sequence,
            Space::Nodes => usize::MAX,
        }
    }
}

/// What rows are kept as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Storage {
    /// 4 bytes a float: as they are computed.
    #[default]
    F32,
    /// 2 bytes: 11 binary digits, up to 65,504. Sums of what is read are made in [`F32`](Storage::F32).
    F16,
}

/// How a backward stage delivers the gradient of one of its inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accumulate {
    /// The first to write: overwrites.
    Overwrite,
    /// A later one: adds.
    Add,
}
