//! Plain code for any processor: four lanes that a compiler may map onto whatever vectors it has.

use super::{Kernel, Simd};

/// Four floats at a time in plain code.
#[derive(Clone, Copy, Debug)]
pub struct Scalar;

const LANES: usize = 4;

#[inline(always)]
fn map2(a: [f32; LANES], b: [f32; LANES], f: impl Fn(f32, f32) -> f32) -> [f32; LANES] {
    core::array::from_fn(|lane| f(a[lane], b[lane]))
}

impl super::Sealed for Scalar {}

impl Simd for Scalar {
    const LANES: usize = LANES;
    const TILE_ROWS: &'static [usize] = &[8, 4];
    type F32 = [f32; LANES];

    #[inline(always)]
    fn vectorize<K: Kernel>(self, kernel: K) -> K::Output {
        kernel.run()
    }

    #[inline(always)]
    fn splat(self, x: f32) -> Self::F32 {
        [x; LANES]
    }

    #[inline(always)]
    fn add(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        map2(a, b, |a, b| a + b)
    }

    #[inline(always)]
    fn sub(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        map2(a, b, |a, b| a - b)
    }

    #[inline(always)]
    fn mul(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        map2(a, b, |a, b| a * b)
    }

    #[inline(always)]
    fn div(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        map2(a, b, |a, b| a / b)
    }

    /// Rounded twice: a fused operation would be a library call here.
    #[inline(always)]
    fn mul_add(self, a: Self::F32, b: Self::F32, c: Self::F32) -> Self::F32 {
        self.add(self.mul(a, b), c)
    }

    #[inline(always)]
    fn max(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        map2(a, b, |a, b| if a > b { a } else { b })
    }

    #[inline(always)]
    fn sqrt(self, a: Self::F32) -> Self::F32 {
        a.map(libm::sqrtf)
    }

    #[inline(always)]
    fn round(self, a: Self::F32) -> Self::F32 {
        a.map(libm::rintf)
    }

    #[inline(always)]
    fn exp2_whole(self, a: Self::F32) -> Self::F32 {
        a.map(|x| f32::from_bits(((x as i32 + 127) as u32) << 23))
    }

    #[inline(always)]
    fn select_gt(self, a: Self::F32, b: Self::F32, yes: Self::F32, no: Self::F32) -> Self::F32 {
        core::array::from_fn(|lane| if a[lane] > b[lane] { yes[lane] } else { no[lane] })
    }

    #[inline(always)]
    fn add_pairs(self, a: Self::F32) -> Self::F32 {
        [a[0] + a[1], a[2] + a[3], 0.0, 0.0]
    }

    #[inline(always)]
    fn reduce_sum(self, a: Self::F32) -> f32 {
        (a[0] + a[2]) + (a[1] + a[3])
    }

    #[inline(always)]
    unsafe fn load_ptr(self, from: *const f32) -> Self::F32 {
        // SAFETY: the caller vouches for LANES floats; arrays of f32 need no more than f32's alignment.
        unsafe { from.cast::<Self::F32>().read() }
    }

    #[inline(always)]
    unsafe fn splat_pair_ptr(self, from: *const f32) -> Self::F32 {
        // SAFETY: the caller vouches for two floats.
        let [x, y] = unsafe { from.cast::<[f32; 2]>().read() };
        [x, y, x, y]
    }

    #[inline(always)]
    unsafe fn store_ptr(self, x: Self::F32, to: *mut f32) {
        // SAFETY: as in load_ptr, for writing.
        unsafe { to.cast::<Self::F32>().write(x) }
    }

    #[inline(always)]
    unsafe fn load_ptr_partial(self, from: *const f32, count: usize) -> Self::F32 {
        let mut x = [0.0; LANES];
        // SAFETY: the caller vouches for `count` floats, and `count` is at most LANES.
        unsafe { core::ptr::copy_nonoverlapping(from, x.as_mut_ptr(), count.min(LANES)) }
        x
    }

    #[inline(always)]
    unsafe fn store_ptr_partial(self, x: Self::F32, to: *mut f32, count: usize) {
        // SAFETY: as in load_ptr_partial, for writing.
        unsafe { core::ptr::copy_nonoverlapping(x.as_ptr(), to, count.min(LANES)) }
    }
}
