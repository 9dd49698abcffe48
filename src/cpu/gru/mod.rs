//! A recurrent layer over a tile's histories, forward and backward through time; the specification is
//! [`ops::gru`](crate::ops::gru).
//!
//! The input's part of all sums is one product over all steps of the tile. The state's part goes step by step, for all
//! samples that have such a step at once: samples are taken by length, longest first, so that those are the first rows
//! of one small matrix of states, and no step beyond a history's end is computed. Its weight stays in the cache all the while.
//!
//! Forward leaves, for each step, `r`, `z`, `n` and `U_n h + c_n` side by side, of `hidden` columns each. Backward puts
//! gradients in their place: those of the sums behind `n`, `r` and `z`, and of the state's part of `n`. The first three
//! are what the input has part in, the last three what the state has, in its weight's order. So the weights' gradients
//! are products over all steps of the tile again; that of the state's weight has the states, one row before, for its
//! right operand, and the rows of first steps, before which the state was 0, are cleared for it.

mod step;
mod tile;

use alloc::vec::Vec;
use core::cmp::Reverse;

use step::{of_workspace, scale, scale_backward, step_backward, step_forward};

use super::{
    accumulate::deliver_row,
    aligned::AlignedVec,
    linear::{PackedWeight, READ_AHEAD},
    rows::{Rows, RowsMut, check_offsets},
    simd::{
        Simd, kernel,
        matmul::{Left, Panels, Shape, Start, multiply},
    },
};
use crate::{
    ops::gru::Kind,
    plan::{Accumulate, padded},
};

/// The parameters.
#[derive(Clone, Copy)]
pub struct Parameters<'a> {
    /// `[3 hidden, inputs]`.
    pub input_weight: &'a PackedWeight,
    /// `[3 hidden, hidden]`.
    pub hidden_weight: &'a PackedWeight,
    /// `[3 hidden]`.
    pub input_bias: &'a [f32],
    /// `[3 hidden]`.
    pub hidden_bias: &'a [f32],
}

/// The gradients of the parameters, which a tile's backward pass leaves in its partial sum.
#[derive(Debug)]
pub struct Gradients<'a> {
    /// `[3 hidden, inputs]`.
    pub input_weight: &'a mut [f32],
    /// `[3 hidden, hidden]`.
    pub hidden_weight: &'a mut [f32],
    /// `[3 hidden]`.
    pub input_bias: &'a mut [f32],
    /// `[3 hidden]`.
    pub hidden_bias: &'a mut [f32],
    /// Whether they are overwritten or added to.
    pub accumulate: Accumulate,
}

/// What [`forward`] leaves for [`backward`], and what both need on the way. Its memory is kept from tile to tile.
#[derive(Clone, Default)]
pub struct Workspace {
    /// `[steps, padded(4 hidden)]`: see the head of the file.
    gates: AlignedVec,
    /// `[steps, padded(inputs)]` of AIGRU: the scaled input, then its gradient.
    scaled: AlignedVec,
    /// `[samples, padded(hidden)]`, longest histories first: the states, or their gradients, at the step at hand.
    state: AlignedVec,
    /// `[samples, padded(3 hidden)]`: the state's part of the sums, or its gradients.
    sums: AlignedVec,
    /// `[4 hidden]`: the gradients of the gates' sums, summed over steps.
    biases: AlignedVec,
    /// `[steps]`: the gradients of the scores.
    scores: AlignedVec,
    /// The samples that have steps, longest first.
    order: Vec<Sample>,
}

/// A sample of the tile.
#[derive(Clone, Copy, Debug)]
struct Sample {
    /// Row of its first step.
    first: usize,
    steps: usize,
}

impl Workspace {
    /// Makes room for the histories of a tile, and puts them in order.
    fn begin(&mut self, kind: Kind, offsets: &[u32], inputs: usize, hidden: usize) {
        let begin = offsets[0];
        self.order.clear();
        self.order.extend(offsets.windows(2).map(|pair| Sample {
            first: (pair[0] - begin) as usize,
            steps: (pair[1] - pair[0]) as usize,
        }));
        self.order.retain(|sample| sample.steps > 0);
        self.order
            .sort_unstable_by_key(|sample| (Reverse(sample.steps), sample.first));
        let (steps, samples) = (steps_of(offsets), offsets.len() - 1);
        let scaled = if kind == Kind::Aigru { steps * padded(inputs) } else { 0 };
        for (floats, len) in [
            (&mut self.gates, steps * padded(4 * hidden)),
            (&mut self.scaled, scaled),
            (&mut self.state, samples * padded(hidden)),
            (&mut self.sums, samples * padded(3 * hidden)),
            (&mut self.biases, 4 * hidden),
            (&mut self.scores, steps),
        ] {
            if floats.len() < len + READ_AHEAD {
                floats.resize(len + READ_AHEAD);
            }
        }
    }

    /// The gradients of the scores, one a step, after [`backward`].
    pub fn scores(&self) -> &[f32] {
        &self.scores
    }
}

