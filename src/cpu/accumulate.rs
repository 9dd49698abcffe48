//! How a gradient is delivered: the first to write overwrites, later ones add.

use super::simd::Simd;
use crate::plan::Accumulate;

/// Delivers a vector's worth of a gradient to `slot`.
#[inline(always)]
pub(super) fn deliver<S: Simd>(s: S, gradient: S::F32, slot: &mut [f32], accumulate: Accumulate) {
    let sum = match accumulate {
        Accumulate::Overwrite => gradient,
        Accumulate::Add => s.add(s.load_partial(slot), gradient),
    };
    s.store_partial(sum, slot);
}

/// [`deliver`] for the gradient `a * b`, which is rounded once together with the sum.
#[inline(always)]
pub(super) fn deliver_product<S: Simd>(s: S, a: S::F32, b: S::F32, slot: &mut [f32], accumulate: Accumulate) {
    let sum = match accumulate {
        Accumulate::Overwrite => s.mul(a, b),
        Accumulate::Add => s.mul_add(a, b, s.load_partial(slot)),
    };
    s.store_partial(sum, slot);
}

/// [`deliver`] for one float.
#[inline(always)]
pub(super) fn deliver_float(gradient: f32, slot: &mut f32, accumulate: Accumulate) {
    *slot = match accumulate {
        Accumulate::Overwrite => gradient,
        Accumulate::Add => *slot + gradient,
    };
}

/// [`deliver`] for a row.
pub(super) fn deliver_row(gradient: &[f32], to: &mut [f32], accumulate: Accumulate) {
    match accumulate {
        Accumulate::Overwrite => to.copy_from_slice(gradient),
        Accumulate::Add => to.iter_mut().zip(gradient).for_each(|(to, d)| *to += d),
    }
}

/// What a sum over rows that ends in `slot` begins from.
#[inline(always)]
pub(super) fn begin<S: Simd>(s: S, slot: &[f32], accumulate: Accumulate) -> S::F32 {
    match accumulate {
        Accumulate::Overwrite => s.splat(0.0),
        Accumulate::Add => s.load_partial(slot),
    }
}
