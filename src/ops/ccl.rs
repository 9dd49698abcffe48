//! CCL: cosines of a user with an item of theirs brought to 1, and those with negatives below a margin.
//!
//! With the cosines `x[s]` of an item and `y[s]` of a negative, the loss of a sample is `(1 - x) + weight * max(0, y - margin)`,
//! and that of a batch the mean over its samples (the cosine contrastive loss of Mao et al., *SimpleX: A Simple and Strong
//! Baseline for Collaborative Filtering*, CIKM 2021, equation 2). An item with `N` negatives is `N` samples: their mean is
//! the paper's, whose weight is that of the mean over the negatives. Nothing here makes a number a cosine:
//! [`normalise`](super::normalise) does.
//!
//! Backward: `item_gradient[s] = -1 / rows`, and `negative_gradient[s] = weight / rows` where `y > margin`, else 0.
//!
//! Where samples have weights, loss and gradients of a sample are multiplied by its own; the mean still divides by `rows`.
//! Labels are not read.

use alloc::{format, string::String, vec, vec::Vec};

use super::{
    op::{Op, Role, Spaces, logits_fault},
    specification::{Context, Specification},
};
use crate::view::{Space, View};

/// The mean of `(1 - item) + weight * max(0, negative - margin)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ccl {
    /// One column each: the cosine of the item, which is what is scored in use, and that of the negative.
    pub logits: [View; 2],
    /// Negatives below it are left as they are.
    pub margin: f32,
    /// How much the negative counts, from 0 up.
    pub weight: f32,
}

impl Op for Ccl {
    fn name(&self) -> &'static str {
        "ccl"
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
            let (margin, weight) = (self.margin, self.weight);
            let is_right = margin.is_finite() && weight >= 0.0 && weight.is_finite();
            (!is_right).then(|| {
                format!("a margin of {margin} and a weight of {weight}: give finite numbers, the weight from 0 up")
            })
        })
    }
}

impl Specification for Ccl {
    fn forward(&self, on: &dyn Context) -> Vec<f64> {
        let [items, negatives] = self.logits.map(|view| on.read(view));
        vec![loss(
            &items,
            &negatives,
            [self.margin.into(), self.weight.into()],
            on.sample_weights().as_deref(),
        )]
    }

    fn backward(&self, on: &dyn Context, _d_output: &[f64], _d_params: &mut [Vec<f64>]) -> Vec<Vec<f64>> {
        let [items, negatives] = self.logits.map(|view| on.read(view));
        gradients(
            &items,
            &negatives,
            [self.margin.into(), self.weight.into()],
            on.sample_weights().as_deref(),
        )
        .into()
    }
}

/// The mean loss of a batch, whose samples may have weights; zero of none.
///
/// ```
/// use pocketrec::ops::ccl::loss;
/// assert_eq!(loss(&[0.75, 1.0], &[0.0, 0.75], [0.5, 2.0], None), (0.25 + 0.5) / 2.0);
/// ```
pub fn loss(items: &[f64], negatives: &[f64], [margin, weight]: [f64; 2], weights: Option<&[f64]>) -> f64 {
    let terms = items
        .iter()
        .zip(negatives)
        .map(|(x, y)| (1.0 - x) + weight * (y - margin).max(0.0));
    let of_sample = |s: usize| weights.map_or(1.0, |weights| weights[s]);
    let sum: f64 = terms.enumerate().map(|(s, term)| of_sample(s) * term).sum();
    sum / items.len().max(1) as f64
}

/// The gradients of the mean loss by the cosines of items and of negatives, `[rows]` each.
///
/// ```
/// use pocketrec::ops::ccl::gradients;
/// assert_eq!(gradients(&[0.75, 1.0], &[0.0, 0.75], [0.5, 2.0], None), [vec![-0.5, -0.5], vec![0.0, 1.0]]);
/// ```
pub fn gradients(
    items: &[f64],
    negatives: &[f64],
    [margin, weight]: [f64; 2],
    weights: Option<&[f64]>,
) -> [Vec<f64>; 2] {
    let share = |s: usize| weights.map_or(1.0, |weights| weights[s]) / items.len() as f64;
    let of_negative = |(s, y): (usize, &f64)| if *y > margin { weight * share(s) } else { 0.0 };
    [
        (0..items.len()).map(|s| -share(s)).collect(),
        negatives.iter().enumerate().map(of_negative).collect(),
    ]
}
