//! Dice: a PReLU whose kink is at the mean of the data, and smooth.
//!
//! `output[s, i] = p x + (1 - p) alpha[i] x` with `x = input[s, i]` and `p = sigmoid(x^[s, i])`, where `x^` is the
//! input after [`batch_norm`] without its affine part; `input` and `output` are `[rows, width]`, `alpha` is `[width]`
//! (Zhou et al., *Deep Interest Network*, KDD 2018, equation 3). Statistics are the batch's in training and running
//! ones at evaluation.
//!
//! Backward, in training: `input_gradient` is `output_gradient * (p + (1 - p) alpha)` plus what flows back through the
//! normalisation from `output_gradient * (1 - alpha) x p (1 - p)`; `alpha_gradient[i] = sum over s of
//! output_gradient[s, i] * (1 - p) x`.

use alloc::{vec, vec::Vec};

use super::{
    batch_norm::{self, Statistics},
    op::{Op, Role, Spaces},
    sigmoid_cross_entropy::sigmoid,
    specification::{Context, Specification, add},
};
use crate::view::{Space, View};

/// `output = p x + (1 - p) alpha x` with `p = sigmoid(normal)`: Dice where `normal` is the batch-normalised `x`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dice {
    /// `[output.width]`.
    pub alpha: usize,
    /// `x` and `normal`.
    pub inputs: [View; 2],
    /// As wide as each.
    pub output: View,
}

impl Op for Dice {
    fn name(&self) -> &'static str {
        "dice"
    }

    fn inputs(&self) -> &[View] {
        &self.inputs
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
        rows(self.output).saturating_mul(2 * self.output.width)
    }
}

impl Specification for Dice {
    fn forward(&self, on: &dyn Context) -> Vec<f64> {
        let [x, normal] = self.inputs.map(|view| on.read(view));
        gate(&x, &normal, on.value(self.alpha))
    }

    fn backward(&self, on: &dyn Context, d_output: &[f64], d_params: &mut [Vec<f64>]) -> Vec<Vec<f64>> {
        let [x, normal] = self.inputs.map(|view| on.read(view));
        let found = gate_backward(&x, &normal, on.value(self.alpha), d_output);
        add(&mut d_params[self.alpha], &found.alpha);
        vec![found.input, found.normal]
    }
}

/// The activations, `[rows, width]`.
///
/// ```
/// use pocketrec::ops::{batch_norm::Statistics, dice};
/// let input = [5.0, 5.0]; // at its mean everywhere: half one, half the other
/// assert_eq!(dice::forward(&input, &[0.2], &Statistics::of(&input, 1), 1e-8), [3.0, 3.0]);
/// ```
pub fn forward(input: &[f64], alpha: &[f64], statistics: &Statistics, epsilon: f64) -> Vec<f64> {
    gate(input, &batch_norm::normalise(input, statistics, epsilon), alpha)
}

/// The activations, `[rows, width]`, from the input after batch normalisation, `normal`.
///
/// ```
/// use pocketrec::ops::dice;
/// assert_eq!(dice::gate(&[5.0, 5.0], &[0.0, -1e9], &[0.2]), [3.0, 1.0]);
/// ```
pub fn gate(input: &[f64], normal: &[f64], alpha: &[f64]) -> Vec<f64> {
    let one = |(k, (x, n)): (usize, (&f64, &f64))| {
        let p = sigmoid(*n);
        p * x + (1.0 - p) * alpha[k % alpha.len()] * x
    };
    input.iter().zip(normal).enumerate().map(one).collect()
}

/// The gradients of Dice.
#[derive(Clone, Debug, PartialEq)]
pub struct Gradients {
    /// `[rows, width]`.
    pub input: Vec<f64>,
    /// `[width]`, summed over the batch.
    pub alpha: Vec<f64>,
}

/// Both gradients in training, from `output_gradient` `[rows, width]`: `statistics` are those of `input`.
///
/// ```
/// use pocketrec::ops::{batch_norm::Statistics, dice};
/// let input = [4.0, 4.0];
/// let gradients = dice::backward(&input, &[0.25], &Statistics::of(&input, 1), &[1.0, 1.0], 1.0);
/// assert_eq!(gradients.input, [0.625, 0.625]); // a shift of all inputs moves no p
/// assert_eq!(gradients.alpha, [4.0]);
/// ```
pub fn backward(
    input: &[f64],
    alpha: &[f64],
    statistics: &Statistics,
    output_gradient: &[f64],
    epsilon: f64,
) -> Gradients {
    let normal = batch_norm::normalise(input, statistics, epsilon);
    let found = gate_backward(input, &normal, alpha, output_gradient);
    let through = batch_norm::normalise_backward(input, statistics, &found.normal, epsilon);
    Gradients {
        input: found
            .input
            .iter()
            .zip(through)
            .map(|(direct, through)| direct + through)
            .collect(),
        alpha: found.alpha,
    }
}

/// The gradients of [`gate`].
#[derive(Clone, Debug, PartialEq)]
pub struct GateGradients {
    /// `[rows, width]`, beside the normalisation.
    pub input: Vec<f64>,
    /// `[rows, width]`.
    pub normal: Vec<f64>,
    /// `[width]`, summed over the batch.
    pub alpha: Vec<f64>,
}

/// All three gradients of [`gate`], from `output_gradient` `[rows, width]`.
///
/// ```
/// use pocketrec::ops::dice;
/// let found = dice::gate_backward(&[4.0], &[0.0], &[0.5], &[1.0]);
/// assert_eq!((found.input, found.normal, found.alpha), (vec![0.75], vec![0.5], vec![2.0]));
/// ```
pub fn gate_backward(input: &[f64], normal: &[f64], alpha: &[f64], output_gradient: &[f64]) -> GateGradients {
    let width = alpha.len();
    let mut found = GateGradients {
        input: Vec::new(),
        normal: Vec::new(),
        alpha: vec![0.0; width],
    };
    for (k, ((x, n), g)) in input.iter().zip(normal).zip(output_gradient).enumerate() {
        let (p, alpha) = (sigmoid(*n), alpha[k % width]);
        found.input.push(g * (p + (1.0 - p) * alpha));
        found.normal.push(g * (1.0 - alpha) * x * p * (1.0 - p));
        found.alpha[k % width] += g * (1.0 - p) * x;
    }
    found
}
