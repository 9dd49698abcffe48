//! Causal self-attention: each step of a sequence reads itself and the steps before it.
//!
//! The histories of a batch lie behind one another, as in [`attention`](super::attention): sample `s` has the steps
//! `offsets[s]..offsets[s + 1]`. Queries, keys and values are `[steps, width]`, cut into `heads` runs of `width / heads`
//! columns. In each head, for step `t` of a sample, over the steps `u <= t` of the same sample:
//!
//! `score[t, u] = <query[t], key[u]> / sqrt(width / heads)`, `p[t, u]` is the softmax of the scores over `u`, and
//! `output[t] = sum over u of p[t, u] value[u]` (Vaswani et al., *Attention Is All You Need*, NeurIPS 2017, equation 1 and
//! section 3.2.3; Kang and McAuley, *Self-Attentive Sequential Recommendation*, ICDM 2018, section III-B).
//!
//! Backward, with `dp[t, u] = <output_gradient[t], value[u]>`: `ds[t, u] = p[t, u] (dp[t, u] - sum over v of p[t, v] dp[t, v]) /
//! sqrt(width / heads)`, `query_gradient[t] = sum over u of ds[t, u] key[u]`, `key_gradient[u] = sum over t of ds[t, u]
//! query[t]`, and `value_gradient[u] = sum over t of p[t, u] output_gradient[t]`.

use alloc::{vec, vec::Vec};
use core::ops::Range;

use super::{
    op::{Op, Role, Spaces},
    ragged::samples,
    specification::{Context, Specification},
};
use crate::view::{Space, View};

/// `output[t] = sum over u <= t of softmax(<query[t], key[u]> / sqrt(width / heads)) value[u]`, head by head.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CausalAttention {
    /// Queries, keys and values: one row a step, equally wide.
    pub inputs: [View; 3],
    /// One row a step, as wide.
    pub output: View,
    /// Heads, of `output.width / heads` columns each.
    pub heads: usize,
}

impl Op for CausalAttention {
    fn name(&self) -> &'static str {
        "causal_attention"
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
        Spaces::OneSequence
    }

    /// Counts each step as if it read itself alone: how long histories are is not known from their sum.
    fn multiply_adds(&self, rows: &dyn Fn(View) -> usize) -> usize {
        rows(self.output).saturating_mul(2 * self.output.width)
    }
}

impl Specification for CausalAttention {
    fn forward(&self, on: &dyn Context) -> Vec<f64> {
        let [query, key, value] = self.inputs.map(|view| on.read(view));
        let shape = Shape::of(self, on.offsets(self.inputs[0]));
        forward(&query, &key, &value, shape)
    }

    fn backward(&self, on: &dyn Context, d_output: &[f64], _d_params: &mut [Vec<f64>]) -> Vec<Vec<f64>> {
        let [query, key, value] = self.inputs.map(|view| on.read(view));
        let shape = Shape::of(self, on.offsets(self.inputs[0]));
        backward(&query, &key, &value, d_output, shape).into()
    }
}

/// How steps fall into samples, and columns into heads.
#[derive(Clone, Copy, Debug)]
pub struct Shape<'a> {
    /// Where each sample's steps begin, and the last one's end: `[samples + 1]`.
    pub offsets: &'a [u32],
    /// Columns of all heads.
    pub width: usize,
    /// Heads, a divisor of `width`.
    pub heads: usize,
}

impl<'a> Shape<'a> {
    fn of(op: &CausalAttention, offsets: &'a [u32]) -> Self {
        Shape {
            offsets,
            width: op.output.width,
            heads: op.heads,
        }
    }

    /// Each head's columns, and what its scores are divided by.
    fn heads(self) -> impl Iterator<Item = (Range<usize>, f64)> {
        let each = self.width / self.heads;
        (0..self.heads).map(move |head| (head * each..(head + 1) * each, libm::sqrt(each as f64)))
    }

    /// Columns of a row.
    fn row(self, data: &[f64], row: usize, columns: Range<usize>) -> &[f64] {
        &data[row * self.width..][columns]
    }
}

/// The output, `[steps, width]`.
///
/// ```
/// use pocketrec::ops::causal_attention::{Shape, forward};
/// // Two samples of two steps and one, one column: the second step's scores are 0, so that it has the mean of two values.
/// let shape = Shape { offsets: &[0, 2, 3], width: 1, heads: 1 };
/// assert_eq!(forward(&[5.0, 0.0, 7.0], &[3.0, 4.0, 9.0], &[1.0, 2.0, 8.0], shape), [1.0, 1.5, 8.0]);
/// ```
pub fn forward(query: &[f64], key: &[f64], value: &[f64], shape: Shape<'_>) -> Vec<f64> {
    let mut output = vec![0.0; query.len()];
    for (columns, scale) in shape.heads() {
        for steps in samples(shape.offsets) {
            for t in steps.clone() {
                let weights = weights(query, key, shape, &columns, scale, steps.start..t + 1);
                for (u, weight) in (steps.start..).zip(weights) {
                    for i in columns.clone() {
                        output[t * shape.width + i] += weight * value[u * shape.width + i];
                    }
                }
            }
        }
    }
    output
}

