//! The stages of a tile, backward.

use core::ops::Range;

use super::{
    Network, Operands, Scratch, TrainTile,
    gradients::{ActivationGradients, OutputGradient, ParamGradients},
};
use crate::{
    cpu::{
        accumulate::deliver_float,
        affine,
        aligned::AlignedVec,
        attention,
        attention_unit::{self, InputGradients},
        auxiliary, batch_norm, bpr, dice, dropout, fm, gather, gru, last_step, linear, pair_with_next, pool, prelu,
        product, sigmoid_cross_entropy,
        simd::Simd,
        softmax,
        source::Part,
        sum,
    },
    ops::{self, gru::Kind},
    plan::{Accumulate, Activation, Backward, Stage, View},
};

impl Scratch {
    /// Runs a run of the backward stages after [`forward`](Scratch::forward) on the same samples.
    pub fn backward<S: Simd>(
        &mut self,
        s: S,
        network: Network<'_>,
        part: &Part<'_>,
        tile: &mut TrainTile<'_>,
        stages: Range<usize>,
    ) {
        for backward in &network.plan.backward()[stages] {
            self.backward_stage(s, network, part, tile, backward);
        }
    }

    fn backward_stage<S: Simd>(
        &mut self,
        s: S,
        network: Network<'_>,
        part: &Part<'_>,
        tile: &mut TrainTile<'_>,
        &Backward {
            stage: index,
            ref accumulate,
            params,
        }: &Backward,
    ) {
        let stage = &network.plan.stages()[index];
        let mut d_inputs = ActivationGradients {
            network,
            own: &mut self.gradients,
            shared: &mut tile.row_gradients,
        };
        let d_params = ParamGradients {
            network,
            partial: tile.gradient,
            // Overwritten by the first stage, in the first tile of a partial, that has a part in them.
            accumulate: match tile.accumulate {
                Accumulate::Overwrite => params,
                Accumulate::Add => Accumulate::Add,
            },
        };
        let mut on = StageBackward {
            s,
            operands: Operands::new(network, part, &self.activations, index),
            accumulate,
            d_output: d_inputs.lend(stage.output()),
            d_inputs,
            d_params,
        };
        match *stage {
            // Its gradient is in place already, in the batch-wide one, which the sparse update reads; but for weights.
            Stage::Gather(ops::Gather { column, .. }) => on.gather(column),
            // Nothing to learn.
            Stage::Numeric(_) => {}
            Stage::Linear(ops::Linear {
                weight,
                bias,
                input,
                output,
                activation,
            }) => on.linear(weight, bias, input, output, activation),
            Stage::Product(ops::Product { inputs, .. }) => on.product(inputs),
            Stage::Sum(ops::Sum { ref inputs, bias, .. }) => on.sum(inputs, bias),
            Stage::Fm(ops::Fm { input, factors, .. }) => on.fm(input, factors),
            Stage::Pool(ops::Pool { input, mean, .. }) => on.pool(input, mean),
            Stage::Dropout(ops::Dropout { input, rate, .. }) => on.dropout(input, rate),
            Stage::Prelu(ops::Prelu { alpha, input, .. }) => on.prelu(alpha, input),
            Stage::Affine(ops::Affine {
                weight,
                bias,
                input,
                output,
                relu,
            }) => on.affine([weight, bias], input, output, relu),
            Stage::AttentionUnit(ops::AttentionUnit {
                weight,
                bias,
                inputs,
                output,
                activation,
            }) => on.attention_unit([weight, bias], inputs, output, activation, &mut self.work),
            Stage::Softmax(ops::Softmax { input, output }) => on.softmax(input, output),
            Stage::Attention(ops::Attention { inputs, .. }) => on.attention(inputs),
            Stage::BatchNorm(ops::BatchNorm {
                mean,
                variance,
                input,
                output,
                epsilon,
                ..
            }) => on.batch_norm([mean, variance], input, output, epsilon),
            Stage::Dice(ops::Dice { alpha, inputs, .. }) => on.dice(alpha, inputs),
            Stage::Gru(ops::Gru {
                kind,
                params,
                ref inputs,
                output,
            }) => on.gru(kind, params, inputs, output, &mut self.workspaces[index]),
            Stage::LastStep(ops::LastStep { input, .. }) => on.last_step(input),
            Stage::PairWithNext(ops::PairWithNext { inputs, .. }) => on.pair_with_next(inputs),
            Stage::Auxiliary(ops::Auxiliary { logits, weight }) => {
                on.auxiliary(logits, (weight, tile.weights), &tile.pair_scales, tile.auxiliary);
            }
            Stage::Bpr(ops::Bpr { logits }) => *tile.loss += on.bpr(logits, tile.weights, tile.scale),
            Stage::SigmoidCrossEntropy(ops::SigmoidCrossEntropy { logit }) => {
                *tile.loss += on.cross_entropy(logit, (tile.labels, tile.weights), tile.scale);
            }
        }
        on.d_inputs.take_back(on.d_output);
    }
}

