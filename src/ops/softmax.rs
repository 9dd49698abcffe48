//! Softmax over the steps of each sample.
//!
//! `output[t] = exp(input[t]) / sum over steps t' of s of exp(input[t'])` for every step `t` of sample `s`; both are
//! `[steps]`, with the steps of sample `s` at `offsets[s]..offsets[s + 1]`. The largest input of a sample is subtracted
//! from all of its inputs first, which changes nothing but that no exponential overflows. A sample without steps has no
//! outputs. NaN stays NaN.
//!
//! Backward: `input_gradient[t] = output[t] * (output_gradient[t] - sum over t' of s of output[t'] output_gradient[t'])`.

use alloc::{vec, vec::Vec};
use core::slice;

use super::{
    attention::samples,
    op::{Op, Role, Spaces},
    specification::{Context, Specification},
};
use crate::view::{Space, View};

/// The softmax of one column over the steps of each sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Softmax {
    /// One column, one row a step.
    pub input: View,
    /// The same.
    pub output: View,
}

impl Op for Softmax {
    fn name(&self) -> &'static str {
        "softmax"
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
        Role::Layer
    }

    fn spaces(&self, _space_of: &dyn Fn(View) -> Space) -> Spaces {
        Spaces::OneSequence
    }

    fn multiply_adds(&self, rows: &dyn Fn(View) -> usize) -> usize {
        rows(self.input).saturating_mul(self.input.width)
    }
}

impl Specification for Softmax {
    fn forward(&self, on: &dyn Context) -> Vec<f64> {
        forward(&on.read(self.input), on.offsets(self.input))
    }

    fn backward(&self, on: &dyn Context, d_output: &[f64], _d_params: &mut [Vec<f64>]) -> Vec<Vec<f64>> {
        vec![backward(&on.read(self.output), d_output, on.offsets(self.input))]
    }
}

/// The softmax, `[steps]`.
///
/// ```
/// use pocketrec::ops::softmax;
/// assert_eq!(softmax::forward(&[7.0, 7.0, 9.0], &[0, 2, 2, 3]), [0.5, 0.5, 1.0]);
/// ```
pub fn forward(input: &[f64], offsets: &[u32]) -> Vec<f64> {
    let mut output = input.to_vec();
    for steps in samples(offsets) {
        let output = &mut output[steps];
        // A NaN among the inputs must come through: max alone would drop it, the exponentials do not.
        let largest = output.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        output.iter_mut().for_each(|w| *w = libm::exp(*w - largest));
        let total: f64 = output.iter().sum();
        output.iter_mut().for_each(|w| *w /= total);
    }
    output
}

/// The gradient of the input, `[steps]`, from the `output` that [`forward`] gave.
///
/// ```
/// use pocketrec::ops::softmax;
/// assert_eq!(softmax::backward(&[0.5, 0.5], &[10.0, 30.0], &[0, 2]), [-5.0, 5.0]);
/// ```
pub fn backward(output: &[f64], output_gradient: &[f64], offsets: &[u32]) -> Vec<f64> {
    let mut gradient = output_gradient.to_vec();
    for steps in samples(offsets) {
        let mean: f64 = steps.clone().map(|t| output[t] * output_gradient[t]).sum();
        for t in steps {
            gradient[t] = output[t] * (output_gradient[t] - mean);
        }
    }
    gradient
}
