//! Scale and shift of a tile's rows; the specification is [`ops::affine`].

use super::{
    accumulate::{begin, deliver},
    linear::WeightGradient,
    rows::{Rows, RowsMut},
    simd::{InPieces, Simd, kernel},
    tile::{Memory, Operands, StageGradients, TileOp},
};
use crate::{ops, plan::Accumulate};

kernel! {
    /// `output = weight * input + bias`, with `relu` no less than 0.
    ///
    /// # Panics
    /// Where an operand has fewer than `rows` rows or another width.
    pub fn forward<'a, S: Simd>(
        s: S,
        rows: usize,
        input: Rows<'a>,
        weight: &'a [f32],
        bias: &'a [f32],
        relu: bool,
        output: RowsMut<'a>,
    ) {
        let mut output = output;
        let zero = s.splat(0.0);
        for (k, (weight, bias)) in weight.pieces(S::LANES).zip(bias.pieces(S::LANES)).enumerate() {
            let columns = k * S::LANES..k * S::LANES + weight.len();
            let (weight, bias) = (s.load_partial(weight), s.load_partial(bias));
            for r in 0..rows {
                let y = s.mul_add(weight, s.load_partial(&input.row(r)[columns.clone()]), bias);
                let y = if relu { s.select_gt(zero, y, zero, y) } else { y }; // NaN stays
                s.store_partial(y, &mut output.row(r)[columns.clone()]);
            }
        }
    }
}

kernel! {
    /// From `d_output` to `d_input` and to the gradients of weight and bias, `[width]` each.
    ///
    /// # Panics
    /// As [`forward`].
    pub fn backward<'a, S: Simd>(
        s: S,
        rows: usize,
        input: Rows<'a>,
        weight: &'a [f32],
        output: Rows<'a>,
        relu: bool,
        d_output: Rows<'a>,
        d_input: RowsMut<'a>,
        accumulate: Accumulate,
        gradient: WeightGradient<'a>,
    ) {
        let mut d_input = d_input;
        let zero = s.splat(0.0);
        let sums = gradient.weight.pieces_mut(S::LANES).zip(gradient.bias.pieces_mut(S::LANES));
        for (k, (weight, (d_weight, d_bias))) in weight.pieces(S::LANES).zip(sums).enumerate() {
            let columns = k * S::LANES..k * S::LANES + weight.len();
            let weight = s.load_partial(weight);
            let (mut of_weight, mut of_bias) = (begin(s, d_weight, gradient.accumulate), begin(s, d_bias, gradient.accumulate));
            for r in 0..rows {
                let x = s.load_partial(&input.row(r)[columns.clone()]);
                let mut d = s.load_partial(&d_output.row(r)[columns.clone()]);
                if relu {
                    d = s.select_gt(s.load_partial(&output.row(r)[columns.clone()]), zero, d, zero);
                }
                of_weight = s.mul_add(d, x, of_weight);
                of_bias = s.add(of_bias, d);
                deliver(s, s.mul(weight, d), &mut d_input.row(r)[columns.clone()], accumulate);
            }
            s.store_partial(of_weight, d_weight);
            s.store_partial(of_bias, d_bias);
        }
    }
}

impl TileOp for ops::Affine {
    type Workspace = ();

    fn forward<S: Simd>(&self, s: S, on: &Operands<'_>, _: Memory<'_, ()>, output: RowsMut<'_>) {
        let (weight, bias) = (on.network.value(self.weight), on.network.value(self.bias));
        forward(s, on.rows, on.activation(self.input), weight, bias, self.relu, output);
    }

    fn backward<S: Simd>(&self, s: S, on: &Operands<'_>, _: Memory<'_, ()>, d: &mut StageGradients<'_, '_>) {
        let (x, y, weight) = (
            on.activation(self.input),
            on.activation(self.output),
            on.network.value(self.weight),
        );
        let (dy, dx) = (d.output.rows(), d.inputs.of(self.input));
        let gradient = d.params.of_layer(self.weight, Some(self.bias));
        backward(s, on.rows, x, weight, y, self.relu, dy, dx, d.accumulate[0], gradient);
    }
}
