//! The last step of each of a tile's histories; the specification is [`ops::last_step`].

use super::{
    rows::{Rows, RowsMut, check_offsets},
    simd::Simd,
    tile::{Memory, Operands, StageGradients, TileOp},
};
use crate::{ops, plan::Accumulate};

/// Writes each sample's last step. `offsets` `[samples + 1]` are those of the batch; row 0 of `input` is step
/// `offsets[0]`.
///
/// # Panics
/// Where an operand has fewer rows than the offsets say, or these descend.
pub fn forward(offsets: &[u32], input: Rows<'_>, mut output: RowsMut<'_>) {
    input.check_shape();
    output.check_shape();
    check_offsets(offsets);
    for (r, pair) in offsets.windows(2).enumerate() {
        match pair[1] > pair[0] {
            true => output
                .row(r)
                .copy_from_slice(input.row((pair[1] - offsets[0]) as usize - 1)),
            false => output.row(r).fill(0.0),
        }
    }
}

/// Gradient of every step: `d_output` of its sample at the last, zero before.
///
/// # Panics
/// As [`forward`].
pub fn backward(offsets: &[u32], d_output: Rows<'_>, mut d_input: RowsMut<'_>, accumulate: Accumulate) {
    d_output.check_shape();
    d_input.check_shape();
    check_offsets(offsets);
    for (r, pair) in offsets.windows(2).enumerate() {
        let steps = (pair[0] - offsets[0]) as usize..(pair[1] - offsets[0]) as usize;
        if accumulate == Accumulate::Overwrite {
            steps.clone().for_each(|step| d_input.row(step).fill(0.0));
        }
        if let Some(last) = steps.last() {
            for (to, d) in d_input.row(last).iter_mut().zip(d_output.row(r)) {
                *to += d;
            }
        }
    }
}

impl TileOp for ops::LastStep {
    type Workspace = ();

    fn forward<S: Simd>(&self, _: S, on: &Operands<'_>, _: Memory<'_, ()>, output: RowsMut<'_>) {
        forward(on.offsets(self.input), on.activation(self.input), output);
    }

    fn backward<S: Simd>(&self, _: S, on: &Operands<'_>, _: Memory<'_, ()>, d: &mut StageGradients<'_, '_>) {
        let (dy, dx) = (d.output.rows(), d.inputs.of(self.input));
        backward(on.offsets(self.input), dy, dx, d.accumulate[0]);
    }
}
