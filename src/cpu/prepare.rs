//! What the executor derives from a plan once.

use alloc::{vec, vec::Vec};

use super::{
    linear::PackedWeight,
    simd::{Proof, dispatch},
};
use crate::plan::{Layout, Plan, Stage, View};

/// Rows of a tile: activations, gradients and weights of a small network fit the first-level cache together at 32
/// rows; a large one streams its weights from the second level, and 64 rows pay for that.
/// A sample with a sequence has many rows in the buffers along it.
pub(super) fn tile_rows(plan: &Plan) -> usize {
    if !plan.sequences().is_empty() {
        return 16;
    }
    let dense: usize = plan.params().iter().filter(|p| !p.is_table()).map(|p| p.len()).sum();
    if dense <= 8192 { 32 } else { 64 }
}

/// Where each dense parameter's gradient begins in a partial, and a partial's length.
pub(super) fn dense_offsets(plan: &Plan) -> (Vec<usize>, usize) {
    let mut total = 0;
    let mut offset = |param: &crate::plan::Param| {
        let here = total;
        total += if param.is_table() { 0 } else { param.len() };
        here
    };
    let offsets = plan.params().iter().map(&mut offset).collect();
    (offsets, total)
}

/// Packings for the weights of linear layers, nothing for other parameters.
pub(super) fn packed_weights(plan: &Plan, proof: Proof) -> Vec<PackedWeight> {
    let mut packed = vec![PackedWeight::default(); plan.params().len()];
    for stage in plan.stages() {
        if let Stage::Linear {
            weight, input, output, ..
        } = *stage
        {
            packed[weight] = dispatch!(proof, s => PackedWeight::new(s, output.width, input.width));
        }
    }
    packed
}

/// Where the gradient of a table comes from: one entry for each look-up in it.
#[derive(Clone, Copy, Debug)]
pub(super) struct TableSource {
    /// The id column.
    pub column: usize,
    /// Index of the column's space.
    pub space: usize,
    /// First column in that space's batch-wide gradient.
    pub gradient: usize,
}

/// The sources of each table; none for dense parameters.
pub(super) fn table_sources(plan: &Plan, layout: &Layout) -> Vec<Vec<TableSource>> {
    let source = |(column, output): (usize, View)| TableSource {
        column,
        space: plan.space(output.buffer).index(),
        gradient: layout.row_gradient(output).unwrap_or(0),
    };
    (0..plan.params().len())
        .map(|param| plan.gathers(param).map(source).collect())
        .collect()
}
