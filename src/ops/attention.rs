//! Attention: a history pooled with weights that depend on the candidate.
//!
//! The histories of a batch lie behind one another: sample `s` has the steps `offsets[s]..offsets[s + 1]`, so that
//! nothing is padded; `offsets` is `[samples + 1]`, begins with 0, never falls and ends with `steps`. A history may be
//! empty: what is pooled from it is 0.
//!
//! With a score for every step, `output[s] = sum over steps t of s of weight[t] * value[t]`, where `weight[t]` is the score
//! itself (Zhou et al., *Deep Interest Network*, KDD 2018, equation 3: the intensity of an interest is kept) or
//! the softmax of the scores over the steps of the sample. `value` is `[steps, width]`, `score` and `weight` are
//! `[steps]`, `output` is `[samples, width]`.
//!
//! DIN's score is an MLP's output on `[q, k, q - k, q * k]`, with the candidate `q` of the sample and the step's key `k`:
//! [`unit_input`].
//!
//! Backward: `value_gradient[t] = weight[t] * output_gradient[s]`, and with `d[t] = <output_gradient[s], value[t]>`
//! `score_gradient[t]` is `d[t]`, or with softmax `weight[t] * (d[t] - sum over t' of s of weight[t'] d[t'])`.

use alloc::{vec, vec::Vec};

use super::{
    op::{Op, Role, Spaces},
    softmax,
    specification::{Context, Specification},
};
use crate::view::{Space, View};

/// `output[s] = sum over the steps t of sample s of weight[t] * value[t]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Attention {
    /// The weights, one column, and the values, both one row a step.
    pub inputs: [View; 2],
    /// One row a sample, as wide as the values.
    pub output: View,
}

impl Op for Attention {
    fn name(&self) -> &'static str {
        "attention"
    }

    fn inputs(&self) -> &[View] {
        &self.inputs
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
            steps: self.inputs.to_vec(),
        }
    }

    fn multiply_adds(&self, rows: &dyn Fn(View) -> usize) -> usize {
        rows(self.inputs[1]).saturating_mul(self.output.width)
    }
}

impl Specification for Attention {
    fn forward(&self, on: &dyn Context) -> Vec<f64> {
        let [weights, values] = self.inputs;
        forward(&on.read(weights), &on.read(values), on.offsets(values), values.width)
    }

    fn backward(&self, on: &dyn Context, d_output: &[f64], _d_params: &mut [Vec<f64>]) -> Vec<Vec<f64>> {
        let [weights, values] = self.inputs;
        let (w, v) = (on.read(weights), on.read(values));
        let found = backward(&w, &v, on.offsets(values), d_output, Normalisation::None);
        vec![found.score, found.value]
    }
}

/// What is done to scores before they weigh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Normalisation {
    /// Nothing.
    None,
    /// [`softmax`] over the steps of each sample.
    Softmax,
}

/// The weights, `[steps]`.
///
/// ```
/// use pocketrec::ops::attention::{Normalisation, weights};
/// let (offsets, scores) = ([0, 2, 2, 3], [7.0, 7.0, 9.0]);
/// assert_eq!(weights(&scores, &offsets, Normalisation::None), scores);
/// assert_eq!(weights(&scores, &offsets, Normalisation::Softmax), [0.5, 0.5, 1.0]);
/// ```
pub fn weights(scores: &[f64], offsets: &[u32], normalisation: Normalisation) -> Vec<f64> {
    match normalisation {
        Normalisation::None => scores.to_vec(),
        Normalisation::Softmax => softmax::forward(scores, offsets),
    }
}

/// The gradient of the scores, `[steps]`, from that of the [`weights`] made of them.
///
/// ```
/// use pocketrec::ops::attention::{Normalisation, weights_backward};
/// let gradient = weights_backward(&[0.5, 0.5], &[10.0, 30.0], &[0, 2], Normalisation::Softmax);
/// assert_eq!(gradient, [-5.0, 5.0]);
/// ```
pub fn weights_backward(
    weights: &[f64],
    weights_gradient: &[f64],
    offsets: &[u32],
    normalisation: Normalisation,
) -> Vec<f64> {
    match normalisation {
        Normalisation::None => weights_gradient.to_vec(),
        Normalisation::Softmax => softmax::backward(weights, weights_gradient, offsets),
    }
}

