//! GRU: a recurrent layer over ragged histories, and the three variants of it that take attention scores.
//!
//! Sample `s` has the steps `offsets[s]..offsets[s + 1]`, as in [`attention`](super::attention), and begins with the state
//! 0. At a step `t` with input `x` and state `h` from the step before it,
//!
//! - `r = sigmoid(W_r x + b_r + U_r h + c_r)`, `z = sigmoid(W_z x + b_z + U_z h + c_z)`,
//! - `n = tanh(W_n x + b_n + r * (U_n h + c_n))`,
//! - `state[t] = (1 - g) * h + g * n`, where `g` says how far the state moves.
//!
//! | [`Kind`] | `g` | |
//! |---|---|---|
//! | `Gru` | `1 - z` | `torch.nn.GRU` (Cho et al., EMNLP 2014): there `z` is what is kept |
//! | `Aigru` | `1 - z` | the same on `x = score[t] * input[t]` (DIEN, equation 8) |
//! | `Agru` | `score[t]` | the score instead of the gate (DIEN, equation 9) |
//! | `Augru` | `score[t] * z` | the score scales the update gate (DIEN, equations 10 and 11): there `z` is what moves |
//!
//! (Zhou et al., *Deep Interest Evolution Network*, AAAI 2019.) Each form is written as its source has it, so that
//! parameters from there fit; the two senses of `z` differ in the sign of its parameters. `Agru` has no use for its
//! `z`, whose parameters have the gradient 0.
//!
//! `input` is `[steps, inputs]`, `scores` `[steps]`, `states` `[steps, hidden]`. [`Parameters`] are laid out as PyTorch's:
//! `input_weight` `[3 hidden, inputs]` (the `W`), `hidden_weight` `[3 hidden, hidden]` (the `U`) and the biases
//! `[3 hidden]` (`b` and `c`) have the rows of `r` first, then those of `z`, then those of `n`.
//!
//! Backward goes through a sample's steps from the last to the first. What reaches `state[t]` is `states_gradient[t]`
//! plus what flows back from step `t + 1`.

use alloc::{vec, vec::Vec};
use core::fmt;

use serde::{Deserialize, Serialize};

use super::{
    attention::samples,
    op::{Names, Op, Role, Spaces, describe_inputs},
    sigmoid_cross_entropy::sigmoid,
    specification::{Context, Specification, add},
};
use crate::view::{Space, View};

/// A recurrent layer over each sample's steps, in one of its kinds: all its states.
#[derive(Clone, Debug, PartialEq)]
pub struct Gru {
    /// How far a state moves at a step.
    pub kind: Kind,
    /// The weights of input and state, `[3 hidden, input.width]` and `[3 hidden, hidden]`, and their biases,
    /// `[3 hidden]` each.
    pub params: [usize; 4],
    /// The input; behind it the scores, one column, for all kinds but [`Kind::Gru`].
    pub inputs: Vec<View>,
    /// The states, one row a step.
    pub output: View,
}

impl Op for Gru {
    fn name(&self) -> &'static str {
        "gru"
    }

    fn inputs(&self) -> &[View] {
        &self.inputs
    }

    fn params(&self) -> Vec<usize> {
        self.params.to_vec()
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

    fn multiply_adds(&self, rows: &dyn Fn(View) -> usize) -> usize {
        let each = (3 * self.output.width).saturating_mul(self.inputs[0].width + self.output.width);
        rows(self.output).saturating_mul(each)
    }

    fn describe(&self, names: &dyn Names, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}({}) of ", self.kind, names.name(self.params[0]))?;
        describe_inputs(&self.inputs, f)
    }
}

impl Specification for Gru {
    fn forward(&self, on: &dyn Context) -> Vec<f64> {
        let (input, scores) = self.read_inputs(on);
        forward(
            self.kind,
            &input,
            &scores,
            on.offsets(self.output),
            &self.parameters(on),
        )
    }

    fn backward(&self, on: &dyn Context, d_output: &[f64], d_params: &mut [Vec<f64>]) -> Vec<Vec<f64>> {
        let ((input, scores), states) = (self.read_inputs(on), on.read(self.output));
        let (offsets, parameters) = (on.offsets(self.output), self.parameters(on));
        let found = backward(self.kind, &input, &scores, offsets, &parameters, &states, d_output);
        for (&param, gradient) in self.params.iter().zip(found.parameters.tensors()) {
            add(&mut d_params[param], gradient);
        }
        vec![found.input, found.scores]
    }
}

impl Gru {
    /// The input, and the scores, if there are some.
    fn read_inputs(&self, on: &dyn Context) -> (Vec<f64>, Vec<f64>) {
        let scores = self.inputs.get(1).map(|&view| on.read(view));
        (on.read(self.inputs[0]), scores.unwrap_or_default())
    }

    fn parameters(&self, on: &dyn Context) -> Parameters {
        let [input_weight, hidden_weight, input_bias, hidden_bias] = self.params.map(|param| on.value(param).to_vec());
        Parameters {
            input_weight,
            hidden_weight,
            input_bias,
            hidden_bias,
        }
    }
}

