//! Add: two inputs, column by column, as a residual connection does.
//!
//! `output[s, i] = a[s, i] + b[s, i]`; all are `[rows, width]` (He, Zhang, Ren, Sun, *Deep Residual Learning for Image
//! Recognition*, CVPR 2016, equation 1). An embedding and that of its position are added likewise.
//!
//! Backward: both inputs have the gradient of the output. They may be the same columns.

use alloc::vec::Vec;

use super::{
    op::{Op, Role, Spaces},
    specification::{Context, Specification},
};
use crate::view::{Space, View};

/// `output = a + b`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Add {
    /// The terms, equally wide.
    pub inputs: [View; 2],
    /// As wide as each.
    pub output: View,
}

impl Op for Add {
    fn name(&self) -> &'static str {
        "add"
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

impl Specification for Add {
    fn forward(&self, on: &dyn Context) -> Vec<f64> {
        let [a, b] = self.inputs.map(|view| on.read(view));
        forward(&a, &b)
    }

    fn backward(&self, _on: &dyn Context, d_output: &[f64], _d_params: &mut [Vec<f64>]) -> Vec<Vec<f64>> {
        [d_output, d_output].map(<[f64]>::to_vec).into()
    }
}

/// The sums, `[rows, width]`.
///
/// ```
/// assert_eq!(pocketrec::ops::add::forward(&[1.0, 2.0], &[10.0, 20.0]), [11.0, 22.0]);
/// ```
pub fn forward(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a + b).collect()
}
