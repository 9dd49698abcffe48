//! Networks of linear layers and activations, put together from the specification.

use std::collections::HashMap;

use pocketrec::{
    ops::{batch_norm::Statistics, dice, linear, prelu, sigmoid_cross_entropy as bce},
    plan::Activation,
};

use crate::{Tensors, add};

/// Matrices side by side.
pub fn concat(parts: &[&[f64]], rows: usize) -> Vec<f64> {
    let row = |s: usize| {
        parts
            .iter()
            .flat_map(move |x| &x[s * x.len() / rows..(s + 1) * x.len() / rows])
    };
    (0..rows).flat_map(row).copied().collect()
}

/// What [`concat`] was given.
pub fn split<const N: usize>(x: &[f64], widths: [usize; N], rows: usize) -> [Vec<f64>; N] {
    let mut first = 0;
    let width = x.len() / rows;
    widths.map(|part| {
        let row = |s: usize| &x[s * width + first..][..part];
        let found = (0..rows).flat_map(row).copied().collect();
        first += part;
        found
    })
}

#[derive(Clone, Copy, PartialEq)]
pub enum Unit {
    Relu,
    Sigmoid,
    Prelu,
    Dice,
}

/// Layers `NAME.{k}` and a linear output of width 1, `NAME.output`.
pub struct Network {
    pub name: &'static str,
    pub layers: usize,
    pub unit: Unit,
    /// Of Dice.
    pub epsilon: f64,
}

/// What a pass through a network leaves behind.
#[derive(Default)]
pub struct Trace {
    /// Of every layer, the output's too.
    pub inputs: Vec<Vec<f64>>,
    /// Before the activation.
    pub sums: Vec<Vec<f64>>,
    /// Of the sums, by layer.
    pub statistics: HashMap<String, Statistics>,
    pub output: Vec<f64>,
}

impl Network {
    pub fn new(name: &'static str, layers: usize, unit: Unit) -> Self {
        let epsilon = 0.0;
        Network {
            name,
            layers,
            unit,
            epsilon,
        }
    }

    /// With statistics of the batch, or with running ones.
    pub fn forward(&self, p: &Tensors, mut x: Vec<f64>, running: Option<&HashMap<String, Statistics>>) -> Trace {
        let mut trace = Trace::default();
        for k in 0..self.layers {
            let layer = format!("{}.{k}", self.name);
            let sums = affine(p, &layer, &x);
            let next = match self.unit {
                Unit::Relu => sums.iter().map(|x| x.max(0.0)).collect(),
                Unit::Sigmoid => sums.iter().map(|&x| bce::sigmoid(x)).collect(),
                Unit::Prelu => prelu::forward(&sums, &p[&format!("{layer}.alpha")]),
                Unit::Dice => {
                    let alpha = &p[&format!("{layer}.alpha")];
                    let found = Statistics::of(&sums, alpha.len());
                    let statistics = running.map_or(&found, |running| &running[&layer]);
                    let next = dice::forward(&sums, alpha, statistics, self.epsilon);
                    trace.statistics.insert(layer, found);
                    next
                }
            };
            trace.inputs.push(std::mem::replace(&mut x, next));
            trace.sums.push(sums);
        }
        trace.output = affine(p, &format!("{}.output", self.name), &x);
        trace.inputs.push(x);
        trace
    }

    /// The gradient of the input; adds to those of the parameters.
    pub fn backward(&self, p: &Tensors, trace: &Trace, output_gradient: &[f64], gradients: &mut Tensors) -> Vec<f64> {
        let name = format!("{}.output", self.name);
        let mut delta = affine_backward(p, &name, &trace.inputs[self.layers], output_gradient, gradients);
        for k in (0..self.layers).rev() {
            let layer = format!("{}.{k}", self.name);
            let (sums, after) = (&trace.sums[k], &trace.inputs[k + 1]);
            let alpha = format!("{layer}.alpha");
            match self.unit {
                Unit::Relu => delta = linear::activation_gradient(after, &delta, Activation::Relu),
                Unit::Sigmoid => delta.iter_mut().zip(after).for_each(|(d, y)| *d *= y * (1.0 - y)),
                Unit::Prelu => {
                    let found = prelu::backward(sums, &p[&alpha], &delta);
                    add(gradients, &alpha, &found.alpha);
                    delta = found.input;
                }
                Unit::Dice => {
                    let found = dice::backward(sums, &p[&alpha], &trace.statistics[&layer], &delta, self.epsilon);
                    add(gradients, &alpha, &found.alpha);
                    delta = found.input;
                }
            }
            delta = affine_backward(p, &layer, &trace.inputs[k], &delta, gradients);
        }
        delta
    }
}

/// A layer's bias, zero where it has none.
fn affine(p: &Tensors, name: &str, x: &[f64]) -> Vec<f64> {
    let weight = &p[&format!("{name}.weight")];
    let bias = p.get(&format!("{name}.bias")).cloned().unwrap_or_else(|| vec![0.0]);
    let rows = x.len() / (weight.len() / bias.len());
    linear::forward(x, weight, &bias, rows, Activation::Identity)
}

fn affine_backward(p: &Tensors, name: &str, x: &[f64], delta: &[f64], gradients: &mut Tensors) -> Vec<f64> {
    let weight = &p[&format!("{name}.weight")];
    // inputs * outputs = |weight|, rows * inputs = |x|, rows * outputs = |delta|
    let rows = ((x.len() * delta.len() / weight.len()) as f64).sqrt().round() as usize;
    let found = linear::backward(x, weight, delta, delta, rows, Activation::Identity);
    add(gradients, &format!("{name}.weight"), &found.weight);
    if p.contains_key(&format!("{name}.bias")) {
        add(gradients, &format!("{name}.bias"), &found.bias);
    }
    found.input
}
