//! The plain lanes where SSE2 is what every processor has: the same four floats, computed as `scalar` does to the last bit, by
//! instructions that no optimiser has to find.

use core::arch::x86_64::*;

use half::f16;

use super::{Kernel, Simd};

/// Four floats at a time, in what all processors of this kind have.
#[derive(Clone, Copy, Debug)]
pub struct Scalar;

/// All lanes the same bits.
#[inline(always)]
fn splat_bits(bits: u32) -> __m128i {
    // SAFETY: SSE2 is part of the target.
    unsafe { _mm_set1_epi32(bits as i32) }
}

/// `yes` where the bits of `mask` are set, else `no`.
#[inline(always)]
fn choose(mask: __m128i, yes: __m128i, no: __m128i) -> __m128i {
    // SAFETY: SSE2 is part of the target.
    unsafe { _mm_or_si128(_mm_and_si128(mask, yes), _mm_andnot_si128(mask, no)) }
}

/// The bits of floats for those of halves; `scalar` says how.
#[inline(always)]
fn widen(halves: __m128i) -> __m128 {
    // SAFETY: SSE2 is part of the target.
    unsafe {
        let raise = _mm_castsi128_ps(splat_bits((127 + 112) << 23));
        let infinite = splat_bits(0x7c00);
        let sign = _mm_slli_epi32::<16>(_mm_and_si128(halves, splat_bits(0x8000)));
        let bits = _mm_slli_epi32::<13>(_mm_and_si128(halves, splat_bits(0x7fff)));
        let is_infinite = _mm_cmpeq_epi32(_mm_and_si128(halves, infinite), infinite);
        let raised = _mm_castps_si128(_mm_mul_ps(_mm_castsi128_ps(bits), raise));
        let infinite = _mm_and_si128(is_infinite, splat_bits(f32::INFINITY.to_bits()));
        _mm_castsi128_ps(_mm_or_si128(raised, _mm_or_si128(infinite, sign)))
    }
}

/// The bits of the nearest halves, each in the lower half of its lane; `scalar` says how.
#[inline(always)]
fn narrow(x: __m128) -> __m128i {
    // SAFETY: SSE2 is part of the target.
    unsafe {
        let bits = _mm_castps_si128(x);
        let sign = _mm_and_si128(_mm_srli_epi32::<16>(bits), splat_bits(0x8000));
        let size = _mm_and_si128(bits, splat_bits(0x7fff_ffff));
        let unit = splat_bits(0.5f32.to_bits());
        let subnormal = _mm_castps_si128(_mm_add_ps(_mm_castsi128_ps(size), _mm_castsi128_ps(unit)));
        let subnormal = _mm_sub_epi32(subnormal, unit);
        let even = _mm_and_si128(_mm_srli_epi32::<13>(size), splat_bits(1));
        let normal = _mm_add_epi32(size, splat_bits(0xfffu32.wrapping_sub(112 << 23)));
        let normal = _mm_srli_epi32::<13>(_mm_add_epi32(normal, even));
        let half = choose(_mm_cmplt_epi32(size, splat_bits(0x3880_0000)), subnormal, normal);
        let half = choose(_mm_cmplt_epi32(size, splat_bits(0x477f_f000)), half, splat_bits(0x7c00));
        let is_nan = _mm_cmpgt_epi32(size, splat_bits(f32::INFINITY.to_bits()));
        _mm_or_si128(sign, choose(is_nan, splat_bits(0x7e00), half))
    }
}

impl super::Sealed for Scalar {}

impl Simd for Scalar {
    const LANES: usize = 4;
    const TILE_ROWS: &'static [usize] = &[8, 4];
    type F32 = __m128;

    #[inline(always)]
    fn vectorize<K: Kernel>(self, kernel: K) -> K::Output {
        kernel.run()
    }

    #[inline(always)]
    fn splat(self, x: f32) -> Self::F32 {
        // SAFETY: SSE2 is part of the target.
        unsafe { _mm_set1_ps(x) }
    }

    #[inline(always)]
    fn add(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        // SAFETY: SSE2 is part of the target.
        unsafe { _mm_add_ps(a, b) }
    }

    #[inline(always)]
    fn sub(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        // SAFETY: SSE2 is part of the target.
        unsafe { _mm_sub_ps(a, b) }
    }

    #[inline(always)]
    fn mul(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        // SAFETY: SSE2 is part of the target.
        unsafe { _mm_mul_ps(a, b) }
    }

    #[inline(always)]
    fn div(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        // SAFETY: SSE2 is part of the target.
        unsafe { _mm_div_ps(a, b) }
    }

