//! The stages of a tile, forward.

use core::{mem, ops::Range};

use super::{Network, Operands, Scratch, rows_mut};
use crate::{
    cpu::{
        affine, aligned::AlignedVec, attention, attention_unit, batch_norm, dice, dropout, fm, gather, gru, last_step,
        linear, pair_with_next, pool, prelu, product, rows::RowsMut, simd::Simd, softmax, source::Part, sum,
    },
    ops::{self, gru::Kind},
    plan::{Accumulate, Activation, Stage, View},
};

impl Scratch {
    /// Runs stages on the samples of a tile: all, or a run of them after those before.
    pub fn forward<S: Simd>(&mut self, s: S, network: Network<'_>, tile: &Part<'_>, stages: Range<usize>) {
        if stages.start == 0 {
            self.reserve(network, tile);
        }
        let scoring = tile.noise.is_none();
        for stage in stages {
            if !scoring || network.plan.is_scored(stage) {
                self.forward_stage(s, network, tile, stage);
            }
        }
    }

    /// Runs a stage. Its output's buffer is lent out meanwhile: no stage of a plan reads the buffer that it writes.
    fn forward_stage<S: Simd>(&mut self, s: S, network: Network<'_>, tile: &Part<'_>, index: usize) {
        let stage = &network.plan.stages()[index];
        let Some(view) = stage.output() else {
            return; // a loss: the backward pass computes it
        };
        let mut buffer = mem::take(&mut self.activations[view.buffer]);
        let output = rows_mut(&mut buffer, network.layout, view);
        let on = Operands::new(network, tile, &self.activations, index);
        let rows = on.rows;
        let x = |view: View| on.activation(view);
        match *stage {
            Stage::Gather(ops::Gather { table, column, .. }) => {
                let mut output = output;
                gather::forward(s, network.value(table), tile.ids(column, on.space), output.reborrow());
                gather::weigh(s, tile.weights(column, on.space), output);
            }
            Stage::Numeric(ops::Numeric { first, .. }) => on.numeric(first, output),
            Stage::Linear(ops::Linear {
                weight,
                bias,
                input,
                activation,
                ..
            }) => {
                let (weight, bias) = (&network.packed[weight].layer, network.bias(bias));
                linear::forward(s, rows, x(input), weight, bias, activation, output);
            }
            Stage::Product(ops::Product {
                inputs: [left, right], ..
            }) => product::forward(s, rows, x(left), x(right), output),
            Stage::Sum(ops::Sum { ref inputs, bias, .. }) => on.sum(s, inputs, bias, output),
            Stage::Fm(ops::Fm { input, factors, .. }) => match on.offsets(input) {
                [] => fm::forward(s, rows, x(input), factors, output),
                offsets => fm::forward_steps(s, offsets, x(input), output),
            },
            Stage::Pool(ops::Pool { input, mean, .. }) => pool::forward(s, on.offsets(input), mean, x(input), output),
            Stage::Dropout(ops::Dropout { input, rate, .. }) => {
                dropout::apply(s, rows, on.mask(rate), x(input), output, Accumulate::Overwrite);
            }
            Stage::Prelu(ops::Prelu { alpha, input, .. }) => {
                prelu::forward(s, rows, x(input), network.value(alpha), output)
            }
            Stage::Affine(ops::Affine {
                weight,
                bias,
                input,
                relu,
                ..
            }) => {
                let (weight, bias) = (network.value(weight), network.value(bias));
                affine::forward(s, rows, x(input), weight, bias, relu, output);
            }
            Stage::AttentionUnit(ops::AttentionUnit {
                weight,
                bias,
                inputs,
                activation,
                ..
            }) => on.attention_unit(s, [weight, bias], inputs, activation, &mut self.work, output),
            Stage::Softmax(ops::Softmax { input, .. }) => softmax::forward(s, on.offsets(input), x(input), output),
            Stage::Attention(ops::Attention {
                inputs: [weights, values],
                ..
            }) => attention::forward(s, on.offsets(values), x(weights), x(values), output),
            Stage::BatchNorm(ops::BatchNorm {
                mean,
                variance,
                input,
                epsilon,
                ..
            }) => {
                let statistics = network.statistics(index, [mean, variance], epsilon);
                batch_norm::forward(s, rows, x(input), statistics, output);
            }
            Stage::Dice(ops::Dice {
                alpha,
                inputs: [input, normal],
                ..
            }) => dice::forward(s, rows, x(input), x(normal), network.value(alpha), output),
            Stage::Gru(ops::Gru {
                kind,
                params,
                ref inputs,
                ..
            }) => on.gru(s, kind, params, inputs, &mut self.workspaces[index], output),
            Stage::LastStep(ops::LastStep { input, .. }) => last_step::forward(on.offsets(input), x(input), output),
            Stage::PairWithNext(ops::PairWithNext {
                inputs: [states, items],
                ..
            }) => pair_with_next::forward(on.offsets(states), x(states), x(items), output),
            Stage::Auxiliary(_) | Stage::SigmoidCrossEntropy(_) | Stage::Bpr(_) => {}
        }
        self.activations[view.buffer] = buffer;
    }
}

/// Stages that are more than a kernel.
impl Operands<'_> {
    fn numeric(self, first: usize, mut output: RowsMut<'_>) {
        let from = self.tile.numeric(first, output.width, self.network.plan.numerics());
        for r in 0..self.rows {
            output.row(r).copy_from_slice(from.row(r));
        }
    }

    fn sum<S: Simd>(self, s: S, inputs: &[View], bias: Option<usize>, mut output: RowsMut<'_>) {
        for r in 0..self.rows {
            output.row(r)[0] = bias.map_or(0.0, |bias| self.network.value(bias)[0]);
        }
        for &input in inputs {
            sum::forward_add(s, self.rows, self.activation(input), output.reborrow());
        }
    }

    fn attention_unit<S: Simd>(
        self,
        s: S,
        [weight, bias]: [usize; 2],
        [query, key]: [View; 2],
        activation: Activation,
        work: &mut AlignedVec,
        output: RowsMut<'_>,
    ) {
        let offsets = self.offsets(key);
        let (query, key) = (self.activation(query), self.activation(key));
        let (unit, bias) = (&self.network.packed[weight].unit, self.network.value(bias));
        attention_unit::forward(s, offsets, query, key, unit, bias, activation, work, output);
    }

    fn gru<S: Simd>(
        self,
        s: S,
        kind: Kind,
        params: [usize; 4],
        inputs: &[View],
        workspace: &mut gru::Workspace,
        states: RowsMut<'_>,
    ) {
        let (offsets, parameters) = (self.offsets(inputs[0]), self.network.gru(params));
        let (x, scores) = self.gru_inputs(inputs);
        gru::forward(s, kind, offsets, x, scores, parameters, workspace, states);
    }
}