/// `[steps]`: how much is read of each step by steps that count `by`, `[steps]`: the sum over `t` of `by[t]` times the mean of
/// `p[t, u]` over the heads. Of 1 at the last step of a sample and 0 elsewhere, this is what its last step reads.
///
/// ```
/// use pocketrec::ops::causal_attention::{Shape, read};
/// // The last step's scores are 0 and ln 3 in the first head, and both 0 in the second.
/// let shape = Shape { offsets: &[0, 2], width: 2, heads: 2 };
/// let read = read(&[0.0, 0.0, 3f64.ln(), 1.0], &[0.0, 5.0, 1.0, 5.0], shape, &[0.0, 1.0]);
/// assert!((read[0] - (0.25 + 0.5) / 2.0).abs() < 1e-12 && (read[1] - (0.75 + 0.5) / 2.0).abs() < 1e-12);
/// ```
pub fn read(query: &[f64], key: &[f64], shape: Shape<'_>, by: &[f64]) -> Vec<f64> {
    let mut read = vec![0.0; by.len()];
    for (columns, scale) in shape.heads() {
        for steps in samples(shape.offsets) {
            for t in steps.clone().filter(|&t| by[t] != 0.0) {
                let weights = weights(query, key, shape, &columns, scale, steps.start..t + 1);
                for (read, weight) in read[steps.start..].iter_mut().zip(weights) {
                    *read += by[t] * weight / shape.heads as f64;
                }
            }
        }
    }
    read
}

/// The gradients of query, key and value, from `output_gradient`; all `[steps, width]`.
///
/// ```
/// use pocketrec::ops::causal_attention::{Shape, backward};
/// let shape = Shape { offsets: &[0, 2], width: 1, heads: 1 };
/// // The second step has half of each value, which differ by 2: its score moves the output by 1/4 of that a unit.
/// let [query, key, value] = backward(&[5.0, 1.0], &[3.0, 3.0], &[1.0, 3.0], &[1.0, 10.0], shape);
/// assert_eq!((query, key, value), (vec![0.0, 0.0], vec![-5.0, 5.0], vec![6.0, 5.0]));
/// ```
pub fn backward(query: &[f64], key: &[f64], value: &[f64], output_gradient: &[f64], shape: Shape<'_>) -> [Vec<f64>; 3] {
    let [mut dq, mut dk, mut dv] = [query, key, value].map(|data| vec![0.0; data.len()]);
    let at = |row: usize, i: usize| row * shape.width + i;
    for (columns, scale) in shape.heads() {
        for steps in samples(shape.offsets) {
            for t in steps.clone() {
                let read = steps.start..t + 1;
                let p = weights(query, key, shape, &columns, scale, read.clone());
                let d = shape.row(output_gradient, t, columns.clone());
                let dp: Vec<f64> = read
                    .clone()
                    .map(|u| dot(d, shape.row(value, u, columns.clone())))
                    .collect();
                let mean = dot(&p, &dp);
                for (k, u) in read.enumerate() {
                    let ds = p[k] * (dp[k] - mean) / scale;
                    for i in columns.clone() {
                        dq[at(t, i)] += ds * key[at(u, i)];
                        dk[at(u, i)] += ds * query[at(t, i)];
                        dv[at(u, i)] += p[k] * output_gradient[at(t, i)];
                    }
                }
            }
        }
    }
    [dq, dk, dv]
}

/// The softmax of the scores that the last of `steps` gives all of them.
fn weights(
    query: &[f64],
    key: &[f64],
    shape: Shape<'_>,
    columns: &Range<usize>,
    scale: f64,
    steps: Range<usize>,
) -> Vec<f64> {
    let last = shape.row(query, steps.end - 1, columns.clone());
    let score = |u: usize| dot(last, shape.row(key, u, columns.clone())) / scale;
    let scores: Vec<f64> = steps.map(score).collect();
    let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let exponentials: Vec<f64> = scores.iter().map(|score| libm::exp(score - largest)).collect();
    let total: f64 = exponentials.iter().sum();
    exponentials.iter().map(|x| x / total).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