/// The pooled histories, `[samples, width]`, from [`weights`] and `value` `[steps, width]`.
///
/// ```
/// use pocketrec::ops::attention;
/// let value = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
/// let pooled = attention::forward(&[0.5, 1.0, 2.0], &value, &[0, 2, 2, 3], 2);
/// assert_eq!(pooled, [3.5, 5.0, 0.0, 0.0, 10.0, 12.0]);
/// ```
pub fn forward(weights: &[f64], value: &[f64], offsets: &[u32], width: usize) -> Vec<f64> {
    let mut output = vec![0.0; (offsets.len() - 1) * width];
    for (s, steps) in samples(offsets).enumerate() {
        for t in steps {
            for i in 0..width {
                output[s * width + i] += weights[t] * value[t * width + i];
            }
        }
    }
    output
}

/// The gradients of attention.
#[derive(Clone, Debug, PartialEq)]
pub struct Gradients {
    /// `[steps]`.
    pub score: Vec<f64>,
    /// `[steps, width]`.
    pub value: Vec<f64>,
}

/// Both gradients, from the [`weights`] of the scores and `output_gradient` `[samples, width]`.
///
/// ```
/// use pocketrec::ops::attention::{self, Normalisation};
/// let (weights, value) = ([0.5, 0.5], [1.0, 3.0]);
/// let run = |normalisation| attention::backward(&weights, &value, &[0, 2], &[10.0], normalisation);
/// assert_eq!(run(Normalisation::None).score, [10.0, 30.0]);
/// assert_eq!(run(Normalisation::Softmax).score, [-5.0, 5.0]);
/// assert_eq!(run(Normalisation::None).value, [5.0, 5.0]);
/// ```
pub fn backward(
    weights: &[f64],
    value: &[f64],
    offsets: &[u32],
    output_gradient: &[f64],
    normalisation: Normalisation,
) -> Gradients {
    let width = output_gradient.len().checked_div(offsets.len() - 1).unwrap_or(0);
    let mut gradients = Gradients {
        score: vec![0.0; weights.len()],
        value: vec![0.0; value.len()],
    };
    for (s, steps) in samples(offsets).enumerate() {
        for t in steps {
            for i in 0..width {
                let gradient = output_gradient[s * width + i];
                gradients.value[t * width + i] = weights[t] * gradient;
                gradients.score[t] += gradient * value[t * width + i];
            }
        }
    }
    gradients.score = weights_backward(weights, &gradients.score, offsets, normalisation);
    gradients
}

/// `[steps, 4 width]`: `[q, k, q - k, q * k]` for every step, from `query` `[samples, width]` and `key`
/// `[steps, width]`.
///
/// ```
/// use pocketrec::ops::attention::unit_input;
/// let rows = unit_input(&[2.0, 10.0], &[5.0, 7.0], &[0, 1, 2], 1);
/// assert_eq!(rows, [2.0, 5.0, -3.0, 10.0, 10.0, 7.0, 3.0, 70.0]);
/// ```
pub fn unit_input(query: &[f64], key: &[f64], offsets: &[u32], width: usize) -> Vec<f64> {
    let mut rows = vec![0.0; key.len() * 4];
    for (s, steps) in samples(offsets).enumerate() {
        for t in steps {
            let row = &mut rows[t * 4 * width..][..4 * width];
            for i in 0..width {
                let (q, k) = (query[s * width + i], key[t * width + i]);
                row[i] = q;
                row[width + i] = k;
                row[2 * width + i] = q - k;
                row[3 * width + i] = q * k;
            }
        }
    }
    rows
}

/// The gradients of `query` and of `key`, from that of [`unit_input`], `[steps, 4 width]`.
///
/// ```
/// use pocketrec::ops::attention::unit_input_backward;
/// let [query, key] = unit_input_backward(&[2.0], &[5.0], &[0, 1], &[1.0, 10.0, 100.0, 1000.0], 1);
/// assert_eq!((query, key), (vec![1.0 + 100.0 + 5000.0], vec![10.0 - 100.0 + 2000.0]));
/// ```
pub fn unit_input_backward(
    query: &[f64],
    key: &[f64],
    offsets: &[u32],
    rows_gradient: &[f64],
    width: usize,
) -> [Vec<f64>; 2] {
    let (mut of_query, mut of_key) = (vec![0.0; query.len()], vec![0.0; key.len()]);
    for (s, steps) in samples(offsets).enumerate() {
        for t in steps {
            let row = &rows_gradient[t * 4 * width..][..4 * width];
            for i in 0..width {
                let [q, k, difference, product] = [0, 1, 2, 3].map(|part| row[part * width + i]);
                of_query[s * width + i] += q + difference + product * key[t * width + i];
                of_key[t * width + i] += k - difference + product * query[s * width + i];
            }
        }
    }
    [of_query, of_key]
}

/// The steps of every sample.
pub(super) fn samples(offsets: &[u32]) -> impl Iterator<Item = core::ops::Range<usize>> {
    offsets.windows(2).map(|pair| pair[0] as usize..pair[1] as usize)
}
