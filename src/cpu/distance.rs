//! Distances of a tile's rows; the specification is [`ops::distance`].

use super::{
    accumulate::deliver_product,
    rows::{Rows, RowsMut},
    simd::{InPieces, Simd, kernel},
    tile::{Memory, Operands, StageGradients, TileOp},
};
use crate::{ops, plan::Accumulate};

kernel! {
    /// `output = -|left - right|^2`, one column.
    ///
    /// # Panics
    /// Where an operand has fewer than `rows` rows, or the inputs differ in width.
    pub fn forward<'a, S: Simd>(s: S, rows: usize, left: Rows<'a>, right: Rows<'a>, output: RowsMut<'a>) {
        let mut output = output;
        for r in 0..rows {
            let mut sum = s.splat(0.0);
            let operands = left.row(r).pieces(S::LANES).zip(right.row(r).pieces(S::LANES));
            for (left, right) in operands {
                let apart = s.sub(s.load_partial(left), s.load_partial(right));
                sum = s.mul_add(apart, apart, sum);
            }
            output.row(r)[0] = -s.reduce_sum(sum);
        }
    }
}

kernel! {
    /// Gradient of one input: `d_own (+)= 2 d_output (other - own)`.
    ///
    /// # Panics
    /// As [`forward`].
    pub fn backward<'a, S: Simd>(
        s: S,
        rows: usize,
        d_output: Rows<'a>,
        own: Rows<'a>,
        other: Rows<'a>,
        d_own: RowsMut<'a>,
        accumulate: Accumulate,
    ) {
        let mut d_own = d_own;
        for r in 0..rows {
            let d = s.splat(2.0 * d_output.row(r)[0]);
            let operands = own.row(r).pieces(S::LANES).zip(other.row(r).pieces(S::LANES));
            for ((own, other), slot) in operands.zip(d_own.row(r).pieces_mut(S::LANES)) {
                let apart = s.sub(s.load_partial(other), s.load_partial(own));
                deliver_product(s, d, apart, slot, accumulate);
            }
        }
    }
}

impl TileOp for ops::Distance {
    type Workspace = ();

    fn forward<S: Simd>(&self, s: S, on: &Operands<'_>, _: Memory<'_, ()>, output: RowsMut<'_>) {
        let [left, right] = self.inputs.map(|view| on.activation(view));
        forward(s, on.rows, left, right, output);
    }

    fn backward<S: Simd>(&self, s: S, on: &Operands<'_>, _: Memory<'_, ()>, d: &mut StageGradients<'_, '_>) {
        for (i, &input) in self.inputs.iter().enumerate() {
            let [own, other] = [input, self.inputs[1 - i]].map(|view| on.activation(view));
            backward(
                s,
                on.rows,
                d.output.rows(),
                own,
                other,
                d.inputs.of(input),
                d.accumulate[i],
            );
        }
    }
}
