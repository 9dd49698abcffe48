//! The first layer of DIN's attention: a linear layer on each step's key beside its sample's query.
//!
//! With `q = query[s]` and `k = key[t]` for every step `t` of sample `s`, `output[t] = activation([q, k, q - k, q * k]
//! weight^T + bias)` (Zhou et al., *Deep Interest Network*, KDD 2018, figure 2). Its specification is
//! [`attention::unit_input`], then [`linear`].

use super::{
    attention,
    linear::{self, Activation},
    op::{Op, Role, Spaces},
    specification::{Context, Specification},
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

impl Specification for AttentionUnit {
    fn forward(&self, on: &dyn Context) -> Vec<f64> {
        let (weight, bias) = (on.value(self.weight), on.value(self.bias));
        linear::forward(
            &self.layer_input(on),
            weight,
            bias,
            on.rows(self.output),
            self.activation,
        )
    }

    fn backward(&self, on: &dyn Context, d_output: &[f64], d_params: &mut [Vec<f64>]) -> Vec<Vec<f64>> {
        let (x, y, rows) = (self.layer_input(on), on.read(self.output), on.rows(self.output));
        let found = linear::backward(&x, on.value(self.weight), &y, d_output, rows, self.activation);
        linear::add_layer(d_params, self.weight, Some(self.bias), &found, rows);
        let [query, key] = self.inputs;
        let (q, k) = (on.read(query), on.read(key));
        attention::unit_input_backward(&q, &k, on.offsets(key), &found.input, key.width).into()
    }
}

impl AttentionUnit {
    /// `[q, k, q - k, q * k]` of every step.
    fn layer_input(&self, on: &dyn Context) -> Vec<f64> {
        let [query, key] = self.inputs;
        attention::unit_input(&on.read(query), &on.read(key), on.offsets(key), key.width)
    }
}
