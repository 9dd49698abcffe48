//! Auxiliary loss of DIEN: the state at each step of a history predicts the next click.
//!
//! Sample `s` has the steps `offsets[s]..offsets[s + 1]`, as in [`attention`](super::attention). Two neighbouring steps
//! `t` and `t + 1` of it make a pair: an MLP is given `[states[t], clicked[t + 1]]`, whose logit should be high, and
//! `[states[t], negative[t + 1]]`, whose logit should be low. With `p = sigmoid(logit)`,
//! `loss = 1/P sum over pairs of (-ln p(clicked) - ln(1 - p(negative)))`, where `P` is the number of pairs in the batch
//! (Zhou et al., *Deep Interest Evolution Network*, AAAI 2019, equation 7; the authors' code takes the mean too). It is
//! twice the mean cross-entropy of the `2 P` logits. A history of one step or none has no pair; a batch without pairs
//! has the loss 0.
//!
//! `states` is `[steps, hidden]`, `clicked` and `negative`, embeddings of items, are `[steps, width]`; the rows of a
//! history's first step in the latter two are not read. The MLP has sigmoid layers and one logit: layer `k` is
//! [`linear`] with `weight` `[outputs, inputs]` and `bias` `[outputs]`; the first has `hidden + width` inputs, the last
//! has one output.
//!
//! Backward: `(p - 1) / P` at a logit of a clicked item and `p / P` at one of a negative, through the MLP.
//!
//! Where samples have weights, the terms of a sample's pairs, and their gradients, are multiplied by its own; `P` stays
//! the number of pairs.

use alloc::{vec, vec::Vec};

use super::{
    attention::samples,
    linear::{self, Activation},
    op::{Op, Role, Spaces},
    sigmoid_cross_entropy::{sample_loss, sigmoid},
    specification::{Context, Specification},
};
use crate::view::{Space, View};

/// DIEN's auxiliary loss, `weight` times of which is added to what training descends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Auxiliary {
    /// One column each, for every step: the logit of the next click, and that of its negative.
    pub logits: [View; 2],
    /// How much the loss counts beside the main one.
    pub weight: f32,
}

impl Op for Auxiliary {
    fn name(&self) -> &'static str {
        "auxiliary"
    }

    fn inputs(&self) -> &[View] {
        &self.logits
    }

    fn params(&self) -> Vec<usize> {
        Vec::new()
    }

    fn output(&self) -> Option<View> {
        None
    }

    fn role(&self) -> Role {
        Role::AuxiliaryLoss { weight: self.weight }
    }

    fn spaces(&self, _space_of: &dyn Fn(View) -> Space) -> Spaces {
        Spaces::OneSequence
    }

    fn multiply_adds(&self, _rows: &dyn Fn(View) -> usize) -> usize {
        0
    }
}

impl Specification for Auxiliary {
    fn forward(&self, on: &dyn Context) -> Vec<f64> {
        let ([clicked, negative], offsets) = (self.logits.map(|view| on.read(view)), on.offsets(self.logits[0]));
        vec![match on.sample_weights() {
            None => step_loss(&clicked, &negative, offsets),
            Some(weights) => weighted_step_loss(&clicked, &negative, offsets, &weights),
        }]
    }

    fn backward(&self, on: &dyn Context, _d_output: &[f64], _d_params: &mut [Vec<f64>]) -> Vec<Vec<f64>> {
        let ([clicked, negative], offsets) = (self.logits.map(|view| on.read(view)), on.offsets(self.logits[0]));
        let of_logits = match on.sample_weights() {
            None => step_gradient(&clicked, &negative, offsets),
            Some(weights) => weighted_step_gradient(&clicked, &negative, offsets, &weights),
        };
        let weighted = |gradient: Vec<f64>| gradient.iter().map(|d| f64::from(self.weight) * d).collect();
        of_logits.map(weighted).into()
    }
}

/// A layer of the MLP, or its gradients.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// `[outputs, inputs]`.
    pub weight: Vec<f64>,
    /// `[outputs]`.
    pub bias: Vec<f64>,
}

/// The logits of all pairs, in the order of the steps, with their clicked items and with their negatives.
///
/// ```
/// use pocketrec::ops::auxiliary::{self, Layer};
/// let layers = [Layer { weight: vec![1.0, 10.0], bias: vec![0.5] }];
/// let (states, clicked, negative) = ([1.0, 2.0, 3.0], [9.0, 5.0, 9.0], [9.0, 6.0, 9.0]);
/// // Of two histories of 2 and 1 steps, the first has a pair: steps 0 and 1.
/// let logits = auxiliary::logits(&states, &clicked, &negative, &[0, 2, 3], &layers);
/// assert_eq!(logits, [vec![51.5], vec![61.5]]);
/// ```
pub fn logits(states: &[f64], clicked: &[f64], negative: &[f64], offsets: &[u32], layers: &[Layer]) -> [Vec<f64>; 2] {
    [clicked, negative].map(|item| {
        let pairs = Pairs::new(states, item, offsets);
        pairs.outputs(layers).pop().unwrap_or_default()
    })
}

