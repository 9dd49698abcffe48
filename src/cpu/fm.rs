//! Second order of a factorisation machine over a tile's rows; the specification is [`ops::fm`].
//!
//! A vector of the factors runs over all fields at a time: sum and sum of squares stay in registers, and the backward
//! pass forms the sum again rather than keeping it. Along a sequence the fields of a sample are the rows of its steps.

use super::{
    accumulate::deliver_product,
    rows::{Rows, RowsMut, steps},
    simd::{InPieces, Items, Run, Simd, kernel},
    tile::{Memory, Operands, StageGradients, TileOp},
};
use crate::{ops, plan::Accumulate};

/// The vectors of a sample, a stride apart.
#[derive(Clone, Copy)]
struct Vectors<'a> {
    data: &'a [f32],
    stride: usize,
    count: usize,
    width: usize,
}

impl<'a> Vectors<'a> {
    /// The fields of a row.
    #[inline(always)]
    fn of_row(row: &'a [f32], factors: usize) -> Self {
        Vectors {
            data: row,
            stride: factors,
            count: row.len() / factors,
            width: factors,
        }
    }

    /// The rows of a sample's steps.
    #[inline(always)]
    fn of_steps(input: Rows<'a>, (first, end): (usize, usize)) -> Self {
        Vectors {
            data: input.data.get(first * input.stride..).unwrap_or_default(),
            stride: input.stride,
            count: end - first,
            width: input.width,
        }
    }

    #[inline(always)]
    fn iter(self) -> Run<impl Items<Item = &'a [f32]>> {
        self.data.pieces(self.stride).take(self.count)
    }

    /// The sum over all pairs.
    #[inline(always)]
    fn pairs<S: Simd>(self, s: S) -> f32 {
        let mut total = s.splat(0.0);
        let mut first = 0;
        while first < self.width {
            let columns = first..self.width.min(first + S::LANES);
            first = columns.end;
            let (mut sum, mut squares) = (s.splat(0.0), s.splat(0.0));
            for vector in self.iter() {
                let v = s.load_partial(&vector[columns.clone()]);
                sum = s.add(sum, v);
                squares = s.mul_add(v, v, squares);
            }
            total = s.add(total, s.sub(s.mul(sum, sum), squares));
        }
        0.5 * s.reduce_sum(total)
    }

    /// `d` times the sum of the other vectors, for each, into slots `stride` apart.
    #[inline(always)]
    fn others<S: Simd>(self, s: S, d: f32, to: &mut [f32], stride: usize, accumulate: Accumulate) {
        let d = s.splat(d);
        let mut first = 0;
        while first < self.width {
            let columns = first..self.width.min(first + S::LANES);
            first = columns.end;
            let mut sum = s.splat(0.0);
            for vector in self.iter() {
                sum = s.add(sum, s.load_partial(&vector[columns.clone()]));
            }
            for (vector, to) in self.iter().zip(to.pieces_mut(stride)) {
                let others = s.sub(sum, s.load_partial(&vector[columns.clone()]));
                deliver_product(s, d, others, &mut to[columns.clone()], accumulate);
            }
        }
    }
}

/// A row is whole fields.
#[inline(always)]
fn check_factors(input: Rows<'_>, factors: usize) {
    assert!(
        factors > 0 && input.width.is_multiple_of(factors),
        "fields of {factors} in {} floats",
        input.width
    );
}

kernel! {
    /// Writes `1/2 sum over factors of ((sum of fields)^2 - sum of fields^2)` into `output`'s one column.
    ///
    /// # Panics
    /// Where an operand has fewer than `rows` rows, or a row is not whole fields of `factors`.
    pub fn forward<'a, S: Simd>(s: S, rows: usize, input: Rows<'a>, factors: usize, output: RowsMut<'a>) {
        check_factors(input, factors);
        let mut output = output;
        for r in 0..rows {
            output.row(r)[0] = Vectors::of_row(input.row(r), factors).pairs(s);
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
        accumulate: Accumulate,
    ) {
        check_factors(input, factors);
        let mut d_input = d_input;
        for r in 0..rows {
            let (vectors, d) = (Vectors::of_row(input.row(r), factors), d_output.row(r)[0]);
            vectors.others(s, d, d_input.row(r), factors, accumulate);
        }
    }
}

kernel! {
    /// [`forward`] over the rows of each sample's steps. `offsets` `[samples + 1]` are those of the batch; row 0 of
    /// `input` is step `offsets[0]`.
    ///
    /// # Panics
    /// Where an operand has fewer rows than the offsets say, or these descend.
    pub fn forward_steps<'a, S: Simd>(s: S, offsets: &'a [u32], input: Rows<'a>, output: RowsMut<'a>) {
        let mut output = output;
        for (r, steps) in steps(offsets).enumerate() {
            output.row(r)[0] = Vectors::of_steps(input, steps).pairs(s);
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
        accumulate: Accumulate,
    ) {
        let RowsMut { data, stride, .. } = d_input;
        for (r, steps) in steps(offsets).enumerate() {
            let to = data.get_mut(steps.0 * stride..).unwrap_or_default();
            Vectors::of_steps(input, steps).others(s, d_output.row(r)[0], to, stride, accumulate);
        }
    }
}

impl TileOp for ops::Fm {
    type Workspace = ();

    fn forward<S: Simd>(&self, s: S, on: &Operands<'_>, _: Memory<'_, ()>, output: RowsMut<'_>) {
        let x = on.activation(self.input);
        match on.offsets(self.input) {
            [] => forward(s, on.rows, x, self.factors, output),
            offsets => forward_steps(s, offsets, x, output),
        }
    }

    fn backward<S: Simd>(&self, s: S, on: &Operands<'_>, _: Memory<'_, ()>, d: &mut StageGradients<'_, '_>) {
        let (x, dy, dx) = (on.activation(self.input), d.output.rows(), d.inputs.of(self.input));
        match on.offsets(self.input) {
            [] => backward(s, on.rows, x, self.factors, dy, dx, d.accumulate[0]),
            offsets => backward_steps(s, offsets, x, dy, dx, d.accumulate[0]),
        }
    }
}
