//! AVX2 with FMA and F16C, which came with it: 8 lanes, 16 registers.

use core::arch::x86_64::*;

use half::f16;

use super::{Kernel, Simd};

/// Proof that this processor has AVX2, FMA and F16C.
#[derive(Clone, Copy, Debug)]
pub struct Avx2(());

impl Avx2 {
    /// The proof, where the processor has it.
    #[inline]
    pub fn new() -> Option<Self> {
        #[cfg(feature = "std")]
        let available = std::is_x86_feature_detected!("avx2")
            && std::is_x86_feature_detected!("fma")
            && std::is_x86_feature_detected!("f16c");
        #[cfg(not(feature = "std"))]
        let available = cfg!(all(
            target_feature = "avx2",
            target_feature = "fma",
            target_feature = "f16c"
        ));
        available.then_some(Avx2(()))
    }
}

/// Sign bits set in the lowest `count` lanes.
///
/// # Safety
/// The processor must have AVX2.
#[inline(always)]
unsafe fn mask(count: usize) -> __m256i {
    // SAFETY: the caller vouches for AVX2.
    unsafe {
        _mm256_cmpgt_epi32(
            _mm256_set1_epi32(count as i32),
            _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7),
        )
    }
}

impl super::Sealed for Avx2 {}

impl Simd for Avx2 {
    const LANES: usize = 8;
    const TILE_ROWS: &'static [usize] = &[8, 6];
    type F32 = __m256;

    #[inline(always)]
    fn vectorize<K: Kernel>(self, kernel: K) -> K::Output {
        #[target_feature(enable = "avx2,fma,f16c")]
        fn enabled<K: Kernel>(kernel: K) -> K::Output {
            kernel.run()
        }
        // SAFETY: `self` proves that the processor has the features.
        unsafe { enabled(kernel) }
    }

    #[inline(always)]
    fn splat(self, x: f32) -> Self::F32 {
        // SAFETY: `self` proves that the processor has the instruction.
        unsafe { _mm256_set1_ps(x) }
    }

    #[inline(always)]
    fn add(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        // SAFETY: `self` proves that the processor has the instruction.
        unsafe { _mm256_add_ps(a, b) }
    }

    #[inline(always)]
    fn sub(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        // SAFETY: `self` proves that the processor has the instruction.
        unsafe { _mm256_sub_ps(a, b) }
    }

    #[inline(always)]
    fn mul(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        // SAFETY: `self` proves that the processor has the instruction.
        unsafe { _mm256_mul_ps(a, b) }
    }

    #[inline(always)]
    fn div(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        // SAFETY: `self` proves that the processor has the instruction.
        unsafe { _mm256_div_ps(a, b) }
    }

    #[inline(always)]
    fn mul_add(self, a: Self::F32, b: Self::F32, c: Self::F32) -> Self::F32 {
        // SAFETY: `self` proves that the processor has the instruction.
        unsafe { _mm256_fmadd_ps(a, b, c) }
    }

    #[inline(always)]
    fn max(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        // SAFETY: `self` proves that the processor has the instruction.
        unsafe { _mm256_max_ps(a, b) }
    }

    #[inline(always)]
    fn sqrt(self, a: Self::F32) -> Self::F32 {
        // SAFETY: `self` proves that the processor has the instruction.
        unsafe { _mm256_sqrt_ps(a) }
    }

    #[inline(always)]
    fn round(self, a: Self::F32) -> Self::F32 {
        // SAFETY: `self` proves that the processor has the instruction.
        unsafe { _mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(a) }
    }

    #[inline(always)]
    fn exp2_whole(self, a: Self::F32) -> Self::F32 {
        // SAFETY: `self` proves that the processor has the instruction.
        unsafe {
            let biased = _mm256_add_epi32(_mm256_cvtps_epi32(a), _mm256_set1_epi32(127));
            _mm256_castsi256_ps(_mm256_slli_epi32::<23>(biased))
        }
    }

    #[inline(always)]
    fn select_gt(self, a: Self::F32, b: Self::F32, yes: Self::F32, no: Self::F32) -> Self::F32 {
        // SAFETY: `self` proves that the processor has the instruction.
        unsafe { _mm256_blendv_ps(no, yes, _mm256_cmp_ps::<_CMP_GT_OQ>(a, b)) }
    }

    #[inline(always)]
    fn add_pairs(self, a: Self::F32) -> Self::F32 {
        // SAFETY: `self` proves that the processor has the instruction.
        unsafe {
            let sums = _mm256_castps_pd(_mm256_hadd_ps(a, a));
            _mm256_castpd_ps(_mm256_permute4x64_pd::<0b00_00_10_00>(sums))
        }
    }

    #[inline(always)]
    fn reduce_sum(self, a: Self::F32) -> f32 {
        // SAFETY: `self` proves that the processor has the instruction.
        unsafe {
            let half = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps::<1>(a));
            let pair = _mm_add_ps(half, _mm_movehl_ps(half, half));
            _mm_cvtss_f32(_mm_add_ss(pair, _mm_shuffle_ps::<1>(pair, pair)))
        }
    }

    #[inline(always)]
    unsafe fn load_ptr(self, from: *const f32) -> Self::F32 {
        // SAFETY: `self` proves the instruction, the caller the memory.
        unsafe { _mm256_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn splat_pair_ptr(self, from: *const f32) -> Self::F32 {
        // SAFETY: `self` proves the instruction, the caller the memory.
        unsafe { _mm256_castpd_ps(_mm256_set1_pd(from.cast::<f64>().read_unaligned())) }
    }

    #[inline(always)]
    unsafe fn store_ptr(self, x: Self::F32, to: *mut f32) {
        // SAFETY: `self` proves the instruction, the caller the memory.
        unsafe { _mm256_storeu_ps(to, x) }
    }

    #[inline(always)]
    unsafe fn load_ptr_partial(self, from: *const f32, count: usize) -> Self::F32 {
        // SAFETY: `self` proves the instruction, the caller the memory; masked lanes are not touched.
        unsafe { _mm256_maskload_ps(from, mask(count)) }
    }

    #[inline(always)]
    unsafe fn store_ptr_partial(self, x: Self::F32, to: *mut f32, count: usize) {
        // SAFETY: `self` proves the instruction, the caller the memory; masked lanes are not touched.
        unsafe { _mm256_maskstore_ps(to, mask(count), x) }
    }

    #[inline(always)]
    unsafe fn load_halves_ptr(self, from: *const f16) -> Self::F32 {
        // SAFETY: `self` proves the instruction, the caller the memory.
        unsafe { _mm256_cvtph_ps(_mm_loadu_si128(from.cast())) }
    }

    #[inline(always)]
    unsafe fn store_halves_ptr(self, x: Self::F32, to: *mut f16) {
        // SAFETY: `self` proves the instruction, the caller the memory.
        unsafe { _mm_storeu_si128(to.cast(), _mm256_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(x)) }
    }
}
