//! The stages of a batch, backward.

use alloc::{vec, vec::Vec};

use super::{
    Activations, Reference,
    forward::{gru_inputs, unit_input},
    labels, weights,
};
use crate::{
    ops::{
        self, affine, attention, auxiliary,
        batch_norm::{self, Statistics},
        dice, dropout, fm, gather, gru, last_step, linear, pair_with_next, pool, prelu, product, sigmoid_cross_entropy,
        softmax, sum,
    },
    plan::{Space, Stage, View},
};

impl Reference {
    /// The gradients of the parameters, without the L2 terms: the backward stages in order.
    pub(super) fn run_backward(&self, a: &Activations<'_>) -> Vec<Vec<f64>> {
        let mut gradients: Vec<Vec<f64>> = self.plan.params().iter().map(|p| vec![0.0; p.len()]).collect();
        // The gradients of activations, in the same buffers and views.
        let mut d = Activations::new(&self.plan, a.batch());
        for backward in self.plan.backward() {
            let stage = &self.plan.stages()[backward.stage];
            let delta = stage.output().map_or_else(Vec::new, |output| d.read(output));
            let of_inputs = self.backward_stage(a, backward.stage, &delta, &mut gradients);
            for ((&input, &accumulate), gradient) in stage.inputs().iter().zip(&backward.accumulate).zip(&of_inputs) {
                d.deliver(input, accumulate, gradient);
            }
        }
        gradients
    }

