//! BPR: the loss of an item's logit against that of an item which the user does not have.
//!
//! With the logits `x[s]` of an item and `y[s]` of a negative, the loss of a sample is `-ln sigmoid(x - y)`, and that of a
//! batch the mean over its samples (Rendle, Freudenthaler, Gantner, Schmidt-Thieme, *BPR: Bayesian Personalized Ranking from
//! Implicit Feedback*, UAI 2009, section 4.1; its regularisation is [`L2`](crate::plan::L2)). It is the
//! [cross-entropy](super::sigmoid_cross_entropy) of the difference against the label 1, and computed as that: nothing
//! overflows at any finite logits whose difference is finite.
//!
//! Backward: `item_gradient[s] = (sigmoid(x[s] - y[s]) - 1) / rows`, and `negative_gradient[s] = -item_gradient[s]`.
//!
//! Where samples have weights, loss and gradients of a sample are multiplied by its own; the mean still divides by `rows`.
//! Labels are not read.

use alloc::{string::String, vec, vec::Vec};

use super::{
    op::{Op, Role, Spaces, logits_fault},
    sigmoid_cross_entropy,
    specification::{Context, Specification},
};
use crate::view::{Space, View};

/// The mean of `-ln sigmoid(item - negative)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bpr {
    /// One column each: the logit of the item, which is what is scored in use, and that of the negative.
    pub logits: [View; 2],
}

impl Op for Bpr {
    fn name(&self) -> &'static str {
        "bpr"
    }

    fn inputs(&self) -> &[View] {
        &self.logits
    }

    fn params(&self) -> Vec<usize> {
        Vec::new()
    }

    fn output(&self) -> Option<View> {
        None
    }

    fn role(&self) -> Role {
        Role::Loss { scored: self.logits[0] }
    }

    fn spaces(&self, _space_of: &dyn Fn(View) -> Space) -> Spaces {
        Spaces::One(Space::Samples)
    }

    fn multiply_adds(&self, _rows: &dyn Fn(View) -> usize) -> usize {
        0
    }

    fn fault(&self) -> Option<String> {
        logits_fault(&self.logits)
    }
}

impl Specification for Bpr {
    fn forward(&self, on: &dyn Context) -> Vec<f64> {
        let [items, negatives] = self.logits.map(|view| on.read(view));
        vec![loss(&items, &negatives, on.sample_weights().as_deref())]
    }

    fn backward(&self, on: &dyn Context, _d_output: &[f64], _d_params: &mut [Vec<f64>]) -> Vec<Vec<f64>> {
        let [items, negatives] = self.logits.map(|view| on.read(view));
        gradients(&items, &negatives, on.sample_weights().as_deref()).into()
    }
}

/// The mean loss of a batch, whose samples may have weights; zero of none.
///
/// ```
/// use pocketrec::ops::bpr::loss;
/// assert_eq!(loss(&[3.0, 1e4], &[3.0, 0.0], None), std::f64::consts::LN_2 / 2.0);
/// assert_eq!(loss(&[0.0], &[1e4], Some(&[0.5])), 5e3);
/// ```
pub fn loss(items: &[f64], negatives: &[f64], weights: Option<&[f64]>) -> f64 {
    let (differences, labels) = differences(items, negatives);
    match weights {
        None => sigmoid_cross_entropy::loss(&differences, &labels),
        Some(weights) => sigmoid_cross_entropy::weighted_loss(&differences, &labels, weights),
    }
}

/// The gradients of the mean loss by the logits of items and of negatives, `[rows]` each.
///
/// ```
/// use pocketrec::ops::bpr::gradients;
/// assert_eq!(gradients(&[2.0, 1e4], &[2.0, 0.0], None), [vec![-0.25, 0.0], vec![0.25, -0.0]]);
/// ```
pub fn gradients(items: &[f64], negatives: &[f64], weights: Option<&[f64]>) -> [Vec<f64>; 2] {
    let (differences, labels) = differences(items, negatives);
    let of_items = match weights {
        None => sigmoid_cross_entropy::gradient(&differences, &labels),
        Some(weights) => sigmoid_cross_entropy::weighted_gradient(&differences, &labels, weights),
    };
    let of_negatives = of_items.iter().map(|gradient| -gradient).collect();
    [of_items, of_negatives]
}

/// How much higher each item is than its negative, and the label of that.
fn differences(items: &[f64], negatives: &[f64]) -> (Vec<f64>, Vec<f64>) {
    assert_eq!(items.len(), negatives.len(), "items and negatives differ in length");
    let differences = items.iter().zip(negatives).map(|(item, negative)| item - negative);
    (differences.collect(), vec![1.0; items.len()])
}
