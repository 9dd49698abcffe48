//! A product whose result is at most half a vector wide, `Y = X W^T`: two depth steps to a vector.
//!
//! In a panel of [`matmul`](super::matmul) half the lanes would be empty, and each multiply-add would come with a load of
//! its own, the broadcast. Here a vector of the weight has two neighbouring depth steps of each output side by side, two
//! floats of a row are broadcast together, and neighbouring lanes are added up at the end.

use super::{
    InPieces, Simd,
    matmul::{Shape, position},
    unrolled,
};
use crate::cpu::rows::{Rows, RowsMut};

/// Whether a layer of these sizes is one for pairs.
pub(crate) fn fits<S: Simd>(outputs: usize, inputs: usize) -> bool {
    outputs > 1 && outputs <= S::LANES / 2 && inputs.is_multiple_of(2)
}

/// Floats of a packed weight with that many inputs.
pub(crate) fn packed_len<S: Simd>(inputs: usize) -> usize {
    inputs / 2 * S::LANES
}

/// Packs a weight `[outputs, inputs]`: lanes `2 n` and `2 n + 1` of vector `k` are inputs `2 k` and `2 k + 1` of output `n`.
#[inline(always)]
pub(crate) fn pack<S: Simd>(_: S, weight: &[f32], inputs: usize, to: &mut [f32]) {
    for (n, row) in weight.whole_pieces(inputs).enumerate() {
        for (vector, pair) in to.whole_pieces_mut(S::LANES).zip(row.whole_pieces(2)) {
            (vector[2 * n], vector[2 * n + 1]) = (pair[0], pair[1]);
        }
    }
}

/// `y = x weight^T + bias`, then ReLU if asked for. An empty `bias` is none.
///
/// # Panics
/// Where an operand is shorter than the shape and its stride say, or the shape does not [fit](fits).
#[inline(always)]
pub(crate) fn multiply<S: Simd>(
    s: S,
    shape: Shape,
    x: Rows<'_>,
    weight: &[f32],
    bias: &[f32],
    relu: bool,
    y: RowsMut<'_>,
) {
    let Shape { rows, columns, depth } = shape;
    if rows == 0 {
        return;
    }
    assert!(fits::<S>(columns, depth) && weight.len() >= packed_len::<S>(depth));
    assert!(position(rows - 1, x.stride, 1, depth) <= x.data.len());
    assert!(position(rows - 1, y.stride, 1, columns) <= y.data.len());
    let context = Context {
        x,
        pairs: depth / 2,
        weight: weight.as_ptr(),
        bias: if bias.is_empty() {
            s.splat(0.0)
        } else {
            s.load_partial(&bias[..columns])
        },
        relu,
        columns,
    };
    let (mut row, mut y, stride) = (0, y.data.as_mut_ptr(), y.stride);
    macro_rules! tiles {
        ($rows:literal) => {
            while rows - row >= $rows {
                // SAFETY: the assertions above hold for the last row, so for all; y moves on with them.
                unsafe {
                    tile::<S, $rows>(s, &context, row, y, stride);
                    y = y.wrapping_add($rows * stride);
                }
                row += $rows;
            }
        };
    }
    tiles!(8);
    tiles!(4);
    tiles!(2);
    tiles!(1);
}

struct Context<'a, S: Simd> {
    x: Rows<'a>,
    /// Pairs of depth steps.
    pairs: usize,
    weight: *const f32,
    bias: S::F32,
    relu: bool,
    columns: usize,
}

/// `R` rows from `row` on, whose results go to `y`.
///
/// # Safety
/// x must be readable at these rows and the weight at `pairs` vectors; y must be writable for `columns` at as many rows.
#[inline(always)]
unsafe fn tile<S: Simd, const R: usize>(s: S, context: &Context<'_, S>, row: usize, y: *mut f32, stride: usize) {
    // SAFETY: see above; a row has two floats a pair.
    unsafe {
        let x = context.x.data.as_ptr().add(row * context.x.stride);
        let mut sums = [s.splat(0.0); R];
        for pair in 0..context.pairs {
            let right = s.load_ptr(context.weight.add(pair * S::LANES));
            unrolled!(r < R => {
                let left = s.splat_pair_ptr(x.add(r * context.x.stride + 2 * pair));
                sums[r] = s.mul_add(left, right, sums[r]);
            });
        }
        unrolled!(r < R => {
            let sum = s.add(s.add_pairs(sums[r]), context.bias);
            // In this order a NaN stays one.
            let sum = if context.relu { s.max(s.splat(0.0), sum) } else { sum };
            s.store_ptr_partial(sum, y.add(r * stride), context.columns);
        });
    }
}
