//! Weighted least squares for many rows that share a table: the half of an iteration of alternating least squares.
//!
//! A row has some ids into a table `y [n, width]`, and its solution is
//!
//! ```text
//! x = (B + l2 I + sum over ids y_i y_i^T)^-1 sum over ids y_i
//! ```
//!
//! with a matrix `B` that all rows share, of the form `weight * y^T y` ([`gram`]). The matrix of a row is never formed where gradients
//! are conjugate ([`descend`]): a step multiplies many rows by `B` at once, by the register tile of `simd::matmul`, and each
//! row by its own part in two passes over the table's rows that it has, which are in the nearest cache after the first. Exact
//! solutions form it ([`Solver`]) and factorise it.
//!
//! Widths are whole vectors of any instruction set ([`padded`]); what lies beyond a row's columns is zero and stays so.

mod cholesky;
mod gradients;

pub(crate) use cholesky::Solver;
pub(crate) use gradients::{Memory, descend};

use alloc::{vec, vec::Vec};

use super::{
    Workers,
    aligned::AlignedVec,
    rows::Rows,
    simd::{
        Simd, dispatch,
        matmul::{Left, Panels, Shape, Start, multiply},
        prefetch_row,
    },
};

/// Rows of a table that are summed in `f32` before they join the sum in `f64`, unless that makes more than [`PARTIALS`].
const RUN: usize = 2048;
/// Partials of a Gram matrix at most.
const PARTIALS: usize = 256;
/// Rows that are asked for ahead of their use.
const AHEAD: usize = 8;
/// Rows of a table that are multiplied together: what they share is loaded once.
const TOGETHER: usize = 4;

/// The width of rows with so many columns.
pub(crate) fn padded(columns: usize) -> usize {
    columns.next_multiple_of(16)
}

/// `y^T y`, `[width, width]`. The runs that are added up depend on the number of rows alone.
pub(crate) fn gram(workers: &mut Workers, y: &[f32], width: usize) -> Vec<f64> {
    let rows = y.len() / width;
    let run = RUN.max(rows.div_ceil(PARTIALS));
    let mut partials: Vec<(&[f32], AlignedVec)> = y
        .chunks(run * width)
        .map(|rows| (rows, AlignedVec::zeros(width * width)))
        .collect();
    let proof = workers.proof;
    workers.for_each(
        || (),
        &mut partials,
        |(), (rows, sum)| {
            dispatch!(proof, s => {
                let shape = Shape { rows: width, columns: width, depth: rows.len() / width };
                let rows = Rows { data: rows, stride: width, width };
                multiply(s, shape, Left::by_column(rows), Panels::of_rows(s, rows), Start::Zero, sum, width);
            })
        },
    );
    let mut gram = vec![0.0; width * width];
    for (_, partial) in &partials {
        gram.iter_mut()
            .zip(&partial[..])
            .for_each(|(sum, &part)| *sum += f64::from(part));
    }
    gram
}

/// `out += sum over ids (constant + sign * x . y_i) y_i`, of whole vectors.
#[inline(always)]
fn fold_rows<S: Simd>(s: S, y: Rows<'_>, ids: &[u32], constant: f32, sign: f32, x: &[f32], out: &mut [f32]) {
    let width = y.width;
    let (x, out) = (&x[..width], &mut out[..width]);
    let mut blocks = ids.chunks_exact(TOGETHER);
    let mut ahead = ids.iter().skip(AHEAD);
    for block in &mut blocks {
        ahead
            .by_ref()
            .take(TOGETHER)
            .for_each(|&id| prefetch_row(y.data, id as usize * y.stride, width));
        let rows: [&[f32]; TOGETHER] = core::array::from_fn(|n| y.row(block[n] as usize));
        let mut sums = [s.splat(0.0); TOGETHER];
        for at in (0..width).step_by(S::LANES) {
            let x = s.load(&x[at..at + S::LANES]);
            for (sum, row) in sums.iter_mut().zip(&rows) {
                *sum = s.mul_add(s.load(&row[at..at + S::LANES]), x, *sum);
            }
        }
        let factors = sums.map(|sum| s.splat(constant + sign * s.reduce_sum(sum)));
        for at in (0..width).step_by(S::LANES) {
            let mut sum = s.load(&out[at..at + S::LANES]);
            for (&factor, row) in factors.iter().zip(&rows) {
                sum = s.mul_add(factor, s.load(&row[at..at + S::LANES]), sum);
            }
            s.store(sum, &mut out[at..at + S::LANES]);
        }
    }
    for &id in blocks.remainder() {
        let row = y.row(id as usize);
        let factor = s.splat(constant + sign * dot(s, row, x));
        for at in (0..width).step_by(S::LANES) {
            let sum = s.mul_add(factor, s.load(&row[at..at + S::LANES]), s.load(&out[at..at + S::LANES]));
            s.store(sum, &mut out[at..at + S::LANES]);
        }
    }
}

/// Of whole vectors.
#[inline(always)]
fn dot<S: Simd>(s: S, a: &[f32], b: &[f32]) -> f32 {
    let mut sum = s.splat(0.0);
    for (a, b) in a.chunks_exact(S::LANES).zip(b.chunks_exact(S::LANES)) {
        sum = s.mul_add(s.load(a), s.load(b), sum);
    }
    s.reduce_sum(sum)
}

/// `to += factor * from`, of whole vectors.
#[inline(always)]
fn add_scaled<S: Simd>(s: S, factor: f32, from: &[f32], to: &mut [f32]) {
    let factor = s.splat(factor);
    for (to, from) in to.chunks_exact_mut(S::LANES).zip(from.chunks_exact(S::LANES)) {
        s.store(s.mul_add(factor, s.load(from), s.load(to)), to);
    }
}
