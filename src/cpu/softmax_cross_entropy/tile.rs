//! How a tile fetches its rows of the gradients that the [blocks](super::Blocks) have.

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
        let (Some(blocks), [query, candidate]) = (on.network.blocks, self.vectors) else {
            return;
        };
        memory.workspace.resize(query.width);
        for r in 0..on.rows {
            let share = d.targets.weights.get(r).copied().unwrap_or(1.0) * d.targets.scale;
            let sample = on.first_row() + r;
            let row = &mut memory.workspace[..];
            blocks.deliver_query(s, self, sample, share, row, d.inputs.of(query).row(r), d.accumulate[0]);
            blocks.deliver_candidate(s, sample, share, row, d.inputs.of(candidate).row(r), d.accumulate[1]);
        }
    }

    fn is_over_lists(&self) -> bool {
        true
    }
}
