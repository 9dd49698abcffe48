//! Cross: a layer of a cross network, which multiplies each column of the first input by a linear map of the latest.
//!
//! `output = x0 * (mapped W^T + b) + x`, with an elementwise product; `x0`, `x` and `output` are `[rows, width]`, `mapped`
//! is `[rows, inputs]`, `W` is `[width, inputs]` and `b` is `[width]` (Wang et al., *DCN V2: Improved Deep & Cross Network
//! and Practical Lessons for Web-scale Learning to Rank Systems*, WWW 2021, equation 1). What is mapped is `x` itself; in the
//! low-rank form (equation 2) it is `x` mapped to fewer columns by a [`linear`] stage before.
//!
//! Backward, with `d = output_gradient`, `u = mapped W^T + b` and `delta = d * x0`:
//!
//! - `x0_gradient = d * u`, and `x_gradient = d`,
//! - `mapped_gradient[s, i] = sum over o of delta[s, o] * W[o, i]`,
//! - `weight_gradient[o, i] = sum over s of delta[s, o] * mapped[s, i]`,
//! - `bias_gradient[o] = sum over s of delta[s, o]`.
//!
//! Where one view is several of the three inputs, its gradient is the sum of theirs.

use alloc::{vec, vec::Vec};
use core::fmt;

use super::{
    linear::{self, Activation},
    op::{Names, Op, Role, Spaces},
    specification::{Context, Specification, add},
};
use crate::view::{Space, View};

/// `output = x0 * (mapped weight^T + bias) + x`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cross {
    /// `[output.width, mapped.width]`.
    pub weight: usize,
    /// `[output.width]`; right behind the weight among the parameters.
    pub bias: usize,
    /// `x0` and `x`, as wide as the output, and `mapped`: `x` again, or fewer columns.
    pub inputs: [View; 3],
    /// Where to.
    pub output: View,
}

impl Op for Cross {
    fn name(&self) -> &'static str {
        "cross"
    }

    fn inputs(&self) -> &[View] {
        &self.inputs
    }

    fn params(&self) -> Vec<usize> {
        vec![self.weight, self.bias]
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
        let of_row = self.output.width.saturating_mul(self.inputs[2].width.saturating_add(1));
        rows(self.output).saturating_mul(of_row)
    }

    fn describe(&self, names: &dyn Names, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [x0, x, mapped] = self.inputs;
        let weight = names.param(self.weight);
        write!(f, "b{}[{:?}] * ({weight} ", x0.buffer, x0.range())?;
        write!(f, "b{}[{:?}] + bias) + ", mapped.buffer, mapped.range())?;
        write!(f, "b{}[{:?}]", x.buffer, x.range())
    }
}

impl Specification for Cross {
    fn forward(&self, on: &dyn Context) -> Vec<f64> {
        let [x0, x, mapped] = self.inputs.map(|view| on.read(view));
        let (weight, bias) = (on.value(self.weight), on.value(self.bias));
        forward(&x0, &x, &mapped, weight, bias, on.rows(self.output))
    }

    fn backward(&self, on: &dyn Context, d_output: &[f64], d_params: &mut [Vec<f64>]) -> Vec<Vec<f64>> {
        let [x0, _, mapped] = self.inputs.map(|view| on.read(view));
        let (weight, bias, rows) = (on.value(self.weight), on.value(self.bias), on.rows(self.output));
        let found = backward(&x0, &mapped, weight, bias, d_output, rows);
        add(&mut d_params[self.weight], &found.weight);
        add(&mut d_params[self.bias], &found.bias);
        vec![found.x0, found.x, found.mapped]
    }
}

/// The layer's output, `[rows, width]`.
///
/// ```
/// use pocketrec::ops::cross;
/// let weight = [1.0, 0.0, 2.0, -1.0]; // [2, 2]
/// let (x0, x) = ([10.0, 100.0], [1.0, 3.0]);
/// assert_eq!(cross::forward(&x0, &x, &x, &weight, &[0.5, 0.0], 1), [10.0 * 1.5 + 1.0, 100.0 * -1.0 + 3.0]);
/// ```
pub fn forward(x0: &[f64], x: &[f64], mapped: &[f64], weight: &[f64], bias: &[f64], rows: usize) -> Vec<f64> {
    let u = linear::forward(mapped, weight, bias, rows, Activation::Identity);
    x0.iter().zip(&u).zip(x).map(|((x0, u), x)| x0 * u + x).collect()
}

/// The gradients of a cross layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Gradients {
    /// `[rows, width]`.
    pub x0: Vec<f64>,
    /// `[rows, width]`.
    pub x: Vec<f64>,
    /// `[rows, inputs]`.
    pub mapped: Vec<f64>,
    /// `[width, inputs]`, summed over the batch.
    pub weight: Vec<f64>,
    /// `[width]`, summed over the batch.
    pub bias: Vec<f64>,
}

/// All gradients, from `output_gradient` `[rows, width]`.
///
/// ```
/// use pocketrec::ops::cross;
/// let gradients = cross::backward(&[10.0], &[3.0], &[2.0], &[1.0], &[5.0], 1);
/// assert_eq!((gradients.x0[0], gradients.x[0]), (5.0 * (2.0 * 3.0 + 1.0), 5.0));
/// assert_eq!((gradients.mapped[0], gradients.weight[0], gradients.bias[0]), (50.0 * 2.0, 50.0 * 3.0, 50.0));
/// ```
pub fn backward(
    x0: &[f64],
    mapped: &[f64],
    weight: &[f64],
    bias: &[f64],
    output_gradient: &[f64],
    rows: usize,
) -> Gradients {
    let times = |a: &[f64]| -> Vec<f64> { a.iter().zip(output_gradient).map(|(a, d)| a * d).collect() };
    let u = linear::forward(mapped, weight, bias, rows, Activation::Identity);
    let of_map = linear::backward(mapped, weight, &u, &times(x0), rows, Activation::Identity);
    Gradients {
        x0: times(&u),
        x: output_gradient.to_vec(),
        mapped: of_map.input,
        weight: of_map.weight,
        bias: match rows {
            0 => vec![0.0; bias.len()],
            _ => of_map.bias,
        },
    }
}
