//! A recurrent layer: a linear layer of its inputs, and the recurrence on what that gives.

use bytemuck::{Pod, Zeroable};

use super::super::{
    super::{
        pipelines::{Shader, Tile},
        program::{Draft, Grid, Reads, ViewShape},
        support::Linear,
    },
    Drafter, Operand,
};
use crate::{
    ops::gru::Kind,
    plan::{Accumulate, Activation, View},
};

/// A recurrent layer.
#[derive(Clone, Copy)]
pub(in super::super::super) struct Gru<'a> {
    pub kind: Kind,
    /// The weights of input and state, and their biases.
    pub params: [usize; 4],
    /// The input, and the scores if there are any.
    pub inputs: &'a [View],
    pub output: View,
}

/// `Gru` in `shaders/gru.wgsl`.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct GruShape {
    gates: ViewShape,
    deltas: ViewShape,
    states: ViewShape,
    d_states: ViewShape,
    scores: ViewShape,
    samples: ViewShape,
    kind: u32,
    matrix: u32,
    bias: u32,
    pad: u32,
}

/// `GruScores` in `shaders/gru_scores.wgsl`.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct GruScoresShape {
    rows: ViewShape,
    other: ViewShape,
    output: ViewShape,
    dot: u32,
    add: u32,
    pad: [u32; 2],
}

impl<'a> Drafter<'a> {
    pub(in super::super) fn gru_forward(self, gru: Gru<'_>, drafts: &mut Vec<Draft<'a>>) {
        let layer = self.input_layer(gru);
        if gru.kind == Kind::Aigru {
            let [input, scores, scaled] = [gru.inputs[0], gru.inputs[1], layer.input].map(|view| self.activation(view));
            drafts.push(scale(input, scores, scaled, Accumulate::Overwrite));
        }
        drafts.push(self.linear_forward(layer));
        let dense = &self.tensors.dense;
        let buffers = vec![
            (3, self.gates(gru).1),
            (4, self.scores(gru).1),
            (5, &dense.transposed),
            (6, &dense.slots.value),
            (7, self.activation(gru.output).1),
        ];
        drafts.extend(self.recurrence("forward", gru, buffers));
    }

    /// `accumulate` is that of the input's gradient and that of the scores'; then there is that of the parameters'.
    pub(in super::super) fn gru_backward(
        self,
        gru: Gru<'_>,
        accumulate: &[Accumulate],
        params: Accumulate,
        drafts: &mut Vec<Draft<'a>>,
    ) {
        let (layer, rows) = (self.input_layer(gru), self.columns.unit(gru.params[1]));
        let dense = &self.tensors.dense;
        let buffers = vec![
            (3, self.gates(gru).1),
            (4, self.scores(gru).1),
            (5, &dense.slots.value),
            (6, self.activation(gru.output).1),
            (7, self.gradient(rows).1),
            (8, self.gradient(gru.output).1),
        ];
        drafts.extend(self.recurrence("backward", gru, buffers));
        // The first three parts, and the last.
        let (of_gates, last) = (layer.output, rows.columns(layer.output.width, gru.output.width));
        if matches!(gru.kind, Kind::Agru | Kind::Augru) {
            let terms = self.activation(last);
            drafts.push(scores_gradient(
                terms,
                None,
                self.gradient(gru.inputs[1]),
                accumulate[1],
            ));
        }
        let (weight, bias) = (gru.params[1], Some(gru.params[3]));
        drafts.push(self.weight_gradient((weight, bias), params, self.activation(of_gates), self.gradient(last)));
        match gru.kind {
            Kind::Aigru => {
                self.linear_backward(layer, false, [Accumulate::Overwrite, params], drafts);
                let (input, of_scaled) = (self.activation(gru.inputs[0]), self.gradient(layer.input));
                drafts.push(scores_gradient(
                    input,
                    Some(of_scaled),
                    self.gradient(gru.inputs[1]),
                    accumulate[1],
                ));
                let scores = self.activation(gru.inputs[1]);
                drafts.push(scale(of_scaled, scores, self.gradient(gru.inputs[0]), accumulate[0]));
            }
            _ => self.linear_backward(layer, false, [accumulate[0], params], drafts),
        }
    }

