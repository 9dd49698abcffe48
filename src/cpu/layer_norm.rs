//! Layer normalisation of a tile's rows; the specification is [`ops::layer_norm`].
//!
//! A row is read three times while it is in the nearest cache: for its mean, its variance (of differences from the mean, so
//! that a large mean costs no precision), and to be written. The backward pass computes both again: two sums of a row cost
//! less than memory that would have to be kept for them.

use super::{
    accumulate::deliver,
    linear::WeightGradient,
    rows::{Rows, RowsMut},
    simd::{InPieces, Simd, kernel},
    tile::{Memory, Operands, StageGradients, TileOp},
};
use crate::{ops, plan::Accumulate};

kernel! {
    /// `output = weight * (input - mean) / sqrt(variance + epsilon) + bias` with mean and variance of each row.
    ///
    /// # Panics
    /// Where an operand has fewer than `rows` rows or another width.
    pub fn forward<'a, S: Simd>(
        s: S,
        rows: usize,
        input: Rows<'a>,
        weight: &'a [f32],
        bias: &'a [f32],
        epsilon: f32,
        output: RowsMut<'a>,
    ) {
        assert!(weight.len() == input.width && bias.len() == input.width && output.width == input.width);
        let mut output = output;
        for r in 0..rows {
            let x = input.row(r);
            let (mean, scale) = moments(s, x, epsilon);
            let (mean, scale) = (s.splat(mean), s.splat(scale));
            let params = weight.pieces(S::LANES).zip(bias.pieces(S::LANES));
            let slots = output.row(r).pieces_mut(S::LANES);
            for ((x, (weight, bias)), slot) in x.pieces(S::LANES).zip(params).zip(slots) {
                let n = s.mul(s.sub(s.load_partial(x), mean), scale);
                s.store_partial(s.mul_add(s.load_partial(weight), n, s.load_partial(bias)), slot);
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
        epsilon: f32,
        d_output: Rows<'a>,
        d_input: RowsMut<'a>,
        accumulate: Accumulate,
        gradient: WeightGradient<'a>,
    ) {
        let width = input.width;
        assert!(weight.len() == width && d_output.width == width && d_input.width == width);
        assert!(gradient.weight.len() == width && gradient.bias.len() == width);
        let mut d_input = d_input;
        let WeightGradient { weight: d_weight, bias: d_bias, accumulate: first } = gradient;
        if first == Accumulate::Overwrite {
            d_weight.fill(0.0);
            d_bias.fill(0.0);
        }
        for r in 0..rows {
            let (x, d) = (input.row(r), d_output.row(r));
            let (mean, scale) = moments(s, x, epsilon);
            let (mean, scale) = (s.splat(mean), s.splat(scale));
            // Sums of g = weight * d, and of g * n.
            let (mut of_g, mut along) = (s.splat(0.0), s.splat(0.0));
            let sums = d_weight.pieces_mut(S::LANES).zip(d_bias.pieces_mut(S::LANES));
            let operands = x.pieces(S::LANES).zip(d.pieces(S::LANES)).zip(weight.pieces(S::LANES));
            for (((x, d), weight), (d_weight, d_bias)) in operands.zip(sums) {
                let d = s.load_partial(d);
                let n = normal(s, x, mean, scale);
                let g = s.mul(s.load_partial(weight), d); // 0 beyond the row's end, as d is
                of_g = s.add(of_g, g);
                along = s.mul_add(g, n, along);
                s.store_partial(s.mul_add(d, n, s.load_partial(d_weight)), d_weight);
                s.store_partial(s.add(s.load_partial(d_bias), d), d_bias);
            }
            let of_width = 1.0 / width as f32;
            let (of_g, along) = (s.splat(s.reduce_sum(of_g) * of_width), s.splat(s.reduce_sum(along) * of_width));
            let slots = d_input.row(r).pieces_mut(S::LANES);
            let operands = x.pieces(S::LANES).zip(d.pieces(S::LANES)).zip(weight.pieces(S::LANES));
            for (((x, d), weight), slot) in operands.zip(slots) {
                let g = s.sub(s.mul(s.load_partial(weight), s.load_partial(d)), of_g);
                let g = s.sub(g, s.mul(normal(s, x, mean, scale), along));
                deliver(s, s.mul(g, scale), slot, accumulate);
            }
        }
    }
}

/// `(x - mean) * scale`; what stands beyond the row's end is no part of it.
#[inline(always)]
fn normal<S: Simd>(s: S, x: &[f32], mean: S::F32, scale: S::F32) -> S::F32 {
    s.mul(s.sub(s.load_partial(x), mean), scale)
}

/// The mean of a row, and 1 over its deviation.
#[inline(always)]
fn moments<S: Simd>(s: S, x: &[f32], epsilon: f32) -> (f32, f32) {
    let of_width = 1.0 / x.len() as f32;
    let mut sum = s.splat(0.0);
    for x in x.pieces(S::LANES) {
        sum = s.add(sum, s.load_partial(x));
    }
    let mean = s.reduce_sum(sum) * of_width;
    let whole = x.len() - x.len() % S::LANES;
    let mut squares = s.splat(0.0);
    for x in x[..whole].whole_pieces(S::LANES) {
        let difference = s.sub(s.load(x), s.splat(mean));
        squares = s.mul_add(difference, difference, squares);
    }
    // One by one: a vector would count zeros beyond the row's end.
    let rest: f32 = x[whole..].iter().map(|x| (x - mean) * (x - mean)).sum();
    let variance = (s.reduce_sum(squares) + rest) * of_width;
    (mean, 1.0 / libm::sqrtf(variance + epsilon))
}

impl TileOp for ops::LayerNorm {
    type Workspace = ();

    fn forward<S: Simd>(&self, s: S, on: &Operands<'_>, _: Memory<'_, ()>, output: RowsMut<'_>) {
        let (weight, bias) = (on.network.value(self.weight), on.network.value(self.bias));
        forward(
            s,
            on.rows,
            on.activation(self.input),
            weight,
            bias,
            self.epsilon,
            output,
        );
    }

    fn backward<S: Simd>(&self, s: S, on: &Operands<'_>, _: Memory<'_, ()>, d: &mut StageGradients<'_, '_>) {
        let (x, weight) = (on.activation(self.input), on.network.value(self.weight));
        let (dy, dx) = (d.output.rows(), d.inputs.of(self.input));
        let gradient = d.params.of_layer(self.weight, Some(self.bias));
        backward(s, on.rows, x, weight, self.epsilon, dy, dx, d.accumulate[0], gradient);
    }
}