/// The loss.
///
/// ```
/// use pocketrec::ops::auxiliary::{self, Layer};
/// let layers = [Layer { weight: vec![0.0, 0.0], bias: vec![0.0] }]; // knows nothing: p = 1/2
/// let loss = auxiliary::loss(&[1.0, 2.0], &[3.0, 4.0], &[5.0, 6.0], &[0, 2], &layers);
/// assert_eq!(loss, 2.0 * std::f64::consts::LN_2);
/// ```
pub fn loss(states: &[f64], clicked: &[f64], negative: &[f64], offsets: &[u32], layers: &[Layer]) -> f64 {
    let [high, low] = logits(states, clicked, negative, offsets, layers);
    let losses = |logits: &[f64], label| logits.iter().map(|&x| sample_loss(x, label)).sum::<f64>();
    (losses(&high, 1.0) + losses(&low, 0.0)) / high.len().max(1) as f64
}

/// The loss from logits that lie along all steps, `[steps]` each: pair `t`'s at step `t`. Those of a history's last
/// step are not read.
///
/// ```
/// use pocketrec::ops::auxiliary::step_loss;
/// let (clicked, negative) = ([0.0, f64::NAN, f64::NAN], [0.0, f64::NAN, f64::NAN]);
/// assert_eq!(step_loss(&clicked, &negative, &[0, 2, 3]), 2.0 * std::f64::consts::LN_2);
/// ```
pub fn step_loss(clicked: &[f64], negative: &[f64], offsets: &[u32]) -> f64 {
    let of_pair = |t: usize| sample_loss(clicked[t], 1.0) + sample_loss(negative[t], 0.0);
    pairs(offsets).map(of_pair).sum::<f64>() / pairs(offsets).count().max(1) as f64
}

/// The gradients of the two kinds of logits of [`step_loss`]; 0 at a history's last step.
///
/// ```
/// use pocketrec::ops::auxiliary::step_gradient;
/// let [clicked, negative] = step_gradient(&[0.0; 4], &[0.0; 4], &[0, 3, 4]);
/// assert_eq!((clicked, negative), (vec![-0.25, -0.25, 0.0, 0.0], vec![0.25, 0.25, 0.0, 0.0]));
/// ```
pub fn step_gradient(clicked: &[f64], negative: &[f64], offsets: &[u32]) -> [Vec<f64>; 2] {
    let share = 1.0 / pairs(offsets).count().max(1) as f64;
    [(clicked, 1.0), (negative, 0.0)].map(|(logits, label)| {
        let mut gradient = vec![0.0; logits.len()];
        pairs(offsets).for_each(|t| gradient[t] = share * (sigmoid(logits[t]) - label));
        gradient
    })
}

/// [`step_loss`] where sample `s` has the weight `weights[s]`.
///
/// ```
/// use pocketrec::ops::auxiliary::weighted_step_loss;
/// let loss = weighted_step_loss(&[0.0; 4], &[0.0; 4], &[0, 2, 4], &[0.0, 3.0]);
/// assert_eq!(loss, 3.0 * std::f64::consts::LN_2);
/// ```
pub fn weighted_step_loss(clicked: &[f64], negative: &[f64], offsets: &[u32], weights: &[f64]) -> f64 {
    let of_pair = |(t, w): (usize, f64)| w * (sample_loss(clicked[t], 1.0) + sample_loss(negative[t], 0.0));
    let all = pairs(offsets).count().max(1) as f64;
    weighted_pairs(offsets, weights).map(of_pair).sum::<f64>() / all
}

/// The gradients of [`weighted_step_loss`].
///
/// ```
/// use pocketrec::ops::auxiliary::weighted_step_gradient;
/// let [clicked, _] = weighted_step_gradient(&[0.0; 4], &[0.0; 4], &[0, 2, 4], &[0.0, 3.0]);
/// assert_eq!(clicked, [0.0, 0.0, -0.75, 0.0]);
/// ```
pub fn weighted_step_gradient(clicked: &[f64], negative: &[f64], offsets: &[u32], weights: &[f64]) -> [Vec<f64>; 2] {
    let mut gradients = step_gradient(clicked, negative, offsets);
    for gradient in &mut gradients {
        weighted_pairs(offsets, weights).for_each(|(t, w)| gradient[t] *= w);
    }
    gradients
}

/// The steps that have a step after them, each with its sample's weight.
fn weighted_pairs(offsets: &[u32], weights: &[f64]) -> impl Iterator<Item = (usize, f64)> {
    let of_sample =
        |(steps, &w): (core::ops::Range<usize>, &f64)| (steps.start..steps.end.saturating_sub(1)).map(move |t| (t, w));
    samples(offsets).zip(weights).flat_map(of_sample)
}

