//! A scale and a shift for each column, and a rectifier behind them where one is asked for: the affine part of batch
//! normalisation.
//!
//! `output[s, i] = weight[i] * input[s, i] + bias[i]`, with `relu` no less than 0; `input` and `output` are
//! `[rows, width]`, `weight` and `bias` are `[width]` (Ioffe and Szegedy, *Batch Normalization*, ICML 2015, algorithm 1,
//! its last line).
//!
//! Backward, with `d = output_gradient`, with `relu` only where the output is positive: `input_gradient[s, i] = weight[i] *
//! d[s, i]`, `weight_gradient[i] = sum over s of d[s, i] * input[s, i]`, `bias_gradient[i] = sum over s of d[s, i]`.
//! NaN stays NaN.

use alloc::{vec, vec::Vec};
use core::slice;

use super::{
    linear::{Activation, activate, activation_gradient},
    op::{Op, Role, Spaces},
    specification::{Context, Specification, add},
};
use crate::view::{Space, View};

/// `output = weight * input + bias`, with a scale and a shift for each column.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Affine {
    /// `[output.width]`.
    pub weight: usize,
    /// `[output.width]`.
    pub bias: usize,
    /// What is scaled.
    pub input: View,
    /// As wide.
    pub output: View,
    /// Whether `max(output, 0)` follows.
    pub relu: bool,
}

impl Op for Affine {
    fn name(&self) -> &'static str {
        "affine"
    }

    fn inputs(&self) -> &[View] {
        slice::from_ref(&self.input)
    }

    fn params(&self) -> Vec<usize> {
        vec![self.weight, self.bias]
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
        rows(self.output).saturating_mul(self.output.width)
    }
}

impl Specification for Affine {
    fn forward(&self, on: &dyn Context) -> Vec<f64> {
        let (weight, bias) = (on.value(self.weight), on.value(self.bias));
        forward(&on.read(self.input), weight, bias, self.relu)
    }

    fn backward(&self, on: &dyn Context, d_output: &[f64], d_params: &mut [Vec<f64>]) -> Vec<Vec<f64>> {
        let (x, y) = (on.read(self.input), on.read(self.output));
        let found = backward(&x, on.value(self.weight), &y, d_output, self.relu);
        add(&mut d_params[self.weight], &found.weight);
        add(&mut d_params[self.bias], &found.bias);
        vec![found.input]
    }
}

/// The output, `[rows, width]`.
///
/// ```
/// use pocketrec::ops::affine;
/// let output = affine::forward(&[1.0, 2.0, -1.0, -2.0], &[10.0, 100.0], &[1.0, 2.0], true);
/// assert_eq!(output, [11.0, 202.0, 0.0, 0.0]);
/// ```
pub fn forward(input: &[f64], weight: &[f64], bias: &[f64], relu: bool) -> Vec<f64> {
    let one = |(k, x): (usize, &f64)| {
        let i = k % weight.len();
        activate(weight[i] * x + bias[i], behind(relu))
    };
    input.iter().enumerate().map(one).collect()
}

/// The gradients of a scale and a shift.
#[derive(Clone, Debug, PartialEq)]
pub struct Gradients {
    /// `[rows, width]`.
    pub input: Vec<f64>,
    /// `[width]`, summed over the batch.
    pub weight: Vec<f64>,
    /// `[width]`, summed over the batch.
    pub bias: Vec<f64>,
}

/// All three gradients, from `output_gradient` `[rows, width]`; `output` is what [`forward`] gave.
///
/// ```
/// use pocketrec::ops::affine;
/// let gradients = affine::backward(&[1.0, 3.0], &[10.0], &[11.0, 31.0], &[5.0, 7.0], true);
/// assert_eq!(gradients.input, [50.0, 70.0]);
/// assert_eq!((gradients.weight[0], gradients.bias[0]), (5.0 + 21.0, 12.0));
/// ```
pub fn backward(input: &[f64], weight: &[f64], output: &[f64], output_gradient: &[f64], relu: bool) -> Gradients {
    let width = weight.len();
    let delta = activation_gradient(output, output_gradient, behind(relu));
    let mut gradients = Gradients {
        input: Vec::with_capacity(input.len()),
        weight: vec![0.0; width],
        bias: vec![0.0; width],
    };
    for (k, (d, x)) in delta.iter().zip(input).enumerate() {
        gradients.input.push(weight[k % width] * d);
        gradients.weight[k % width] += d * x;
        gradients.bias[k % width] += d;
    }
    gradients
}

fn behind(relu: bool) -> Activation {
    if relu { Activation::Relu } else { Activation::Identity }
}
