//! Elementwise product of a tile's rows; the specification is [`ops::product`].

use super::{
    accumulate::deliver_product,
    rows::{Rows, RowsMut},
    simd::{InPieces, Simd, kernel},
    tile::{Memory, Operands, StageGradients, TileOp},
};
use crate::{ops, plan::Accumulate};

kernel! {
    /// `output = left * right`.
    ///
    /// # Panics
    /// Where an operand has fewer than `rows` rows or another width.
    pub fn forward<'a, S: Simd>(s: S, rows: usize, left: Rows<'a>, right: Rows<'a>, output: RowsMut<'a>) {
        let mut output = output;
        for r in 0..rows {
            multiply(s, left.row(r), right.row(r), Accumulate::Overwrite, output.row(r));
        }
    }
}

kernel! {
    /// Gradient of one factor: `d_input (+)= d_output * other`.
    ///
    /// # Panics
    /// As [`forward`].
    pub fn backward<'a, S: Simd>(
        s: S,
        rows: usize,
        d_output: Rows<'a>,
        other: Rows<'a>,
        d_input: RowsMut<'a>,
        accumulate: Accumulate,
    ) {
        let mut d_input = d_input;
        for r in 0..rows {
            multiply(s, d_output.row(r), other.row(r), accumulate, d_input.row(r));
        }
    }
}

/// `c (+)= a * b` by vectors.
#[inline(always)]
fn multiply<S: Simd>(s: S, a: &[f32], b: &[f32], accumulate: Accumulate, c: &mut [f32]) {
    let operands = a.pieces(S::LANES).zip(b.pieces(S::LANES));
    for ((a, b), c) in operands.zip(c.pieces_mut(S::LANES)) {
        deliver_product(s, s.load_partial(a), s.load_partial(b), c, accumulate);
    }
}

impl TileOp for ops::Product {
    type Workspace = ();

    fn forward<S: Simd>(&self, s: S, on: &Operands<'_>, _: Memory<'_, ()>, output: RowsMut<'_>) {
        let [left, right] = self.inputs.map(|view| on.activation(view));
        forward(s, on.rows, left, right, output);
    }

    fn backward<S: Simd>(&self, s: S, on: &Operands<'_>, _: Memory<'_, ()>, d: &mut StageGradients<'_, '_>) {
        for (i, &input) in self.inputs.iter().enumerate() {
            let other = on.activation(self.inputs[1 - i]);
            backward(s, on.rows, d.output.rows(), other, d.inputs.of(input), d.accumulate[i]);
        }
    }
}
