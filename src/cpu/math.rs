//! Elementary functions of vectors.

use super::simd::{Simd, unrolled};

/// The polynomial of x with the highest coefficient and the others, in descending order, by Horner's rule.
#[inline(always)]
fn polynomial<S: Simd, const N: usize>(s: S, x: S::F32, highest: f32, others: [f32; N]) -> S::F32 {
    let mut y = s.splat(highest);
    unrolled!(i < N => y = s.mul_add(y, x, s.splat(others[i])));
    y
}

/// e^x for x in -87..=0, within two units in the last place; smaller x gives e^-87, about 1e-38.
///
/// x = n ln 2 + r with |r| <= ln 2 / 2, ln 2 split in two so that r is exact; e^r by its Taylor polynomial of
/// degree 7, whose remainder is below 2^-25 there.
#[inline(always)]
pub(crate) fn exp_nonpositive<S: Simd>(s: S, x: S::F32) -> S::F32 {
    const LN2_HIGH: f32 = 0.693_359_4; // 9 bits: its products with whole numbers up to 2^14 are exact
    const LN2_LOW: f32 = -2.121_944_4e-4;
    let x = s.max(s.splat(-87.0), x);
    let n = s.round(s.mul(x, s.splat(core::f32::consts::LOG2_E)));
    let r = s.mul_add(n, s.splat(-LN2_HIGH), x);
    let r = s.mul_add(n, s.splat(-LN2_LOW), r);
    let taylor = [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0];
    s.mul(polynomial(s, r, 1.0 / 5040.0, taylor), s.exp2_whole(n))
}

/// 1 / (1 + e^-x), within a few units in the last place; NaN stays one.
#[inline(always)]
pub(crate) fn sigmoid<S: Simd>(s: S, x: S::F32) -> S::F32 {
    let zero = s.splat(0.0);
    // Not max(x, -x): a NaN must stay one.
    let z = exp_nonpositive(s, s.select_gt(x, zero, s.sub(zero, x), x));
    sigmoid_of(s, x, z)
}

/// The sigmoid of x from z = e^-|x|, which never overflows.
#[inline(always)]
pub(crate) fn sigmoid_of<S: Simd>(s: S, x: S::F32, z: S::F32) -> S::F32 {
    let one = s.splat(1.0);
    let reciprocal = s.div(one, s.add(one, z));
    s.select_gt(x, s.splat(0.0), reciprocal, s.mul(z, reciprocal))
}

/// tanh(x), within a few units in the last place; NaN stays one.
///
/// Up to 5/8 by the odd polynomial of Cephes (`tanhf`, Moshier), which keeps the last places of small values; beyond,
/// with z = e^(-2 |x|), it is (1 - z) / (1 + z) and the sign of x.
#[inline(always)]
pub(crate) fn tanh<S: Simd>(s: S, x: S::F32) -> S::F32 {
    let (zero, one) = (s.splat(0.0), s.splat(1.0));
    let size = s.select_gt(zero, x, s.sub(zero, x), x);
    let z = exp_nonpositive(s, s.mul(s.splat(-2.0), size));
    let large = s.div(s.sub(one, z), s.add(one, z));
    let large = s.select_gt(zero, x, s.sub(zero, large), large);
    let square = s.mul(x, x);
    let cephes = [2.063_908_8e-2, -5.373_971_6e-2, 1.333_144_2e-1, -3.333_328e-1];
    let y = polynomial(s, square, -5.704_988_7e-3, cephes);
    let small = s.mul_add(s.mul(y, square), x, x);
    s.select_gt(size, s.splat(0.625), large, small)
}

/// ln(1 + z) for z in 0..=1, within a few units in the last place.
///
/// With t = z / (2 + z), at most 1/3: ln(1 + z) = 2 artanh(t) = 2 (t + t^3/3 + t^5/5 + ...), cut after t^15.
#[inline(always)]
pub(crate) fn ln_1p_unit<S: Simd>(s: S, z: S::F32) -> S::F32 {
    let t = s.div(z, s.add(s.splat(2.0), z));
    let square = s.mul(t, t);
    let artanh = [
        2.0 / 13.0,
        2.0 / 11.0,
        2.0 / 9.0,
        2.0 / 7.0,
        2.0 / 5.0,
        2.0 / 3.0,
        2.0 / 1.0,
    ];
    s.mul(polynomial(s, square, 2.0 / 15.0, artanh), t)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::{
        Isa,
        simd::{Proof, dispatch, kernel},
    };

    kernel! {
        pub fn exp_of<'a, S: Simd>(s: S, values: &'a mut [f32]) {
            for chunk in values.chunks_exact_mut(S::LANES) {
                s.store(exp_nonpositive(s, s.load(chunk)), chunk);
            }
        }
    }

    kernel! {
        pub fn ln_1p_of<'a, S: Simd>(s: S, values: &'a mut [f32]) {
            for chunk in values.chunks_exact_mut(S::LANES) {
                s.store(ln_1p_unit(s, s.load(chunk)), chunk);
            }
        }
    }

    kernel! {
        pub fn tanh_of<'a, S: Simd>(s: S, values: &'a mut [f32]) {
            for chunk in values.chunks_exact_mut(S::LANES) {
                s.store(tanh(s, s.load(chunk)), chunk);
            }
        }
    }

    /// Compares with f64 over 65,536 points of a range.
    fn check(f: fn(Proof, &mut [f32]), exact: fn(f64) -> f64, low: f32, high: f32) {
        for isa in Isa::available() {
            let proof = Proof::new(isa).unwrap();
            for start in 0..4096 {
                let inputs: [f32; 16] =
                    core::array::from_fn(|i| low + (high - low) * (16 * start + i) as f32 / 65_536.0);
                let mut values = inputs;
                f(proof, &mut values);
                for (x, y) in inputs.into_iter().zip(values) {
                    let want = exact(f64::from(x));
                    let error = (f64::from(y) - want).abs();
                    assert!(error <= 4e-7 * want.abs() + 1e-38, "{isa}: f({x}) = {y}, not {want}");
                }
            }
        }
    }

    #[test]
    fn exp_is_that_of_f64() {
        check(
            |proof, values| dispatch!(proof, s => exp_of(s, values)),
            libm::exp,
            -86.9,
            0.0,
        );
    }

    #[test]
    fn tanh_is_that_of_f64() {
        let run = |proof: Proof, values: &mut [f32]| dispatch!(proof, s => tanh_of(s, values));
        for reach in [1e-3, 1.0, 12.0, 200.0] {
            check(run, libm::tanh, -reach, reach);
        }
        for isa in Isa::available() {
            let mut values = [
                f32::NAN,
                f32::INFINITY,
                f32::NEG_INFINITY,
                0.0,
                -0.0,
                1e-30,
                0.625,
                -0.625,
                88.0,
            ]
            .repeat(16);
            run(Proof::new(isa).unwrap(), &mut values);
            assert!(values[0].is_nan(), "{isa}");
            assert_eq!(values[1..6], [1.0, -1.0, 0.0, 0.0, 1e-30], "{isa}");
        }
    }

    #[test]
    fn ln_1p_is_that_of_f64() {
        check(
            |proof, values| dispatch!(proof, s => ln_1p_of(s, values)),
            libm::log1p,
            0.0,
            1.0,
        );
    }
}
