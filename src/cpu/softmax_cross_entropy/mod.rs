//! Softmax cross-entropy over the samples of a block; the specification is
//! [`ops::softmax_cross_entropy`](crate::ops::softmax_cross_entropy).
//!
//! Of a block of `B` samples with vectors of `d` columns, the work is three products of matrices: the scores `S = U V^T`, and
//! with `E = exp(S - max)` the sums `E V` and `E^T U`. It is done for [`QUERIES`] rows of `U` at a time, so that their part of
//! `S` stays in the second-level cache from the first product to the last:
//!
//! ```text
//! for each run of QUERIES queries:                    layout
//!     for each panel of COLUMNS candidates:           S: [panels, QUERIES, COLUMNS]; V^T: [panels, d, COLUMNS]
//!         S[panel] = U V^T[panel] - log q
//!     leave out, with the largest exponent of each row: E = exp(S - max), sum, loss
//!     share[row] = log_sum * weight / rows / sum
//!     for each panel:
//!         dU += E[panel] V[panel]                     times share, at the end
//!         dV[panel] += E[panel]^T (share * U)
//! ```
//!
//! The terms of the samples' own scores come to the gradients when a tile fetches them, and so does the way
//! through the vectors' lengths where cosines are taken. A run of queries has a `dV` of its own (`Blocks`), these are added
//! up in a fixed order: the bits do not depend on threads.
//!
//! Tried in thought and left: recomputing `S` for `dV` saves the partial sums, a few megabytes, and costs a fourth product.

mod blocks;
mod cut;
mod known;
mod reads;
mod tile;

pub(super) use blocks::{Blocks, front};
pub(super) use cut::OverLists;
pub(super) use known::{AgainstList, KnownList, against_list};
pub(super) use tile::fetch;

use super::{
    math::exp_nonpositive,
    rows::{Rows, RowsMut},
    simd::{
        InPieces, Simd, kernel,
        matmul::{Left, Panels, Shape, Start, multiply},
    },
};
use crate::plan::Accumulate;

/// Queries whose scores are worked on together.
pub const QUERIES: usize = 64;
/// Candidates of a panel of scores at most.
pub const COLUMNS: usize = 64;
/// The exponent of what is left out.
const LEFT_OUT: f32 = -1e30;
/// Exponentials of less, against the largest, are 0: below 1e-37, products with them would not be normal numbers.
const LOWEST: f32 = -86.0;

/// A block, as every run of its queries reads it.
#[derive(Clone, Copy, Debug)]
pub struct Block<'a> {
    /// Scaled by 1 / temperature.
    pub queries: Rows<'a>,
    /// As many.
    pub candidates: Rows<'a>,
    /// The candidates' columns, `[panels, width, columns]`.
    pub transposed: &'a [f32],
    /// What is added to the scores, `[panels, columns]`: [`Block::NONE`] where there is no candidate.
    pub offsets: &'a [f32],
    /// Number of candidates.
    pub len: usize,
    /// Candidates of a panel.
    pub columns: usize,
}

impl Block<'_> {
    /// The offset behind the last candidate.
    pub const NONE: f32 = LEFT_OUT;

    /// Panels of candidates.
    fn panels(&self) -> usize {
        self.len.div_ceil(self.columns)
    }

    /// Candidates of a panel.
    fn count(&self, panel: usize) -> usize {
        self.columns.min(self.len - panel * self.columns)
    }
}

/// Scores of `rows` queries from `first` on: `[panels, rows, columns]`.
pub fn scores<S: Simd>(s: S, block: &Block<'_>, first: usize, rows: usize, scores: &mut [f32]) {
    let (depth, columns) = (block.queries.width, block.columns);
    for panel in 0..block.panels() {
        let transposed = Rows {
            data: &block.transposed[panel * depth * columns..],
            stride: columns,
            width: columns,
        };
        let shape = Shape { rows, columns, depth };
        let (left, right) = (
            Left::by_row(block.queries.from_row(first)),
            Panels::of_rows(s, transposed),
        );
        let start = Start::Bias(&block.offsets[panel * columns..]);
        multiply(
            s,
            shape,
            left,
            right,
            start,
            &mut scores[panel * rows * columns..],
            columns,
        );
    }
}