/// A stage that runs backward: what it reads, and where the gradients are.
struct StageBackward<'a, 'b, S> {
    s: S,
    operands: Operands<'a>,
    /// How the gradient of each input is delivered.
    accumulate: &'a [Accumulate],
    d_output: OutputGradient<'b>,
    d_inputs: ActivationGradients<'a, 'b>,
    d_params: ParamGradients<'a>,
}

impl<S: Simd> StageBackward<'_, '_, S> {
    fn linear(&mut self, weight: usize, bias: Option<usize>, input: View, output: View, activation: Activation) {
        let (on, dy, dx) = (self.operands, self.d_output.rows_mut(), self.d_inputs.of(input));
        let gradient = self.d_params.of_layer(weight, bias);
        let (x, y) = (on.activation(input), on.activation(output));
        let weight = &on.network.packed[weight].layer;
        linear::backward(
            self.s,
            on.rows,
            x,
            weight,
            y,
            activation,
            dy,
            gradient,
            dx,
            self.accumulate[0],
        );
    }

    fn gather(&mut self, column: usize) {
        let weights = self.operands.tile.weights(column, self.operands.space);
        if !weights.is_empty() {
            gather::weigh(self.s, weights, self.d_output.rows_mut());
        }
    }

    fn product(&mut self, inputs: [View; 2]) {
        for (i, &input) in inputs.iter().enumerate() {
            let (dy, other) = (self.d_output.rows(), self.operands.activation(inputs[1 - i]));
            let dx = self.d_inputs.of(input);
            product::backward(self.s, self.operands.rows, dy, other, dx, self.accumulate[i]);
        }
    }

    fn sum(&mut self, inputs: &[View], bias: Option<usize>) {
        let (rows, dy) = (self.operands.rows, self.d_output.rows());
        if let Some(bias) = bias {
            let total: f32 = (0..rows).map(|r| dy.row(r)[0]).sum();
            let accumulate = self.d_params.accumulate;
            deliver_float(total, &mut self.d_params.of(bias)[0], accumulate);
        }
        for (&input, &accumulate) in inputs.iter().zip(self.accumulate) {
            sum::backward(self.s, rows, dy, self.d_inputs.of(input), accumulate);
        }
    }

    fn fm(&mut self, input: View, factors: usize) {
        let (x, dy) = (self.operands.activation(input), self.d_output.rows());
        let dx = self.d_inputs.of(input);
        match self.operands.offsets(input) {
            [] => fm::backward(self.s, self.operands.rows, x, factors, dy, dx, self.accumulate[0]),
            offsets => fm::backward_steps(self.s, offsets, x, dy, dx, self.accumulate[0]),
        }
    }

    fn pool(&mut self, input: View, mean: bool) {
        let (offsets, dy) = (self.operands.offsets(input), self.d_output.rows());
        pool::backward(self.s, offsets, mean, dy, self.d_inputs.of(input), self.accumulate[0]);
    }

    fn dropout(&mut self, input: View, rate: f32) {
        let (on, dy, dx) = (self.operands, self.d_output.rows(), self.d_inputs.of(input));
        dropout::apply(self.s, on.rows, on.mask(rate), dy, dx, self.accumulate[0]);
    }