    /// Rounded twice: a fused operation is not part of the target.
    #[inline(always)]
    fn mul_add(self, a: Self::F32, b: Self::F32, c: Self::F32) -> Self::F32 {
        self.add(self.mul(a, b), c)
    }

    #[inline(always)]
    fn max(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        // SAFETY: SSE2 is part of the target.
        unsafe { _mm_max_ps(a, b) }
    }

    #[inline(always)]
    fn sqrt(self, a: Self::F32) -> Self::F32 {
        // SAFETY: SSE2 is part of the target.
        unsafe { _mm_sqrt_ps(a) }
    }

    #[inline(always)]
    fn round(self, a: Self::F32) -> Self::F32 {
        // SAFETY: SSE2 is part of the target.
        unsafe {
            let minus = _mm_set1_ps(-0.0);
            let (sign, whole) = (_mm_and_ps(minus, a), _mm_set1_ps(super::WHOLE));
            let shift = _mm_or_ps(whole, sign);
            let rounded = _mm_or_ps(_mm_sub_ps(_mm_add_ps(a, shift), shift), sign);
            let is_small = _mm_cmplt_ps(_mm_andnot_ps(minus, a), whole);
            _mm_or_ps(_mm_and_ps(is_small, rounded), _mm_andnot_ps(is_small, a))
        }
    }

    #[inline(always)]
    fn exp2_whole(self, a: Self::F32) -> Self::F32 {
        // SAFETY: SSE2 is part of the target.
        unsafe {
            let biased = _mm_add_epi32(_mm_cvttps_epi32(a), splat_bits(127));
            _mm_castsi128_ps(_mm_slli_epi32::<23>(biased))
        }
    }

    #[inline(always)]
    fn select_gt(self, a: Self::F32, b: Self::F32, yes: Self::F32, no: Self::F32) -> Self::F32 {
        // SAFETY: SSE2 is part of the target.
        unsafe {
            let mask = _mm_cmpgt_ps(a, b);
            _mm_or_ps(_mm_and_ps(mask, yes), _mm_andnot_ps(mask, no))
        }
    }

    #[inline(always)]
    fn add_pairs(self, a: Self::F32) -> Self::F32 {
        // SAFETY: SSE2 is part of the target.
        unsafe {
            _mm_add_ps(
                _mm_shuffle_ps::<0b10_00_10_00>(a, a),
                _mm_shuffle_ps::<0b11_01_11_01>(a, a),
            )
        }
    }

    #[inline(always)]
    fn reduce_sum(self, a: Self::F32) -> f32 {
        // SAFETY: SSE2 is part of the target.
        unsafe {
            let pair = _mm_add_ps(a, _mm_movehl_ps(a, a));
            _mm_cvtss_f32(_mm_add_ss(pair, _mm_shuffle_ps::<1>(pair, pair)))
        }
    }

