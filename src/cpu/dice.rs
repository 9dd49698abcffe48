//! Dice of a tile's rows; the specification is [`ops::dice`], whose batch normalisation is a stage of
//! its own ([`batch_norm`](super::batch_norm)): here it is an operand, `normal`.

use super::{
    accumulate::{begin, deliver},
    math::sigmoid,
    rows::{Rows, RowsMut},
    simd::{InPieces, Simd, kernel},
    tile::{Memory, Operands, StageGradients, TileOp},
};
use crate::{ops, plan::Accumulate};

kernel! {
    /// `output = p x + (1 - p) alpha x` with `p = sigmoid(normal)`.
    ///
    /// # Panics
    /// Where an operand has fewer than `rows` rows or another width.
    pub fn forward<'a, S: Simd>(
        s: S,
        rows: usize,
        input: Rows<'a>,
        normal: Rows<'a>,
        alpha: &'a [f32],
        output: RowsMut<'a>,
    ) {
        let mut output = output;
        for r in 0..rows {
            let operands = input.row(r).pieces(S::LANES).zip(normal.row(r).pieces(S::LANES));
            let slots = alpha.pieces(S::LANES).zip(output.row(r).pieces_mut(S::LANES));
            for ((x, n), (alpha, slot)) in operands.zip(slots) {
                let slope = slope(s, sigmoid(s, s.load_partial(n)), s.load_partial(alpha));
                s.store_partial(s.mul(slope, s.load_partial(x)), slot);
            }
        }
    }
}

/// `p + (1 - p) alpha`.
#[inline(always)]
fn slope<S: Simd>(s: S, p: S::F32, alpha: S::F32) -> S::F32 {
    s.mul_add(s.sub(s.splat(1.0), p), alpha, p)
}

kernel! {
    /// From `d_output` to `d_input` beside the normalisation, and to the gradient of `alpha`, which `accumulate_alpha` says
    /// whether to overwrite.
    ///
    /// # Panics
    /// As [`forward`].
    pub fn backward<'a, S: Simd>(
        s: S,
        rows: usize,
        input: Rows<'a>,
        normal: Rows<'a>,
        alpha: &'a [f32],
        d_output: Rows<'a>,
        d_input: RowsMut<'a>,
        accumulate: Accumulate,
        d_alpha: &'a mut [f32],
        accumulate_alpha: Accumulate,
    ) {
        let mut d_input = d_input;
        for (k, (alpha, d_alpha)) in alpha.pieces(S::LANES).zip(d_alpha.pieces_mut(S::LANES)).enumerate() {
            let columns = k * S::LANES..k * S::LANES + alpha.len();
            let alpha = s.load_partial(alpha);
            let mut sum = begin(s, d_alpha, accumulate_alpha);
            for r in 0..rows {
                let x = s.load_partial(&input.row(r)[columns.clone()]);
                let d = s.load_partial(&d_output.row(r)[columns.clone()]);
                let p = sigmoid(s, s.load_partial(&normal.row(r)[columns.clone()]));
                sum = s.mul_add(s.mul(d, s.sub(s.splat(1.0), p)), x, sum);
                let d = s.mul(d, slope(s, p, alpha));
                deliver(s, d, &mut d_input.row(r)[columns.clone()], accumulate);
            }
            s.store_partial(sum, d_alpha);
        }
    }
}

kernel! {
    /// From `d_output` to the gradient of `normal`: `d_normal (+)= d_output (1 - alpha) x p (1 - p)`.
    ///
    /// # Panics
    /// As [`forward`].
    pub fn backward_normal<'a, S: Simd>(
        s: S,
        rows: usize,
        input: Rows<'a>,
        normal: Rows<'a>,
        alpha: &'a [f32],
        d_output: Rows<'a>,
        d_normal: RowsMut<'a>,
        accumulate: Accumulate,
    ) {
        let mut d_normal = d_normal;
        let one = s.splat(1.0);
        for r in 0..rows {
            let operands = input.row(r).pieces(S::LANES).zip(normal.row(r).pieces(S::LANES));
            let others = alpha.pieces(S::LANES).zip(d_output.row(r).pieces(S::LANES));
            for (((x, n), (alpha, d)), slot) in operands.zip(others).zip(d_normal.row(r).pieces_mut(S::LANES)) {
                let p = sigmoid(s, s.load_partial(n));
                let d = s.mul(s.load_partial(d), s.sub(one, s.load_partial(alpha)));
                let d = s.mul(s.mul(d, s.load_partial(x)), s.mul(p, s.sub(one, p)));
                deliver(s, d, slot, accumulate);
            }
        }
    }
}

impl TileOp for ops::Dice {
    type Workspace = ();

    fn forward<S: Simd>(&self, s: S, on: &Operands<'_>, _: Memory<'_, ()>, output: RowsMut<'_>) {
        let [x, normal] = self.inputs.map(|view| on.activation(view));
        forward(s, on.rows, x, normal, on.network.value(self.alpha), output);
    }

    fn backward<S: Simd>(&self, s: S, on: &Operands<'_>, _: Memory<'_, ()>, d: &mut StageGradients<'_, '_>) {
        let ([input, normal], dy, accumulate) = (self.inputs, d.output.rows(), d.params.accumulate);
        let (x, n, alpha) = (
            on.activation(input),
            on.activation(normal),
            on.network.value(self.alpha),
        );
        let (dx, d_alpha) = (d.inputs.of(input), d.params.of(self.alpha));
        backward(s, on.rows, x, n, alpha, dy, dx, d.accumulate[0], d_alpha, accumulate);
        backward_normal(s, on.rows, x, n, alpha, dy, d.inputs.of(normal), d.accumulate[1]);
    }
}