kernel! {
    /// Turns the scores of a shape `[rows, columns, panels]` into exponentials, less the largest of each row: of so many
    /// queries, over panels of so many candidates. `largest` has what they are at least, and gets the largest; the sums go to
    /// `sums`.
    ///
    /// # Panics
    /// Where there is less of anything, or `columns` is no multiple of the lanes.
    pub fn exponentials<'a, S: Simd>(
        s: S,
        shape: [usize; 3],
        scores: &'a mut [f32],
        largest: &'a mut [f32],
        sums: &'a mut [f32],
    ) {
        let [rows, columns, panels] = shape;
        assert!(columns.is_multiple_of(S::LANES));
        for r in 0..rows {
            let row = |panel: usize| (panel * rows + r) * columns..(panel * rows + r + 1) * columns;
            let mut most = s.splat(largest[r]);
            for panel in 0..panels {
                for x in scores[row(panel)].whole_pieces(S::LANES) {
                    most = s.max(most, s.load(x));
                }
            }
            let mut lanes = [0.0; 16];
            s.store(most, &mut lanes);
            let mut most = largest[r];
            for &x in lanes[..S::LANES].elements() {
                most = most.max(x);
            }
            let mut sum = s.splat(0.0);
            for panel in 0..panels {
                for x in scores[row(panel)].whole_pieces_mut(S::LANES) {
                    let t = s.sub(s.load(x), s.splat(most));
                    // Nothing where it would be next to nothing, as of what is left out. In this order a NaN stays one.
                    let e = s.select_gt(s.splat(LOWEST), t, s.splat(0.0), exp_nonpositive(s, t));
                    sum = s.add(sum, e);
                    s.store(e, x);
                }
            }
            (largest[r], sums[r]) = (most, s.reduce_sum(sum));
        }
    }
}

/// From the exponentials `[panels, rows, columns]` of `rows` queries, those sums over candidates which the queries' gradients
/// are made of, and into `d_candidates` those over queries, which are `weighted`.
#[allow(clippy::too_many_arguments)] // operands with their shapes
pub fn products<S: Simd>(
    s: S,
    block: &Block<'_>,
    rows: usize,
    exponentials: &[f32],
    weighted: Rows<'_>,
    d_queries: &mut RowsMut<'_>,
    d_candidates: &mut RowsMut<'_>,
    accumulate: Accumulate,
) {
    let (width, columns) = (block.queries.width, block.columns);
    if block.len == 0 {
        (0..rows).for_each(|r| d_queries.row(r).fill(0.0));
    }
    for panel in 0..block.panels() {
        let (of_panel, count) = (
            &exponentials[panel * rows * columns..][..rows * columns],
            block.count(panel),
        );
        let candidates = block.candidates.from_row(panel * columns);
        let of_queries = Shape {
            rows,
            columns: width,
            depth: count,
        };
        let by_row = Left {
            data: of_panel,
            row_stride: columns,
            depth_stride: 1,
        };
        let start = if panel == 0 { Start::Zero } else { Start::Output };
        multiply(
            s,
            of_queries,
            by_row,
            Panels::of_rows(s, candidates),
            start,
            d_queries.data,
            d_queries.stride,
        );
        let of_candidates = Shape {
            rows: count,
            columns: width,
            depth: rows,
        };
        let by_column = Left {
            data: of_panel,
            row_stride: 1,
            depth_stride: columns,
        };
        let to = &mut d_candidates.data[panel * columns * d_candidates.stride..];
        let stride = d_candidates.stride;
        multiply(
            s,
            of_candidates,
            by_column,
            Panels::of_rows(s, weighted),
            accumulate.into(),
            to,
            stride,
        );
    }
}