/// How far a state moves at a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// By its gate; scores are not read and may be empty.
    Gru,
    /// By its gate, on inputs that are scaled by the scores.
    Aigru,
    /// By the score.
    Agru,
    /// By the score times the gate.
    Augru,
}

/// The parameters, or their gradients.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameters {
    /// `[3 hidden, inputs]`.
    pub input_weight: Vec<f64>,
    /// `[3 hidden, hidden]`.
    pub hidden_weight: Vec<f64>,
    /// `[3 hidden]`.
    pub input_bias: Vec<f64>,
    /// `[3 hidden]`.
    pub hidden_bias: Vec<f64>,
}

impl Parameters {
    fn hidden(&self) -> usize {
        self.input_bias.len() / 3
    }

    fn inputs(&self) -> usize {
        self.input_weight.len() / self.input_bias.len()
    }

    /// The tensors, in the fields' order.
    pub fn tensors(&self) -> [&[f64]; 4] {
        [
            &self.input_weight,
            &self.hidden_weight,
            &self.input_bias,
            &self.hidden_bias,
        ]
    }

    fn zeros(&self) -> Self {
        Parameters {
            input_weight: vec![0.0; self.input_weight.len()],
            hidden_weight: vec![0.0; self.hidden_weight.len()],
            input_bias: vec![0.0; self.input_bias.len()],
            hidden_bias: vec![0.0; self.hidden_bias.len()],
        }
    }
}

/// All states, `[steps, hidden]`.
///
/// ```
/// use pocketrec::ops::gru::{self, Kind, Parameters};
/// // One input, one unit, no gate has a weight: r = z = 1/2, and n = tanh(x).
/// let parameters = Parameters {
///     input_weight: vec![0.0, 0.0, 1.0],
///     hidden_weight: vec![0.0; 3],
///     input_bias: vec![0.0; 3],
///     hidden_bias: vec![0.0; 3],
/// };
/// let states = gru::forward(Kind::Gru, &[1e3, 1e3, -1e3], &[], &[0, 2, 3], &parameters);
/// assert_eq!(states, [0.5, 0.75, -0.5]);
/// let states = gru::forward(Kind::Augru, &[1e3, 1e3, -1e3], &[1.0, 0.5, 0.0], &[0, 2, 3], &parameters);
/// assert_eq!(states, [0.5, 0.625, 0.0]);
/// ```
pub fn forward(kind: Kind, input: &[f64], scores: &[f64], offsets: &[u32], parameters: &Parameters) -> Vec<f64> {
    let (inputs, hidden) = (parameters.inputs(), parameters.hidden());
    let mut states = Vec::new();
    for steps in samples(offsets) {
        let mut state = vec![0.0; hidden];
        for t in steps {
            let score = scores.get(t).copied().unwrap_or(1.0);
            let step = Step::new(kind, &input[t * inputs..][..inputs], score, &state, parameters);
            state = step.next(&state);
            states.extend_from_slice(&state);
        }
    }
    states
}

/// The gradients of a recurrent layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Gradients {
    /// `[steps, inputs]`.
    pub input: Vec<f64>,
    /// `[steps]`; zero for [`Kind::Gru`].
    pub scores: Vec<f64>,
    /// Summed over all steps.
    pub parameters: Parameters,
}

/// All gradients, from the `states` that [`forward`] gave and `states_gradient` `[steps, hidden]`: what the steps'
/// outputs alone are asked to change, without what accumulate between steps.
pub fn backward(
    kind: Kind,
    input: &[f64],
    scores: &[f64],
    offsets: &[u32],
    parameters: &Parameters,
    states: &[f64],
    states_gradient: &[f64],
) -> Gradients {
    let (inputs, hidden) = (parameters.inputs(), parameters.hidden());
    let mut gradients = Gradients {
        input: vec![0.0; input.len()],
        scores: vec![0.0; input.len() / inputs],
        parameters: parameters.zeros(),
    };
    for steps in samples(offsets) {
        let mut from_next = vec![0.0; hidden];
        for t in steps.clone().rev() {
            let before = if t == steps.start {
                vec![0.0; hidden]
            } else {
                states[(t - 1) * hidden..][..hidden].to_vec()
            };
            let score = scores.get(t).copied().unwrap_or(1.0);
            let x = &input[t * inputs..][..inputs];
            let step = Step::new(kind, x, score, &before, parameters);
            let reaching: Vec<f64> = (0..hidden)
                .map(|j| states_gradient[t * hidden + j] + from_next[j])
                .collect();
            from_next = step.backward(x, &before, &reaching, parameters, t, &mut gradients);
        }
    }
    gradients
}

/// What is computed at one step.
struct Step {
    kind: Kind,
    score: f64,
    /// The input as the gates see it.
    x: Vec<f64>,
    r: Vec<f64>,
    z: Vec<f64>,
    n: Vec<f64>,
    /// `U_n h + c_n`, which `r` scales.
    from_state: Vec<f64>,
}

