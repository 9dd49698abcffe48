//! Dice: a PReLU whose bend is where the data are, and soft.
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
    sigmoid_cross_entropy::sigmoid,
};

/// The activations, `[rows, width]`.
///
/// ```
/// use pocketrec::ops::{batch_norm::Statistics, dice};
/// let input = [5.0, 5.0]; // at its mean everywhere: half one, half the other
/// assert_eq!(dice::forward(&input, &[0.2], &Statistics::of(&input, 1), 1e-8), [3.0, 3.0]);
/// ```
pub fn forward(input: &[f64], alpha: &[f64], statistics: &Statistics, epsilon: f64) -> Vec<f64> {
    let mut output = batch_norm::normalise(input, statistics, epsilon);
    for (k, (y, x)) in output.iter_mut().zip(input).enumerate() {
        let p = sigmoid(*y);
        *y = p * x + (1.0 - p) * alpha[k % alpha.len()] * x;
    }
    output
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
    let width = alpha.len();
    let normal = batch_norm::normalise(input, statistics, epsilon);
    let (mut direct, mut of_normal) = (Vec::new(), Vec::new());
    let mut of_alpha = vec![0.0; width];
    for (k, ((x, n), g)) in input.iter().zip(&normal).zip(output_gradient).enumerate() {
        let (p, alpha) = (sigmoid(*n), alpha[k % width]);
        direct.push(g * (p + (1.0 - p) * alpha));
        of_normal.push(g * (1.0 - alpha) * x * p * (1.0 - p));
        of_alpha[k % width] += g * (1.0 - p) * x;
    }
    let through = batch_norm::normalise_backward(input, statistics, &of_normal, epsilon);
    Gradients {
        input: direct
            .iter()
            .zip(through)
            .map(|(direct, through)| direct + through)
            .collect(),
        alpha: of_alpha,
    }
}