    /// The layer that makes the input's part of the sums, of AIGRU from the scaled input.
    fn input_layer(self, gru: Gru<'_>) -> Linear {
        let [weight, hidden_weight, bias, _] = gru.params;
        Linear {
            weight,
            bias: Some(bias),
            input: match gru.kind {
                Kind::Aigru => self.columns.unit(weight),
                _ => gru.inputs[0],
            },
            output: self.columns.unit(hidden_weight).columns(0, 3 * gru.output.width),
            activation: Activation::Identity,
        }
    }

    fn gates(self, gru: Gru<'_>) -> Operand<'a> {
        self.activation(self.columns.unit(gru.params[1]))
    }

    /// Where there are none, what is bound instead and not read.
    fn scores(self, gru: Gru<'_>) -> Operand<'a> {
        match gru.inputs.get(1) {
            Some(&scores) => self.activation(scores),
            None => (ViewShape::default(), &self.tensors.dense.slots.value),
        }
    }

    /// Nothing of states that are too wide, which [`check_supported`](super::super::super::support::check_supported) has
    /// refused.
    fn recurrence(self, entry: &'static str, gru: Gru<'_>, buffers: Vec<(u32, &'a wgpu::Buffer)>) -> Option<Draft<'a>> {
        let (states, gates) = (self.activation(gru.output).0, self.gates(gru).0);
        let [_, hidden_weight, _, hidden_bias] = gru.params;
        let shape = GruShape {
            gates,
            deltas: self.gradient(self.columns.unit(hidden_weight)).0,
            states,
            d_states: self.gradient(gru.output).0,
            scores: self.scores(gru).0,
            samples: ViewShape::default(),
            kind: match gru.kind {
                Kind::Gru | Kind::Aigru => 0,
                Kind::Agru => 1,
                Kind::Augru => 2,
            },
            matrix: self.tensors.at(hidden_weight),
            bias: self.tensors.at(hidden_bias),
            pad: 0,
        };
        let tile = Tile::gru(states.width)?;
        let grid = Grid::SampleGroups(tile.wy);
        let width = u64::from(states.width);
        // A step reads and writes its rows; the weight is read from cache.
        let rows = if entry == "forward" { 3 + 4 + 1 } else { 4 + 2 + 4 + 4 };
        let draft = Draft::new(Shader::Gru, entry, grid, Reads::CallAndBatch, &shape, buffers)
            .of(format!("{:?} {}", gru.kind, 4 * width))
            .cost_a_row(states, 96 * width * width, 16 * rows * width)
            .tile(tile);
        Some(draft)
    }
}

/// Each row times its score.
fn scale<'a>(
    (rows, from): Operand<'a>,
    (other, scores): Operand<'a>,
    (output, to): Operand<'a>,
    accumulate: Accumulate,
) -> Draft<'a> {
    let add = (accumulate == Accumulate::Add).into();
    let shape = GruScoresShape {
        rows,
        other,
        output,
        dot: 0,
        add,
        pad: [0; 2],
    };
    let buffers = vec![(3, from), (4, scores), (5, to)];
    Draft::new(
        Shader::GruScores,
        "scale",
        Grid::elements(rows),
        Reads::Call,
        &shape,
        buffers,
    )
    .of(format!("{}", 4 * rows.width))
    .cost(4 * u64::from(rows.width), 16 * u64::from(1 + (2 + add) * rows.width))
}

/// The sum of each row, times factors if there are any.
fn scores_gradient<'a>(
    (rows, from): Operand<'a>,
    factors: Option<Operand<'a>>,
    (output, to): Operand<'a>,
    accumulate: Accumulate,
) -> Draft<'a> {
    let dot = factors.is_some();
    let (other, beside) = factors.unwrap_or((rows, from)); // bound in any case
    let shape = GruScoresShape {
        rows,
        other,
        output,
        dot: dot.into(),
        add: (accumulate == Accumulate::Add).into(),
        pad: [0; 2],
    };
    let grid = Grid::Rows {
        space: rows.space(),
        threads: 1,
    };
    let (shader, entry) = (Shader::GruScores, "scores_gradient");
    let width = u64::from(rows.width);
    Draft::new(
        shader,
        entry,
        grid,
        Reads::Call,
        &shape,
        vec![(3, from), (4, beside), (5, to)],
    )
    .of(format!("{}", 4 * width))
    .cost(4 * width, 16 * (1 + width * if dot { 2 } else { 1 }))
}