fn steps_of(offsets: &[u32]) -> usize {
    assert!(!offsets.is_empty(), "no offsets");
    check_offsets(offsets);
    (offsets[offsets.len() - 1] - offsets[0]) as usize
}

/// Samples that have a step `t`, of those of whom `order` begins with the longest.
fn active(order: &[Sample], t: usize) -> usize {
    order.partition_point(|sample| sample.steps > t)
}

kernel! {
    /// All states. `offsets` `[samples + 1]` are those of the batch; row 0 of `input` is step `offsets[0]`. Scores are
    /// one column, not read for [`Kind::Gru`].
    ///
    /// # Panics
    /// Where widths do not fit, an operand has fewer rows than the offsets say, these descend, or scores are missing.
    pub fn forward<'a, S: Simd>(
        s: S,
        kind: Kind,
        offsets: &'a [u32],
        input: Rows<'a>,
        scores: Option<Rows<'a>>,
        parameters: Parameters<'a>,
        workspace: &'a mut Workspace,
        states: RowsMut<'a>,
    ) {
        let (hidden, steps, mut states) = (states.width, steps_of(offsets), states);
        check(kind, input.width, hidden, scores.is_some(), parameters);
        // Before room is made for as many steps.
        input.check_rows(steps);
        states.check_rows(steps);
        if let Some(scores) = scores {
            scores.check_shape();
            scores.check_rows(steps);
        }
        workspace.begin(kind, offsets, input.width, hidden);
        let Workspace { gates, scaled, state, sums, order, .. } = workspace;
        let input = match scores {
            Some(scores) if kind == Kind::Aigru => scale(s, steps, input, scores, scaled),
            _ => input,
        };
        let stride = padded(4 * hidden);
        let shape = Shape { rows: steps, columns: 3 * hidden, depth: input.width };
        let (weight, bias) = (parameters.input_weight.forward_panels(s), Start::Bias(parameters.input_bias));
        multiply(s, shape, Left::by_row(input), weight, bias, gates, stride);
        let (state_stride, sum_stride) = (padded(hidden), padded(3 * hidden));
        for t in 0.. {
            let samples = active(order, t);
            if samples == 0 {
                break;
            }
            if t > 0 {
                let left = Left { data: state, row_stride: state_stride, depth_stride: 1 };
                let shape = Shape { rows: samples, columns: 3 * hidden, depth: hidden };
                let (weight, bias) = (parameters.hidden_weight.forward_panels(s), Start::Bias(parameters.hidden_bias));
                multiply(s, shape, left, weight, bias, sums, sum_stride);
            }
            for (i, sample) in order[..samples].iter().enumerate() {
                let row = sample.first + t;
                let state = &mut state[i * state_stride..][..hidden];
                let sums = if t > 0 { &sums[i * sum_stride..][..3 * hidden] } else { parameters.hidden_bias };
                if t == 0 {
                    state.fill(0.0);
                }
                let score = scores.map_or(1.0, |scores| scores.row(row)[0]);
                step_forward(s, kind, score, &mut gates[row * stride..][..4 * hidden], sums, state);
                states.row(row).copy_from_slice(state);
            }
        }
    }
}

