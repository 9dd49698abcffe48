//! Sigmoid cross-entropy: the loss of a logit against a label.
//!
//! With `p = sigmoid(x)`, the loss of a sample is `-y ln p - (1 - y) ln (1 - p)` (He et al., *Neural Collaborative
//! Filtering*, WWW 2017, equation 7) for a logit `x` and a label `y` in 0..=1; the loss of a batch is the mean over
//! its samples. `logits` and `labels` are `[rows]`.
//!
//! Computed from the logit as `x (1 - y) + ln(1 + e^-x)` where `x >= 0` and `-x y + ln(1 + e^x)` elsewhere: nothing
//! overflows and nothing cancels at any finite logit. Infinite or NaN logits give a loss that is infinite or NaN.
//!
//! Backward: `gradient[s] = (sigmoid(x[s]) - y[s]) / rows`.
//!
//! Where samples have weights `w` `[rows]`, each finite and at least 0, a sample's loss and its gradient are multiplied by
//! its own; the mean still divides by `rows`.

use super::{
    op::{Op, Role, Spaces, logits_fault},
    specification::{Context, Specification},
};
use crate::view::{Space, View};
use alloc::{string::String, vec, vec::Vec};
use core::slice;

/// Mean sigmoid cross-entropy of the logit against the label.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SigmoidCrossEntropy {
    /// One column.
    pub logit: View,
}

impl Op for SigmoidCrossEntropy {
    fn name(&self) -> &'static str {
        "sigmoid_cross_entropy"
    }

    fn inputs(&self) -> &[View] {
        slice::from_ref(&self.logit)
    }

    fn params(&self) -> Vec<usize> {
        Vec::new()
    }

    fn output(&self) -> Option<View> {
        None
    }

    fn role(&self) -> Role {
        Role::Loss { scored: self.logit }
    }

    fn spaces(&self, _space_of: &dyn Fn(View) -> Space) -> Spaces {
        Spaces::One(Space::Samples)
    }

    fn multiply_adds(&self, _rows: &dyn Fn(View) -> usize) -> usize {
        0
    }

    fn fault(&self) -> Option<String> {
        logits_fault(slice::from_ref(&self.logit))
    }
}

impl Specification for SigmoidCrossEntropy {
    fn forward(&self, on: &dyn Context) -> Vec<f64> {
        let (logits, labels) = (on.read(self.logit), on.labels());
        vec![match on.sample_weights() {
            None => loss(&logits, &labels),
            Some(weights) => weighted_loss(&logits, &labels, &weights),
        }]
    }

    fn backward(&self, on: &dyn Context, _d_output: &[f64], _d_params: &mut [Vec<f64>]) -> Vec<Vec<f64>> {
        let (logits, labels) = (on.read(self.logit), on.labels());
        vec![match on.sample_weights() {
            None => gradient(&logits, &labels),
            Some(weights) => weighted_gradient(&logits, &labels, &weights),
        }]
    }
}

/// `1 / (1 + e^-x)`, without overflow.
///
/// ```
/// use pocketrec::ops::sigmoid_cross_entropy::sigmoid;
/// assert_eq!(sigmoid(0.0), 0.5);
/// assert_eq!([sigmoid(-1e4), sigmoid(1e4)], [0.0, 1.0]);
/// ```
pub fn sigmoid(x: f64) -> f64 {
    if x < 0.0 {
        let e = libm::exp(x);
        e / (1.0 + e)
    } else {
        1.0 / (1.0 + libm::exp(-x))
    }
}

/// The loss of one sample.
///
/// ```
/// use pocketrec::ops::sigmoid_cross_entropy::sample_loss;
/// assert_eq!(sample_loss(0.0, 1.0), std::f64::consts::LN_2);
/// assert_eq!([sample_loss(1e4, 0.0), sample_loss(1e4, 1.0)], [1e4, 0.0]);
/// ```
pub fn sample_loss(logit: f64, label: f64) -> f64 {
    if logit < 0.0 {
        -logit * label + libm::log1p(libm::exp(logit))
    } else {
        logit * (1.0 - label) + libm::log1p(libm::exp(-logit))
    }
}

/// The mean loss of a batch; zero of none.
///
/// ```
/// use pocketrec::ops::sigmoid_cross_entropy::loss;
/// assert_eq!(loss(&[0.0, 1e4], &[1.0, 1.0]), std::f64::consts::LN_2 / 2.0);
/// ```
pub fn loss(logits: &[f64], labels: &[f64]) -> f64 {
    assert_eq!(logits.len(), labels.len(), "logits and labels differ in length");
    let losses = logits.iter().zip(labels).map(|(&x, &y)| sample_loss(x, y));
    losses.sum::<f64>() / logits.len().max(1) as f64
}

/// The gradient of the mean loss, `[rows]`.
///
/// ```
/// use pocketrec::ops::sigmoid_cross_entropy::gradient;
/// assert_eq!(gradient(&[0.0, 0.0], &[1.0, 0.0]), [-0.25, 0.25]);
/// ```
pub fn gradient(logits: &[f64], labels: &[f64]) -> Vec<f64> {
    assert_eq!(logits.len(), labels.len(), "logits and labels differ in length");
    let rows = logits.len() as f64;
    let of_sample = |(&x, &y): (&f64, &f64)| (sigmoid(x) - y) / rows;
    logits.iter().zip(labels).map(of_sample).collect()
}

/// The mean loss of a batch whose samples have weights: the sum of `w[s]` times the loss of sample `s`, over `rows`.
///
/// ```
/// use pocketrec::ops::sigmoid_cross_entropy::weighted_loss;
/// assert_eq!(weighted_loss(&[1e4, 1e4], &[0.0, 0.0], &[0.0, 0.5]), 1e4 / 4.0);
/// ```
pub fn weighted_loss(logits: &[f64], labels: &[f64], weights: &[f64]) -> f64 {
    assert_eq!(logits.len(), labels.len(), "logits and labels differ in length");
    assert_eq!(logits.len(), weights.len(), "logits and weights differ in length");
    let samples = logits.iter().zip(labels).zip(weights);
    let losses = samples.map(|((&x, &y), w)| w * sample_loss(x, y));
    losses.sum::<f64>() / logits.len().max(1) as f64
}

/// The gradient of [`weighted_loss`], `[rows]`.
///
/// ```
/// use pocketrec::ops::sigmoid_cross_entropy::weighted_gradient;
/// assert_eq!(weighted_gradient(&[0.0, 0.0], &[1.0, 0.0], &[2.0, 0.0]), [-0.5, 0.0]);
/// ```
pub fn weighted_gradient(logits: &[f64], labels: &[f64], weights: &[f64]) -> Vec<f64> {
    assert_eq!(logits.len(), weights.len(), "logits and weights differ in length");
    let unweighted = gradient(logits, labels);
    unweighted
        .iter()
        .zip(weights)
        .map(|(gradient, w)| w * gradient)
        .collect()
}
