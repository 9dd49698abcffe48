//! How a tile fetches its rows of the gradients that the [blocks](super::Blocks) have.

use super::OverLists;
use crate::{
    cpu::{
        aligned::AlignedVec,
        rows::RowsMut,
        simd::Simd,
        tile::{Memory, Operands, StageGradients, TileOp},
    },
    ops,
};

impl TileOp for ops::SoftmaxCrossEntropy {
    /// A row of vectors' width.
    type Workspace = AlignedVec;

    fn forward<S: Simd>(&self, _: S, _: &Operands<'_>, _: Memory<'_, AlignedVec>, _: RowsMut<'_>) {
        // A loss writes nothing: it is computed once all tiles are here.
    }

    fn backward<S: Simd>(
        &self,
        s: S,
        on: &Operands<'_>,
        memory: Memory<'_, AlignedVec>,
        d: &mut StageGradients<'_, '_>,
    ) {
        fetch(s, &over_lists(self), on, memory.workspace, d);
    }

    fn over_lists(&self) -> Option<OverLists> {
        Some(over_lists(self))
    }
}

fn over_lists(op: &ops::SoftmaxCrossEntropy) -> OverLists {
    let [query, own] = op.vectors;
    OverLists {
        query,
        own,
        list: None,
        columns: [op.column, None],
        similarity: op.similarity,
        temperature: op.temperature,
        log_sum: op.log_sum,
        block: op.block,
        corrects: op.corrects,
    }
}

/// Delivers the gradients of a tile's rows of all that is compared.
pub(in crate::cpu) fn fetch<S: Simd>(
    s: S,
    loss: &OverLists,
    on: &Operands<'_>,
    row: &mut AlignedVec,
    d: &mut StageGradients<'_, '_>,
) {
    let Some(blocks) = on.network.blocks else { return };
    row.resize(loss.query.width);
    let rows = |view: crate::plan::View| on.tile.rows(on.network.plan.space(view.buffer));
    for (r, index) in rows(loss.query).enumerate() {
        let to = d.inputs.of(loss.query);
        blocks.deliver_query(s, loss.temperature, index, row, { to }.row(r), d.accumulate[0]);
        let to = d.inputs.of(loss.own);
        blocks.deliver_own(s, index, row, { to }.row(r), d.accumulate[1]);
    }
    if let Some(list) = loss.list {
        for (r, index) in rows(list).enumerate() {
            let to = d.inputs.of(list);
            blocks.deliver_listed(s, index, row, { to }.row(r), d.accumulate[2]);
        }
    }
}