kernel! {
    /// Backward through time, after [`forward`] on the same operands: from `d_states` to the gradients of the input and
    /// of the parameters; those of the scores are left in the [workspace](Workspace::scores).
    ///
    /// # Panics
    /// As [`forward`], and where `input` or `states` cannot be read for whole vectors (see [`READ_AHEAD`]).
    pub fn backward<'a, S: Simd>(
        s: S,
        kind: Kind,
        offsets: &'a [u32],
        input: Rows<'a>,
        scores: Option<Rows<'a>>,
        parameters: Parameters<'a>,
        workspace: &'a mut Workspace,
        states: Rows<'a>,
        d_states: Rows<'a>,
        gradients: Gradients<'a>,
        d_input: RowsMut<'a>,
        accumulate_input: Accumulate,
    ) {
        let (hidden, steps) = (states.width, steps_of(offsets));
        check(kind, input.width, hidden, scores.is_some(), parameters);
        input.check_rows(steps);
        states.check_rows(steps);
        d_states.check_rows(steps);
        d_input.check_rows(steps);
        if let Some(scores) = scores {
            scores.check_shape();
            scores.check_rows(steps);
        }
        assert!(d_states.width == hidden && d_input.width == input.width);
        workspace.biases[..4 * hidden].fill(0.0);
        through_time(s, kind, scores, parameters, workspace, states, d_states);

        let Gradients { input_weight, hidden_weight, input_bias, hidden_bias, accumulate } = gradients;
        let (of_n, rest) = workspace.biases[..4 * hidden].split_at(hidden);
        let (of_gates, _) = rest.split_at(2 * hidden);
        deliver_row(of_gates, &mut input_bias[..2 * hidden], accumulate);
        deliver_row(of_n, &mut input_bias[2 * hidden..], accumulate);
        deliver_row(rest, hidden_bias, accumulate);

        let stride = padded(4 * hidden);
        let aigru = kind == Kind::Aigru;
        let x = if aigru { of_workspace(&workspace.scaled, input.width) } else { input };
        // A tile without steps leaves as little room as it needs; its products write what there is to write.
        let gates = |part: usize| Left {
            data: workspace.gates.get(part * hidden..).unwrap_or_default(),
            row_stride: 1,
            depth_stride: stride,
        };
        let shape = |rows: usize| Shape { rows, columns: input.width, depth: steps };
        let (gate_rows, n_rows) = input_weight.split_at_mut(2 * hidden * input.width);
        multiply(s, shape(2 * hidden), gates(1), Panels::of_rows(s, x), accumulate.into(), gate_rows, input.width);
        multiply(s, shape(hidden), gates(0), Panels::of_rows(s, x), accumulate.into(), n_rows, input.width);

        let mut d_input = d_input;
        let scaled = &mut workspace.scaled[..];
        let (to, to_stride, accumulate_to) = match aigru {
            true => (scaled, padded(input.width), Accumulate::Overwrite),
            false => (&mut *d_input.data, d_input.stride, accumulate_input),
        };
        let gates = |part: usize| Left {
            data: workspace.gates.get(part * hidden..).unwrap_or_default(),
            row_stride: stride,
            depth_stride: 1,
        };
        let shape = |depth: usize| Shape { rows: steps, columns: input.width, depth };
        let panels = parameters.input_weight.backward_panels(s, 0);
        multiply(s, shape(2 * hidden), gates(1), panels, accumulate_to.into(), to, to_stride);
        let panels = parameters.input_weight.backward_panels(s, 2 * hidden);
        multiply(s, shape(hidden), gates(0), panels, Start::Output, to, to_stride);
        if let Some(scores) = scores && aigru {
            let of_scaled = of_workspace(&workspace.scaled, input.width);
            scale_backward(s, steps, of_scaled, input, scores, &mut workspace.scores, &mut d_input, accumulate_input);
        }

        for sample in &workspace.order {
            workspace.gates[sample.first * stride..][hidden..4 * hidden].fill(0.0);
        }
        let shape = Shape { rows: 3 * hidden, columns: hidden, depth: steps.saturating_sub(1) };
        let second = workspace.gates.get(stride + hidden..).unwrap_or_default();
        let left = Left { data: second, row_stride: 1, depth_stride: stride };
        multiply(s, shape, left, Panels::of_rows(s, states), accumulate.into(), hidden_weight, hidden);
    }
}

/// The recurrence from the last step to the first: leaves the gradients of the sums in place of the gates.
#[inline(always)]
fn through_time<S: Simd>(
    s: S,
    kind: Kind,
    scores: Option<Rows<'_>>,
    parameters: Parameters<'_>,
    workspace: &mut Workspace,
    states: Rows<'_>,
    d_states: Rows<'_>,
) {
    let hidden = states.width;
    let (stride, state_stride, sum_stride) = (padded(4 * hidden), padded(hidden), padded(3 * hidden));
    let longest = workspace.order.first().map_or(0, |sample| sample.steps);
    for t in (0..longest).rev() {
        let samples = active(&workspace.order, t);
        for (i, sample) in workspace.order[..samples].iter().enumerate() {
            let row = sample.first + t;
            let back = &mut workspace.state[i * state_stride..][..hidden];
            if t + 1 == sample.steps {
                back.fill(0.0);
            }
            workspace.scores[row] = step_backward(
                s,
                kind,
                scores.map_or(1.0, |scores| scores.row(row)[0]),
                &mut workspace.gates[row * stride..][..4 * hidden],
                (t > 0).then(|| states.row(row - 1)),
                d_states.row(row),
                back,
                &mut workspace.sums[i * sum_stride..][..3 * hidden],
                &mut workspace.biases[..4 * hidden],
            );
        }
        if t > 0 {
            let left = Left {
                data: &workspace.sums,
                row_stride: sum_stride,
                depth_stride: 1,
            };
            let shape = Shape {
                rows: samples,
                columns: hidden,
                depth: 3 * hidden,
            };
            let panels = parameters.hidden_weight.backward_panels(s, 0);
            multiply(
                s,
                shape,
                left,
                panels,
                Start::Output,
                &mut workspace.state,
                state_stride,
            );
        }
    }
}

fn check(kind: Kind, inputs: usize, hidden: usize, scores: bool, parameters: Parameters<'_>) {
    assert_eq!(parameters.input_weight.shape(), [3 * hidden, inputs]);
    assert_eq!(parameters.hidden_weight.shape(), [3 * hidden, hidden]);
    assert_eq!(parameters.input_bias.len(), 3 * hidden);
    assert_eq!(parameters.hidden_bias.len(), 3 * hidden);
    assert!(scores || kind == Kind::Gru, "{kind:?} without scores");
}