    /// The gradients of a stage's inputs, in their order, from that of its output; those of parameters are added to
    /// `gradients`.
    fn backward_stage(
        &self,
        a: &Activations<'_>,
        index: usize,
        delta: &[f64],
        gradients: &mut [Vec<f64>],
    ) -> Vec<Vec<f64>> {
        let batch = a.batch();
        match self.plan.stages()[index] {
            Stage::Gather(ops::Gather { table, column, output }) => {
                let table_rows = self.plan.params()[table].rows;
                let column = batch.column(column);
                let mut delta = delta.to_vec();
                gather::weigh(&mut delta, &column.weights);
                let gradient = gather::backward(&column.ids, &delta, output.width, table_rows);
                add(&mut gradients[table], &gradient);
                Vec::new()
            }
            Stage::Numeric(_) => Vec::new(),
            Stage::Linear(ops::Linear {
                weight,
                bias,
                input,
                output,
                activation,
            }) => {
                let (x, y, rows) = (a.read(input), a.read(output), a.rows(output));
                let found = linear::backward(&x, self.value(weight), &y, delta, rows, activation);
                add_layer(gradients, weight, bias, &found, rows);
                vec![found.input]
            }
            Stage::Product(ops::Product { inputs, .. }) => {
                let [left, right] = inputs.map(|view| a.read(view));
                product::backward(&left, &right, delta).into()
            }
            Stage::Sum(ops::Sum { ref inputs, bias, .. }) => {
                if let Some(bias) = bias {
                    add(&mut gradients[bias], &[sum::bias_gradient(delta)]);
                }
                let of_input = |input: &View| sum::input_gradient(delta, input.width);
                inputs.iter().map(of_input).collect()
            }
            Stage::Fm(ops::Fm { input, factors, .. }) => vec![match self.plan.space(input.buffer) {
                Space::Samples => fm::backward(&a.read(input), delta, factors),
                Space::Steps(_) => fm::backward_steps(&a.read(input), a.offsets(input), delta, factors),
            }],
            Stage::Pool(ops::Pool { input, mean, .. }) => {
                vec![pool::backward(delta, a.offsets(input), input.width, mean)]
            }
            Stage::Dropout(ops::Dropout { rate, .. }) => {
                let rng = batch.noise().stream(index as u32);
                vec![dropout::forward(delta, rng, 0, rate)]
            }
            Stage::Prelu(ops::Prelu { alpha, input, .. }) => {
                let found = prelu::backward(&a.read(input), self.value(alpha), delta);
                add(&mut gradients[alpha], &found.alpha);
                vec![found.input]
            }
            Stage::Affine(ops::Affine {
                weight,
                bias,
                input,
                output,
                relu,
            }) => {
                let found = affine::backward(&a.read(input), self.value(weight), &a.read(output), delta, relu);
                add(&mut gradients[weight], &found.weight);
                add(&mut gradients[bias], &found.bias);
                vec![found.input]
            }
            Stage::AttentionUnit(ops::AttentionUnit {
                weight,
                bias,
                inputs,
                output,
                activation,
            }) => {
                let (x, y, rows) = (unit_input(a, inputs), a.read(output), a.rows(output));
                let found = linear::backward(&x, self.value(weight), &y, delta, rows, activation);
                add_layer(gradients, weight, Some(bias), &found, rows);
                let [query, key] = inputs;
                let (q, k, offsets) = (a.read(query), a.read(key), a.offsets(key));
                attention::unit_input_backward(&q, &k, offsets, &found.input, key.width).into()
            }
            Stage::Softmax(ops::Softmax { input, output }) => {
                vec![softmax::backward(&a.read(output), delta, a.offsets(input))]
            }
            Stage::Attention(ops::Attention {
                inputs: [weights, values],
                ..
            }) => {
                let (w, v, offsets) = (a.read(weights), a.read(values), a.offsets(values));
                let found = attention::backward(&w, &v, offsets, delta, attention::Normalisation::None);
                vec![found.score, found.value]
            }
            Stage::BatchNorm(ops::BatchNorm {
                mean,
                variance,
                epsilon,
                ..
            }) if a.batch().holds_statistics() => {
                let running = self.running([mean, variance]);
                vec![batch_norm::running_backward(&running, delta, epsilon.into())]
            }
            Stage::BatchNorm(ops::BatchNorm { input, epsilon, .. }) => {
                let x = a.read(input);
                let statistics = Statistics::of(&x, input.width);
                vec![batch_norm::normalise_backward(&x, &statistics, delta, epsilon.into())]
            }
            Stage::Dice(ops::Dice {
                alpha,
                inputs: [input, normal],
                ..
            }) => {
                let found = dice::gate_backward(&a.read(input), &a.read(normal), self.value(alpha), delta);
                add(&mut gradients[alpha], &found.alpha);
                vec![found.input, found.normal]
            }
            Stage::Gru(ops::Gru {
                kind,
                params,
                ref inputs,
                output,
            }) => {
                let ((input, scores), offsets, states) = (gru_inputs(a, inputs), a.offsets(output), a.read(output));
                let parameters = self.gru_parameters(params);
                let found = gru::backward(kind, &input, &scores, offsets, &parameters, &states, delta);
                for (param, gradient) in params.iter().zip(found.parameters.tensors()) {
                    add(&mut gradients[*param], gradient);
                }
                vec![found.input, found.scores]
            }
            Stage::LastStep(ops::LastStep { input, .. }) => {
                vec![last_step::backward(delta, a.offsets(input), input.width)]
            }
            Stage::PairWithNext(ops::PairWithNext { inputs, output }) => {
                pair_with_next::backward(delta, a.offsets(output), inputs.map(|view| view.width)).into()
            }
            Stage::Auxiliary(ops::Auxiliary { logits, weight }) => {
                let [clicked, negative] = logits.map(|view| a.read(view));
                let offsets = a.offsets(logits[0]);
                let of_logits = match weights(batch) {
                    None => auxiliary::step_gradient(&clicked, &negative, offsets),
                    Some(weights) => auxiliary::weighted_step_gradient(&clicked, &negative, offsets, &weights),
                };
                let weighted = of_logits.map(|gradient| gradient.iter().map(|d| f64::from(weight) * d).collect());
                weighted.into()
            }
            Stage::SigmoidCrossEntropy(ops::SigmoidCrossEntropy { logit }) => {
                let (logits, labels) = (a.read(logit), labels(batch));
                vec![match weights(batch) {
                    None => sigmoid_cross_entropy::gradient(&logits, &labels),
                    Some(weights) => sigmoid_cross_entropy::weighted_gradient(&logits, &labels, &weights),
                }]
            }
        }
    }
}

/// Adds the gradients of a linear layer's parameters. Without rows, as along sequences that are all empty, they stay
/// zero.
fn add_layer(gradients: &mut [Vec<f64>], weight: usize, bias: Option<usize>, found: &linear::Gradients, rows: usize) {
    if rows == 0 {
        return;
    }
    add(&mut gradients[weight], &found.weight);
    if let Some(bias) = bias {
        add(&mut gradients[bias], &found.bias);
    }
}

fn add(sum: &mut [f64], terms: &[f64]) {
    for (sum, x) in sum.iter_mut().zip(terms) {
        *sum += x;
    }
}
