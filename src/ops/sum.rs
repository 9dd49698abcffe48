//! Sum: all columns of several inputs and a learnt scalar, added up.
//!
//! `output[s] = bias + sum over k, i of inputs[k][s, i]`, with `inputs[k]` `[rows, width of k]`, `bias` a scalar and
//! `output` `[rows]`. After a [`product`](super::product) this is MF's dot product; with bias columns among the
//! inputs it is MF with biases (Rendle et al., *Neural Collaborative Filtering vs. Matrix Factorization Revisited*,
//! RecSys 2020, equation 2).
//!
//! Backward: every column of every input has the gradient of its row's output, and the bias has their sum.

use super::{
    op::{Op, Role, Spaces},
    specification::{Context, Specification, add},
};
use crate::view::{Space, View};
use alloc::{vec, vec::Vec};

/// `output = sum of all inputs' columns + bias`: MF's dot product once its factors are multiplied.
#[derive(Clone, Debug, PartialEq)]
pub struct Sum {
    /// The terms, in any number of views of any width.
    pub inputs: Vec<View>,
    /// `[1]`, if there is one.
    pub bias: Option<usize>,
    /// One column.
    pub output: View,
}

impl Op for Sum {
    fn name(&self) -> &'static str {
        "sum"
    }

    fn inputs(&self) -> &[View] {
        &self.inputs
    }

    fn params(&self) -> Vec<usize> {
        self.bias.into_iter().collect()
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
        let each = self.inputs.iter().map(|view| view.width).fold(0, usize::saturating_add);
        rows(self.output).saturating_mul(each)
    }
}

impl Specification for Sum {
    fn forward(&self, on: &dyn Context) -> Vec<f64> {
        let inputs: Vec<Vec<f64>> = self.inputs.iter().map(|&view| on.read(view)).collect();
        let inputs: Vec<&[f64]> = inputs.iter().map(Vec::as_slice).collect();
        let bias = self.bias.map_or(0.0, |bias| on.value(bias)[0]);
        forward(&inputs, bias, on.rows(self.output))
    }

    fn backward(&self, _on: &dyn Context, d_output: &[f64], d_params: &mut [Vec<f64>]) -> Vec<Vec<f64>> {
        if let Some(bias) = self.bias {
            add(&mut d_params[bias], &[bias_gradient(d_output)]);
        }
        let of_input = |input: &View| input_gradient(d_output, input.width);
        self.inputs.iter().map(of_input).collect()
    }
}

/// The sums, `[rows]`.
///
/// ```
/// use pocketrec::ops::sum;
/// let (wide, narrow) = ([1.0, 2.0, 10.0, 20.0], [100.0, 200.0]); // [2, 2] and [2, 1]
/// assert_eq!(sum::forward(&[&wide, &narrow], 0.5, 2), [103.5, 230.5]);
/// ```
pub fn forward(inputs: &[&[f64]], bias: f64, rows: usize) -> Vec<f64> {
    let mut output = vec![bias; rows];
    for input in inputs {
        let width = input.len().checked_div(rows).unwrap_or(0);
        for (s, output) in output.iter_mut().enumerate() {
            for i in 0..width {
                *output += input[s * width + i];
            }
        }
    }
    output
}

/// The gradient of an input of `width` columns, `[rows, width]`, from `output_gradient` `[rows]`.
///
/// ```
/// use pocketrec::ops::sum;
/// assert_eq!(sum::input_gradient(&[3.0, 5.0], 2), [3.0, 3.0, 5.0, 5.0]);
/// ```
pub fn input_gradient(output_gradient: &[f64], width: usize) -> Vec<f64> {
    let row = |&gradient: &f64| core::iter::repeat_n(gradient, width);
    output_gradient.iter().flat_map(row).collect()
}

/// The gradient of the bias, from `output_gradient` `[rows]`.
///
/// ```
/// assert_eq!(pocketrec::ops::sum::bias_gradient(&[3.0, 5.0]), 8.0);
/// ```
pub fn bias_gradient(output_gradient: &[f64]) -> f64 {
    output_gradient.iter().sum()
}
