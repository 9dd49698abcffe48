//! Pool: the sum or the mean of the steps of a sample's sequence.
//!
//! `output[s] = sum over the steps t of sample s of input[t]`, divided by their number where the mean is asked for;
//! zeros where a sample has no steps. `offsets` `[samples + 1]` says where each sample's steps begin and the last one's
//! end; `input` is `[steps, width]` and `output` `[samples, width]` (mean: the average pooling of Covington et al.,
//! *Deep Neural Networks for YouTube Recommendations*, RecSys 2016; sum: of DIN's base model, KDD 2018).
//!
//! Backward: each step has its sample's gradient, divided likewise.

use super::{
    op::{Op, Role, Spaces},
    specification::{Context, Specification},
};
use crate::view::{Space, View};
use alloc::{vec, vec::Vec};
use core::slice;

/// `output[s] = sum (or mean) over the steps t of sample s of input[t]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pool {
    /// One row a step of a sequence.
    pub input: View,
    /// One row a sample, as wide.
    pub output: View,
    /// Whether the sum is divided by the number of steps.
    pub mean: bool,
}

impl Op for Pool {
    fn name(&self) -> &'static str {
        "pool"
    }

    fn inputs(&self) -> &[View] {
        slice::from_ref(&self.input)
    }

    fn params(&self) -> Vec<usize> {
        Vec::new()
    }

    fn output(&self) -> Option<View> {
        Some(self.output)
    }

    fn role(&self) -> Role {
        Role::BesideLookUps
    }

    fn spaces(&self, _space_of: &dyn Fn(View) -> Space) -> Spaces {
        Spaces::Between {
            samples: self.output,
            steps: vec![self.input],
        }
    }

    fn multiply_adds(&self, rows: &dyn Fn(View) -> usize) -> usize {
        // One for each of the steps that are read.
        rows(self.input).saturating_mul(self.input.width)
    }
}

impl Specification for Pool {
    fn forward(&self, on: &dyn Context) -> Vec<f64> {
        forward(
            &on.read(self.input),
            on.offsets(self.input),
            self.input.width,
            self.mean,
        )
    }

    fn backward(&self, on: &dyn Context, d_output: &[f64], _d_params: &mut [Vec<f64>]) -> Vec<Vec<f64>> {
        vec![backward(d_output, on.offsets(self.input), self.input.width, self.mean)]
    }
}

/// The output, `[samples, width]`.
///
/// ```
/// use pocketrec::ops::pool;
/// let input = [1.0, 2.0, 3.0, 6.0]; // four steps of width 1
/// assert_eq!(pool::forward(&input, &[0, 1, 1, 4], 1, true), [1.0, 0.0, 11.0 / 3.0]);
/// assert_eq!(pool::forward(&input, &[0, 1, 1, 4], 1, false), [1.0, 0.0, 11.0]);
/// ```
pub fn forward(input: &[f64], offsets: &[u32], width: usize, mean: bool) -> Vec<f64> {
    let mut output = vec![0.0; (offsets.len() - 1) * width];
    for (s, pair) in offsets.windows(2).enumerate() {
        for t in pair[0] as usize..pair[1] as usize {
            for i in 0..width {
                output[s * width + i] += input[t * width + i] * weight(pair, mean);
            }
        }
    }
    output
}

/// The gradient of the input, `[steps, width]`, from `output_gradient` `[samples, width]`.
///
/// ```
/// use pocketrec::ops::pool;
/// assert_eq!(pool::backward(&[6.0, 7.0, 9.0], &[0, 1, 1, 4], 1, true), [6.0, 3.0, 3.0, 3.0]);
/// ```
pub fn backward(output_gradient: &[f64], offsets: &[u32], width: usize, mean: bool) -> Vec<f64> {
    let mut gradient = Vec::new();
    for (s, pair) in offsets.windows(2).enumerate() {
        for _ in pair[0]..pair[1] {
            let row = &output_gradient[s * width..][..width];
            gradient.extend(row.iter().map(|d| d * weight(pair, mean)));
        }
    }
    gradient
}

/// What each of a sample's steps counts.
fn weight(pair: &[u32], mean: bool) -> f64 {
    if mean { 1.0 / f64::from(pair[1] - pair[0]) } else { 1.0 }
}
