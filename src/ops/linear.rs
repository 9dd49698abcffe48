//! Linear: a fully connected layer with its bias and activation.
//!
//! `output[s, o] = activation(sum over i of input[s, i] * weight[o, i] + bias[o])`, that is
//! `activation(X W^T + b)`, with `input` `[rows, inputs]`, `weight` `[outputs, inputs]`, `bias` `[outputs]` and
//! `output` `[rows, outputs]` (He et al., *Neural Collaborative Filtering*, WWW 2017, equation 10; the layout is
//! that of `torch.nn.Linear`).
//!
//! Backward, with `delta = output_gradient` times the derivative of the activation, which is 1 or 0 but for the
//! sigmoid's `y (1 - y)` and the hyperbolic tangent's `1 - y^2`:
//!
//! - `input_gradient[s, i] = sum over o of delta[s, o] * weight[o, i]`,
//! - `weight_gradient[o, i] = sum over s of delta[s, o] * input[s, i]`,
//! - `bias_gradient[o] = sum over s of delta[s, o]`.
//!
//! Whether ReLU lets a gradient through is read off its output: it does where `output > 0`. At the kink itself the
//! gradient is 0, as in PyTorch. ReLU leaves NaN as it is, so that a diverged model shows in its loss.

use alloc::{vec, vec::Vec};
use core::{fmt, slice};

use super::{
    op::{Names, Op, Role, Spaces},
    specification::{Context, Specification, add},
};
use crate::view::{Space, View};

/// What follows a linear map within the same stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// Nothing.
    Identity,
    /// max(x, 0).
    Relu,
    /// 1 / (1 + exp(-x)).
    Sigmoid,
    /// The hyperbolic tangent.
    Tanh,
}

/// `output = activation(input weight^T + bias)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Linear {
    /// `[output.width, input.width]`.
    pub weight: usize,
    /// `[output.width]`; nothing where no bias is added.
    pub bias: Option<usize>,
    /// What is mapped.
    pub input: View,
    /// Where to.
    pub output: View,
    /// What follows.
    pub activation: Activation,
}

impl Op for Linear {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn inputs(&self) -> &[View] {
        slice::from_ref(&self.input)
    }

    fn params(&self) -> Vec<usize> {
        [self.weight].into_iter().chain(self.bias).collect()
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
        rows(self.output).saturating_mul(self.input.width.saturating_mul(self.output.width))
    }

    fn describe(&self, names: &dyn Names, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}({} ", self.activation, names.param(self.weight))?;
        let bias = if self.bias.is_some() { " + bias" } else { "" };
        write!(f, "b{}[{:?}]{bias})", self.input.buffer, self.input.range())
    }
}

impl Specification for Linear {
    fn forward(&self, on: &dyn Context) -> Vec<f64> {
        // Zero where it has none.
        let bias = match self.bias {
            Some(bias) => on.value(bias).to_vec(),
            None => vec![0.0; self.output.width],
        };
        let (x, rows) = (on.read(self.input), on.rows(self.output));
        forward(&x, on.value(self.weight), &bias, rows, self.activation)
    }

    fn backward(&self, on: &dyn Context, d_output: &[f64], d_params: &mut [Vec<f64>]) -> Vec<Vec<f64>> {
        let (x, y, rows) = (on.read(self.input), on.read(self.output), on.rows(self.output));
        let found = backward(&x, on.value(self.weight), &y, d_output, rows, self.activation);
        add_layer(d_params, self.weight, self.bias, &found, rows);
        vec![found.input]
    }
}

/// Adds the gradients of a linear layer's parameters. Without rows, as along sequences that are all empty, they stay
/// zero.
pub(super) fn add_layer(d_params: &mut [Vec<f64>], weight: usize, bias: Option<usize>, found: &Gradients, rows: usize) {
    if rows == 0 {
        return;
    }
    add(&mut d_params[weight], &found.weight);
    if let Some(bias) = bias {
        add(&mut d_params[bias], &found.bias);
    }
}

/// The layer's output, `[rows, outputs]`.
///
/// ```
/// use pocketrec::{ops::linear, plan::Activation};
/// let weight = [1.0, -1.0, 0.0, 2.0]; // [2 outputs, 2 inputs]
/// let output = linear::forward(&[1.0, 3.0], &weight, &[0.5, 0.25], 1, Activation::Relu);
/// assert_eq!(output, [0.0, 6.25]);
/// ```
pub fn forward(input: &[f64], weight: &[f64], bias: &[f64], rows: usize, activation: Activation) -> Vec<f64> {
    let outputs = bias.len();
    let inputs = weight.len() / outputs;
    let mut output = vec![0.0; rows * outputs];
    for s in 0..rows {
        for o in 0..outputs {
            let mut sum = bias[o];
            for i in 0..inputs {
                sum += input[s * inputs + i] * weight[o * inputs + i];
            }
            output[s * outputs + o] = activate(sum, activation);
        }
    }
    output
}