    #[inline(always)]
    unsafe fn load_ptr(self, from: *const f32) -> Self::F32 {
        // SAFETY: the caller vouches for the memory.
        unsafe { _mm_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn splat_pair_ptr(self, from: *const f32) -> Self::F32 {
        // SAFETY: the caller vouches for the memory.
        unsafe { _mm_castpd_ps(_mm_set1_pd(from.cast::<f64>().read_unaligned())) }
    }

    #[inline(always)]
    unsafe fn store_ptr(self, x: Self::F32, to: *mut f32) {
        // SAFETY: the caller vouches for the memory.
        unsafe { _mm_storeu_ps(to, x) }
    }

    #[inline(always)]
    unsafe fn load_ptr_partial(self, from: *const f32, count: usize) -> Self::F32 {
        // SAFETY: the caller vouches for `count` floats, and no more are read.
        unsafe {
            let pair = |from: *const f32| _mm_castpd_ps(_mm_set_sd(from.cast::<f64>().read_unaligned()));
            match count {
                0 => _mm_setzero_ps(),
                1 => _mm_load_ss(from),
                2 => pair(from),
                3 => _mm_movelh_ps(pair(from), _mm_load_ss(from.add(2))),
                _ => _mm_loadu_ps(from),
            }
        }
    }

    #[inline(always)]
    unsafe fn store_ptr_partial(self, x: Self::F32, to: *mut f32, count: usize) {
        // SAFETY: the caller vouches for `count` floats, and no more are written.
        unsafe {
            if count >= 4 {
                return _mm_storeu_ps(to, x);
            }
            if count >= 2 {
                to.cast::<f64>().write_unaligned(_mm_cvtsd_f64(_mm_castps_pd(x)));
            }
            match count {
                1 => _mm_store_ss(to, x),
                3 => _mm_store_ss(to.add(2), _mm_movehl_ps(x, x)),
                _ => {}
            }
        }
    }

    #[inline(always)]
    unsafe fn load_halves_ptr(self, from: *const f16) -> Self::F32 {
        // SAFETY: the caller vouches for the memory.
        unsafe { widen(_mm_unpacklo_epi16(_mm_loadl_epi64(from.cast()), _mm_setzero_si128())) }
    }

    #[inline(always)]
    unsafe fn store_halves_ptr(self, x: Self::F32, to: *mut f16) {
        // SAFETY: the caller vouches for the memory. The lower halves are packed with signs, so that none is out of range.
        unsafe {
            let halves = _mm_srai_epi32::<16>(_mm_slli_epi32::<16>(narrow(x)));
            _mm_storel_epi64(to.cast(), _mm_packs_epi32(halves, halves));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::simd::scalar;

    /// Bits of floats of all kinds, four at a time: numbers, whole ones and halves of them, subnormal, infinite, NaN.
    fn inputs() -> impl Iterator<Item = [f32; 4]> {
        let special = [
            0,
            1,
            0x0040_0000,
            0x007f_ffff,
            0x0080_0000,
            0x3380_0001,
            0x3880_0000,
            0x387f_ffff,
            0x3f00_0000,
            0x3fc0_0000,
            0x4020_0000,
            0x42fe_0000,
            0x477f_efff,
            0x477f_f000,
            0x4aff_ffff,
            0x4b00_0000,
            0x4b00_0001,
            0x7f7f_ffff,
            0x7f80_0000,
            0x7fc0_0000,
        ];
        let mixed = (0..4000u32).map(|i| i.wrapping_mul(0x9e37_79b9) & 0x7fff_ffff);
        let all: alloc::vec::Vec<u32> = special
            .into_iter()
            .chain(mixed)
            .flat_map(|bits| [bits, bits | 1 << 31])
            .collect();
        let count = all.len();
        (0..count).map(move |i| core::array::from_fn(|lane| f32::from_bits(all[(i + lane * 7) % count])))
    }

    /// NaN is one, whatever its bits.
    fn bits(x: f32) -> u32 {
        if x.is_nan() { u32::MAX } else { x.to_bits() }
    }

    fn store<S: Simd>(s: S, x: S::F32) -> [u32; 4] {
        let mut to = [0.0; 4];
        s.store(x, &mut to);
        to.map(bits)
    }

    /// What every operation makes of three vectors.
    fn all<S: Simd>(s: S, [a, b, c]: [[f32; 4]; 3]) -> alloc::vec::Vec<[u32; 4]> {
        let [x, y, z] = [a, b, c].map(|x| s.load(&x));
        let mut found = alloc::vec![
            store(s, s.splat(a[1])),
            store(s, s.add(x, y)),
            store(s, s.sub(x, y)),
            store(s, s.mul(x, y)),
            store(s, s.div(x, y)),
            store(s, s.mul_add(x, y, z)),
            store(s, s.max(x, y)),
            store(s, s.sqrt(x)),
            store(s, s.round(x)),
            store(s, s.select_gt(x, y, z, x)),
            [s.reduce_sum(x); 4].map(bits),
        ];
        let [first, second, ..] = store(s, s.add_pairs(x));
        found.push([first, second, 0, 0]);
        for count in 0..=4 {
            let mut to = c;
            s.store_partial(x, &mut to[..count]);
            found.push(store(s, s.load_partial(&b[..count])));
            found.push(to.map(bits));
        }
        let mut halves = [f16::ZERO; 4];
        // SAFETY: the arrays have four.
        unsafe {
            found.push(store(s, s.splat_pair_ptr(a.as_ptr())));
            s.store_halves_ptr(x, halves.as_mut_ptr());
            found.push(halves.map(|half| u32::from(half.to_bits())));
            halves = a.map(|x| f16::from_bits((x.to_bits() >> 16) as u16 ^ x.to_bits() as u16));
            found.push(store(s, s.load_halves_ptr(halves.as_ptr())));
        }
        found
    }

    #[test]
    fn the_same_bits_as_plain_code() {
        let (mut before, mut last) = ([1.0; 4], [2.0; 4]);
        for x in inputs() {
            let operands = [x, before, last];
            assert_eq!(all(Scalar, operands), all(scalar::Scalar, operands), "{operands:?}");
            (last, before) = (before, x);
        }
        for exponent in -126..=127 {
            let (a, power) = ([exponent as f32; 4], [2f32.powi(exponent).to_bits(); 4]);
            assert_eq!(store(Scalar, Scalar.exp2_whole(Scalar.load(&a))), power);
            let plain = scalar::Scalar;
            assert_eq!(store(plain, plain.exp2_whole(plain.load(&a))), power);
        }
    }
}
