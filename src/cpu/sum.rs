//! Sum of a tile's columns; the specification is [`ops::sum`](crate::ops::sum).

use super::{
    accumulate::deliver,
    rows::{Rows, RowsMut},
    simd::{Simd, kernel},
};
use crate::plan::Accumulate;

kernel! {
    /// Adds the sum of `input`'s columns to `output`'s one column.
    ///
    /// # Panics
    /// Where an operand has fewer than `rows` rows.
    pub fn forward_add<'a, S: Simd>(s: S, rows: usize, input: Rows<'a>, output: RowsMut<'a>) {
        let mut output = output;
        for r in 0..rows {
            let mut sum = s.splat(0.0);
            for chunk in input.row(r).chunks(S::LANES) {
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
            for chunk in d_input.row(r).chunks_mut(S::LANES) {
                deliver(s, d, chunk, accumulate);
            }
        }
    }
}
