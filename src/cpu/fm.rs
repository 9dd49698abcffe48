//! Second order of a factorisation machine over a tile's rows; the specification is [`ops::fm`](crate::ops::fm).
//!
//! A vector of the factors runs over all fields at a time: sum and sum of squares stay in registers, and the backward
//! pass forms the sum again rather than keeping it. Along a sequence the fields of a sample are the rows of its steps.

use super::{
    flow::deliver_product,
    rows::{Rows, RowsMut, steps},
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

kernel! {
    /// [`forward`] over the rows of each sample's steps. `offsets` `[samples + 1]` are those of the batch; row 0 of
    /// `input` is step `offsets[0]`.
    ///
    /// # Panics
    /// Where an operand has fewer rows than the offsets say.
    pub fn forward_steps<'a, S: Simd>(s: S, offsets: &'a [u32], input: Rows<'a>, output: RowsMut<'a>) {
        let mut output = output;
        for (r, (first, end)) in steps(offsets).enumerate() {
            let mut total = s.splat(0.0);
            let mut column = 0;
            while column < input.width {
                let columns = column..input.width.min(column + S::LANES);
                let (mut sum, mut squares) = (s.splat(0.0), s.splat(0.0));
                for t in first..end {
                    let v = s.load_partial(&input.row(t)[columns.clone()]);
                    sum = s.add(sum, v);
                    squares = s.mul_add(v, v, squares);
                }
                total = s.add(total, s.sub(s.mul(sum, sum), squares));
                column = columns.end;
            }
            output.row(r)[0] = 0.5 * s.reduce_sum(total);
        }
    }
}

kernel! {
    /// Gradient of every step: `d_input (+)= d_output * (sum of the sample's steps - step)`.
    ///
    /// # Panics
    /// As [`forward_steps`].
    pub fn backward_steps<'a, S: Simd>(
        s: S,
        offsets: &'a [u32],
        input: Rows<'a>,
        d_output: Rows<'a>,
        d_input: RowsMut<'a>,
        flow: Flow,
    ) {
        let mut d_input = d_input;
        for (r, (first, end)) in steps(offsets).enumerate() {
            let d = s.splat(d_output.row(r)[0]);
            let mut column = 0;
            while column < input.width {
                let columns = column..input.width.min(column + S::LANES);
                let mut sum = s.splat(0.0);
                for t in first..end {
                    sum = s.add(sum, s.load_partial(&input.row(t)[columns.clone()]));
                }
                for t in first..end {
                    let others = s.sub(sum, s.load_partial(&input.row(t)[columns.clone()]));
                    deliver_product(s, d, others, &mut d_input.row(t)[columns.clone()], flow);
                }
                column = columns.end;
            }
        }
    }
}
