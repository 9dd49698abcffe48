//! Elementwise product of a tile's rows; the specification is [`ops::product`](crate::ops::product).

use super::{
    rows::{Rows, RowsMut},
    simd::Simd,
};
use crate::plan::Flow;

/// `output = left * right`.
///
/// # Panics
/// Where an operand has fewer than `rows` rows or another width.
pub fn forward<S: Simd>(s: S, rows: usize, left: Rows<'_>, right: Rows<'_>, mut output: RowsMut<'_>) {
    s.vectorize(|| {
        for r in 0..rows {
            let (left, right) = (left.row(r), right.row(r));
            for_lanes(s, left, right, output.row(r), |a, b, _| s.mul(a, b));
        }
    });
}

/// Gradient of one factor: `d_input (+)= d_output * other`.
///
/// # Panics
/// As [`forward`].
pub fn backward<S: Simd>(s: S, rows: usize, d_output: Rows<'_>, other: Rows<'_>, mut d_input: RowsMut<'_>, flow: Flow) {
    s.vectorize(|| {
        for r in 0..rows {
            let (d, other) = (d_output.row(r), other.row(r));
            match flow {
                Flow::Write => for_lanes(s, d, other, d_input.row(r), |d, other, _| s.mul(d, other)),
                Flow::Add => for_lanes(s, d, other, d_input.row(r), |d, other, sum| s.mul_add(d, other, sum)),
            }
        }
    });
}

/// `c = f(a, b, c)` by vectors.
#[inline(always)]
fn for_lanes<S: Simd>(s: S, a: &[f32], b: &[f32], c: &mut [f32], f: impl Fn(S::F32, S::F32, S::F32) -> S::F32) {
    let whole = c.len() - c.len() % S::LANES;
    let ((a, a_tail), (b, b_tail)) = (a.split_at(whole), b.split_at(whole));
    let (c, c_tail) = c.split_at_mut(whole);
    let vectors = a.chunks_exact(S::LANES).zip(b.chunks_exact(S::LANES));
    for ((a, b), c) in vectors.zip(c.chunks_exact_mut(S::LANES)) {
        s.store(f(s.load(a), s.load(b), s.load(c)), c);
    }
    if !c_tail.is_empty() {
        let x = f(s.load_partial(a_tail), s.load_partial(b_tail), s.load_partial(c_tail));
        s.store_partial(x, c_tail);
    }
}
