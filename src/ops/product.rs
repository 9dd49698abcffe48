//! Product: two vectors multiplied element by element, the heart of GMF and MF.
//!
//! `output[s, i] = left[s, i] * right[s, i]`, all three `[rows, width]` (He et al., *Neural Collaborative
//! Filtering*, WWW 2017, equation 8).
//!
//! Backward: `left_gradient = output_gradient * right` and `right_gradient = output_gradient * left`, elementwise.
//! Where both factors are the same view, the two gradients add up.

use super::{
    op::{Op, Role, Spaces},
    specification::{Context, Specification},
};
use crate::view::{Space, View};
use alloc::vec::Vec;

/// `output = left * right`, elementwise: GMF's product.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Product {
    /// The two factors.
    pub inputs: [View; 2],
    /// As wide as each.
    pub output: View,
}

impl Op for Product {
    fn name(&self) -> &'static str {
        "product"
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
        rows(self.output).saturating_mul(self.output.width)
    }
}

impl Specification for Product {
    fn forward(&self, on: &dyn Context) -> Vec<f64> {
        let [left, right] = self.inputs.map(|view| on.read(view));
        forward(&left, &right)
    }

    fn backward(&self, on: &dyn Context, d_output: &[f64], _d_params: &mut [Vec<f64>]) -> Vec<Vec<f64>> {
        let [left, right] = self.inputs.map(|view| on.read(view));
        backward(&left, &right, d_output).into()
    }
}

/// The elementwise product.
///
/// ```
/// use pocketrec::ops::product;
/// assert_eq!(product::forward(&[2.0, 3.0], &[5.0, 7.0]), [10.0, 21.0]);
/// ```
pub fn forward(left: &[f64], right: &[f64]) -> Vec<f64> {
    assert_eq!(left.len(), right.len(), "the factors differ in length");
    left.iter().zip(right).map(|(l, r)| l * r).collect()
}

/// The gradients of `left` and of `right`.
///
/// ```
/// use pocketrec::ops::product;
/// let [left, right] = product::backward(&[2.0, 3.0], &[5.0, 7.0], &[1.0, 10.0]);
/// assert_eq!(left, [5.0, 70.0]);
/// assert_eq!(right, [2.0, 30.0]);
/// ```
pub fn backward(left: &[f64], right: &[f64], output_gradient: &[f64]) -> [Vec<f64>; 2] {
    [forward(output_gradient, right), forward(output_gradient, left)]
}
