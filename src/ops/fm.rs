//! FM: the second-order term of a factorisation machine.
//!
//! `output[s] = sum over pairs of fields f < g of <v[s, f], v[s, g]>`, with `input` `[rows, fields * width]`, in which
//! `v[s, f]`, the embedding of field `f`, is `input[s, f * width..][..width]`, and `output` `[rows]` (Rendle,
//! *Factorization Machines*, ICDM 2010, equation 1; Guo et al., *DeepFM*, IJCAI 2017, equation 2). A numeric field
//! takes part with its embedding times its value. The first-order term is [`sum`](super::sum)'s.
//!
//! Computed in linear time (Rendle 2010, lemma 3.1): with `total[s, i] = sum over f of v[s, f, i]`,
//! `output[s] = 1/2 sum over i of (total[s, i]^2 - sum over f of v[s, f, i]^2)`.
//!
//! Along the steps of a sequence ([`forward_steps`]) a sample's fields are its steps, of which it has any number.
//!
//! Backward: `input_gradient[s, f, i] = output_gradient[s] * (total[s, i] - v[s, f, i])`.

use alloc::{vec, vec::Vec};
use core::slice;

use super::{
    op::{Op, Role, Spaces},
    ragged::samples,
    specification::{Context, Specification},
};
use crate::view::{Space, View};

/// `output = sum over pairs of fields of <v_i, v_j>`: the second order of a factorisation machine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fm {
    /// The fields' vectors side by side, each `factors` wide; or one a step, and a sample's fields are its steps.
    pub input: View,
    /// Width of a field's vector.
    pub factors: usize,
    /// One column.
    pub output: View,
}

impl Op for Fm {
    fn name(&self) -> &'static str {
        "fm"
    }

    fn inputs(&self) -> &[View] {
        slice::from_ref(&self.input)
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

    fn spaces(&self, space_of: &dyn Fn(View) -> Space) -> Spaces {
        match space_of(self.input) {
            Space::Samples | Space::Nodes => Spaces::OfFirstInput,
            // Along a sequence a sample's steps are its fields.
            Space::Steps(_) => Spaces::Between {
                samples: self.output,
                steps: vec![self.input],
            },
        }
    }

    fn multiply_adds(&self, rows: &dyn Fn(View) -> usize) -> usize {
        // So many for each of the rows that are read.
        rows(self.input).saturating_mul(2 * self.input.width)
    }
}

impl Specification for Fm {
    fn forward(&self, on: &dyn Context) -> Vec<f64> {
        let x = on.read(self.input);
        match on.offsets(self.input) {
            [] => forward(&x, self.factors, on.rows(self.output)),
            offsets => forward_steps(&x, offsets, self.factors),
        }
    }

    fn backward(&self, on: &dyn Context, d_output: &[f64], _d_params: &mut [Vec<f64>]) -> Vec<Vec<f64>> {
        let x = on.read(self.input);
        vec![match on.offsets(self.input) {
            [] => backward(&x, d_output, self.factors),
            offsets => backward_steps(&x, offsets, d_output, self.factors),
        }]
    }
}

/// The term, `[rows]`, of fields that are `width` wide; `width` must divide the input's.
///
/// ```
/// use pocketrec::ops::fm;
/// let input = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]; // one row of three fields of width 2
/// assert_eq!(fm::forward(&input, 2, 1), [(3.0 + 8.0) + (5.0 + 12.0) + (15.0 + 24.0)]);
/// ```
pub fn forward(input: &[f64], width: usize, rows: usize) -> Vec<f64> {
    let totals = totals(input, width, rows);
    let mut output = vec![0.0; rows];
    for s in 0..rows {
        for total in &totals[s * width..][..width] {
            output[s] += 0.5 * total * total;
        }
        for v in row(input, s, rows) {
            output[s] -= 0.5 * v * v;
        }
    }
    output
}

/// The gradient of the embeddings, `[rows, fields * width]`, from `output_gradient` `[rows]`.
///
/// ```
/// use pocketrec::ops::fm;
/// let input = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
/// assert_eq!(fm::backward(&input, &[1.0], 2), [8.0, 10.0, 6.0, 8.0, 4.0, 6.0]);
/// ```
pub fn backward(input: &[f64], output_gradient: &[f64], width: usize) -> Vec<f64> {
    let rows = output_gradient.len();
    let totals = totals(input, width, rows);
    let mut gradient = Vec::with_capacity(input.len());
    for s in 0..rows {
        for (i, v) in row(input, s, rows).iter().enumerate() {
            gradient.push(output_gradient[s] * (totals[s * width + i % width] - v));
        }
    }
    gradient
}

/// The term, `[samples]`, of the rows of each sample's steps: `input` is `[steps, width]`, and the steps of sample `s`
/// are `offsets[s]..offsets[s + 1]`.
///
/// ```
/// use pocketrec::ops::fm;
/// let input = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]; // three steps of width 2
/// assert_eq!(fm::forward_steps(&input, &[0, 0, 3], 2), [0.0, (3.0 + 8.0) + (5.0 + 12.0) + (15.0 + 24.0)]);
/// ```
pub fn forward_steps(input: &[f64], offsets: &[u32], width: usize) -> Vec<f64> {
    let of_sample = |steps: core::ops::Range<usize>| &input[steps.start * width..steps.end * width];
    samples(offsets)
        .map(|steps| forward(of_sample(steps), width, 1)[0])
        .collect()
}

/// The gradient of every step, `[steps, width]`, from `output_gradient` `[samples]`.
///
/// ```
/// use pocketrec::ops::fm;
/// let input = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
/// assert_eq!(fm::backward_steps(&input, &[0, 1, 3], &[7.0, 1.0], 2), [0.0, 0.0, 5.0, 6.0, 3.0, 4.0]);
/// ```
pub fn backward_steps(input: &[f64], offsets: &[u32], output_gradient: &[f64], width: usize) -> Vec<f64> {
    let of_sample = |steps: core::ops::Range<usize>| &input[steps.start * width..steps.end * width];
    let gradients = samples(offsets).zip(output_gradient);
    gradients
        .flat_map(|(steps, &gradient)| backward(of_sample(steps), &[gradient], width))
        .collect()
}

/// The sum of a row's fields, `[rows, width]`.
fn totals(input: &[f64], width: usize, rows: usize) -> Vec<f64> {
    let mut totals = vec![0.0; rows * width];
    for s in 0..rows {
        for (i, v) in row(input, s, rows).iter().enumerate() {
            totals[s * width + i % width] += v;
        }
    }
    totals
}

/// Row `s` of a matrix of `rows` rows.
fn row(matrix: &[f64], s: usize, rows: usize) -> &[f64] {
    let columns = matrix.len() / rows;
    &matrix[s * columns..][..columns]
}
