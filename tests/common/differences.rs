//! Gradients by finite differences.

use pocketrec::rng::Rng;

use super::{normals, wide};

/// Step of the central differences. Their error is about `STEP^2` from the third derivative and `1e-16 / STEP` from
/// rounding.
pub const STEP: f64 = 1e-5;
/// Allowed error of a gradient, relative to the largest magnitude in its tensor.
pub const TOLERANCE: f64 = 1e-7;

/// Standard normal values.
pub fn values(len: usize, seed: u32) -> Vec<f64> {
    wide(&normals(len, 1.0, Rng::new(1).stream(seed)))
}

/// The gradient of `f` at `x` by central differences.
pub fn differences(x: &[f64], f: impl Fn(&[f64]) -> f64) -> Vec<f64> {
    let at = |i: usize, by: f64| {
        let mut x = x.to_vec();
        x[i] += by;
        f(&x)
    };
    (0..x.len())
        .map(|i| (at(i, STEP) - at(i, -STEP)) / (2.0 * STEP))
        .collect()
}

/// A scalar function of an output, whose gradient with respect to the output is `weights`.
#[track_caller]
pub fn weigh(output: &[f64], weights: &[f64]) -> f64 {
    assert_eq!(output.len(), weights.len());
    output.iter().zip(weights).map(|(x, w)| x * w).sum()
}
