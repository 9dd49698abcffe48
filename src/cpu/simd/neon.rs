//! NEON: 4 lanes, 32 registers.

use core::arch::{aarch64::*, asm};

use half::f16;

use super::{Kernel, Simd};

/// Proof of NEON, which every 64-bit ARM processor has.
#[derive(Clone, Copy, Debug)]
pub struct Neon(());

impl Neon {
    /// The proof.
    #[inline]
    #[allow(clippy::new_without_default)] // a default would hide that this is a proof
    pub fn new() -> Self {
        Neon(())
    }
}

impl super::Sealed for Neon {}

impl Simd for Neon {
    const LANES: usize = 4;
    const TILE_ROWS: &'static [usize] = &[8, 8];
    const LEFT_STEPS: usize = 4;
    type F32 = float32x4_t;

    #[inline(always)]
    fn vectorize<K: Kernel>(self, kernel: K) -> K::Output {
        #[target_feature(enable = "neon")]
        fn enabled<K: Kernel>(kernel: K) -> K::Output {
            kernel.run()
        }
        // SAFETY: `self` proves that the processor has the features.
        unsafe { enabled(kernel) }
    }

    #[inline(always)]
    fn splat(self, x: f32) -> Self::F32 {
        // SAFETY: `self` proves that the processor has the instruction.
        unsafe { vdupq_n_f32(x) }
    }

    #[inline(always)]
    fn add(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        // SAFETY: `self` proves that the processor has the instruction.
        unsafe { vaddq_f32(a, b) }
    }

    #[inline(always)]
    fn sub(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        // SAFETY: `self` proves that the processor has the instruction.
        unsafe { vsubq_f32(a, b) }
    }

    #[inline(always)]
    fn mul(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        // SAFETY: `self` proves that the processor has the instruction.
        unsafe { vmulq_f32(a, b) }
    }

    #[inline(always)]
    fn div(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        // SAFETY: `self` proves that the processor has the instruction.
        unsafe { vdivq_f32(a, b) }
    }

    #[inline(always)]
    fn mul_add(self, a: Self::F32, b: Self::F32, c: Self::F32) -> Self::F32 {
        // SAFETY: `self` proves that the processor has the instruction.
        unsafe { vfmaq_f32(c, a, b) }
    }

    #[inline(always)]
    fn mul_add_lane<const LANE: i32>(self, a: Self::F32, b: Self::F32, c: Self::F32) -> Self::F32 {
        // SAFETY: `self` proves that the processor has the instruction.
        unsafe { vfmaq_laneq_f32::<LANE>(c, b, a) }
    }

    #[inline(always)]
    fn max(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        // SAFETY: `self` proves that the processor has the instruction.
        unsafe { vbslq_f32(vcgtq_f32(a, b), a, b) }
    }

    #[inline(always)]
    fn sqrt(self, a: Self::F32) -> Self::F32 {
        // SAFETY: `self` proves that the processor has the instruction.
        unsafe { vsqrtq_f32(a) }
    }

    #[inline(always)]
    fn round(self, a: Self::F32) -> Self::F32 {
        // SAFETY: `self` proves that the processor has the instruction.
        unsafe { vrndnq_f32(a) }
    }

    #[inline(always)]
    fn exp2_whole(self, a: Self::F32) -> Self::F32 {
        // SAFETY: `self` proves that the processor has the instruction.
        unsafe { vreinterpretq_f32_s32(vshlq_n_s32::<23>(vaddq_s32(vcvtq_s32_f32(a), vdupq_n_s32(127)))) }
    }

    #[inline(always)]
    fn select_gt(self, a: Self::F32, b: Self::F32, yes: Self::F32, no: Self::F32) -> Self::F32 {
        // SAFETY: `self` proves that the processor has the instruction.
        unsafe { vbslq_f32(vcgtq_f32(a, b), yes, no) }
    }

    #[inline(always)]
    fn add_pairs(self, a: Self::F32) -> Self::F32 {
        // SAFETY: `self` proves that the processor has the instruction.
        unsafe { vpaddq_f32(a, a) }
    }

    #[inline(always)]
    fn reduce_sum(self, a: Self::F32) -> f32 {
        // SAFETY: `self` proves that the processor has the instruction.
        unsafe { vaddvq_f32(a) }
    }

    #[inline(always)]
    unsafe fn load_ptr(self, from: *const f32) -> Self::F32 {
        // SAFETY: `self` proves the instruction, the caller the memory.
        unsafe { vld1q_f32(from) }
    }

    #[inline(always)]
    unsafe fn splat_pair_ptr(self, from: *const f32) -> Self::F32 {
        // SAFETY: `self` proves the instruction, the caller the memory.
        unsafe { vreinterpretq_f32_f64(vdupq_n_f64(from.cast::<f64>().read_unaligned())) }
    }

    #[inline(always)]
    unsafe fn store_ptr(self, x: Self::F32, to: *mut f32) {
        // SAFETY: `self` proves the instruction, the caller the memory.
        unsafe { vst1q_f32(to, x) }
    }

    #[inline(always)]
    unsafe fn load_ptr_partial(self, from: *const f32, count: usize) -> Self::F32 {
        // SAFETY: `self` proves the instruction, the caller the memory.
        unsafe {
            let mut lanes = [0.0f32; 4];
            core::ptr::copy_nonoverlapping(from, lanes.as_mut_ptr(), count.min(4));
            vld1q_f32(lanes.as_ptr())
        }
    }

    #[inline(always)]
    unsafe fn store_ptr_partial(self, x: Self::F32, to: *mut f32, count: usize) {
        // SAFETY: `self` proves the instruction, the caller the memory.
        unsafe {
            let mut lanes = [0.0f32; 4];
            vst1q_f32(lanes.as_mut_ptr(), x);
            core::ptr::copy_nonoverlapping(lanes.as_ptr(), to, count.min(4));
        }
    }

    /// Every 64-bit ARM processor converts; stable Rust has no name for the instruction.
    #[inline(always)]
    unsafe fn load_halves_ptr(self, from: *const f16) -> Self::F32 {
        // SAFETY: `self` proves the instruction, which touches its registers alone; the caller vouches for the memory.
        unsafe {
            let wide: float32x4_t;
            asm!("fcvtl {wide:v}.4s, {halves:v}.4h", wide = out(vreg) wide, halves = in(vreg) vld1_u16(from.cast()),
                options(pure, nomem, nostack, preserves_flags));
            wide
        }
    }

    #[inline(always)]
    unsafe fn store_halves_ptr(self, x: Self::F32, to: *mut f16) {
        // SAFETY: as above, for writing.
        unsafe {
            let halves: uint16x4_t;
            asm!("fcvtn {halves:v}.4h, {x:v}.4s", halves = out(vreg) halves, x = in(vreg) x,
                options(pure, nomem, nostack, preserves_flags));
            vst1_u16(to.cast(), halves);
        }
    }
}
