//! Distance: how near two vectors are, the less the further; what models that translate score by.
//!
//! `output[s] = -sum over i of (left[s, i] - right[s, i])^2`, with `left` and `right` `[rows, width]` and `output` `[rows]`: the
//! squared Euclidean distance with a minus before it, so that the best is the highest, 0 (Zhang, Ai, Chen, Wang: *Learning over
//! Knowledge-Base Embeddings for Recommendation*, SIGIR 2018, section 3.2; with a head and its translation on the left, and a tail
//! on the right).
//!
//! Backward: `left_gradient = -2 output_gradient (left - right)`, and `right_gradient` is its opposite.

use alloc::vec::Vec;

use super::{
    op::{Op, Role, Spaces},
    specification::{Context, Specification},
};
use crate::view::{Space, View};

/// `output = -|left - right|^2`, row by row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Distance {
    /// The two vectors.
    pub inputs: [View; 2],
    /// One column.
    pub output: View,
}

impl Op for Distance {
    fn name(&self) -> &'static str {
        "distance"
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
        Role::Layer
    }

    fn spaces(&self, _space_of: &dyn Fn(View) -> Space) -> Spaces {
        Spaces::OfFirstInput
    }

    fn multiply_adds(&self, rows: &dyn Fn(View) -> usize) -> usize {
        rows(self.output).saturating_mul(self.inputs[0].width)
    }
}

impl Specification for Distance {
    fn forward(&self, on: &dyn Context) -> Vec<f64> {
        let [left, right] = self.inputs.map(|view| on.read(view));
        forward(&left, &right, self.inputs[0].width)
    }

    fn backward(&self, on: &dyn Context, d_output: &[f64], _d_params: &mut [Vec<f64>]) -> Vec<Vec<f64>> {
        let [left, right] = self.inputs.map(|view| on.read(view));
        backward(&left, &right, d_output, self.inputs[0].width).into()
    }
}

/// The scores of rows of `width` columns, `[rows]`.
///
/// ```
/// use pocketrec::ops::distance;
/// assert_eq!(distance::forward(&[1.0, 2.0, 0.0, 0.0], &[1.0, 5.0, 3.0, -4.0], 2), [-9.0, -25.0]);
/// ```
pub fn forward(left: &[f64], right: &[f64], width: usize) -> Vec<f64> {
    assert_eq!(left.len(), right.len(), "the vectors differ in length");
    let rows = left.chunks_exact(width).zip(right.chunks_exact(width));
    rows.map(|(left, right)| -left.iter().zip(right).map(|(l, r)| (l - r) * (l - r)).sum::<f64>())
        .collect()
}

/// The gradients of `left` and of `right`, `[rows, width]` each, from `output_gradient` `[rows]`.
///
/// ```
/// use pocketrec::ops::distance;
/// let [left, right] = distance::backward(&[1.0, 2.0], &[1.0, 5.0], &[10.0], 2);
/// assert_eq!(left, [0.0, 60.0]); // it is to move up, to where the right one is
/// assert_eq!(right, [0.0, -60.0]);
/// ```
pub fn backward(left: &[f64], right: &[f64], output_gradient: &[f64], width: usize) -> [Vec<f64>; 2] {
    let pairs = left.iter().zip(right).enumerate();
    let of_right: Vec<f64> = pairs
        .map(|(k, (l, r))| 2.0 * output_gradient[k / width] * (l - r))
        .collect();
    [of_right.iter().map(|gradient| 0.0 - gradient).collect(), of_right]
}
