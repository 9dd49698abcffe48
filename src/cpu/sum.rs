//! Sum of a tile's columns; the specification is [`ops::sum`].

use super::{
    accumulate::{deliver, deliver_float},
    rows::{Rows, RowsMut},
    simd::{InPieces, Simd, kernel},
    tile::{Memory, Operands, StageGradients, TileOp},
};
use crate::{ops, plan::Accumulate};

kernel! {
    /// Adds the sum of `input`'s columns to `output`'s one column.
    ///
    /// # Panics
    /// Where an operand has fewer than `rows` rows.
    pub fn forward_add<'a, S: Simd>(s: S, rows: usize, input: Rows<'a>, output: RowsMut<'a>) {
        let mut output = output;
        for r in 0..rows {
            let mut sum = s.splat(0.0);
            for chunk in input.row(r).pieces(S::LANES) {
                sum = s.add(sum, s.load_partial(chunk));
            }
            output.row(r)[0] += s.reduce_sum(sum);
        }
    }
}

kernel! {
    /// Gradient of every column: `d_input (+)= d_output`, spread over the columns.
    ///
    /// # Panics
    /// Where an operand has fewer than `rows` rows.
    pub fn backward<'a, S: Simd>(s: S, rows: usize, d_output: Rows<'a>, d_input: RowsMut<'a>, accumulate: Accumulate) {
        let mut d_input = d_input;
        for r in 0..rows {
            let d = s.splat(d_output.row(r)[0]);
            for chunk in d_input.row(r).pieces_mut(S::LANES) {
                deliver(s, d, chunk, accumulate);
            }
        }
    }
}

impl TileOp for ops::Sum {
    type Workspace = ();

    fn forward<S: Simd>(&self, s: S, on: &Operands<'_>, _: Memory<'_, ()>, mut output: RowsMut<'_>) {
        for r in 0..on.rows {
            output.row(r)[0] = self.bias.map_or(0.0, |bias| on.network.value(bias)[0]);
        }
        for &input in &self.inputs {
            forward_add(s, on.rows, on.activation(input), output.reborrow());
        }
    }

    fn backward<S: Simd>(&self, s: S, on: &Operands<'_>, _: Memory<'_, ()>, d: &mut StageGradients<'_, '_>) {
        let dy = d.output.rows();
        if let Some(bias) = self.bias {
            let total: f32 = (0..on.rows).map(|r| dy.row(r)[0]).sum();
            let accumulate = d.params.accumulate;
            deliver_float(total, &mut d.params.of(bias)[0], accumulate);
        }
        for (&input, &accumulate) in self.inputs.iter().zip(d.accumulate) {
            backward(s, on.rows, dy, d.inputs.of(input), accumulate);
        }
    }
}
