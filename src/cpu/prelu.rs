//! PReLU of a tile's rows; the specification is [`ops::prelu`].

use super::{
    accumulate::{begin, deliver},
    rows::{Rows, RowsMut},
    simd::{InPieces, Simd, kernel},
    tile::{Memory, Operands, StageGradients, TileOp},
};
use crate::{ops, plan::Accumulate};

kernel! {
    /// `output = input` where that is positive, else `alpha * input`.
    ///
    /// # Panics
    /// Where an operand has fewer than `rows` rows or another width.
    pub fn forward<'a, S: Simd>(s: S, rows: usize, input: Rows<'a>, alpha: &'a [f32], output: RowsMut<'a>) {
        let mut output = output;
        let zero = s.splat(0.0);
        for r in 0..rows {
            let operands = input.row(r).pieces(S::LANES).zip(alpha.pieces(S::LANES));
            for ((x, alpha), slot) in operands.zip(output.row(r).pieces_mut(S::LANES)) {
                let (x, alpha) = (s.load_partial(x), s.load_partial(alpha));
                s.store_partial(s.select_gt(x, zero, x, s.mul(alpha, x)), slot);
            }
        }
    }
}

kernel! {
    /// From `d_output` to `d_input`, and to the gradient of `alpha`, which `accumulate_alpha` says whether to overwrite.
    ///
    /// # Panics
    /// As [`forward`].
    pub fn backward<'a, S: Simd>(
        s: S,
        rows: usize,
        input: Rows<'a>,
        alpha: &'a [f32],
        d_output: Rows<'a>,
        d_input: RowsMut<'a>,
        accumulate: Accumulate,
        d_alpha: &'a mut [f32],
        accumulate_alpha: Accumulate,
    ) {
        let mut d_input = d_input;
        let zero = s.splat(0.0);
        for (k, (alpha, d_alpha)) in alpha.pieces(S::LANES).zip(d_alpha.pieces_mut(S::LANES)).enumerate() {
            let columns = k * S::LANES..k * S::LANES + alpha.len();
            let alpha = s.load_partial(alpha);
            let mut sum = begin(s, d_alpha, accumulate_alpha);
            for r in 0..rows {
                let x = s.load_partial(&input.row(r)[columns.clone()]);
                let d = s.load_partial(&d_output.row(r)[columns.clone()]);
                sum = s.add(sum, s.select_gt(x, zero, zero, s.mul(d, x)));
                let dx = s.select_gt(x, zero, d, s.mul(alpha, d));
                deliver(s, dx, &mut d_input.row(r)[columns.clone()], accumulate);
            }
            s.store_partial(sum, d_alpha);
        }
    }
}

impl TileOp for ops::Prelu {
    type Workspace = ();

    fn forward<S: Simd>(&self, s: S, on: &Operands<'_>, _: Memory<'_, ()>, output: RowsMut<'_>) {
        forward(
            s,
            on.rows,
            on.activation(self.input),
            on.network.value(self.alpha),
            output,
        );
    }

    fn backward<S: Simd>(&self, s: S, on: &Operands<'_>, _: Memory<'_, ()>, d: &mut StageGradients<'_, '_>) {
        let (x, alpha) = (on.activation(self.input), on.network.value(self.alpha));
        let (dy, dx, accumulate) = (d.output.rows(), d.inputs.of(self.input), d.params.accumulate);
        let d_alpha = d.params.of(self.alpha);
        backward(s, on.rows, x, alpha, dy, dx, d.accumulate[0], d_alpha, accumulate);
    }
}
