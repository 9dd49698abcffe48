//! What the executor derives from a plan once.

use alloc::{vec, vec::Vec};
use core::ops::Range;

use super::{
    attention_unit::PackedUnit,
    batch_norm::BatchStatistics,
    linear::PackedWeight,
    packed::Packed,
    simd::{Proof, dispatch},
    softmax_cross_entropy::KnownList,
    tile::{self, Packing, Sums},
};
use crate::plan::{Layout, ParamKind, Plan, Stage, View};

/// Samples of a tile: activations, gradients and weights of a small network fit the first-level cache together at 32
/// rows; a large one streams its weights from the second level or the third, and 64 rows pay for that.
///
/// A sample with a sequence has many rows in the buffers along it, so that these leave the second level. They are gone
/// through once a stage, and attention works sample by sample, so that costs less than more passes over the weights
/// would: DIN with a first layer of 513 x 512 takes 4 to 6 % less time with 64 samples than with 16 at 18 steps, and
/// 2 % more at 45. A stage may want [fewer](tile::tile_rows).
pub(super) fn tile_rows(plan: &Plan) -> usize {
    let most = plan.stages().iter().filter_map(tile::tile_rows).min();
    let dense: usize = plan.params().iter().filter(|p| !p.is_table()).map(|p| p.len()).sum();
    let rows = if dense <= 8192 { 32 } else { 64 };
    most.map_or(rows, |most| rows.min(most))
}

/// Where each dense parameter's gradient begins in a partial, and a partial's length.
pub(super) fn dense_offsets(plan: &Plan) -> (Vec<usize>, usize) {
    let mut total = 0;
    let mut offset = |param: &crate::plan::Param| {
        let here = total;
        total += if param.kind == ParamKind::Dense { param.len() } else { 0 };
        here
    };
    let offsets = plan.params().iter().map(&mut offset).collect();
    (offsets, total)
}

/// Whether all dense parameters are those of linear layers, whose gradients can be left out, and no table is propagated.
pub(super) fn has_layers_alone(plan: &Plan) -> bool {
    let of_layer = |param: usize| {
        plan.stages().iter().any(|stage| match stage {
            Stage::Linear(layer) => layer.weight == param || layer.bias == Some(param),
            _ => false,
        })
    };
    let params = plan.params().iter().enumerate();
    plan.propagation().is_none()
        && params
            .filter(|(_, param)| !param.is_table())
            .all(|(index, _)| of_layer(index))
}

/// Packings for the weights of layers, nothing for other parameters.
pub(super) fn packed_weights(plan: &Plan, proof: Proof) -> Vec<Packed> {
    let mut packed = vec![Packed::default(); plan.params().len()];
    for (weight, packing) in plan.stages().iter().flat_map(tile::packings) {
        match packing {
            Packing::Layer { outputs, inputs } => {
                packed[weight].layer = dispatch!(proof, s => PackedWeight::new(s, outputs, inputs));
            }
            Packing::Unit { outputs, width } => {
                packed[weight].unit = dispatch!(proof, s => PackedUnit::new(s, outputs, width));
            }
        }
    }
    packed
}

/// Floats that a stage works with beside its operands, the most of all stages.
pub(super) fn work_len(packed: &[Packed], proof: Proof, tile_rows: usize) -> usize {
    let units = packed.iter().map(|packed| &packed.unit).filter(|unit| !unit.is_empty());
    units
        .map(|unit| dispatch!(proof, s => unit.work_len(s, tile_rows)))
        .max()
        .unwrap_or(0)
}

/// A part of a training step that tiles go through one by one: a run of stages, then a run of backward stages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pass {
    pub forward: Range<usize>,
    pub backward: Range<usize>,
    pub then: Sums,
}

/// The passes of a training step: one, but that each stage with statistics of the whole batch cuts both directions, unless
/// the running ones are held, and a loss over lists lies between them, unless the list is known before.
pub(super) fn passes(plan: &Plan, holds_statistics: bool) -> Vec<Pass> {
    let norms: Vec<usize> = (0..plan.stages().len())
        .filter(|&stage| !holds_statistics && tile::normalised(&plan.stages()[stage]).is_some())
        .collect();
    let statistics_of = |stage: usize| norms.iter().position(|&norm| norm == stage);
    let mut passes = Vec::new();
    let mut pass = Pass {
        forward: 0..0,
        backward: 0..0,
        then: Sums::None,
    };
    for (statistics, &stage) in norms.iter().enumerate() {
        pass.forward.end = stage;
        pass.then = Sums::Moments { stage, statistics };
        passes.push(pass.clone());
        pass.forward = stage..stage;
    }
    pass.forward.end = plan.stages().len();
    let lists = plan.stages().iter().position(|stage| tile::over_lists(stage).is_some());
    if let (Some(stage), None) = (lists, KnownList::of(plan)) {
        pass.then = Sums::Lists { stage };
        passes.push(pass.clone());
        pass.forward.start = pass.forward.end;
    }
    for (place, backward) in plan.backward().iter().enumerate() {
        if let Some(statistics) = statistics_of(backward.stage) {
            let stage = backward.stage;
            pass.backward.end = place;
            pass.then = Sums::Gradients { stage, statistics };
            passes.push(pass.clone());
            let end = plan.stages().len();
            (pass.forward, pass.backward) = (end..end, place..place);
        }
    }
    pass.backward.end = plan.backward().len();
    pass.then = Sums::None;
    passes.push(pass);
    passes
}

/// Room for the statistics of each stage that has some, in forward order.
pub(super) fn batch_statistics(plan: &Plan) -> Vec<BatchStatistics> {
    let normalised = plan.stages().iter().filter_map(tile::normalised);
    normalised
        .map(|columns| BatchStatistics::new(columns.input.width))
        .collect()
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
