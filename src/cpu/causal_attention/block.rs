//! A block of steps' scores: their softmax and its gradients.

use super::QUERIES;
use crate::cpu::{
    aligned::AlignedVec,
    math::exp_nonpositive,
    rows::{Rows, RowsMut},
    simd::{
        InPieces, Simd, kernel,
        matmul::{Left, Panels, Shape, Start, multiply},
        unrolled,
    },
};
use crate::plan::padded;

/// Steps of a sample whose scores are computed together.
pub(super) struct Block {
    pub first: usize,
    pub rows: usize,
    /// Steps up to the block's last.
    pub keys: usize,
}

impl Block {
    /// A product with a row for each of the block's.
    pub fn product(&self, columns: usize, depth: usize) -> Shape {
        Shape {
            rows: self.rows,
            columns,
            depth,
        }
    }
}

pub(super) fn blocks(steps: usize) -> impl DoubleEndedIterator<Item = Block> {
    (0..steps.div_ceil(QUERIES)).map(move |block| {
        let first = block * QUERIES;
        let keys = steps.min(first + QUERIES);
        Block {
            first,
            rows: keys - first,
            keys,
        }
    })
}

/// The softmax of a block's scores, 0 beyond each row's own step.
pub(super) fn attend<'a, S: Simd>(
    s: S,
    block: &Block,
    query: Rows<'_>,
    keys: Rows<'_>,
    p: &'a mut AlignedVec,
) -> Rows<'a> {
    let (width, stride) = (query.width, keys.stride);
    let left = Left::by_row(query.from_row(block.first));
    let shape = block.product(block.keys, width);
    multiply(s, shape, left, of_columns(s, keys, block.keys), Start::Zero, p, stride);
    let scores = |data| RowsMut {
        data,
        stride,
        width: block.keys,
    };
    softmax(
        s,
        block.rows,
        block.first,
        1.0 / libm::sqrtf(width as f32),
        scores(&mut p[..]),
    );
    Rows {
        data: p,
        stride,
        width: block.keys,
    }
}

/// The first `columns` columns of a transposed matrix.
pub(super) fn of_columns<S: Simd>(s: S, transposed: Rows<'_>, columns: usize) -> Panels<'_> {
    Panels::of_rows(
        s,
        Rows {
            width: columns,
            ..transposed
        },
    )
}

kernel! {
    /// `steps` rows with a column a row: `to[i, r] = from[r, i]`.
    ///
    /// # Panics
    /// Where there are fewer rows, or less room.
    pub fn transpose_into<'a, S: Simd>(s: S, steps: usize, from: Rows<'a>, to: &'a mut [f32], stride: usize) {
        let _ = s; // eight rows at a time fill half a line of each column
        for first in (0..steps).step_by(8) {
            let count = 8.min(steps - first);
            let mut rows: [&[f32]; 8] = [&[]; 8];
            unrolled!(r < 8 => rows[r] = from.row(first + r.min(count - 1)));
            for i in 0..from.width {
                let to = &mut to[i * stride + first..][..count];
                for (to, row) in to.elements_mut().zip(rows.elements()) {
                    *to = row[i];
                }
            }
        }
    }
}

pub(super) fn transpose<'a, S: Simd>(s: S, steps: usize, from: Rows<'_>, to: &'a mut AlignedVec) -> Rows<'a> {
    let stride = padded(steps);
    transpose_into(s, steps, from, to, stride);
    Rows {
        data: to,
        stride,
        width: steps,
    }
}

kernel! {
    /// Makes each row's first `first + row + 1` scores, times `scale`, their softmax, and the rest 0.
    ///
    /// # Panics
    /// Where there are fewer rows, or they are shorter.
    pub fn softmax<'a, S: Simd>(s: S, rows: usize, first: usize, scale: f32, scores: RowsMut<'a>) {
        let mut scores = scores;
        for r in 0..rows {
            let (row, rest) = scores.row(r).split_at_mut(first + r + 1);
            rest.fill(0.0);
            let largest = s.splat(largest(s, row));
            let (scale, mut sums) = (s.splat(scale), s.splat(0.0));
            let whole = row.len() - row.len() % S::LANES;
            let (body, tail) = row.split_at_mut(whole);
            for slot in body.whole_pieces_mut(S::LANES) {
                let x = exp_nonpositive(s, s.mul(s.sub(s.load(slot), largest), scale));
                sums = s.add(sums, x);
                s.store(x, slot);
            }
            let mut total = s.reduce_sum(sums);
            if !tail.is_empty() {
                let x = exp_nonpositive(s, s.mul(s.sub(s.load_partial(tail), largest), scale));
                s.store_partial(x, tail);
                total += tail.iter().sum::<f32>();
            }
            let share = s.splat(1.0 / total);
            for slot in row.pieces_mut(S::LANES) {
                s.store_partial(s.mul(s.load_partial(slot), share), slot);
            }
        }
    }
}

/// The largest of some floats.
#[inline(always)]
fn largest<S: Simd>(s: S, row: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; 16];
    if row.len() >= S::LANES {
        let mut most = s.load(row);
        for x in row.whole_pieces(S::LANES) {
            most = s.max(most, s.load(x));
        }
        s.store(most, &mut lanes);
    }
    let mut largest = f32::NEG_INFINITY;
    for &x in lanes.elements() {
        largest = largest.max(x);
    }
    for &x in row[row.len() - row.len() % S::LANES..].elements() {
        largest = largest.max(x);
    }
    largest
}

kernel! {
    /// From the gradient of each row's softmax `p` to that of its scores before `scale`, in place: `p (d - <p, d>) scale` in
    /// its first `first + row + 1` columns, 0 in the rest.
    ///
    /// # Panics
    /// As [`softmax`].
    pub fn score_gradients<'a, S: Simd>(s: S, rows: usize, first: usize, p: Rows<'a>, scale: f32, d: RowsMut<'a>) {
        let mut d = d;
        for r in 0..rows {
            let (row, rest) = d.row(r).split_at_mut(first + r + 1);
            rest.fill(0.0);
            let p = &p.row(r)[..first + r + 1];
            let mut mean = s.splat(0.0);
            for (p, d) in p.pieces(S::LANES).zip(row.pieces(S::LANES)) {
                mean = s.mul_add(s.load_partial(p), s.load_partial(d), mean);
            }
            let mean = s.splat(s.reduce_sum(mean));
            for (p, slot) in p.pieces(S::LANES).zip(row.pieces_mut(S::LANES)) {
                let p = s.mul(s.load_partial(p), s.splat(scale));
                s.store_partial(s.mul(p, s.sub(s.load_partial(slot), mean)), slot);
            }
        }
    }
}