    fn prelu(&mut self, alpha: usize, input: View) {
        let (on, dy, dx) = (self.operands, self.d_output.rows(), self.d_inputs.of(input));
        let (x, accumulate) = (on.activation(input), [self.accumulate[0], self.d_params.accumulate]);
        let (alpha, d_alpha) = (on.network.value(alpha), self.d_params.of(alpha));
        prelu::backward(self.s, on.rows, x, alpha, dy, dx, accumulate[0], d_alpha, accumulate[1]);
    }

    fn affine(&mut self, [weight, bias]: [usize; 2], input: View, output: View, relu: bool) {
        let (on, dy, dx) = (self.operands, self.d_output.rows(), self.d_inputs.of(input));
        let gradient = self.d_params.of_layer(weight, Some(bias));
        let (x, y, weight) = (on.activation(input), on.activation(output), on.network.value(weight));
        affine::backward(
            self.s,
            on.rows,
            x,
            weight,
            y,
            relu,
            dy,
            dx,
            self.accumulate[0],
            gradient,
        );
    }

    fn attention_unit(
        &mut self,
        params: [usize; 2],
        inputs: [View; 2],
        output: View,
        activation: Activation,
        work: &mut AlignedVec,
    ) {
        let on = self.operands;
        let (offsets, [query, key]) = (on.offsets(inputs[1]), inputs.map(|view| on.activation(view)));
        let [d_query, d_key] = self.d_inputs.of_both(inputs);
        let d_inputs = InputGradients {
            query: d_query,
            key: d_key,
            accumulate: [self.accumulate[0], self.accumulate[1]],
        };
        let [weight, bias] = params;
        let gradient = self.d_params.of_layer(weight, Some(bias));
        let (unit, y, dy) = (
            &on.network.packed[weight].unit,
            on.activation(output),
            self.d_output.rows_mut(),
        );
        attention_unit::backward(
            self.s, offsets, query, key, unit, y, activation, dy, gradient, work, d_inputs,
        );
    }

    fn softmax(&mut self, input: View, output: View) {
        let (offsets, y) = (self.operands.offsets(input), self.operands.activation(output));
        let (dy, dx) = (self.d_output.rows(), self.d_inputs.of(input));
        softmax::backward(self.s, offsets, y, dy, dx, self.accumulate[0]);
    }

    fn attention(&mut self, [weights, values]: [View; 2]) {
        let (on, dy) = (self.operands, self.d_output.rows());
        let (offsets, w, v) = (on.offsets(values), on.activation(weights), on.activation(values));
        let dx = self.d_inputs.of(weights);
        attention::backward_weights(self.s, offsets, v, dy, dx, self.accumulate[0]);
        let dx = self.d_inputs.of(values);
        attention::backward_values(self.s, offsets, w, dy, dx, self.accumulate[1]);
    }

    fn batch_norm(&mut self, params: [usize; 2], input: View, output: View, epsilon: f32) {
        let Operands { network, stage, .. } = self.operands;
        let statistics = network.statistics(stage, params, epsilon);
        let of_batch = network.of_batch(stage);
        let means = of_batch.map_or(&[][..], |of_batch| &of_batch.gradient_means);
        let (y, dy) = (self.operands.activation(output), self.d_output.rows());
        let dx = self.d_inputs.of(input);
        batch_norm::backward(
            self.s,
            self.operands.rows,
            y,
            statistics,
            means,
            dy,
            dx,
            self.accumulate[0],
        );
    }

    fn dice(&mut self, alpha: usize, [input, normal]: [View; 2]) {
        let (on, dy, accumulate_params) = (self.operands, self.d_output.rows(), self.d_params.accumulate);
        let (x, n) = (on.activation(input), on.activation(normal));
        let (alpha, d_alpha) = (on.network.value(alpha), self.d_params.of(alpha));
        let dx = self.d_inputs.of(input);
        dice::backward(
            self.s,
            on.rows,
            x,
            n,
            alpha,
            dy,
            dx,
            self.accumulate[0],
            d_alpha,
            accumulate_params,
        );
        let dn = self.d_inputs.of(normal);
        dice::backward_normal(self.s, on.rows, x, n, alpha, dy, dn, self.accumulate[1]);
    }

