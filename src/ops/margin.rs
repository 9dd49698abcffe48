//! Margin: the loss of an item's logit against that of an item which the user does not have, up to a margin.
//!
//! With the logits `x[s]` of an item and `y[s]` of a negative, the loss of a sample is `max(0, margin - (x - y))`, and that of a
//! batch the mean over its samples (Weston, Bengio, Usunier, *WSABIE*, IJCAI 2011, without its weights by rank; the loss of
//! TransE and of CFKG). A pair that is a margin apart is learnt no further.
//!
//! Backward, where `x - y < margin`: `item_gradient[s] = -1 / rows` and `negative_gradient[s] = 1 / rows`; elsewhere 0.
//!
//! Where samples have weights, loss and gradients of a sample are multiplied by its own; the mean still divides by `rows`.
//! Labels are not read.

use alloc::{format, string::String, vec, vec::Vec};

use super::{
    op::{Op, Role, Spaces, logits_fault},
    specification::{Context, Specification},
};
use crate::view::{Space, View};

/// The mean of `max(0, margin - (item - negative))`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Margin {
    /// One column each: the logit of the item, which is what is scored in use, and that of the negative.
    pub logits: [View; 2],
    /// Above 0.
    pub margin: f32,
}

impl Op for Margin {
    fn name(&self) -> &'static str {
        "margin"
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
        logits_fault(&self.logits).or_else(|| {
            let margin = self.margin;
            let is_right = margin > 0.0 && margin.is_finite();
            (!is_right).then(|| format!("a margin of {margin}: give a number above 0; 1 is usual"))
        })
    }
}

impl Specification for Margin {
    fn forward(&self, on: &dyn Context) -> Vec<f64> {
        let [items, negatives] = self.logits.map(|view| on.read(view));
        vec![loss(
            &items,
            &negatives,
            self.margin.into(),
            on.sample_weights().as_deref(),
        )]
    }

    fn backward(&self, on: &dyn Context, _d_output: &[f64], _d_params: &mut [Vec<f64>]) -> Vec<Vec<f64>> {
        let [items, negatives] = self.logits.map(|view| on.read(view));
        gradients(&items, &negatives, self.margin.into(), on.sample_weights().as_deref()).into()
    }
}

/// The mean loss of a batch, whose samples may have weights; zero of none.
///
/// ```
/// use pocketrec::ops::margin::loss;
/// assert_eq!(loss(&[3.0, 1.0], &[1.0, 1.5], 1.0, None), 1.5 / 2.0);
/// assert_eq!(loss(&[3.0, 1.0], &[1.0, 1.5], 1.0, Some(&[1.0, 4.0])), 3.0);
/// ```
pub fn loss(items: &[f64], negatives: &[f64], margin: f64, weights: Option<&[f64]>) -> f64 {
    let terms = items.iter().zip(negatives).map(|(x, y)| (margin - (x - y)).max(0.0));
    let weight = |s: usize| weights.map_or(1.0, |weights| weights[s]);
    let sum: f64 = terms.enumerate().map(|(s, term)| weight(s) * term).sum();
    sum / items.len().max(1) as f64
}

/// The gradients of the mean loss by the logits of items and of negatives, `[rows]` each.
///
/// ```
/// use pocketrec::ops::margin::gradients;
/// assert_eq!(gradients(&[3.0, 1.0], &[1.0, 1.5], 1.0, None), [vec![-0.0, -0.5], vec![0.0, 0.5]]);
/// ```
pub fn gradients(items: &[f64], negatives: &[f64], margin: f64, weights: Option<&[f64]>) -> [Vec<f64>; 2] {
    let share = |s: usize| weights.map_or(1.0, |weights| weights[s]) / items.len() as f64;
    let of_negative = |(s, (x, y)): (usize, (&f64, &f64))| if x - y < margin { share(s) } else { 0.0 };
    let of_negatives: Vec<f64> = items.iter().zip(negatives).enumerate().map(of_negative).collect();
    [of_negatives.iter().map(|gradient| -gradient).collect(), of_negatives]
}
