//! AVX-512F: 16 lanes, 32 registers, masked tails.

use core::arch::x86_64::*;

use half::f16;

use super::{Kernel, Simd};

/// Proof that this processor has AVX-512F.
#[derive(Clone, Copy, Debug)]
pub struct Avx512(());

impl Avx512 {
    /// The proof, where the processor has it.
    #[inline]
    pub fn new() -> Option<Self> {
        #[cfg(feature = "std")]
        let available = std::is_x86_feature_detected!("avx512f");
        #[cfg(not(feature = "std"))]
        let available = cfg!(target_feature = "avx512f");
        available.then_some(Avx512(()))
    }
}

/// The lowest `count` bits.
#[inline(always)]
fn mask(count: usize) -> __mmask16 {
    ((1u32 << count.min(16)) - 1) as __mmask16
}

impl super::Sealed for Avx512 {}

impl Simd for Avx512 {
    const LANES: usize = 16;
    const TILE_ROWS: &'static [usize] = &[8, 8, 8, 6];
    type F32 = __m512;

    #[inline(always)]
    fn vectorize<K: Kernel>(self, kernel: K) -> K::Output {
        #[target_feature(enable = "avx512f")]
        fn enabled<K: Kernel>(kernel: K) -> K::Output {
            kernel.run()
        }
        // SAFETY: `self` proves that the processor has the features.
        unsafe { enabled(kernel) }
    }

    #[inline(always)]
    fn splat(self, x: f32) -> Self::F32 {
        // SAFETY: `self` proves that the processor has the instruction.
        unsafe { _mm512_set1_ps(x) }
    }

    #[inline(always)]
    fn add(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        // SAFETY: `self` proves that the processor has the instruction.
        unsafe { _mm512_add_ps(a, b) }
    }

    #[inline(always)]
    fn sub(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        // SAFETY: `self` proves that the processor has the instruction.
        unsafe { _mm512_sub_ps(a, b) }
    }

    #[inline(always)]
    fn mul(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        // SAFETY: `self` proves that the processor has the instruction.
        unsafe { _mm512_mul_ps(a, b) }
    }

    #[inline(always)]
    fn div(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        // SAFETY: `self` proves that the processor has the instruction.
        unsafe { _mm512_div_ps(a, b) }
    }

    #[inline(always)]
    fn mul_add(self, a: Self::F32, b: Self::F32, c: Self::F32) -> Self::F32 {
        // SAFETY: `self` proves that the processor has the instruction.
        unsafe { _mm512_fmadd_ps(a, b, c) }
    }

    #[inline(always)]
    fn max(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        // SAFETY: `self` proves that the processor has the instruction.
        unsafe { _mm512_max_ps(a, b) }
    }

    #[inline(always)]
    fn sqrt(self, a: Self::F32) -> Self::F32 {
        // SAFETY: `self` proves that the processor has the instruction.
        unsafe { _mm512_sqrt_ps(a) }
    }

    #[inline(always)]
    fn round(self, a: Self::F32) -> Self::F32 {
        // SAFETY: `self` proves that the processor has the instruction.
        unsafe { _mm512_roundscale_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(a) }
    }

    #[inline(always)]
    fn exp2_whole(self, a: Self::F32) -> Self::F32 {
        // SAFETY: `self` proves that the processor has the instruction.
        unsafe {
            let biased = _mm512_add_epi32(_mm512_cvtps_epi32(a), _mm512_set1_epi32(127));
            _mm512_castsi512_ps(_mm512_slli_epi32::<23>(biased))
        }
    }

    #[inline(always)]
    fn select_gt(self, a: Self::F32, b: Self::F32, yes: Self::F32, no: Self::F32) -> Self::F32 {
        // SAFETY: `self` proves that the processor has the instruction.
        unsafe { _mm512_mask_blend_ps(_mm512_cmp_ps_mask::<_CMP_GT_OQ>(a, b), no, yes) }
    }

    #[inline(always)]
    fn add_pairs(self, a: Self::F32) -> Self::F32 {
        // SAFETY: `self` proves that the processor has the instruction.
        unsafe { _mm512_maskz_compress_ps(0x5555, _mm512_add_ps(a, _mm512_permute_ps::<0b10_11_00_01>(a))) }
    }

    #[inline(always)]
    fn reduce_sum(self, a: Self::F32) -> f32 {
        // SAFETY: `self` proves that the processor has the instruction.
        unsafe { _mm512_reduce_add_ps(a) }
    }

    #[inline(always)]
    unsafe fn load_ptr(self, from: *const f32) -> Self::F32 {
        // SAFETY: `self` proves the instruction, the caller the memory.
        unsafe { _mm512_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn splat_pair_ptr(self, from: *const f32) -> Self::F32 {
        // SAFETY: `self` proves the instruction, the caller the memory.
        unsafe { _mm512_castpd_ps(_mm512_set1_pd(from.cast::<f64>().read_unaligned())) }
    }

    #[inline(always)]
    unsafe fn store_ptr(self, x: Self::F32, to: *mut f32) {
        // SAFETY: `self` proves the instruction, the caller the memory.
        unsafe { _mm512_storeu_ps(to, x) }
    }

    #[inline(always)]
    unsafe fn load_ptr_partial(self, from: *const f32, count: usize) -> Self::F32 {
        // SAFETY: `self` proves the instruction, the caller the memory; masked lanes are not touched.
        unsafe { _mm512_maskz_loadu_ps(mask(count), from) }
    }

    #[inline(always)]
    unsafe fn store_ptr_partial(self, x: Self::F32, to: *mut f32, count: usize) {
        // SAFETY: `self` proves the instruction, the caller the memory; masked lanes are not touched.
        unsafe { _mm512_mask_storeu_ps(to, mask(count), x) }
    }

    #[inline(always)]
    unsafe fn load_halves_ptr(self, from: *const f16) -> Self::F32 {
        // SAFETY: `self` proves the instruction, the caller the memory.
        unsafe { _mm512_cvtph_ps(_mm256_loadu_si256(from.cast())) }
    }

    #[inline(always)]
    unsafe fn store_halves_ptr(self, x: Self::F32, to: *mut f16) {
        // SAFETY: `self` proves the instruction, the caller the memory.
        unsafe {
            let halves = _mm512_cvtps_ph::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(x);
            _mm256_storeu_si256(to.cast(), halves);
        }
    }
}