/// The gradients of a linear layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Gradients {
    /// `[rows, inputs]`.
    pub input: Vec<f64>,
    /// `[outputs, inputs]`, summed over the batch.
    pub weight: Vec<f64>,
    /// `[outputs]`, summed over the batch.
    pub bias: Vec<f64>,
}

/// All three gradients, from the layer's `input`, its `weight`, the `output` that [`forward`] gave and
/// `output_gradient` `[rows, outputs]`.
///
/// ```
/// use pocketrec::{ops::linear, plan::Activation};
/// let (input, weight) = ([1.0, 3.0], [1.0, -1.0, 0.0, 2.0]);
/// let output = [0.0, 6.25]; // the first output is cut off
/// let gradients = linear::backward(&input, &weight, &output, &[10.0, 1.0], 1, Activation::Relu);
/// assert_eq!(gradients.input, [0.0, 2.0]);
/// assert_eq!(gradients.weight, [0.0, 0.0, 1.0, 3.0]);
/// assert_eq!(gradients.bias, [0.0, 1.0]);
/// ```
pub fn backward(
    input: &[f64],
    weight: &[f64],
    output: &[f64],
    output_gradient: &[f64],
    rows: usize,
    activation: Activation,
) -> Gradients {
    let delta = activation_gradient(output, output_gradient, activation);
    let outputs = delta.len().checked_div(rows).unwrap_or(0);
    let inputs = input.len().checked_div(rows).unwrap_or(0);
    if rows == 0 {
        let (input, bias) = (Vec::new(), Vec::new());
        let weight = vec![0.0; weight.len()];
        return Gradients { input, weight, bias };
    }
    Gradients {
        input: input_gradient(&delta, weight, rows, inputs, outputs),
        weight: weight_gradient(&delta, input, rows, inputs, outputs),
        bias: bias_gradient(&delta, rows, outputs),
    }
}

/// `delta` `[rows, outputs]`: the gradient before the activation, from the output after it.
pub fn activation_gradient(output: &[f64], output_gradient: &[f64], activation: Activation) -> Vec<f64> {
    let through = |(&y, &gradient): (&f64, &f64)| match activation {
        Activation::Identity => gradient,
        Activation::Relu if y > 0.0 => gradient,
        Activation::Relu => 0.0,
        Activation::Sigmoid => gradient * y * (1.0 - y),
        Activation::Tanh => gradient * (1.0 - y * y),
    };
    output.iter().zip(output_gradient).map(through).collect()
}

/// `delta W`, `[rows, inputs]`.
pub fn input_gradient(delta: &[f64], weight: &[f64], rows: usize, inputs: usize, outputs: usize) -> Vec<f64> {
    let mut gradient = vec![0.0; rows * inputs];
    for s in 0..rows {
        for o in 0..outputs {
            for i in 0..inputs {
                gradient[s * inputs + i] += delta[s * outputs + o] * weight[o * inputs + i];
            }
        }
    }
    gradient
}

/// `delta^T X`, `[outputs, inputs]`.
pub fn weight_gradient(delta: &[f64], input: &[f64], rows: usize, inputs: usize, outputs: usize) -> Vec<f64> {
    let mut gradient = vec![0.0; outputs * inputs];
    for s in 0..rows {
        for o in 0..outputs {
            for i in 0..inputs {
                gradient[o * inputs + i] += delta[s * outputs + o] * input[s * inputs + i];
            }
        }
    }
    gradient
}

/// The column sums of `delta`, `[outputs]`.
pub fn bias_gradient(delta: &[f64], rows: usize, outputs: usize) -> Vec<f64> {
    let mut gradient = vec![0.0; outputs];
    for s in 0..rows {
        for o in 0..outputs {
            gradient[o] += delta[s * outputs + o];
        }
    }
    gradient
}

/// One number through the activation.
pub(super) fn activate(x: f64, activation: Activation) -> f64 {
    match activation {
        Activation::Identity => x,
        Activation::Relu if x < 0.0 => 0.0,
        Activation::Relu => x, // NaN too
        Activation::Sigmoid => 1.0 / (1.0 + libm::exp(-x)),
        Activation::Tanh => libm::tanh(x),
    }
}