/// The steps that have a step after them.
fn pairs(offsets: &[u32]) -> impl Iterator<Item = usize> {
    samples(offsets).flat_map(|steps| steps.start..steps.end.saturating_sub(1))
}

/// The gradients of the loss.
#[derive(Clone, Debug, PartialEq)]
pub struct Gradients {
    /// `[steps, hidden]`; zero at the last step of a history.
    pub states: Vec<f64>,
    /// `[steps, width]`; zero at the first step of a history.
    pub clicked: Vec<f64>,
    /// `[steps, width]`; zero at the first step of a history.
    pub negative: Vec<f64>,
    /// Summed over all pairs.
    pub layers: Vec<Layer>,
}

/// All gradients of the loss.
pub fn backward(states: &[f64], clicked: &[f64], negative: &[f64], offsets: &[u32], layers: &[Layer]) -> Gradients {
    let zero = |layer: &Layer| Layer {
        weight: vec![0.0; layer.weight.len()],
        bias: vec![0.0; layer.bias.len()],
    };
    let mut gradients = Gradients {
        states: vec![0.0; states.len()],
        clicked: vec![0.0; clicked.len()],
        negative: vec![0.0; negative.len()],
        layers: layers.iter().map(zero).collect(),
    };
    let Gradients {
        states: of_states,
        clicked: of_clicked,
        negative: of_negative,
        layers: of_layers,
    } = &mut gradients;
    for (item, label, of_item) in [(clicked, 1.0, of_clicked), (negative, 0.0, of_negative)] {
        let pairs = Pairs::new(states, item, offsets);
        let of_rows = pairs.backward(label, layers, of_layers);
        pairs.scatter(&of_rows, of_states, of_item);
    }
    gradients
}

/// The pairs of states with one of the two kinds of items.
struct Pairs {
    /// The steps `t` that have a step after them.
    steps: Vec<usize>,
    hidden: usize,
    width: usize,
    /// `[pairs, hidden + width]`.
    input: Vec<f64>,
}

impl Pairs {
    fn new(states: &[f64], item: &[f64], offsets: &[u32]) -> Self {
        let all = offsets.last().map_or(0, |&steps| steps as usize);
        let (hidden, width) = (states.len().checked_div(all), item.len().checked_div(all));
        let (hidden, width) = (hidden.unwrap_or(0), width.unwrap_or(0));
        let steps: Vec<usize> = pairs(offsets).collect();
        let mut input = Vec::new();
        for &t in &steps {
            input.extend_from_slice(&states[t * hidden..][..hidden]);
            input.extend_from_slice(&item[(t + 1) * width..][..width]);
        }
        Pairs {
            steps,
            hidden,
            width,
            input,
        }
    }

    /// The output of every layer; that of the last is the logits.
    fn outputs(&self, layers: &[Layer]) -> Vec<Vec<f64>> {
        let mut outputs: Vec<Vec<f64>> = Vec::new();
        for (k, layer) in layers.iter().enumerate() {
            let input = outputs.last().unwrap_or(&self.input);
            let rows = self.steps.len();
            let mut output = linear::forward(input, &layer.weight, &layer.bias, rows, Activation::Identity);
            if k + 1 < layers.len() {
                output.iter_mut().for_each(|x| *x = sigmoid(*x));
            }
            outputs.push(output);
        }
        outputs
    }

    /// The gradient of `input`; adds to those of the layers.
    fn backward(&self, label: f64, layers: &[Layer], of_layers: &mut [Layer]) -> Vec<f64> {
        let rows = self.steps.len();
        let outputs = self.outputs(layers);
        let mut delta: Vec<f64> = Vec::new();
        if let Some(logits) = outputs.last() {
            delta.extend(logits.iter().map(|&x| (sigmoid(x) - label) / rows as f64));
        }
        for k in (0..layers.len()).rev() {
            let input = if k == 0 { &self.input } else { &outputs[k - 1] };
            let weight = &layers[k].weight;
            let found = linear::backward(input, weight, &outputs[k], &delta, rows, Activation::Identity);
            let add = |to: &mut [f64], from: &[f64]| to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
            add(&mut of_layers[k].weight, &found.weight);
            add(&mut of_layers[k].bias, &found.bias);
            delta = found.input;
            if k > 0 {
                delta.iter_mut().zip(input).for_each(|(d, y)| *d *= y * (1.0 - y));
            }
        }
        delta
    }

    /// Adds the gradient of `input` to those of the states and of the items.
    fn scatter(&self, of_input: &[f64], of_states: &mut [f64], of_item: &mut [f64]) {
        let (hidden, width) = (self.hidden, self.width);
        for (row, &t) in self.steps.iter().enumerate() {
            let row = &of_input[row * (hidden + width)..][..hidden + width];
            for j in 0..hidden {
                of_states[t * hidden + j] += row[j];
            }
            for i in 0..width {
                of_item[(t + 1) * width + i] += row[hidden + i];
            }
        }
    }
}
