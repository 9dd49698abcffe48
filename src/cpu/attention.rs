//! Weighted sum over each sample's steps; the specification is [`ops::attention`].
//!
//! `offsets` `[samples + 1]` are those of the batch; row 0 of weights and values is step `offsets[0]`. A group of
//! columns runs over all steps of a sample at a time, so that its sums stay in registers.

use super::{
    accumulate::{begin, deliver_float, deliver_product},
    rows::{Rows, RowsMut, steps},
    simd::{InPieces, Simd, kernel},
    tile::{Memory, Operands, StageGradients, TileOp},
};
use crate::{ops, plan::Accumulate};

kernel! {
    /// Writes the sum over a sample's steps of weight times value.
    ///
    /// # Panics
    /// Where an operand has fewer rows than the offsets say, these descend, or weights have no column.
    pub fn forward<'a, S: Simd>(s: S, offsets: &'a [u32], weights: Rows<'a>, values: Rows<'a>, output: RowsMut<'a>) {
        sum_steps(s, offsets, weights, values, output, Accumulate::Overwrite);
    }
}

kernel! {
    /// The same, overwriting or adding to what is there.
    ///
    /// # Panics
    /// As [`forward`].
    pub fn sum_steps<'a, S: Simd>(
        s: S,
        offsets: &'a [u32],
        weights: Rows<'a>,
        values: Rows<'a>,
        output: RowsMut<'a>,
        accumulate: Accumulate,
    ) {
        let mut output = output;
        for (r, (first, end)) in steps(offsets).enumerate() {
            for (k, slot) in output.row(r).pieces_mut(S::LANES).enumerate() {
                let columns = k * S::LANES..k * S::LANES + slot.len();
                let mut sum = begin(s, slot, accumulate);
                for t in first..end {
                    let value = s.load_partial(&values.row(t)[columns.clone()]);
                    sum = s.mul_add(s.splat(weights.row(t)[0]), value, sum);
                }
                s.store_partial(sum, slot);
            }
        }
    }
}

kernel! {
    /// Gradient of every step's weight: `d_weights (+)= <d_output, value>`.
    ///
    /// # Panics
    /// As [`forward`].
    pub fn backward_weights<'a, S: Simd>(
        s: S,
        offsets: &'a [u32],
        values: Rows<'a>,
        d_output: Rows<'a>,
        d_weights: RowsMut<'a>,
        accumulate: Accumulate,
    ) {
        let mut d_weights = d_weights;
        for (r, (first, end)) in steps(offsets).enumerate() {
            for t in first..end {
                let mut sum = s.splat(0.0);
                for (d, value) in d_output.row(r).pieces(S::LANES).zip(values.row(t).pieces(S::LANES)) {
                    sum = s.mul_add(s.load_partial(d), s.load_partial(value), sum);
                }
                deliver_float(s.reduce_sum(sum), &mut d_weights.row(t)[0], accumulate);
            }
        }
    }
}

kernel! {
    /// Gradient of every step's value: `d_values (+)= weight * d_output`.
    ///
    /// # Panics
    /// As [`forward`].
    pub fn backward_values<'a, S: Simd>(
        s: S,
        offsets: &'a [u32],
        weights: Rows<'a>,
        d_output: Rows<'a>,
        d_values: RowsMut<'a>,
        accumulate: Accumulate,
    ) {
        let mut d_values = d_values;
        for (r, (first, end)) in steps(offsets).enumerate() {
            for t in first..end {
                let weight = s.splat(weights.row(t)[0]);
                let slots = d_values.row(t).pieces_mut(S::LANES);
                for (d, slot) in d_output.row(r).pieces(S::LANES).zip(slots) {
                    deliver_product(s, weight, s.load_partial(d), slot, accumulate);
                }
            }
        }
    }
}

impl TileOp for ops::Attention {
    type Workspace = ();

    fn forward<S: Simd>(&self, s: S, on: &Operands<'_>, _: Memory<'_, ()>, output: RowsMut<'_>) {
        let [weights, values] = self.inputs.map(|view| on.activation(view));
        forward(s, on.offsets(self.inputs[1]), weights, values, output);
    }

    fn backward<S: Simd>(&self, s: S, on: &Operands<'_>, _: Memory<'_, ()>, d: &mut StageGradients<'_, '_>) {
        let ([weights, values], dy) = (self.inputs, d.output.rows());
        let offsets = on.offsets(values);
        let (w, v) = (on.activation(weights), on.activation(values));
        backward_weights(s, offsets, v, dy, d.inputs.of(weights), d.accumulate[0]);
        backward_values(s, offsets, w, dy, d.inputs.of(values), d.accumulate[1]);
    }
}
