//! What rows are kept as in memory: kernels widen them to `f32`, and narrow what they write.

use bytemuck::Pod;
use half::f16;

use super::{InPieces, Sealed, Simd};

/// A float that rows are kept as.
///
/// Sealed, as [`Simd`] is: `f32` and [`f16`](half::f16) are all that there are.
pub trait Stored: Sealed + Pod + Send + Sync {
    /// At most a vector's, filled up with zeros.
    fn load<S: Simd>(s: S, from: &[Self]) -> S::F32;

    /// Fills a slice of at most a vector's, each the nearest that there is.
    fn store<S: Simd>(s: S, x: S::F32, to: &mut [Self]);

    /// The floats that a row is summed up in: `to` itself, where it is of floats, else as many of `sums`.
    fn sums<'a>(to: &'a mut [Self], sums: &'a mut [f32]) -> &'a mut [f32];

    /// Takes a row over that was [summed up](Stored::sums), unless it was there.
    fn take_over<S: Simd>(s: S, sums: &[f32], to: &mut [Self]);
}

impl Sealed for f32 {}

impl Stored for f32 {
    #[inline(always)]
    fn load<S: Simd>(s: S, from: &[f32]) -> S::F32 {
        s.load_partial(from)
    }

    #[inline(always)]
    fn store<S: Simd>(s: S, x: S::F32, to: &mut [f32]) {
        s.store_partial(x, to);
    }

    #[inline(always)]
    fn sums<'a>(to: &'a mut [f32], _: &'a mut [f32]) -> &'a mut [f32] {
        to
    }

    #[inline(always)]
    fn take_over<S: Simd>(_: S, _: &[f32], _: &mut [f32]) {}
}

/// More than any vector has.
const MOST: usize = 32;

impl Sealed for f16 {}

impl Stored for f16 {
    #[inline(always)]
    fn load<S: Simd>(s: S, from: &[f16]) -> S::F32 {
        if from.len() == S::LANES {
            // SAFETY: the slice holds LANES halves.
            return unsafe { s.load_halves_ptr(from.as_ptr()) };
        }
        let mut halves = [f16::ZERO; MOST];
        halves[..S::LANES][..from.len()].copy_from_slice(from);
        // SAFETY: the array holds LANES halves.
        unsafe { s.load_halves_ptr(halves[..S::LANES].as_ptr()) }
    }

    #[inline(always)]
    fn store<S: Simd>(s: S, x: S::F32, to: &mut [f16]) {
        if to.len() == S::LANES {
            // SAFETY: the slice holds LANES halves.
            return unsafe { s.store_halves_ptr(x, to.as_mut_ptr()) };
        }
        let mut halves = [f16::ZERO; MOST];
        // SAFETY: the array holds LANES halves.
        unsafe { s.store_halves_ptr(x, halves[..S::LANES].as_mut_ptr()) };
        to.copy_from_slice(&halves[..to.len()]);
    }

    #[inline(always)]
    fn sums<'a>(to: &'a mut [f16], sums: &'a mut [f32]) -> &'a mut [f32] {
        &mut sums[..to.len()]
    }

    #[inline(always)]
    fn take_over<S: Simd>(s: S, sums: &[f32], to: &mut [f16]) {
        for (sums, to) in sums[..to.len()].pieces(S::LANES).zip(to.pieces_mut(S::LANES)) {
            Self::store(s, s.load_partial(sums), to);
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::{vec, vec::Vec};

    use super::*;
    use crate::cpu::simd::{Isa, Proof, dispatch, kernel};

    kernel! {
        pub fn widen<'a, S: Simd>(s: S, from: &'a [f16], to: &'a mut [f32]) {
            for (from, to) in from.chunks(S::LANES).zip(to.chunks_mut(S::LANES)) {
                s.store_partial(f16::load(s, from), to);
            }
        }
    }

    kernel! {
        pub fn narrow<'a, S: Simd>(s: S, from: &'a [f32], to: &'a mut [f16]) {
            for (from, to) in from.chunks(S::LANES).zip(to.chunks_mut(S::LANES)) {
                f16::store(s, s.load_partial(from), to);
            }
        }
    }

    /// Every half there is, and what lies between, at and beyond them, by the rule of IEEE 754 as the crate `half` has it.
    #[test]
    fn every_half_is_widened_and_narrowed() {
        let halves: Vec<f16> = (0..=u16::MAX).map(f16::from_bits).chain([f16::ONE; 3]).collect();
        let mut floats: Vec<f32> = halves.iter().map(|half| half.to_f32_const()).collect();
        for isa in Isa::available() {
            let mut wide = vec![0.0; halves.len()];
            dispatch!(Proof::new(isa).unwrap(), s => widen(s, &halves, &mut wide));
            let bits = |floats: &[f32]| floats.iter().map(|x| (x.to_bits(), x.is_nan())).collect::<Vec<_>>();
            let numbers = |floats: &[f32]| {
                bits(floats)
                    .into_iter()
                    .map(|(bits, nan)| if nan { 1 } else { bits })
                    .collect::<Vec<_>>()
            };
            assert_eq!(numbers(&wide), numbers(&floats), "{isa}");
        }
        let finite: Vec<f32> = floats.iter().copied().filter(|x| x.is_finite()).collect();
        for (x, next) in finite.iter().zip(&finite[1..]) {
            let between = (x + next) / 2.0;
            floats.extend([
                between,
                f32::from_bits(between.to_bits() + 1),
                f32::from_bits(between.to_bits().max(1) - 1),
            ]);
        }
        floats.extend([65_519.9, 65_520.0, 1e9, -1e30, 1e-8, -1e-30]);
        let want: Vec<u16> = floats
            .iter()
            .map(|&x| f16::from_f32_const(x))
            .map(|half| if half.is_nan() { 1 } else { half.to_bits() })
            .collect();
        for isa in Isa::available() {
            let mut got = vec![f16::ZERO; floats.len()];
            dispatch!(Proof::new(isa).unwrap(), s => narrow(s, &floats, &mut got));
            let got: Vec<u16> = got
                .into_iter()
                .map(|half| if half.is_nan() { 1 } else { half.to_bits() })
                .collect();
            assert_eq!(got, want, "{isa}");
        }
    }
}
