//! WebAssembly's fixed-width vectors: 4 lanes, in a build with `-C target-feature=+simd128`.
//!
//! Every operation gives [`Scalar`]'s bits: a model that is trained in a browser is the one that plain code trains anywhere. The
//! relaxed multiply-add is faster by an eighth, and rounds as the browser's processor likes.

use core::arch::wasm32::*;

use half::f16;

use super::{Kernel, Scalar, Simd};

/// Proof of 128-bit vectors, which a module that was built with them has wherever it runs.
#[derive(Clone, Copy, Debug)]
pub struct Wasm(());

impl Wasm {
    /// The proof.
    #[inline]
    #[allow(clippy::new_without_default)] // a default would hide that this is a proof
    pub fn new() -> Self {
        Wasm(())
    }
}

#[inline(always)]
fn as_vector([x, y, z, w]: [f32; 4]) -> v128 {
    f32x4(x, y, z, w)
}

#[inline(always)]
fn as_array(x: v128) -> [f32; 4] {
    [
        f32x4_extract_lane::<0>(x),
        f32x4_extract_lane::<1>(x),
        f32x4_extract_lane::<2>(x),
        f32x4_extract_lane::<3>(x),
    ]
}

impl super::Sealed for Wasm {}

impl Simd for Wasm {
    const LANES: usize = 4;
    const TILE_ROWS: &'static [usize] = &[8, 4];
    type F32 = v128;

    #[inline(always)]
    fn vectorize<K: Kernel>(self, kernel: K) -> K::Output {
        kernel.run()
    }

    #[inline(always)]
    fn splat(self, x: f32) -> Self::F32 {
        f32x4_splat(x)
    }

    #[inline(always)]
    fn add(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        f32x4_add(a, b)
    }

    #[inline(always)]
    fn sub(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        f32x4_sub(a, b)
    }

    #[inline(always)]
    fn mul(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        f32x4_mul(a, b)
    }

    #[inline(always)]
    fn div(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        f32x4_div(a, b)
    }

    /// Rounded twice, as in plain code.
    #[inline(always)]
    fn mul_add(self, a: Self::F32, b: Self::F32, c: Self::F32) -> Self::F32 {
        f32x4_add(f32x4_mul(a, b), c)
    }

    #[inline(always)]
    fn max(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        f32x4_pmax(b, a) // `a` where `b < a`, else `b`
    }

    #[inline(always)]
    fn sqrt(self, a: Self::F32) -> Self::F32 {
        f32x4_sqrt(a)
    }

    #[inline(always)]
    fn round(self, a: Self::F32) -> Self::F32 {
        f32x4_nearest(a)
    }

    #[inline(always)]
    fn exp2_whole(self, a: Self::F32) -> Self::F32 {
        i32x4_shl(i32x4_add(i32x4_trunc_sat_f32x4(a), i32x4_splat(127)), 23)
    }

    #[inline(always)]
    fn select_gt(self, a: Self::F32, b: Self::F32, yes: Self::F32, no: Self::F32) -> Self::F32 {
        v128_bitselect(yes, no, f32x4_gt(a, b))
    }

    #[inline(always)]
    fn add_pairs(self, a: Self::F32) -> Self::F32 {
        f32x4_add(i32x4_shuffle::<0, 2, 0, 2>(a, a), i32x4_shuffle::<1, 3, 1, 3>(a, a))
    }

    /// In the order of plain code: lanes 0 and 2, lanes 1 and 3, both.
    #[inline(always)]
    fn reduce_sum(self, a: Self::F32) -> f32 {
        let halves = f32x4_add(a, i32x4_shuffle::<2, 3, 2, 3>(a, a));
        f32x4_extract_lane::<0>(halves) + f32x4_extract_lane::<1>(halves)
    }

    #[inline(always)]
    unsafe fn load_ptr(self, from: *const f32) -> Self::F32 {
        // SAFETY: the caller vouches for LANES floats; the instruction asks for no alignment.
        unsafe { v128_load(from.cast()) }
    }

    #[inline(always)]
    unsafe fn splat_pair_ptr(self, from: *const f32) -> Self::F32 {
        // SAFETY: the caller vouches for two floats; the instruction asks for no alignment.
        unsafe { v128_load64_splat(from.cast()) }
    }

    #[inline(always)]
    unsafe fn store_ptr(self, x: Self::F32, to: *mut f32) {
        // SAFETY: as in load_ptr, for writing.
        unsafe { v128_store(to.cast(), x) }
    }

    #[inline(always)]
    unsafe fn load_ptr_partial(self, from: *const f32, count: usize) -> Self::F32 {
        // SAFETY: the caller's word.
        as_vector(unsafe { Scalar.load_ptr_partial(from, count) })
    }

    #[inline(always)]
    unsafe fn store_ptr_partial(self, x: Self::F32, to: *mut f32, count: usize) {
        // SAFETY: the caller's word.
        unsafe { Scalar.store_ptr_partial(as_array(x), to, count) }
    }

    // Plain code without branches, of which the compiler makes vectors.

    #[inline(always)]
    unsafe fn load_halves_ptr(self, from: *const f16) -> Self::F32 {
        // SAFETY: the caller's word.
        as_vector(unsafe { Scalar.load_halves_ptr(from) })
    }

    #[inline(always)]
    unsafe fn store_halves_ptr(self, x: Self::F32, to: *mut f16) {
        // SAFETY: the caller's word.
        unsafe { Scalar.store_halves_ptr(as_array(x), to) }
    }
}
