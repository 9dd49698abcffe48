//! Sum of a tile's columns; the specification is [`ops::sum`](crate::ops::sum).

use super::{
    rows::{Rows, RowsMut},
    simd::Simd,
};
use crate::plan::Flow;

/// Adds the sum of `input`'s columns to `output`'s one column.
///
/// # Panics
/// Where an operand has fewer than `rows` rows.
pub fn forward_add<S: Simd>(s: S, rows: usize, input: Rows<'_>, mut output: RowsMut<'_>) {
    s.vectorize(|| {
        for r in 0..rows {
            let row = input.row(r);
            let mut sum = s.splat(0.0);
            for chunk in row.chunks(S::LANES) {
                sum = s.add(sum, s.load_partial(chunk));
            }
            output.row(r)[0] += s.reduce_sum(sum);
        }
    });
}

/// Gradient of every column: `d_input (+)= d_output`, spread over the columns.
///
/// # Panics
/// Where an operand has fewer than `rows` rows.
pub fn backward<S: Simd>(s: S, rows: usize, d_output: Rows<'_>, mut d_input: RowsMut<'_>, flow: Flow) {
    s.vectorize(|| {
        for r in 0..rows {
            let d = s.splat(d_output.row(r)[0]);
            for chunk in d_input.row(r).chunks_mut(S::LANES) {
                let x = match flow {
                    Flow::Write => d,
                    Flow::Add => s.add(s.load_partial(chunk), d),
                };
                s.store_partial(x, chunk);
            }
        }
    });
}
