//! Second order of a factorisation machine over a tile's rows; the specification is [`ops::fm`](crate::ops::fm).
//!
//! A vector of the factors runs over all fields at a time: sum and sum of squares stay in registers, and the backward
//! pass forms the sum again rather than keeping it.

use super::{
    flow::deliver_product,
    rows::{Rows, RowsMut},
    simd::{Simd, kernel},
};
use crate::plan::Flow;

kernel! {
    /// Writes `1/2 sum over factors of ((sum of fields)^2 - sum of fields^2)` into `output`'s one column.
    ///
    /// # Panics
    /// Where an operand has fewer than `rows` rows.
    pub fn forward<'a, S: Simd>(s: S, rows: usize, input: Rows<'a>, factors: usize, output: RowsMut<'a>) {
        let mut output = output;
        for r in 0..rows {
            let row = input.row(r);
            let mut total = s.splat(0.0);
            let mut first = 0;
            while first < factors {
                let end = factors.min(first + S::LANES);
                let (mut sum, mut squares) = (s.splat(0.0), s.splat(0.0));
                for field in row.chunks_exact(factors) {
                    let v = s.load_partial(&field[first..end]);
                    sum = s.add(sum, v);
                    squares = s.mul_add(v, v, squares);
                }
                total = s.add(total, s.sub(s.mul(sum, sum), squares));
                first = end;
            }
            output.row(r)[0] = 0.5 * s.reduce_sum(total);
        }
    }
}

kernel! {
    /// Gradient of every field: `d_input (+)= d_output * (sum of fields - field)`.
    ///
    /// # Panics
    /// As [`forward`].
    pub fn backward<'a, S: Simd>(
        s: S,
        rows: usize,
        input: Rows<'a>,
        factors: usize,
        d_output: Rows<'a>,
        d_input: RowsMut<'a>,
        flow: Flow,
    ) {
        let mut d_input = d_input;
        for r in 0..rows {
            let (row, d) = (input.row(r), s.splat(d_output.row(r)[0]));
            let mut first = 0;
            while first < factors {
                let end = factors.min(first + S::LANES);
                let mut sum = s.splat(0.0);
                for field in row.chunks_exact(factors) {
                    sum = s.add(sum, s.load_partial(&field[first..end]));
                }
                for (field, to) in row.chunks_exact(factors).zip(d_input.row(r).chunks_exact_mut(factors)) {
                    let slot = &mut to[first..end];
                    let others = s.sub(sum, s.load_partial(&field[first..end]));
                    deliver_product(s, d, others, slot, flow);
                }
                first = end;
            }
        }
    }
}
