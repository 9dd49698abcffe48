//! Dot products of a sample's vector with each of its steps: how well a neighbour, or an event of a history, goes with who
//! asks.
//!
//! `output[t] = <query[s], key[t]>` for each step `t` of sample `s`, with `query` `[samples, width]`, `key` `[steps, width]` and
//! `output` `[steps]`. Steps lie as [`attention`](super::attention) has them, by `offsets` `[samples + 1]`; behind this, a
//! [`softmax`](super::softmax) makes weights of attention of them: KGCN's, of a user with the relations of an item's neighbours
//! (Wang et al., *Knowledge Graph Convolutional Networks for Recommender Systems*, WWW 2019, equations 1 and 3).
//!
//! Backward: `query_gradient[s] = sum over steps t of s of output_gradient[t] * key[t]`, and
//! `key_gradient[t] = output_gradient[t] * query[s]`.

use alloc::{vec, vec::Vec};

use super::{
    op::{Op, Role, Spaces},
    ragged::samples,
    specification::{Context, Specification},
};
use crate::view::{Space, View};

/// `output[t] = <query[s], key[t]>` for the steps t of each sample s.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DotSteps {
    /// The query, one row a sample, and the key, one row a step and as wide.
    pub inputs: [View; 2],
    /// One column, one row a step.
    pub output: View,
}

impl Op for DotSteps {
    fn name(&self) -> &'static str {
        "dot_steps"
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
        Spaces::Between {
            samples: self.inputs[0],
            steps: vec![self.inputs[1], self.output],
        }
    }

    fn multiply_adds(&self, rows: &dyn Fn(View) -> usize) -> usize {
        rows(self.output).saturating_mul(self.inputs[1].width)
    }
}

impl Specification for DotSteps {
    fn forward(&self, on: &dyn Context) -> Vec<f64> {
        let [query, key] = self.inputs;
        forward(&on.read(query), &on.read(key), on.offsets(key), key.width)
    }

    fn backward(&self, on: &dyn Context, d_output: &[f64], _d_params: &mut [Vec<f64>]) -> Vec<Vec<f64>> {
        let [query, key] = self.inputs;
        backward(&on.read(query), &on.read(key), on.offsets(key), d_output, key.width).into()
    }
}

/// The products, `[steps]`.
///
/// ```
/// use pocketrec::ops::dot_steps;
/// let (query, key) = ([1.0, 10.0, 2.0, 0.0], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
/// assert_eq!(dot_steps::forward(&query, &key, &[0, 2, 3], 2), [21.0, 43.0, 10.0]);
/// ```
pub fn forward(query: &[f64], key: &[f64], offsets: &[u32], width: usize) -> Vec<f64> {
    let mut output = vec![0.0; key.len().checked_div(width).unwrap_or(0)];
    for (s, steps) in samples(offsets).enumerate() {
        for t in steps {
            for i in 0..width {
                output[t] += query[s * width + i] * key[t * width + i];
            }
        }
    }
    output
}

/// The gradients of `query` and of `key`, from `output_gradient` `[steps]`.
///
/// ```
/// use pocketrec::ops::dot_steps;
/// let [query, key] = dot_steps::backward(&[3.0, 5.0], &[1.0, 2.0], &[0, 2, 2], &[10.0, 100.0], 1);
/// assert_eq!(query, [210.0, 0.0]);
/// assert_eq!(key, [30.0, 300.0]);
/// ```
pub fn backward(query: &[f64], key: &[f64], offsets: &[u32], output_gradient: &[f64], width: usize) -> [Vec<f64>; 2] {
    let (mut of_query, mut of_key) = (vec![0.0; query.len()], vec![0.0; key.len()]);
    for (s, steps) in samples(offsets).enumerate() {
        for t in steps {
            for i in 0..width {
                of_query[s * width + i] += output_gradient[t] * key[t * width + i];
                of_key[t * width + i] = output_gradient[t] * query[s * width + i];
            }
        }
    }
    [of_query, of_key]
}
