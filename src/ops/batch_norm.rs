//! Batch normalisation: every column brought to mean 0 and variance 1 over the batch.
//!
//! `output[s, i] = (input[s, i] - mean[i]) / sqrt(variance[i] + epsilon)`; `input` and `output` are `[rows, width]`, all
//! others `[width]` (Ioffe and Szegedy, *Batch Normalization*, ICML 2015, algorithm 1, as `torch.nn.BatchNorm1d` computes
//! it). The scale and shift that end the algorithm are [`affine`](super::affine).
//!
//! In training `mean` and `variance` are those of the batch, the variance divided by `rows`. At evaluation they are
//! running ones, which every training batch moves: `running <- (1 - momentum) running + momentum * batch`, with the
//! batch's variance there divided by `rows - 1`. A batch of one row, for which PyTorch refuses to train, has variance
//! 0 in both places; an empty one moves nothing. Over ragged steps a row is a step: padding has no part. A training step
//! may hold the running ones instead ([`Batch::hold_statistics`](crate::data::Batch::hold_statistics)), and move none.
//!
//! Backward, in training, where the statistics depend on the input too, with `g = output_gradient` and means over the
//! batch: `input_gradient[s, i] = (g[s, i] - mean(g[i]) - output[s, i] * mean(g[i] output[i])) / sqrt(variance[i] +
//! epsilon)`; by running statistics `input_gradient[s, i] = g[s, i] / sqrt(variance[i] + epsilon)`.

use super::{
    op::{Op, Role, Spaces},
    specification::{Context, Specification},
};
use crate::view::{Space, View};
use alloc::{vec, vec::Vec};
use core::slice;

/// `output` is `input` brought to mean 0 and variance 1 over the batch, without an affine part; by running statistics
/// in use.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchNorm {
    /// The running mean, `[output.width]`; as the variance a [`Statistic`](crate::plan::ParamKind::Statistic).
    pub mean: usize,
    /// The running variance.
    pub variance: usize,
    /// What is normalised.
    pub input: View,
    /// As wide.
    pub output: View,
    /// How far each batch moves the running statistics.
    pub momentum: f32,
    /// Added to the variance.
    pub epsilon: f32,
}

impl Op for BatchNorm {
    fn name(&self) -> &'static str {
        "batch_norm"
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
        Spaces::OfFirstInput
    }

    fn multiply_adds(&self, rows: &dyn Fn(View) -> usize) -> usize {
        rows(self.output).saturating_mul(self.output.width)
    }
}

impl Specification for BatchNorm {
    fn forward(&self, on: &dyn Context) -> Vec<f64> {
        let x = on.read(self.input);
        let statistics = match on.is_training() && !on.holds_statistics() {
            true => Statistics::of(&x, self.input.width),
            false => self.running(on),
        };
        normalise(&x, &statistics, self.epsilon.into())
    }

    fn backward(&self, on: &dyn Context, d_output: &[f64], _d_params: &mut [Vec<f64>]) -> Vec<Vec<f64>> {
        if on.holds_statistics() {
            return vec![running_backward(&self.running(on), d_output, self.epsilon.into())];
        }
        let x = on.read(self.input);
        let statistics = Statistics::of(&x, self.input.width);
        vec![normalise_backward(&x, &statistics, d_output, self.epsilon.into())]
    }

    fn statistics(&self, on: &dyn Context) -> Vec<(usize, Vec<f64>)> {
        let x = on.read(self.input);
        let mut running = self.running(on);
        let of_batch = Statistics::of(&x, self.input.width);
        running.update(&of_batch, on.rows(self.input), self.momentum.into());
        vec![(self.mean, running.mean), (self.variance, running.variance)]
    }
}

impl BatchNorm {
    fn running(&self, on: &dyn Context) -> Statistics {
        Statistics {
            mean: on.value(self.mean).to_vec(),
            variance: on.value(self.variance).to_vec(),
        }
    }
}

/// Mean and variance of every column.
#[derive(Clone, Debug, PartialEq)]
pub struct Statistics {
    /// `[width]`.
    pub mean: Vec<f64>,
    /// `[width]`.
    pub variance: Vec<f64>,
}

impl Statistics {
    /// What running statistics begin with: mean 0, variance 1.
    pub fn initial(width: usize) -> Self {
        Statistics {
            mean: vec![0.0; width],
            variance: vec![1.0; width],
        }
    }

