//! Where activations and their gradients lie in memory, for an executor that works on tiles of rows.

use alloc::vec::Vec;

use super::{Plan, Space, View};
use crate::ops::Role;

/// Floats in a cache line: rows are padded to whole lines, so that vectors never straddle two rows' lines.
const LINE: usize = 16;

/// Row strides and offsets of a plan's buffers.
///
/// Activations lie buffer after buffer, each `[tile rows, stride]`. The gradients of buffers that a gather fills
/// must outlive the tile, since a table row's gradient is summed over the whole batch: they lie side by side in one
/// `[rows, stride]` matrix for each space, samples and each sequence's steps. All other gradients die with the tile and
/// mirror the activations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Floats from one row of a buffer to the next; 0 where it has a row a node, which no tile holds.
    pub strides: Vec<usize>,
    /// For a buffer that a gather fills, its first column in the batch-wide gradient of its space.
    pub row_gradients: Vec<Option<usize>>,
    /// For each space, by its [`index`](super::Space::index), floats from one row of its batch-wide gradient to the
    /// next; 0 where nothing is gathered.
    pub row_gradient_strides: Vec<usize>,
}

impl Layout {
    /// The layout of a plan.
    pub fn new(plan: &Plan) -> Self {
        // What has a row a node is no part of a tile.
        let stride = |(buffer, &width): (usize, &usize)| match plan.space(buffer) {
            Space::Nodes => 0,
            Space::Samples | Space::Steps(_) => padded(width),
        };
        let strides: Vec<usize> = plan.buffers().iter().enumerate().map(stride).collect();
        let mut row_gradients = alloc::vec![None; strides.len()];
        let mut row_gradient_strides = alloc::vec![0usize; 1 + plan.sequences().len()];
        for stage in plan.stages() {
            if let (Role::LookUp { .. }, Some(output)) = (stage.role(), stage.output())
                && row_gradients[output.buffer].is_none()
            {
                let stride = &mut row_gradient_strides[plan.space(output.buffer).index()];
                row_gradients[output.buffer] = Some(*stride);
                // Half lines: a table of eight factors wastes nothing.
                *stride += plan.buffers()[output.buffer].next_multiple_of(LINE / 2);
            }
        }
        for stride in &mut row_gradient_strides {
            *stride = stride.next_multiple_of(LINE);
        }
        Layout {
            strides,
            row_gradients,
            row_gradient_strides,
        }
    }

    /// First column of `view` in the batch-wide gradient, if that is where its gradient lies.
    pub fn row_gradient(&self, view: View) -> Option<usize> {
        self.row_gradients[view.buffer].map(|first| first + view.start)
    }
}

/// Floats from one row to the next in a matrix of this width, as executors lay them: whole cache lines, and an odd
/// number of them where rows are wide, since a column of a matrix whose stride is a power of two would fall into a few
/// sets of the cache.
///
/// ```
/// use pocketrec::plan::padded;
/// assert_eq!([1, 16, 17, 64].map(padded), [16, 16, 32, 80]);
/// ```
pub fn padded(width: usize) -> usize {
    let lines = width.div_ceil(LINE);
    LINE * if lines >= 4 { lines | 1 } else { lines }
}
