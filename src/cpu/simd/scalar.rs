//! Plain code for any processor: four lanes that a compiler may map onto whatever vectors it has. Where those are part of the
//! target, `sse2` has the same lanes in intrinsics, and this file is what they are tested against.

use half::f16;

use super::{Kernel, Simd, unrolled};

/// Four floats at a time in plain code.
#[derive(Clone, Copy, Debug)]
pub struct Scalar;

const LANES: usize = 4;

/// An array of `$x` for each `$lane`, written out: where size is what counts, optimisers leave loops, and calls of closures.
macro_rules! lanes {
    ($lane:ident => $x:expr) => {
        lanes!(@each $lane, $x, 0 1 2 3)
    };
    (@each $lane:ident, $x:expr, $($number:literal)*) => {
        [$({
            const $lane: usize = $number;
            $x
        }),*]
    };
}

/// The nearest whole number, of two the even one.
#[inline(always)]
fn round(x: f32) -> f32 {
    let shift = super::WHOLE.copysign(x);
    match x.abs() < super::WHOLE {
        true => ((x + shift) - shift).copysign(x),
        false => x,
    }
}

/// A half as a float, without branches, so that a compiler can do several at once.
#[inline(always)]
fn widen(half: u16) -> f32 {
    // As the bits of a float, exponents are 112 too low; those of subnormal numbers come right with them.
    const RAISE: f32 = f32::from_bits((127 + 112) << 23);
    const INFINITE: u16 = 0x7c00;
    let (sign, bits) = (u32::from(half & 0x8000) << 16, u32::from(half & 0x7fff) << 13);
    let infinite = if half & INFINITE == INFINITE {
        f32::INFINITY.to_bits()
    } else {
        0
    };
    f32::from_bits((f32::from_bits(bits) * RAISE).to_bits() | infinite | sign)
}

/// The bits of the half nearest to a float of these, likewise.
#[inline(always)]
fn narrow(bits: u32) -> u16 {
    /// The smallest float that is rounded to infinity: 65,520.
    const LARGEST: u32 = 0x477f_f000;
    /// The smallest half that is not subnormal: 2^-14.
    const SMALLEST: u32 = 0x3880_0000;
    /// A float whose last digit is worth that of a subnormal half.
    const UNIT: f32 = 0.5;
    let (sign, size) = (bits >> 16 & 0x8000, bits & 0x7fff_ffff);
    let subnormal = (f32::from_bits(size) + UNIT).to_bits().wrapping_sub(UNIT.to_bits());
    // Half of the last digit, less what makes it go to the even one.
    let normal = size.wrapping_sub(112 << 23).wrapping_add(0xfff + (size >> 13 & 1)) >> 13;
    let half = if size < SMALLEST { subnormal } else { normal };
    let half = if size < LARGEST { half } else { 0x7c00 };
    let half = if size > f32::INFINITY.to_bits() { 0x7e00 } else { half };
    (sign | half) as u16
}

impl super::Sealed for Scalar {}

impl Simd for Scalar {
    const LANES: usize = LANES;
    /// 32-bit ARM has 32 registers for floats: 16 sums, and what they are made of.
    const TILE_ROWS: &'static [usize] = if cfg!(target_arch = "arm") { &[4] } else { &[8, 4] };
    type F32 = [f32; LANES];

    #[inline(always)]
    fn vectorize<K: Kernel>(self, kernel: K) -> K::Output {
        kernel.run()
    }

    #[inline(always)]
    fn splat(self, x: f32) -> Self::F32 {
        [x, x, x, x]
    }

    #[inline(always)]
    fn add(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        lanes!(I => a[I] + b[I])
    }

    #[inline(always)]
    fn sub(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        lanes!(I => a[I] - b[I])
    }

    #[inline(always)]
    fn mul(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        lanes!(I => a[I] * b[I])
    }

    #[inline(always)]
    fn div(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        lanes!(I => a[I] / b[I])
    }

    /// Rounded twice: a fused operation would be a library call here.
    #[inline(always)]
    fn mul_add(self, a: Self::F32, b: Self::F32, c: Self::F32) -> Self::F32 {
        self.add(self.mul(a, b), c)
    }

    #[inline(always)]
    fn max(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        lanes!(I => if a[I] > b[I] { a[I] } else { b[I] })
    }

    #[inline(always)]
    fn sqrt(self, a: Self::F32) -> Self::F32 {
        lanes!(I => libm::sqrtf(a[I]))
    }

    #[inline(always)]
    fn round(self, a: Self::F32) -> Self::F32 {
        lanes!(I => round(a[I]))
    }

    #[inline(always)]
    fn exp2_whole(self, a: Self::F32) -> Self::F32 {
        lanes!(I => f32::from_bits(((a[I] as i32 + 127) as u32) << 23))
    }

    #[inline(always)]
    fn select_gt(self, a: Self::F32, b: Self::F32, yes: Self::F32, no: Self::F32) -> Self::F32 {
        lanes!(I => if a[I] > b[I] { yes[I] } else { no[I] })
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
        // SAFETY: the caller vouches for `count` floats, and no more are read.
        lanes!(I => if I < count { unsafe { from.add(I).read() } } else { 0.0 })
    }

    #[inline(always)]
    unsafe fn store_ptr_partial(self, x: Self::F32, to: *mut f32, count: usize) {
        unrolled!(i < LANES => if i < count {
            // SAFETY: as in load_ptr_partial, for writing.
            unsafe { to.add(i).write(x[i]) }
        });
    }

    #[inline(always)]
    unsafe fn load_halves_ptr(self, from: *const f16) -> Self::F32 {
        // SAFETY: the caller vouches for LANES halves, and an array of them is aligned as one is.
        let halves = unsafe { from.cast::<[f16; LANES]>().read() };
        lanes!(I => widen(halves[I].to_bits()))
    }

    #[inline(always)]
    unsafe fn store_halves_ptr(self, x: Self::F32, to: *mut f16) {
        // SAFETY: as in load_halves_ptr, for writing.
        unsafe {
            to.cast::<[f16; LANES]>()
                .write(lanes!(I => f16::from_bits(narrow(x[I].to_bits()))))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_as_the_c_library_does() {
        for i in 0..100_000u32 {
            let x = f32::from_bits(i.wrapping_mul(0x9e37_79b9));
            let exact = [x, (i as f32 - 50_000.0) / 4.0];
            for x in exact.into_iter().filter(|x| !x.is_nan()) {
                assert_eq!(round(x).to_bits(), libm::rintf(x).to_bits(), "{x}");
            }
        }
        assert!(round(f32::NAN).is_nan());
    }
}
