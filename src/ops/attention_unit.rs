//! The first layer of DIN's attention: a linear layer on each step's key beside its sample's query.
//!
//! With `q = query[s]` and `k = key[t]` for every step `t` of sample `s`, `output[t] = activation([q, k, q - k, q * k]
//! weight^T + bias)` (Zhou et al., *Deep Interest Network*, KDD 2018, figure 2). Its specification is
//! [`attention::unit_input`](super::attention::unit_input), then [`linear`](super::linear).

use super::{
    linear::Activation,
    op::{Op, Role, Spaces},
};
use crate::view::{Space, View};
use alloc::{vec, vec::Vec};

/// `output[t] = activation([q, k, q - k, q * k] weight^T + bias)` for every step `t` of sample `s`, with
/// `q = query[s]` and `k = key[t]`: the first layer of DIN's attention
/// ([`ops::attention::unit_input`](crate::ops::attention::unit_input), then [`ops::linear`](crate::ops::linear)).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AttentionUnit {
    /// `[output.width, 4 D]` for query and keys of `D` columns.
    pub weight: usize,
    /// `[output.width]`.
    pub bias: usize,
    /// The query, one row a sample, and the keys, one row a step, of one width.
    pub inputs: [View; 2],
    /// One row a step.
    pub output: View,
    /// What follows.
    pub activation: Activation,
}

impl Op for AttentionUnit {
    fn name(&self) -> &'static str {
        "attention_unit"
    }

    fn inputs(&self) -> &[View] {
        &self.inputs
    }

    fn params(&self) -> Vec<usize> {
        alloc::vec![self.weight, self.bias]
    }

    fn output(&self) -> Option<View> {
        Some(self.output)
    }

    fn role(&self) -> Role {
        Role::Layer
    }

    fn spaces(&self, _space_of: &dyn Fn(View) -> Space) -> Spaces {
        Spaces::Between {
            samples: self.inputs[0],
            steps: vec![self.inputs[1], self.output],
        }
    }

    fn multiply_adds(&self, rows: &dyn Fn(View) -> usize) -> usize {
        // The query's part and the query folded into the weight for a sample, and each step.
        let rows = rows(self.inputs[0]).saturating_mul(2).saturating_add(rows(self.output));
        rows.saturating_mul(self.inputs[0].width.saturating_mul(self.output.width))
    }
}
