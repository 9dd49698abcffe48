//! The operation on a tile.

use super::{Inputs, SAMPLES, Workspace, backward, forward};
use crate::{
    cpu::{
        accumulate::deliver_row,
        rows::RowsMut,
        simd::Simd,
        tile::{Memory, Operands, StageGradients, TileOp},
    },
    ops,
};

impl TileOp for ops::CausalAttention {
    type Workspace = Workspace;

    fn forward<S: Simd>(&self, s: S, on: &Operands<'_>, memory: Memory<'_, Workspace>, output: RowsMut<'_>) {
        let offsets = on.offsets(self.inputs[0]);
        forward(s, offsets, self.heads, inputs(self, on), memory.workspace, output);
    }

    fn backward<S: Simd>(
        &self,
        s: S,
        on: &Operands<'_>,
        memory: Memory<'_, Workspace>,
        d: &mut StageGradients<'_, '_>,
    ) {
        let offsets = on.offsets(self.inputs[0]);
        backward(
            s,
            offsets,
            self.heads,
            inputs(self, on),
            d.output.rows(),
            memory.workspace,
        );
        let found = memory.workspace.gradients(self.output.width);
        for ((found, &input), &accumulate) in found.iter().zip(&self.inputs).zip(d.accumulate) {
            let mut to = d.inputs.of(input);
            (0..on.rows).for_each(|r| deliver_row(found.row(r), to.row(r), accumulate));
        }
    }

    fn tile_rows(&self) -> Option<usize> {
        Some(SAMPLES)
    }
}

fn inputs<'a>(op: &ops::CausalAttention, on: &Operands<'a>) -> Inputs<'a> {
    let [query, key, value] = op.inputs.map(|view| on.activation(view));
    Inputs { query, key, value }
}
