//! Where activations and their gradients lie in memory, for an executor that works on tiles of rows.

use alloc::vec::Vec;

use super::{Plan, Stage, View};

/// Floats in a cache line: rows are padded to whole lines, so that vectors never straddle two rows' lines.
const LINE: usize = 16;

/// Row strides and offsets of a plan's buffers.
///
/// Activations lie buffer after buffer, each `[tile rows, stride]`. The gradients of buffers that a gather fills
/// must outlive the tile, since a table row's gradient is summed over the whole batch: they lie side by side in one
/// `[batch, row_gradient_stride]` matrix. All other gradients die with the tile and mirror the activations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Floats from one row of a buffer to the next.
    pub strides: Vec<usize>,
    /// Where a buffer begins, in floats per tile row: multiply by the tile's rows.
    pub offsets: Vec<usize>,
    /// Floats per tile row of all buffers together.
    pub tile_stride: usize,
    /// For a buffer that a gather fills, its first column in the batch-wide gradient.
    pub row_gradients: Vec<Option<usize>>,
    /// Floats from one sample of the batch-wide gradient to the next.
    pub row_gradient_stride: usize,
}

impl Layout {
    /// The layout of a plan.
    pub fn new(plan: &Plan) -> Self {
        let strides: Vec<usize> = plan.buffers().iter().map(|&width| padded(width)).collect();
        let offsets = prefix_sums(&strides);
        let mut row_gradients = alloc::vec![None; strides.len()];
        let mut row_gradient_stride = 0;
        for stage in plan.stages() {
            if let Stage::Gather { output, .. } = stage
                && row_gradients[output.buffer].is_none()
            {
                row_gradients[output.buffer] = Some(row_gradient_stride);
                // Half lines: a table of eight factors wastes nothing.
                row_gradient_stride += plan.buffers()[output.buffer].next_multiple_of(LINE / 2);
            }
        }
        Layout {
            tile_stride: strides.iter().sum(),
            strides,
            offsets,
            row_gradients,
            row_gradient_stride: row_gradient_stride.next_multiple_of(LINE),
        }
    }

    /// Where `view` begins in the tile's activations, and its row stride.
    pub fn activation(&self, view: View, tile_rows: usize) -> (usize, usize) {
        (
            self.offsets[view.buffer] * tile_rows + view.start,
            self.strides[view.buffer],
        )
    }

    /// First column of `view` in the batch-wide gradient, if that is where its gradient lies.
    pub fn row_gradient(&self, view: View) -> Option<usize> {
        self.row_gradients[view.buffer].map(|first| first + view.start)
    }
}

/// Whole cache lines, and an odd number of them where rows are wide: a column of a matrix whose stride is a power
/// of two would fall into a few sets of the cache.
fn padded(width: usize) -> usize {
    let lines = width.div_ceil(LINE);
    LINE * if lines >= 4 { lines | 1 } else { lines }
}

fn prefix_sums(sizes: &[usize]) -> Vec<usize> {
    let mut total = 0;
    sizes
        .iter()
        .map(|size| {
            total += size;
            total - size
        })
        .collect()
}
