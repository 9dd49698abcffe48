//! Last step: the row of every sample's last step.
//!
//! `output[s] = input[t]` for the last step `t` of sample `s`, whose steps are `offsets[s]..offsets[s + 1]`; 0 where there
//! are none. `input` is `[steps, width]`, `output` `[samples, width]`: behind a [`gru`](super::gru), what a history ends in.
//!
//! Backward: the last step has its sample's gradient, the others 0.

use alloc::{vec, vec::Vec};
use core::slice;

use super::{
    attention::samples,
    op::{Op, Role, Spaces},
    specification::{Context, Specification},
};
use crate::view::{Space, View};

/// `output[s] = input[t]` for the last step `t` of sample `s`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LastStep {
    /// One row a step of a sequence.
    pub input: View,
    /// One row a sample, as wide.
    pub output: View,
}

impl Op for LastStep {
    fn name(&self) -> &'static str {
        "last_step"
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

    fn multiply_adds(&self, _rows: &dyn Fn(View) -> usize) -> usize {
        0
    }
}

impl Specification for LastStep {
    fn forward(&self, on: &dyn Context) -> Vec<f64> {
        forward(&on.read(self.input), on.offsets(self.input), self.input.width)
    }

    fn backward(&self, on: &dyn Context, d_output: &[f64], _d_params: &mut [Vec<f64>]) -> Vec<Vec<f64>> {
        vec![backward(d_output, on.offsets(self.input), self.input.width)]
    }
}

/// The output, `[samples, width]`.
///
/// ```
/// use pocketrec::ops::last_step;
/// assert_eq!(last_step::forward(&[1.0, 2.0, 3.0], &[0, 2, 2, 3], 1), [2.0, 0.0, 3.0]);
/// ```
pub fn forward(input: &[f64], offsets: &[u32], width: usize) -> Vec<f64> {
    let mut output = vec![0.0; (offsets.len() - 1) * width];
    for (s, steps) in samples(offsets).enumerate().filter(|(_, steps)| !steps.is_empty()) {
        output[s * width..][..width].copy_from_slice(&input[(steps.end - 1) * width..][..width]);
    }
    output
}

/// The gradient of the input, `[steps, width]`, from `output_gradient` `[samples, width]`.
///
/// ```
/// use pocketrec::ops::last_step;
/// assert_eq!(last_step::backward(&[5.0, 6.0, 7.0], &[0, 2, 2, 3], 1), [0.0, 5.0, 7.0]);
/// ```
pub fn backward(output_gradient: &[f64], offsets: &[u32], width: usize) -> Vec<f64> {
    let mut gradient = vec![0.0; offsets.last().map_or(0, |&steps| steps as usize) * width];
    for (s, steps) in samples(offsets).enumerate().filter(|(_, steps)| !steps.is_empty()) {
        gradient[(steps.end - 1) * width..][..width].copy_from_slice(&output_gradient[s * width..][..width]);
    }
    gradient
}
