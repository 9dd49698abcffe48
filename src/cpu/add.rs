//! Two inputs of a tile added up; the specification is [`ops::add`].

use super::{
    accumulate::deliver,
    rows::{Rows, RowsMut},
    simd::{InPieces, Simd, kernel},
    tile::{Memory, Operands, StageGradients, TileOp},
};
use crate::{ops, plan::Accumulate};

kernel! {
    /// `output = a + b`.
    ///
    /// # Panics
    /// Where an operand has fewer than `rows` rows or another width.
    pub fn forward<'a, S: Simd>(s: S, rows: usize, a: Rows<'a>, b: Rows<'a>, output: RowsMut<'a>) {
        let mut output = output;
        for r in 0..rows {
            let operands = a.row(r).pieces(S::LANES).zip(b.row(r).pieces(S::LANES));
            for ((a, b), slot) in operands.zip(output.row(r).pieces_mut(S::LANES)) {
                s.store_partial(s.add(s.load_partial(a), s.load_partial(b)), slot);
            }
        }
    }
}

kernel! {
    /// Gradient of one input: `d_input (+)= d_output`.
    ///
    /// # Panics
    /// As [`forward`].
    pub fn backward<'a, S: Simd>(
        s: S,
        rows: usize,
        d_output: Rows<'a>,
        d_input: RowsMut<'a>,
        accumulate: Accumulate,
    ) {
        let mut d_input = d_input;
        for r in 0..rows {
            for (d, slot) in d_output.row(r).pieces(S::LANES).zip(d_input.row(r).pieces_mut(S::LANES)) {
                deliver(s, s.load_partial(d), slot, accumulate);
            }
        }
    }
}

impl TileOp for ops::Add {
    type Workspace = ();

    fn forward<S: Simd>(&self, s: S, on: &Operands<'_>, _: Memory<'_, ()>, output: RowsMut<'_>) {
        let [a, b] = self.inputs.map(|view| on.activation(view));
        forward(s, on.rows, a, b, output);
    }

    fn backward<S: Simd>(&self, s: S, on: &Operands<'_>, _: Memory<'_, ()>, d: &mut StageGradients<'_, '_>) {
        for (&input, &accumulate) in self.inputs.iter().zip(d.accumulate) {
            backward(s, on.rows, d.output.rows(), d.inputs.of(input), accumulate);
        }
    }
}
