//! Numeric features: the numbers of a batch as they are.
//!
//! `output[s, i] = numeric[s, first + i]`; nothing is learnt from their gradient.

use super::{
    op::{Names, Op, Role, Spaces},
    specification::{Context, Specification},
};
use crate::view::{Space, View};
use alloc::vec::Vec;
use core::fmt;

/// `output[s] = numeric[s, first..]`: numeric features of the batch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Numeric {
    /// The first of them.
    pub first: usize,
    /// As wide as there are.
    pub output: View,
}

impl Op for Numeric {
    fn name(&self) -> &'static str {
        "numeric"
    }

    fn inputs(&self) -> &[View] {
        &[]
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
        Spaces::One(Space::Samples)
    }

    fn multiply_adds(&self, _rows: &dyn Fn(View) -> usize) -> usize {
        0
    }

    fn describe(&self, _names: &dyn Names, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "numeric[{}..{}]", self.first, self.first + self.output.width)
    }
}

impl Specification for Numeric {
    fn forward(&self, on: &dyn Context) -> Vec<f64> {
        let (features, count) = on.numeric();
        let of_sample = |sample: &[f32]| sample[self.first..][..self.output.width].to_vec();
        let values = features.chunks(count).flat_map(of_sample);
        values.map(f64::from).collect()
    }

    fn backward(&self, _on: &dyn Context, _d_output: &[f64], _d_params: &mut [Vec<f64>]) -> Vec<Vec<f64>> {
        // There is nothing to learn.
        Vec::new()
    }
}
