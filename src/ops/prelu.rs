//! PReLU: a rectifier with a slope of its own for what is negative, learnt for each column.
//!
//! `output[s, i] = x` where `x = input[s, i] > 0` and `alpha[i] * x` elsewhere; `input` and `output` are
//! `[rows, width]`, `alpha` is `[width]` (He et al., *Delving Deep into Rectifiers*, ICCV 2015, equation 1).
//!
//! Backward: `input_gradient[s, i] = output_gradient[s, i]` where `input[s, i] > 0` and `alpha[i]` times that elsewhere, at
//! zero too, as in PyTorch; `alpha_gradient[i] = sum over s with input[s, i] <= 0 of output_gradient[s, i] * input[s, i]`.
//! NaN stays NaN.

use super::{
    op::{Op, Role, Spaces},
    specification::{Context, Specification, add},
};
use crate::view::{Space, View};
use alloc::{vec, vec::Vec};
use core::slice;

/// `output = input` where that is positive and `alpha * input` elsewhere, with a slope for each column.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prelu {
    /// `[output.width]`.
    pub alpha: usize,
    /// What is bent.
    pub input: View,
    /// As wide.
    pub output: View,
}

impl Op for Prelu {
    fn name(&self) -> &'static str {
        "prelu"
    }

    fn inputs(&self) -> &[View] {
        slice::from_ref(&self.input)
    }

    fn params(&self) -> Vec<usize> {
        vec![self.alpha]
    }

    fn output(&self) -> Option<View> {
        Some(self.output)
    }

    fn role(&self) -> Role {
        Role::Layer
    }

    fn spaces(&self, _space_of: &dyn Fn(View) -> Space) -> Spaces {
        Spaces::OfFirstInput
    }

    fn multiply_adds(&self, rows: &dyn Fn(View) -> usize) -> usize {
        rows(self.input).saturating_mul(self.input.width)
    }
}

impl Specification for Prelu {
    fn forward(&self, on: &dyn Context) -> Vec<f64> {
        forward(&on.read(self.input), on.value(self.alpha))
    }

    fn backward(&self, on: &dyn Context, d_output: &[f64], d_params: &mut [Vec<f64>]) -> Vec<Vec<f64>> {
        let found = backward(&on.read(self.input), on.value(self.alpha), d_output);
        add(&mut d_params[self.alpha], &found.alpha);
        vec![found.input]
    }
}

/// The activations, `[rows, width]`.
///
/// ```
/// use pocketrec::ops::prelu;
/// assert_eq!(prelu::forward(&[-2.0, -2.0, 3.0, 0.0], &[0.25, 0.5]), [-0.5, -1.0, 3.0, 0.0]);
/// ```
pub fn forward(input: &[f64], alpha: &[f64]) -> Vec<f64> {
    let one = |(k, &x): (usize, &f64)| if x > 0.0 { x } else { alpha[k % alpha.len()] * x };
    input.iter().enumerate().map(one).collect()
}

/// The gradients of a PReLU.
#[derive(Clone, Debug, PartialEq)]
pub struct Gradients {
    /// `[rows, width]`.
    pub input: Vec<f64>,
    /// `[width]`, summed over the batch.
    pub alpha: Vec<f64>,
}

/// Both gradients, from `output_gradient` `[rows, width]`.
///
/// ```
/// use pocketrec::ops::prelu;
/// let gradients = prelu::backward(&[-2.0, 3.0], &[0.25], &[10.0, 100.0]);
/// assert_eq!((gradients.input, gradients.alpha), (vec![2.5, 100.0], vec![-20.0]));
/// ```
pub fn backward(input: &[f64], alpha: &[f64], output_gradient: &[f64]) -> Gradients {
    let width = alpha.len();
    let mut gradients = Gradients {
        input: output_gradient.to_vec(),
        alpha: vec![0.0; width],
    };
    for (k, &x) in input.iter().enumerate() {
        if x > 0.0 {
            continue;
        }
        gradients.input[k] *= alpha[k % width];
        gradients.alpha[k % width] += output_gradient[k] * x;
    }
    gradients
}
