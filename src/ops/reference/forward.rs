//! The stages of a batch, forward.

use alloc::{vec, vec::Vec};

use super::{Activations, Reference};
use crate::{
    Result,
    checks::{check_labels, check_scored},
    data::Batch,
    ops::{
        self, affine, attention,
        batch_norm::{self, Statistics},
        dice, dropout, fm, gather, gru, last_step, linear, pair_with_next, pool, prelu, product, softmax, sum,
    },
    plan::{Space, Stage, View},
};

impl Reference {
    /// The stages in order.
    pub(super) fn run_forward<'a>(&self, batch: &'a Batch, training: bool) -> Result<Activations<'a>> {
        check_scored(&self.plan, batch, batch.len())?;
        if training {
            check_labels(batch)?;
        }
        let mut a = Activations::new(&self.plan, batch);
        for (index, stage) in self.plan.stages().iter().enumerate() {
            if let Some(output) = stage.output() {
                let values = self.forward_stage(&a, index, output, training);
                a.write(output, &values);
            }
        }
        Ok(a)
    }

    /// What a stage writes.
    fn forward_stage(&self, a: &Activations<'_>, index: usize, output: View, training: bool) -> Vec<f64> {
        let (batch, rows) = (a.batch(), a.rows(output));
        match self.plan.stages()[index] {
            Stage::Gather(ops::Gather { table, column, .. }) => {
                let column = batch.column(column);
                let mut rows = gather::forward(self.value(table), output.width, &column.ids);
                gather::weigh(&mut rows, &column.weights);
                rows
            }
            Stage::Numeric(ops::Numeric { first, .. }) => {
                let features = batch.numeric().chunks(self.plan.numerics());
                let values = features.flat_map(|row| row[first..first + output.width].iter().copied());
                values.map(f64::from).collect()
            }
            Stage::Linear(ops::Linear {
                weight,
                bias,
                input,
                activation,
                ..
            }) => {
                // Zero where it has none.
                let bias = bias.map_or_else(|| vec![0.0; output.width], |bias| self.value(bias).to_vec());
                linear::forward(&a.read(input), self.value(weight), &bias, rows, activation)
            }
            Stage::Product(ops::Product {
                inputs: [left, right], ..
            }) => product::forward(&a.read(left), &a.read(right)),
            Stage::Sum(ops::Sum { ref inputs, bias, .. }) => {
                let inputs: Vec<Vec<f64>> = inputs.iter().map(|&view| a.read(view)).collect();
                let inputs: Vec<&[f64]> = inputs.iter().map(Vec::as_slice).collect();
                sum::forward(&inputs, bias.map_or(0.0, |bias| self.value(bias)[0]), rows)
            }
            Stage::Fm(ops::Fm { input, factors, .. }) => match self.plan.space(input.buffer) {
                Space::Samples => fm::forward(&a.read(input), factors, rows),
                Space::Steps(_) => fm::forward_steps(&a.read(input), a.offsets(input), factors),
            },
            Stage::Pool(ops::Pool { input, mean, .. }) => {
                pool::forward(&a.read(input), a.offsets(input), input.width, mean)
            }
            Stage::Dropout(ops::Dropout { input, rate, .. }) if training => {
                dropout::forward(&a.read(input), batch.noise().stream(index as u32), 0, rate)
            }
            Stage::Dropout(ops::Dropout { input, .. }) => a.read(input),
            Stage::Prelu(ops::Prelu { alpha, input, .. }) => prelu::forward(&a.read(input), self.value(alpha)),
            Stage::Affine(ops::Affine {
                weight,
                bias,
                input,
                relu,
                ..
            }) => affine::forward(&a.read(input), self.value(weight), self.value(bias), relu),
            Stage::AttentionUnit(ops::AttentionUnit {
                weight,
                bias,
                inputs,
                activation,
                ..
            }) => {
                let (weight, bias) = (self.value(weight), self.value(bias));
                linear::forward(&unit_input(a, inputs), weight, bias, rows, activation)
            }
            Stage::Softmax(ops::Softmax { input, .. }) => softmax::forward(&a.read(input), a.offsets(input)),
            Stage::Attention(ops::Attention {
                inputs: [weights, values],
                ..
            }) => attention::forward(&a.read(weights), &a.read(values), a.offsets(values), values.width),
            Stage::BatchNorm(ops::BatchNorm {
                mean,
                variance,
                input,
                epsilon,
                ..
            }) => {
                let x = a.read(input);
                let statistics = match training && !batch.holds_statistics() {
                    true => Statistics::of(&x, input.width),
                    false => self.running([mean, variance]),
                };
                batch_norm::normalise(&x, &statistics, epsilon.into())
            }
            Stage::Dice(ops::Dice {
                alpha,
                inputs: [input, normal],
                ..
            }) => dice::gate(&a.read(input), &a.read(normal), self.value(alpha)),
            Stage::Gru(ops::Gru {
                kind,
                params,
                ref inputs,
                ..
            }) => {
                let (input, scores) = gru_inputs(a, inputs);
                gru::forward(kind, &input, &scores, a.offsets(output), &self.gru_parameters(params))
            }
            Stage::LastStep(ops::LastStep { input, .. }) => {
                last_step::forward(&a.read(input), a.offsets(input), input.width)
            }
            Stage::PairWithNext(ops::PairWithNext { inputs, .. }) => {
                let ([states, items], widths) = (inputs.map(|view| a.read(view)), inputs.map(|view| view.width));
                pair_with_next::forward(&states, &items, a.offsets(output), widths)
            }
            // Losses write nothing.
            Stage::Auxiliary(_) | Stage::SigmoidCrossEntropy(_) => Vec::new(),
        }
    }

    /// The running statistics of a stage.
    pub(super) fn running(&self, [mean, variance]: [usize; 2]) -> Statistics {
        Statistics {
            mean: self.value(mean).to_vec(),
            variance: self.value(variance).to_vec(),
        }
    }

    /// The parameters of a recurrent layer.
    pub(super) fn gru_parameters(&self, params: [usize; 4]) -> gru::Parameters {
        let [input_weight, hidden_weight, input_bias, hidden_bias] = params.map(|param| self.value(param).to_vec());
        gru::Parameters {
            input_weight,
            hidden_weight,
            input_bias,
            hidden_bias,
        }
    }
}

/// Input and scores of a recurrent layer.
pub(super) fn gru_inputs(a: &Activations<'_>, inputs: &[View]) -> (Vec<f64>, Vec<f64>) {
    let scores = inputs.get(1).map(|&view| a.read(view));
    (a.read(inputs[0]), scores.unwrap_or_default())
}

/// `[q, k, q - k, q * k]` of every step.
pub(super) fn unit_input(a: &Activations<'_>, [query, key]: [View; 2]) -> Vec<f64> {
    attention::unit_input(&a.read(query), &a.read(key), a.offsets(key), key.width)
}