impl Step {
    fn new(kind: Kind, input: &[f64], score: f64, state: &[f64], parameters: &Parameters) -> Self {
        let hidden = state.len();
        let scale = if kind == Kind::Aigru { score } else { 1.0 };
        let x: Vec<f64> = input.iter().map(|x| scale * x).collect();
        let of_input = affine(&parameters.input_weight, &parameters.input_bias, &x);
        let of_state = affine(&parameters.hidden_weight, &parameters.hidden_bias, state);
        let gate = |k: usize| sigmoid(of_input[k] + of_state[k]);
        let r: Vec<f64> = (0..hidden).map(gate).collect();
        let z = (hidden..2 * hidden).map(gate).collect();
        let from_state = of_state[2 * hidden..].to_vec();
        let n = (0..hidden).map(|j| libm::tanh(of_input[2 * hidden + j] + r[j] * from_state[j]));
        let n = n.collect();
        Step {
            kind,
            score,
            x,
            r,
            z,
            n,
            from_state,
        }
    }

    /// `g` of unit `j`.
    fn moves(&self, j: usize) -> f64 {
        match self.kind {
            Kind::Gru | Kind::Aigru => 1.0 - self.z[j],
            Kind::Agru => self.score,
            Kind::Augru => self.score * self.z[j],
        }
    }

    fn next(&self, state: &[f64]) -> Vec<f64> {
        let one = |(j, h): (usize, &f64)| (1.0 - self.moves(j)) * h + self.moves(j) * self.n[j];
        state.iter().enumerate().map(one).collect()
    }

    /// Adds this step's share to `gradients` and gives what flows back to the state before it.
    fn backward(
        &self,
        input: &[f64],
        before: &[f64],
        reaching: &[f64],
        parameters: &Parameters,
        t: usize,
        gradients: &mut Gradients,
    ) -> Vec<f64> {
        let (inputs, hidden) = (input.len(), before.len());
        let mut back = vec![0.0; hidden];
        // Of the sums that go into r, z and n: the part from the input, and the part from the state.
        let (mut by_input, mut by_state) = (vec![0.0; 3 * hidden], vec![0.0; 3 * hidden]);
        for j in 0..hidden {
            let g = self.moves(j);
            back[j] = reaching[j] * (1.0 - g);
            let of_g = reaching[j] * (self.n[j] - before[j]);
            let of_z = match self.kind {
                Kind::Gru | Kind::Aigru => -of_g,
                Kind::Agru => 0.0,
                Kind::Augru => of_g * self.score,
            };
            gradients.scores[t] += match self.kind {
                Kind::Gru | Kind::Aigru => 0.0,
                Kind::Agru => of_g,
                Kind::Augru => of_g * self.z[j],
            };
            let of_n = reaching[j] * g * (1.0 - self.n[j] * self.n[j]);
            let of_r = of_n * self.from_state[j] * self.r[j] * (1.0 - self.r[j]);
            let of_z = of_z * self.z[j] * (1.0 - self.z[j]);
            for (k, (input, state)) in [(of_r, of_r), (of_z, of_z), (of_n, of_n * self.r[j])]
                .into_iter()
                .enumerate()
            {
                by_input[k * hidden + j] = input;
                by_state[k * hidden + j] = state;
            }
        }
        let of = &mut gradients.parameters;
        let of_x = affine_backward(&parameters.input_weight, &self.x, &by_input, &mut of.input_weight);
        let of_state = affine_backward(&parameters.hidden_weight, before, &by_state, &mut of.hidden_weight);
        for k in 0..3 * hidden {
            of.input_bias[k] += by_input[k];
            of.hidden_bias[k] += by_state[k];
        }
        for i in 0..inputs {
            let scaled = self.kind == Kind::Aigru;
            gradients.input[t * inputs + i] = of_x[i] * if scaled { self.score } else { 1.0 };
            gradients.scores[t] += if scaled { of_x[i] * input[i] } else { 0.0 };
        }
        back.iter()
            .zip(of_state)
            .map(|(back, of_state)| back + of_state)
            .collect()
    }
}

/// `W x + b`.
fn affine(weight: &[f64], bias: &[f64], x: &[f64]) -> Vec<f64> {
    let row = |(k, b): (usize, &f64)| (0..x.len()).fold(*b, |sum, i| sum + weight[k * x.len() + i] * x[i]);
    bias.iter().enumerate().map(row).collect()
}

/// The gradient of `x`; adds to that of `W`.
fn affine_backward(weight: &[f64], x: &[f64], output_gradient: &[f64], weight_gradient: &mut [f64]) -> Vec<f64> {
    let mut gradient = vec![0.0; x.len()];
    for (k, g) in output_gradient.iter().enumerate() {
        for i in 0..x.len() {
            gradient[i] += g * weight[k * x.len() + i];
            weight_gradient[k * x.len() + i] += g * x[i];
        }
    }
    gradient
}
