//! Pooling of a tile's sequences; the specification is [`ops::pool`].

use super::{
    accumulate::deliver_product,
    rows::{Rows, RowsMut, check_offsets},
    simd::{InPieces, Simd, kernel},
    tile::{Memory, Operands, StageGradients, TileOp},
};
use crate::{ops, plan::Accumulate};

kernel! {
    /// Writes the sum, or mean, of each sample's steps. `offsets` `[samples + 1]` are those of the batch; row 0 of
    /// `input` is step `offsets[0]`.
    ///
    /// # Panics
    /// Where an operand has fewer rows than the offsets say, or these descend.
    pub fn forward<'a, S: Simd>(s: S, offsets: &'a [u32], mean: bool, input: Rows<'a>, output: RowsMut<'a>) {
        check_offsets(offsets);
        let mut output = output;
        let mut t = 0;
        for (r, pair) in offsets.windows(2).enumerate() {
            let end = (pair[1] - offsets[0]) as usize;
            let weight = s.splat(weight(pair, mean));
            for (k, slot) in output.row(r).pieces_mut(S::LANES).enumerate() {
                let columns = k * S::LANES..k * S::LANES + slot.len();
                let mut sum = s.splat(0.0);
                for step in t..end {
                    sum = s.add(sum, s.load_partial(&input.row(step)[columns.clone()]));
                }
                s.store_partial(s.mul(sum, weight), slot);
            }
            t = end;
        }
    }
}

kernel! {
    /// Gradient of every step: `d_input (+)= d_output` of its sample, divided by the number of steps for the mean.
    ///
    /// # Panics
    /// As [`forward`].
    pub fn backward<'a, S: Simd>(
        s: S,
        offsets: &'a [u32],
        mean: bool,
        d_output: Rows<'a>,
        d_input: RowsMut<'a>,
        accumulate: Accumulate,
    ) {
        check_offsets(offsets);
        let mut d_input = d_input;
        for (r, pair) in offsets.windows(2).enumerate() {
            let weight = s.splat(weight(pair, mean));
            for step in pair[0] - offsets[0]..pair[1] - offsets[0] {
                let slots = d_input.row(step as usize).pieces_mut(S::LANES);
                for (d, slot) in d_output.row(r).pieces(S::LANES).zip(slots) {
                    deliver_product(s, s.load_partial(d), weight, slot, accumulate);
                }
            }
        }
    }
}

/// What each of a sample's steps counts; a sample without steps asks in vain.
#[inline(always)]
fn weight(pair: &[u32], mean: bool) -> f32 {
    if mean {
        1.0 / (pair[1] - pair[0]).max(1) as f32
    } else {
        1.0
    }
}

impl TileOp for ops::Pool {
    type Workspace = ();

    fn forward<S: Simd>(&self, s: S, on: &Operands<'_>, _: Memory<'_, ()>, output: RowsMut<'_>) {
        forward(s, on.offsets(self.input), self.mean, on.activation(self.input), output);
    }

    fn backward<S: Simd>(&self, s: S, on: &Operands<'_>, _: Memory<'_, ()>, d: &mut StageGradients<'_, '_>) {
        let (dy, dx) = (d.output.rows(), d.inputs.of(self.input));
        backward(s, on.offsets(self.input), self.mean, dy, dx, d.accumulate[0]);
    }
}