    fn gru(&mut self, kind: Kind, params: [usize; 4], inputs: &[View], output: View, workspace: &mut gru::Workspace) {
        let on = self.operands;
        let (offsets, parameters, states) = (on.offsets(output), on.network.gru(params), on.activation(output));
        let (x, scores) = on.gru_inputs(inputs);
        let (dy, gradient, dx) = (
            self.d_output.rows(),
            self.d_params.of_gru(params),
            self.d_inputs.of(inputs[0]),
        );
        gru::backward(
            self.s,
            kind,
            offsets,
            x,
            scores,
            parameters,
            workspace,
            states,
            dy,
            gradient,
            dx,
            self.accumulate[0],
        );
        if let Some(&view) = inputs.get(1) {
            let mut d_scores = self.d_inputs.of(view);
            for (r, &d) in workspace.scores()[..on.rows].iter().enumerate() {
                deliver_float(d, &mut d_scores.row(r)[0], self.accumulate[1]);
            }
        }
    }

    fn last_step(&mut self, input: View) {
        let (offsets, dy) = (self.operands.offsets(input), self.d_output.rows());
        last_step::backward(offsets, dy, self.d_inputs.of(input), self.accumulate[0]);
    }

    fn pair_with_next(&mut self, [states, items]: [View; 2]) {
        let (offsets, dy) = (self.operands.offsets(states), self.d_output.rows());
        pair_with_next::states_backward(offsets, dy, self.d_inputs.of(states), self.accumulate[0]);
        pair_with_next::items_backward(offsets, dy, self.d_inputs.of(items), self.accumulate[1]);
    }

    /// Adds the tile's share of the loss, a mean over the batch's pairs, to `loss`.
    fn auxiliary(
        &mut self,
        logits: [View; 2],
        (weight, of_samples): (f32, &[f32]),
        pair_scales: &[f32],
        loss: &mut f64,
    ) {
        let on = self.operands;
        let space = on.network.plan.space(logits[0].buffer);
        let (offsets, scale) = (on.offsets(logits[0]), pair_scales[space.index() - 1]);
        for ((&view, &accumulate), label) in logits.iter().zip(self.accumulate).zip([1.0, 0.0]) {
            let (x, d) = (on.activation(view), self.d_inputs.of(view));
            let (s, scaled) = (self.s, weight * scale);
            let sum = match of_samples.is_empty() {
                true => auxiliary::forward_backward(s, offsets, x, label, scaled, d, accumulate),
                false => auxiliary::forward_backward_weighted(s, offsets, x, label, of_samples, scaled, d, accumulate),
            };
            *loss += sum * f64::from(scale);
        }
    }

    /// Returns the tile's share of the loss, a mean over the batch's samples.
    fn bpr(&mut self, logits: [View; 2], weights: &[f32], scale: f32) -> f64 {
        let (on, [item, negative]) = (self.operands, logits);
        let logits = logits.map(|view| on.activation(view));
        let loss = bpr::forward_backward(self.s, on.rows, logits, weights, scale, self.d_inputs.of(item));
        for r in 0..on.rows {
            let gradient = self.d_inputs.of(item).row(r)[0];
            self.d_inputs.of(negative).row(r)[0] = -gradient;
        }
        loss
    }

    /// Returns the tile's share of the loss, a mean over the batch's samples.
    fn cross_entropy(&mut self, logit: View, (labels, weights): (&[f32], &[f32]), scale: f32) -> f64 {
        let (s, logits, d) = (self.s, self.operands.activation(logit), self.d_inputs.of(logit));
        match weights.is_empty() {
            true => sigmoid_cross_entropy::forward_backward(s, logits, labels, scale, d),
            false => sigmoid_cross_entropy::forward_backward_weighted(s, logits, labels, weights, scale, d),
        }
    }
}
