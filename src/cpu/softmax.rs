//! Softmax over each sample's steps of one column; the specification is [`ops::softmax`].
//!
//! `offsets` `[samples + 1]` are those of the batch; row 0 of an operand is step `offsets[0]`.

use super::{
    accumulate::deliver_float,
    math::exp_nonpositive,
    rows::{Rows, RowsMut, steps},
    simd::{Simd, kernel},
    tile::{Memory, Operands, StageGradients, TileOp},
};
use crate::{ops, plan::Accumulate};

/// Lanes of the widest vector.
const MOST_LANES: usize = 16;

kernel! {
    /// Writes the softmax of `input`'s one column.
    ///
    /// # Panics
    /// Where an operand has fewer rows than the offsets say, or these descend.
    pub fn forward<'a, S: Simd>(s: S, offsets: &'a [u32], input: Rows<'a>, output: RowsMut<'a>) {
        let mut output = output;
        for (first, end) in steps(offsets) {
            let largest = (first..end).fold(f32::NEG_INFINITY, |largest, t| largest.max(input.row(t)[0]));
            let mut total = 0.0;
            let mut t = first;
            while t < end {
                // Steps lie a row apart: they are put side by side for the exponential.
                let mut lanes = [0.0; MOST_LANES];
                let count = S::LANES.min(end - t);
                for (k, lane) in lanes[..count].iter_mut().enumerate() {
                    *lane = input.row(t + k)[0] - largest;
                }
                s.store(exp_nonpositive(s, s.load(&lanes)), &mut lanes);
                for (k, &lane) in lanes[..count].iter().enumerate() {
                    output.row(t + k)[0] = lane;
                    total += lane;
                }
                t += count;
            }
            for t in first..end {
                output.row(t)[0] /= total;
            }
        }
    }
}

kernel! {
    /// Gradient of the input: `d_input (+)= output * (d_output - sum of output * d_output)`.
    ///
    /// # Panics
    /// As [`forward`].
    pub fn backward<'a, S: Simd>(
        s: S,
        offsets: &'a [u32],
        output: Rows<'a>,
        d_output: Rows<'a>,
        d_input: RowsMut<'a>,
        accumulate: Accumulate,
    ) {
        let _ = s; // a few numbers a row apart: nothing for vectors
        let mut d_input = d_input;
        for (first, end) in steps(offsets) {
            let mean: f32 = (first..end).map(|t| output.row(t)[0] * d_output.row(t)[0]).sum();
            for t in first..end {
                let d = output.row(t)[0] * (d_output.row(t)[0] - mean);
                deliver_float(d, &mut d_input.row(t)[0], accumulate);
            }
        }
    }
}

impl TileOp for ops::Softmax {
    type Workspace = ();

    fn forward<S: Simd>(&self, s: S, on: &Operands<'_>, _: Memory<'_, ()>, output: RowsMut<'_>) {
        forward(s, on.offsets(self.input), on.activation(self.input), output);
    }

    fn backward<S: Simd>(&self, s: S, on: &Operands<'_>, _: Memory<'_, ()>, d: &mut StageGradients<'_, '_>) {
        let (dy, dx) = (d.output.rows(), d.inputs.of(self.input));
        backward(
            s,
            on.offsets(self.input),
            on.activation(self.output),
            dy,
            dx,
            d.accumulate[0],
        );
    }
}