    /// Those of a batch `[rows, width]`, zero of none.
    ///
    /// ```
    /// use pocketrec::ops::batch_norm::Statistics;
    /// let batch = Statistics::of(&[1.0, 10.0, 3.0, 10.0], 2);
    /// assert_eq!((batch.mean, batch.variance), (vec![2.0, 10.0], vec![1.0, 0.0]));
    /// ```
    pub fn of(input: &[f64], width: usize) -> Self {
        let rows = (input.len() / width).max(1) as f64;
        let (mut mean, mut variance) = (vec![0.0; width], vec![0.0; width]);
        for (k, x) in input.iter().enumerate() {
            mean[k % width] += x / rows;
        }
        for (k, x) in input.iter().enumerate() {
            let centred = x - mean[k % width];
            variance[k % width] += centred * centred / rows;
        }
        Statistics { mean, variance }
    }

    /// Moves running statistics towards those of a batch of `rows` rows.
    ///
    /// ```
    /// use pocketrec::ops::batch_norm::Statistics;
    /// let mut running = Statistics::initial(1);
    /// running.update(&Statistics::of(&[1.0, 3.0], 1), 2, 0.25);
    /// assert_eq!((running.mean[0], running.variance[0]), (0.5, 0.75 + 0.25 * 2.0));
    /// ```
    pub fn update(&mut self, batch: &Statistics, rows: usize, momentum: f64) {
        if rows == 0 {
            return;
        }
        let unbiased = rows as f64 / (rows - 1).max(1) as f64;
        for i in 0..self.mean.len() {
            self.mean[i] = (1.0 - momentum) * self.mean[i] + momentum * batch.mean[i];
            self.variance[i] = (1.0 - momentum) * self.variance[i] + momentum * unbiased * batch.variance[i];
        }
    }

    /// `1 / sqrt(variance[i] + epsilon)`.
    fn scale(&self, i: usize, epsilon: f64) -> f64 {
        1.0 / libm::sqrt(self.variance[i] + epsilon)
    }
}

/// The output, `[rows, width]`.
///
/// ```
/// use pocketrec::ops::batch_norm::{Statistics, normalise};
/// let input = [1.0, 5.0, 3.0, 9.0];
/// assert_eq!(normalise(&input, &Statistics::of(&input, 2), 0.0), [-1.0, -1.0, 1.0, 1.0]);
/// ```
pub fn normalise(input: &[f64], statistics: &Statistics, epsilon: f64) -> Vec<f64> {
    let width = statistics.mean.len();
    let one = |(k, x): (usize, &f64)| (x - statistics.mean[k % width]) * statistics.scale(k % width, epsilon);
    input.iter().enumerate().map(one).collect()
}

/// The gradient of the input of [`normalise`] in training, `[rows, width]`: `statistics` are those of `input`.
///
/// ```
/// use pocketrec::ops::batch_norm::{Statistics, normalise_backward};
/// let input = [1.0, 3.0];
/// // Of two values normalised to -1 and 1, nothing moves the outputs.
/// assert_eq!(normalise_backward(&input, &Statistics::of(&input, 1), &[5.0, 7.0], 0.0), [0.0, 0.0]);
/// ```
pub fn normalise_backward(input: &[f64], statistics: &Statistics, output_gradient: &[f64], epsilon: f64) -> Vec<f64> {
    let width = statistics.mean.len();
    let rows = (input.len() / width) as f64;
    let normal = normalise(input, statistics, epsilon);
    let (mut mean, mut slope) = (vec![0.0; width], vec![0.0; width]);
    for (k, (g, x)) in output_gradient.iter().zip(&normal).enumerate() {
        mean[k % width] += g / rows;
        slope[k % width] += g * x / rows;
    }
    let one = |(k, (g, x)): (usize, (&f64, &f64))| {
        let i = k % width;
        (g - mean[i] - x * slope[i]) * statistics.scale(i, epsilon)
    };
    output_gradient.iter().zip(&normal).enumerate().map(one).collect()
}

/// The gradient of the input of [`normalise`] by statistics that do not depend on it, `[rows, width]`.
///
/// ```
/// use pocketrec::ops::batch_norm::{Statistics, running_backward};
/// let running = Statistics { mean: vec![2.0], variance: vec![4.0] };
/// assert_eq!(running_backward(&running, &[5.0, 7.0], 0.0), [2.5, 3.5]);
/// ```
pub fn running_backward(running: &Statistics, output_gradient: &[f64], epsilon: f64) -> Vec<f64> {
    let width = running.mean.len();
    let one = |(k, g): (usize, &f64)| g * running.scale(k % width, epsilon);
    output_gradient.iter().enumerate().map(one).collect()
}
