//! Batch normalisation: every column brought to mean 0 and variance 1 over the batch.
//!
//! `output[s, i] = weight[i] * x^[s, i] + bias[i]` with `x^[s, i] = (input[s, i] - mean[i]) / sqrt(variance[i] +
//! epsilon)`; `input` and `output` are `[rows, width]`, all others `[width]`. Without its affine part `output` is `x^`
//! (Ioffe and Szegedy, *Batch Normalization*, ICML 2015, algorithm 1, as `torch.nn.BatchNorm1d` computes it).
//!
//! In training `mean` and `variance` are those of the batch, the variance divided by `rows`. At evaluation they are
//! running ones, which every training batch moves: `running <- (1 - momentum) running + momentum * batch`, with the
//! batch's variance there divided by `rows - 1`. A batch of one row, for which PyTorch refuses to train, has variance
//! 0 in both places; an empty one moves nothing. Over ragged steps a row is a step: padding has no part.
//!
//! Backward, in training, where the statistics depend on the input too, with `g = weight * output_gradient` and means
//! over the batch: `input_gradient[s, i] = (g[s, i] - mean(g[i]) - x^[s, i] * mean(g[i] x^[i])) / sqrt(variance[i] +
//! epsilon)`, `weight_gradient[i] = sum over s of output_gradient[s, i] * x^[s, i]`, `bias_gradient[i] = sum over s of
//! output_gradient[s, i]`.

use alloc::{vec, vec::Vec};

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
    /// running.follow(&Statistics::of(&[1.0, 3.0], 1), 2, 0.25);
    /// assert_eq!((running.mean[0], running.variance[0]), (0.5, 0.75 + 0.25 * 2.0));
    /// ```
    pub fn follow(&mut self, batch: &Statistics, rows: usize, momentum: f64) {
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

/// `x^`, `[rows, width]`: without the affine part.
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

/// The output with the affine part, `[rows, width]`.
///
/// ```
/// use pocketrec::ops::batch_norm::{self, Statistics};
/// let input = [1.0, 3.0];
/// assert_eq!(batch_norm::forward(&input, &Statistics::of(&input, 1), &[10.0], &[0.5], 0.0), [-9.5, 10.5]);
/// ```
pub fn forward(input: &[f64], statistics: &Statistics, weight: &[f64], bias: &[f64], epsilon: f64) -> Vec<f64> {
    let mut output = normalise(input, statistics, epsilon);
    for (k, x) in output.iter_mut().enumerate() {
        *x = weight[k % weight.len()] * *x + bias[k % bias.len()];
    }
    output
}

/// The gradients of batch normalisation with its affine part.
#[derive(Clone, Debug, PartialEq)]
pub struct Gradients {
    /// `[rows, width]`.
    pub input: Vec<f64>,
    /// `[width]`, summed over the batch.
    pub weight: Vec<f64>,
    /// `[width]`, summed over the batch.
    pub bias: Vec<f64>,
}

/// All three gradients in training: `statistics` are those of `input`.
///
/// ```
/// use pocketrec::ops::batch_norm::{self, Statistics};
/// let input = [1.0, 3.0];
/// let gradients = batch_norm::backward(&input, &Statistics::of(&input, 1), &[10.0], &[5.0, 7.0], 0.0);
/// assert_eq!((gradients.weight[0], gradients.bias[0]), (-5.0 + 7.0, 12.0));
/// ```
pub fn backward(
    input: &[f64],
    statistics: &Statistics,
    weight: &[f64],
    output_gradient: &[f64],
    epsilon: f64,
) -> Gradients {
    let width = weight.len();
    let normal = normalise(input, statistics, epsilon);
    let (mut of_weight, mut of_bias) = (vec![0.0; width], vec![0.0; width]);
    let mut of_normal = Vec::with_capacity(input.len());
    for (k, (g, x)) in output_gradient.iter().zip(&normal).enumerate() {
        of_weight[k % width] += g * x;
        of_bias[k % width] += g;
        of_normal.push(g * weight[k % width]);
    }
    Gradients {
        input: normalise_backward(input, statistics, &of_normal, epsilon),
        weight: of_weight,
        bias: of_bias,
    }
}
