//! How a tile runs the first layer of attention.

use alloc::{vec, vec::Vec};

use super::{InputGradients, backward, forward};
use crate::{
    cpu::{
        rows::RowsMut,
        simd::Simd,
        tile::{Memory, Operands, Packing, StageGradients, TileOp},
    },
    ops,
};

impl TileOp for ops::AttentionUnit {
    type Workspace = ();

    fn forward<S: Simd>(&self, s: S, on: &Operands<'_>, memory: Memory<'_, ()>, output: RowsMut<'_>) {
        let [query, key] = self.inputs.map(|view| on.activation(view));
        let (unit, bias) = (&on.network.packed[self.weight].unit, on.network.value(self.bias));
        let offsets = on.offsets(self.inputs[1]);
        forward(s, offsets, query, key, unit, bias, self.activation, memory.work, output);
    }

    fn backward<S: Simd>(&self, s: S, on: &Operands<'_>, memory: Memory<'_, ()>, d: &mut StageGradients<'_, '_>) {
        let ([query, key], y) = (self.inputs.map(|view| on.activation(view)), on.activation(self.output));
        let [d_query, d_key] = d.inputs.of_both(self.inputs);
        let d_inputs = InputGradients {
            query: d_query,
            key: d_key,
            accumulate: [d.accumulate[0], d.accumulate[1]],
        };
        let gradient = d.params.of_layer(self.weight, Some(self.bias));
        let (unit, dy, offsets) = (
            &on.network.packed[self.weight].unit,
            d.output.rows_mut(),
            on.offsets(self.inputs[1]),
        );
        backward(
            s,
            offsets,
            query,
            key,
            unit,
            y,
            self.activation,
            dy,
            gradient,
            memory.work,
            d_inputs,
        );
    }

    fn packings(&self) -> Vec<(usize, Packing)> {
        let (outputs, width) = (self.output.width, self.inputs[0].width);
        vec![(self.weight, Packing::Unit { outputs, width })]
    }
}
