//! A recurrent layer of DIEN on a tile: its operands, passes and flops. The layer is as wide as its input.

use std::hint::black_box;

use pocketrec::{
    cpu::{
        Simd,
        gru::{self, Gradients, Parameters, Workspace},
        linear::PackedWeight,
    },
    plan::{Accumulate, GruKind},
};

use super::{
    data::{Aligned, Matrix},
    flops::{SIGMOID, TANH},
    tiles::Histories,
};

/// Of the input's part and of the state's.
struct Weights {
    packed: [PackedWeight; 2],
    biases: [Aligned; 2],
}

impl Weights {
    fn parameters(&self) -> Parameters<'_> {
        let Weights {
            packed: [input_weight, hidden_weight],
            biases: [input_bias, hidden_bias],
        } = self;
        Parameters {
            input_weight,
            hidden_weight,
            input_bias,
            hidden_bias,
        }
    }
}

/// The operands.
pub struct Layer {
    kind: GruKind,
    pub histories: Histories,
    weights: Weights,
    d_biases: [Aligned; 2],
    d_input_weight: Aligned,
    d_hidden_weight: Aligned,
    workspace: Workspace,
    input: Matrix,
    /// As even as a softmax that knows nothing.
    scores: Option<Matrix>,
    states: Matrix,
    d_states: Matrix,
    d_input: Matrix,
}

impl Layer {
    /// A layer of `width` units.
    pub fn new<S: Simd>(s: S, kind: GruKind, width: usize) -> Self {
        let histories = Histories::new();
        let steps = histories.steps();
        let packed = |seed| {
            let mut packed = PackedWeight::new(s, 3 * width, width);
            packed.pack(s, &Aligned::weight(3 * width, width, seed));
            packed
        };
        let mean = histories.samples() as f32 / steps as f32;
        Layer {
            kind,
            histories,
            weights: Weights {
                packed: [1, 2].map(packed),
                biases: [3, 4].map(|seed| Aligned::random(3 * width, seed)),
            },
            d_biases: [5, 6].map(|seed| Aligned::random(3 * width, seed)),
            d_input_weight: Aligned::zeros(3 * width * width),
            d_hidden_weight: Aligned::zeros(3 * width * width),
            workspace: Workspace::default(),
            input: Matrix::random(steps, width, 7),
            scores: (kind != GruKind::Gru).then(|| Matrix::filled(steps, 1, mean)),
            states: Matrix::zeros(steps, width),
            d_states: Matrix::random(steps, width, 8),
            d_input: Matrix::zeros(steps, width),
        }
    }

    /// The tile's forward pass.
    pub fn forward<S: Simd>(&mut self, s: S) {
        gru::forward(
            s,
            self.kind,
            &self.histories.offsets,
            self.input.rows(),
            self.scores.as_ref().map(Matrix::rows),
            self.weights.parameters(),
            &mut self.workspace,
            self.states.rows_mut(),
        );
        black_box(self.states.floats());
    }

    /// Its forward and backward passes: the second puts gradients in the place of what the first left for it.
    pub fn both<S: Simd>(&mut self, s: S) {
        self.forward(s);
        let [d_input_bias, d_hidden_bias] = &mut self.d_biases;
        let gradients = Gradients {
            input_weight: &mut self.d_input_weight,
            hidden_weight: &mut self.d_hidden_weight,
            input_bias: d_input_bias,
            hidden_bias: d_hidden_bias,
            accumulate: Accumulate::Overwrite,
        };
        gru::backward(
            s,
            self.kind,
            &self.histories.offsets,
            self.input.rows(),
            self.scores.as_ref().map(Matrix::rows),
            self.weights.parameters(),
            &mut self.workspace,
            self.states.rows(),
            self.d_states.rows(),
            gradients,
            self.d_input.rows_mut(),
            Accumulate::Overwrite,
        );
        black_box((
            self.d_input.floats(),
            &mut self.d_input_weight[..],
            &mut self.d_hidden_weight[..],
        ));
    }
}

/// Flops forward: the input's part of each step, the state's of each but the first of a history, and for each unit of a
/// step two sigmoids, a tanh and some ten more.
pub fn forward_flops(histories: &Histories, width: usize) -> usize {
    products(histories, width) + (2 * SIGMOID + TANH + 10) * histories.steps() * width
}

/// Flops backward: two products for each one forward, and some 25 for each unit of a step.
pub fn backward_flops(histories: &Histories, width: usize) -> usize {
    2 * products(histories, width) + 25 * histories.steps() * width
}

fn products(histories: &Histories, width: usize) -> usize {
    6 * width * width * (histories.steps() + histories.pairs())
}
