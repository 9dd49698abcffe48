//! How a tile runs a linear layer.

use alloc::{vec, vec::Vec};

use super::{backward, forward};
use crate::{
    cpu::{
        rows::RowsMut,
        simd::Simd,
        tile::{Memory, Operands, Packing, StageGradients, TileOp},
    },
    ops,
};

impl TileOp for ops::Linear {
    type Workspace = ();

    fn forward<S: Simd>(&self, s: S, on: &Operands<'_>, _: Memory<'_, ()>, output: RowsMut<'_>) {
        let (weight, bias) = (&on.network.packed[self.weight].layer, on.network.bias(self.bias));
        forward(
            s,
            on.rows,
            on.activation(self.input),
            weight,
            bias,
            self.activation,
            output,
        );
    }

    fn backward<S: Simd>(&self, s: S, on: &Operands<'_>, _: Memory<'_, ()>, d: &mut StageGradients<'_, '_>) {
        let (x, y) = (on.activation(self.input), on.activation(self.output));
        let (dy, dx, accumulate) = (d.output.rows_mut(), d.inputs.of(self.input), d.accumulate[0]);
        let gradient = d.params.of_layer(self.weight, self.bias);
        let weight = &on.network.packed[self.weight].layer;
        backward(s, on.rows, x, weight, y, self.activation, dy, gradient, dx, accumulate);
    }

    fn packings(&self) -> Vec<(usize, Packing)> {
        let (outputs, inputs) = (self.output.width, self.input.width);
        vec![(self.weight, Packing::Layer { outputs, inputs })]
    }
}
