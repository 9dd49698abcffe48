//! Layer normalisation: each row to mean 0 and variance 1, then a scale and a shift for each column.
//!
//! `output[s, i] = weight[i] * n[s, i] + bias[i]` with `n[s, i] = (input[s, i] - mean[s]) / sqrt(variance[s] + epsilon)`, where
//! mean and variance (over the number of columns, not one less) are of row `s`; `input` and `output` are `[rows, width]`,
//! `weight` and `bias` are `[width]` (Ba, Kiros, Hinton, *Layer Normalization*, 2016, equation 4). Unlike
//! [`batch_norm`](super::batch_norm) it looks at no other row: nothing runs along, and training and use are the same.
//!
//! Backward, with `g[i] = weight[i] * output_gradient[s, i]`: `input_gradient[s, i] = (g[i] - mean of g - n[s, i] * mean of
//! (g * n)) / sqrt(variance[s] + epsilon)`; `weight_gradient[i] = sum over s of output_gradient[s, i] * n[s, i]`,
//! `bias_gradient[i] = sum over s of output_gradient[s, i]`.

use alloc::{vec, vec::Vec};
use core::slice;

use super::{
    op::{Op, Role, Spaces},
    specification::{Context, Specification, add},
};
use crate::view::{Space, View};

/// `output = weight * (input - mean) / sqrt(variance + epsilon) + bias`, with mean and variance of each row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LayerNorm {
    /// `[output.width]`.
    pub weight: usize,
    /// `[output.width]`.
    pub bias: usize,
    /// What is normalised.
    pub input: View,
    /// As wide.
    pub output: View,
    /// Added to the variance.
    pub epsilon: f32,
}

impl Op for LayerNorm {
    fn name(&self) -> &'static str {
        "layer_norm"
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
        rows(self.output).saturating_mul(4 * self.output.width)
    }
}

impl Specification for LayerNorm {
    fn forward(&self, on: &dyn Context) -> Vec<f64> {
        let (weight, bias) = (on.value(self.weight), on.value(self.bias));
        forward(&on.read(self.input), weight, bias, self.epsilon.into())
    }

    fn backward(&self, on: &dyn Context, d_output: &[f64], d_params: &mut [Vec<f64>]) -> Vec<Vec<f64>> {
        let found = backward(
            &on.read(self.input),
            on.value(self.weight),
            d_output,
            self.epsilon.into(),
        );
        add(&mut d_params[self.weight], &found.weight);
        add(&mut d_params[self.bias], &found.bias);
        vec![found.input]
    }
}

/// The output, `[rows, width]`.
///
/// ```
/// use pocketrec::ops::layer_norm;
/// let output = layer_norm::forward(&[1.0, 3.0, 5.0, 5.0], &[10.0, 10.0], &[0.5, 0.0], 1e-300);
/// assert_eq!(output, [-9.5, 10.0, 0.5, 0.0]);
/// ```
pub fn forward(input: &[f64], weight: &[f64], bias: &[f64], epsilon: f64) -> Vec<f64> {
    let width = weight.len();
    let rows = input.chunks_exact(width).map(|row| normalise(row, epsilon).0);
    let scaled = |row: Vec<f64>| (0..width).map(move |i| weight[i] * row[i] + bias[i]);
    rows.flat_map(scaled).collect()
}

/// The gradients of layer normalisation.
#[derive(Clone, Debug, PartialEq)]
pub struct Gradients {
    /// `[rows, width]`.
    pub input: Vec<f64>,
    /// `[width]`, summed over the rows.
    pub weight: Vec<f64>,
    /// `[width]`, summed over the rows.
    pub bias: Vec<f64>,
}

/// All three gradients, from `output_gradient` `[rows, width]`.
///
/// ```
/// use pocketrec::ops::layer_norm;
/// // Two columns are -1 and 1 whatever the input is, so nothing flows back to it.
/// let found = layer_norm::backward(&[1.0, 3.0], &[10.0, 10.0], &[2.0, 5.0], 1e-300);
/// assert_eq!((found.input, found.weight, found.bias), (vec![0.0, 0.0], vec![-2.0, 5.0], vec![2.0, 5.0]));
/// ```
pub fn backward(input: &[f64], weight: &[f64], output_gradient: &[f64], epsilon: f64) -> Gradients {
    let width = weight.len();
    let mut found = Gradients {
        input: Vec::with_capacity(input.len()),
        weight: vec![0.0; width],
        bias: vec![0.0; width],
    };
    for (row, d) in input.chunks_exact(width).zip(output_gradient.chunks_exact(width)) {
        let (n, deviation) = normalise(row, epsilon);
        let g: Vec<f64> = weight.iter().zip(d).map(|(weight, d)| weight * d).collect();
        let mean = g.iter().sum::<f64>() / width as f64;
        let along = g.iter().zip(&n).map(|(g, n)| g * n).sum::<f64>() / width as f64;
        for i in 0..width {
            found.input.push((g[i] - mean - n[i] * along) / deviation);
            found.weight[i] += d[i] * n[i];
            found.bias[i] += d[i];
        }
    }
    found
}

/// A row with mean 0 and variance 1, and what it was divided by.
fn normalise(row: &[f64], epsilon: f64) -> (Vec<f64>, f64) {
    let width = row.len() as f64;
    let mean = row.iter().sum::<f64>() / width;
    let variance = row.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / width;
    let deviation = libm::sqrt(variance + epsilon);
    (row.iter().map(|x| (x - mean) / deviation).collect(), deviation)
}
