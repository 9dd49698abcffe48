//! One tile of rows through the whole plan, forward and backward, with its activations in cache.

use alloc::vec::Vec;
use core::{mem, ops::Range};

use super::{
    affine,
    aligned::AlignedVec,
    attention,
    attention_unit::{self, InputGradients},
    auxiliary,
    batch_norm::{self, BatchStatistics, Statistics},
    dice,
    dropout::{self, Mask},
    fm, gather, gru, last,
    linear::{self, READ_AHEAD, WeightGradient},
    next, pool, prelu,
    prepare::{Packed, Sums},
    product,
    rows::{Rows, RowsMut},
    sigmoid_cross_entropy,
    simd::Simd,
    softmax,
    source::Part,
    sum,
};
use crate::{
    plan::{Backward, Flow, Layout, MAX_SEQUENCES, Plan, Space, Stage, Tensor, View},
    rng::Rng,
};

/// Spaces of a plan at most.
pub(super) const SPACES: usize = 1 + MAX_SEQUENCES;

/// One parameter with its moments: [`Tensor`] in memory that suits vectors.
pub(super) struct Values {
    pub value: AlignedVec,
    /// Empty under SGD, as is `v`.
    pub m: AlignedVec,
    pub v: AlignedVec,
}

impl From<&Tensor> for Values {
    fn from(Tensor { value, m, v }: &Tensor) -> Self {
        Values {
            value: value[..].into(),
            m: m[..].into(),
            v: v[..].into(),
        }
    }
}

impl From<&Values> for Tensor {
    fn from(Values { value, m, v }: &Values) -> Self {
        Tensor {
            value: value.to_vec(),
            m: m.to_vec(),
            v: v.to_vec(),
        }
    }
}

/// What all tiles of a step read.
#[derive(Clone, Copy)]
pub(super) struct Network<'a> {
    pub plan: &'a Plan,
    pub layout: &'a Layout,
    pub tensors: &'a [Values],
    /// One a parameter; empty for all but weights.
    pub packed: &'a [Packed],
    /// Where each dense parameter's gradient begins in a partial.
    pub dense_offsets: &'a [usize],
    /// Those of the batch in training, in the order of the stages that have some; none in use.
    pub statistics: &'a [BatchStatistics],
}

impl<'a> Network<'a> {
    /// A parameter.
    pub fn value(&self, param: usize) -> &'a [f32] {
        &self.tensors[param].value
    }

    /// What a stage normalises by: the batch's statistics in training, else the running ones.
    fn statistics(&self, stage: usize, [mean, variance]: [usize; 2], epsilon: f32) -> Statistics<'a> {
        let [mean, variance] = match self.of_batch(stage) {
            Some(of_batch) => [&of_batch.mean[..], &of_batch.variance[..]],
            None => [self.value(mean), self.value(variance)],
        };
        Statistics {
            mean,
            variance,
            epsilon,
        }
    }

    /// The batch's statistics of a stage.
    fn of_batch(&self, stage: usize) -> Option<&'a BatchStatistics> {
        let before = &self.plan.stages()[..stage];
        let place = before
            .iter()
            .filter(|stage| matches!(stage, Stage::BatchNorm { .. }))
            .count();
        self.statistics.get(place)
    }

    /// A layer's bias; nothing where it has none.
    fn bias(&self, bias: Option<usize>) -> &'a [f32] {
        bias.map_or(&[], |bias| self.value(bias))
    }
}

/// What a tile trains on.
pub(super) struct TrainTile<'a> {
    pub labels: &'a [f32],
    /// 1 / samples of the batch: the loss is a mean.
    pub scale: f32,
    /// The tile's rows of the batch-wide gradient of each space.
    pub row_gradients: [&'a mut [f32]; SPACES],
    /// The partial sum of the dense gradients.
    pub gradient: &'a mut [f32],
    /// The partial sum of the losses.
    pub loss: &'a mut f64,
    /// That of the auxiliary losses, unweighted, and as a mean over each batch's pairs.
    pub auxiliary: &'a mut f64,
    /// 1 / pairs of neighbouring steps in the batch, for each sequence.
    pub pair_scales: [f32; MAX_SEQUENCES],
    /// `Write` for the first tile of a partial.
    pub flow: Flow,
}

/// A thread's activations and gradients, buffer by buffer, each `[tile rows, stride]`.
#[derive(Clone)]
pub(super) struct Scratch {
    activations: Vec<AlignedVec>,
    gradients: Vec<AlignedVec>,
    /// What a stage works with while it runs.
    work: AlignedVec,
    /// The tile's sums for statistics of the batch.
    sums: Vec<f32>,
    /// One a stage: what recurrent stages keep from forward to backward.
    workspaces: Vec<gru::Workspace>,
}

impl Scratch {
    pub fn new(plan: &Plan, layout: &Layout, tile_rows: usize, work: usize) -> Self {
        let buffer = |stride: &usize| AlignedVec::zeros(stride * tile_rows + READ_AHEAD);
        let buffers: Vec<AlignedVec> = layout.strides.iter().map(buffer).collect();
        Scratch {
            gradients: buffers.clone(),
            activations: buffers,
            work: AlignedVec::zeros(work),
            sums: Vec::new(),
            workspaces: alloc::vec![gru::Workspace::default(); plan.stages().len()],
        }
    }

    /// The columns of an activation.
    pub fn activation(&self, layout: &Layout, view: View) -> Rows<'_> {
        rows_of(&self.activations[view.buffer], layout, view)
    }

    /// Lends `output` for writing while `f` reads the other buffers. A plan's stage never writes a buffer it reads.
    fn write(&mut self, layout: &Layout, output: View, f: impl FnOnce(&Self, RowsMut<'_>)) {
        let mut buffer = mem::take(&mut self.activations[output.buffer]);
        f(self, rows_mut(&mut buffer, layout, output));
        self.activations[output.buffer] = buffer;
    }

    /// Makes room for the steps of the tile's sequences, whose number is known now. Memory is kept.
    fn reserve(&mut self, network: Network<'_>, tile: &Part<'_>) {
        for (buffer, stride) in network.layout.strides.iter().enumerate() {
            let space = network.plan.space(buffer);
            if space == Space::Samples {
                continue;
            }
            let needed = stride * tile.rows(space).len() + READ_AHEAD;
            for values in [&mut self.activations[buffer], &mut self.gradients[buffer]] {
                if values.len() < needed {
                    values.resize(needed);
                }
            }
        }
    }

    /// The logits after [`forward`](Scratch::forward), one a row.
    pub fn logits(&self, network: Network<'_>) -> Rows<'_> {
        self.activation(network.layout, network.plan.logit())
    }

    /// Runs stages on the samples of a tile: all, or a run of them after those before.
    pub fn forward<S: Simd>(&mut self, s: S, network: Network<'_>, tile: &Part<'_>, stages: Range<usize>) {
        let Network { plan, layout, .. } = network;
        if stages.start == 0 {
            self.reserve(network, tile);
        }
        let scoring = tile.noise.is_none();
        for index in stages {
            if scoring && !plan.is_scored(index) {
                continue;
            }
            let stage = &plan.stages()[index];
            let space = stage.output().map_or(Space::Samples, |view| plan.space(view.buffer));
            let rows = tile.rows(space).len();
            match *stage {
                Stage::Gather { table, column, output } => self.write(layout, output, |_, output| {
                    gather::forward(s, network.value(table), tile.ids(column, space), output);
                }),
                Stage::Numeric { first, output } => self.write(layout, output, |_, mut output| {
                    let from = tile.numeric(first, output.width, plan.numerics());
                    for r in 0..rows {
                        output.row(r).copy_from_slice(from.row(r));
                    }
                }),
                Stage::Linear {
                    weight,
                    bias,
                    input,
                    output,
                    activation,
                } => self.write(layout, output, |scratch, output| {
                    let x = scratch.activation(layout, input);
                    let (weight, bias) = (&network.packed[weight].layer, network.bias(bias));
                    linear::forward(s, rows, x, weight, bias, activation, output);
                }),
                Stage::Product {
                    inputs: [left, right],
                    output,
                } => self.write(layout, output, |scratch, output| {
                    let (left, right) = (scratch.activation(layout, left), scratch.activation(layout, right));
                    product::forward(s, rows, left, right, output);
                }),
                Stage::Sum {
                    ref inputs,
                    bias,
                    output,
                } => self.write(layout, output, |scratch, mut output| {
                    for r in 0..rows {
                        output.row(r)[0] = bias.map_or(0.0, |bias| network.value(bias)[0]);
                    }
                    for &input in inputs {
                        sum::forward_add(s, rows, scratch.activation(layout, input), output.reborrow());
                    }
                }),
                Stage::Fm { input, factors, output } => self.write(layout, output, |scratch, output| {
                    fm::forward(s, rows, scratch.activation(layout, input), factors, output);
                }),
                Stage::Pool { input, output, mean } => self.write(layout, output, |scratch, output| {
                    let offsets = tile.offsets(plan.space(input.buffer));
                    pool::forward(s, offsets, mean, scratch.activation(layout, input), output);
                }),
                Stage::Dropout { input, output, rate } => self.write(layout, output, |scratch, output| {
                    let input = scratch.activation(layout, input);
                    dropout::apply(s, rows, mask(tile, index, space, rate), input, output, Flow::Write);
                }),
                Stage::Prelu { alpha, input, output } => self.write(layout, output, |scratch, output| {
                    let input = scratch.activation(layout, input);
                    prelu::forward(s, rows, input, network.value(alpha), output);
                }),
                Stage::Affine {
                    weight,
                    bias,
                    input,
                    output,
                    relu,
                } => self.write(layout, output, |scratch, output| {
                    let (weight, bias) = (network.value(weight), network.value(bias));
                    affine::forward(s, rows, scratch.activation(layout, input), weight, bias, relu, output);
                }),
                Stage::AttentionUnit {
                    weight,
                    bias,
                    inputs: [query, key],
                    output,
                    activation,
                } => {
                    let mut work = mem::take(&mut self.work);
                    self.write(layout, output, |scratch, output| {
                        let offsets = tile.offsets(space);
                        let (query, key) = (scratch.activation(layout, query), scratch.activation(layout, key));
                        let (unit, bias) = (&network.packed[weight].unit, network.value(bias));
                        attention_unit::forward(s, offsets, query, key, unit, bias, activation, &mut work, output);
                    });
                    self.work = work;
                }
                Stage::Softmax { input, output } => self.write(layout, output, |scratch, output| {
                    softmax::forward(s, tile.offsets(space), scratch.activation(layout, input), output);
                }),
                Stage::Attention {
                    inputs: [weights, values],
                    output,
                } => self.write(layout, output, |scratch, output| {
                    let offsets = tile.offsets(plan.space(values.buffer));
                    let (weights, values) = (scratch.activation(layout, weights), scratch.activation(layout, values));
                    attention::forward(s, offsets, weights, values, output);
                }),
                Stage::BatchNorm {
                    mean,
                    variance,
                    input,
                    output,
                    epsilon,
                    ..
                } => self.write(layout, output, |scratch, output| {
                    let statistics = network.statistics(index, [mean, variance], epsilon);
                    batch_norm::forward(s, rows, scratch.activation(layout, input), statistics, output);
                }),
                Stage::Dice {
                    alpha,
                    inputs: [input, normal],
                    output,
                } => self.write(layout, output, |scratch, output| {
                    let (x, normal) = (scratch.activation(layout, input), scratch.activation(layout, normal));
                    dice::forward(s, rows, x, normal, network.value(alpha), output);
                }),
                Stage::Gru {
                    kind,
                    params,
                    ref inputs,
                    output,
                } => {
                    let mut workspace = mem::take(&mut self.workspaces[index]);
                    self.write(layout, output, |scratch, states| {
                        let offsets = tile.offsets(space);
                        let x = scratch.activation(layout, inputs[0]);
                        let scores = inputs.get(1).map(|&view| scratch.activation(layout, view));
                        let parameters = gru_parameters(network, params);
                        gru::forward(s, kind, offsets, x, scores, parameters, &mut workspace, states);
                    });
                    self.workspaces[index] = workspace;
                }
                Stage::Last { input, output } => self.write(layout, output, |scratch, output| {
                    let offsets = tile.offsets(plan.space(input.buffer));
                    last::forward(offsets, scratch.activation(layout, input), output);
                }),
                Stage::Next {
                    inputs: [states, items],
                    output,
                } => self.write(layout, output, |scratch, output| {
                    let (states, items) = (scratch.activation(layout, states), scratch.activation(layout, items));
                    next::forward(tile.offsets(space), states, items, output);
                }),
                Stage::Auxiliary { .. } | Stage::SigmoidCrossEntropy { .. } => {}
            }
        }
    }

    /// Adds up what a pass leaves for the next; see [`sums`](Scratch::sums).
    pub fn add_up<S: Simd>(&mut self, s: S, network: Network<'_>, tile: &Part<'_>, then: Sums) {
        let Network { plan, layout, .. } = network;
        let (Sums::Moments { stage, .. } | Sums::Gradients { stage, .. }) = then else {
            return;
        };
        let Stage::BatchNorm { input, output, .. } = plan.stages()[stage] else {
            return;
        };
        let rows = tile.rows(plan.space(input.buffer)).len();
        let mut sums = mem::take(&mut self.sums);
        sums.resize(2 * input.width, 0.0);
        if let Sums::Moments { .. } = then {
            batch_norm::moments(s, rows, self.activation(layout, input), &mut sums);
        } else {
            let d_output = rows_of(&self.gradients[output.buffer], layout, output);
            batch_norm::gradient_sums(s, rows, self.activation(layout, output), d_output, &mut sums);
        }
        self.sums = sums;
    }

    /// The tile's sums after [`add_up`](Scratch::add_up).
    pub fn sums(&self) -> &[f32] {
        &self.sums
    }

    /// Runs a run of the backward stages after [`forward`](Scratch::forward) on the same samples.
    pub fn backward<S: Simd>(
        &mut self,
        s: S,
        network: Network<'_>,
        part: &Part<'_>,
        tile: &mut TrainTile<'_>,
        stages: Range<usize>,
    ) {
        let Network { plan, layout, .. } = network;
        let Scratch {
            activations,
            gradients,
            work,
            workspaces,
            ..
        } = self;
        let activation = |view: View| rows_of(&activations[view.buffer], layout, view);
        for Backward {
            stage: index,
            flow,
            params: params_flow,
        } in &plan.backward()[stages]
        {
            let stage = &plan.stages()[*index];
            let space = stage.output().map_or(Space::Samples, |view| plan.space(view.buffer));
            let rows = part.rows(space).len();
            // Parameters are overwritten by the first stage, in the first tile of a partial, that has a part in them.
            let params_flow = match tile.flow {
                Flow::Write => *params_flow,
                Flow::Add => Flow::Add,
            };
            let mut d_output = OutputGradient::lend(network, gradients, &mut tile.row_gradients, stage.output());
            match *stage {
                // Its gradient is in place already: in the batch-wide one, which the sparse update reads.
                Stage::Gather { .. } => {}
                // Nothing to learn.
                Stage::Numeric { .. } => {}
                Stage::Linear {
                    weight,
                    bias,
                    input,
                    output,
                    activation: kind,
                } => {
                    let dy = d_output.rows_mut();
                    let dx = gradient_mut(gradients, &mut tile.row_gradients, network, input);
                    let gradient = match bias {
                        Some(bias) => weight_gradient(network, tile.gradient, [weight, bias], params_flow),
                        None => WeightGradient {
                            weight: vector_gradient(network, tile.gradient, weight),
                            bias: &mut [],
                            flow: params_flow,
                        },
                    };
                    let (x, y) = (activation(input), activation(output));
                    let weight = &network.packed[weight].layer;
                    linear::backward(s, rows, x, weight, y, kind, dy, gradient, dx, flow[0]);
                }
                Stage::Product { inputs, .. } => {
                    for (i, &input) in inputs.iter().enumerate() {
                        let other = activation(inputs[1 - i]);
                        let dx = gradient_mut(gradients, &mut tile.row_gradients, network, input);
                        product::backward(s, rows, d_output.rows(), other, dx, flow[i]);
                    }
                }
                Stage::Sum { ref inputs, bias, .. } => {
                    let dy = d_output.rows();
                    if let Some(bias) = bias {
                        let total: f32 = (0..rows).map(|r| dy.row(r)[0]).sum();
                        let slot = &mut tile.gradient[network.dense_offsets[bias]];
                        *slot = if params_flow == Flow::Write {
                            total
                        } else {
                            *slot + total
                        };
                    }
                    for (&input, &flow) in inputs.iter().zip(flow) {
                        let dx = gradient_mut(gradients, &mut tile.row_gradients, network, input);
                        sum::backward(s, rows, dy, dx, flow);
                    }
                }
                Stage::Fm { input, factors, .. } => {
                    let (x, dy) = (activation(input), d_output.rows());
                    let dx = gradient_mut(gradients, &mut tile.row_gradients, network, input);
                    fm::backward(s, rows, x, factors, dy, dx, flow[0]);
                }
                Stage::Pool { input, mean, .. } => {
                    let offsets = part.offsets(plan.space(input.buffer));
                    let dx = gradient_mut(gradients, &mut tile.row_gradients, network, input);
                    pool::backward(s, offsets, mean, d_output.rows(), dx, flow[0]);
                }
                Stage::Dropout { input, rate, .. } => {
                    let dx = gradient_mut(gradients, &mut tile.row_gradients, network, input);
                    let dy = d_output.rows();
                    dropout::apply(s, rows, mask(part, *index, space, rate), dy, dx, flow[0]);
                }
                Stage::Prelu { alpha, input, .. } => {
                    let dx = gradient_mut(gradients, &mut tile.row_gradients, network, input);
                    let d_alpha = vector_gradient(network, tile.gradient, alpha);
                    let (x, alpha, dy) = (activation(input), network.value(alpha), d_output.rows());
                    prelu::backward(s, rows, x, alpha, dy, dx, flow[0], d_alpha, params_flow);
                }
                Stage::Affine {
                    weight,
                    bias,
                    input,
                    output,
                    relu,
                } => {
                    let dx = gradient_mut(gradients, &mut tile.row_gradients, network, input);
                    let gradient = weight_gradient(network, tile.gradient, [weight, bias], params_flow);
                    let (x, y, weight) = (activation(input), activation(output), network.value(weight));
                    affine::backward(s, rows, x, weight, y, relu, d_output.rows(), dx, flow[0], gradient);
                }
                Stage::AttentionUnit {
                    weight,
                    bias,
                    inputs,
                    output,
                    activation: kind,
                } => {
                    let (y, [query, key]) = (activation(output), inputs.map(activation));
                    let [d_query, d_key] = gradients_mut(gradients, &mut tile.row_gradients, network, inputs);
                    let d_inputs = InputGradients {
                        query: d_query,
                        key: d_key,
                        flow: [flow[0], flow[1]],
                    };
                    let gradient = weight_gradient(network, tile.gradient, [weight, bias], params_flow);
                    let (unit, dy) = (&network.packed[weight].unit, d_output.rows_mut());
                    let offsets = part.offsets(space);
                    attention_unit::backward(s, offsets, query, key, unit, y, kind, dy, gradient, work, d_inputs);
                }
                Stage::Softmax { input, output } => {
                    let dx = gradient_mut(gradients, &mut tile.row_gradients, network, input);
                    softmax::backward(s, part.offsets(space), activation(output), d_output.rows(), dx, flow[0]);
                }
                Stage::Attention {
                    inputs: [weights, values],
                    ..
                } => {
                    let offsets = part.offsets(plan.space(values.buffer));
                    let (w, v, dy) = (activation(weights), activation(values), d_output.rows());
                    let dx = gradient_mut(gradients, &mut tile.row_gradients, network, weights);
                    attention::backward_weights(s, offsets, v, dy, dx, flow[0]);
                    let dx = gradient_mut(gradients, &mut tile.row_gradients, network, values);
                    attention::backward_values(s, offsets, w, dy, dx, flow[1]);
                }
                Stage::BatchNorm {
                    mean,
                    variance,
                    input,
                    output,
                    epsilon,
                    ..
                } => {
                    let dx = gradient_mut(gradients, &mut tile.row_gradients, network, input);
                    let statistics = network.statistics(*index, [mean, variance], epsilon);
                    let means = network
                        .of_batch(*index)
                        .map_or(&[][..], |of_batch| &of_batch.gradient_means);
                    let (y, dy) = (activation(output), d_output.rows());
                    batch_norm::backward(s, rows, y, statistics, means, dy, dx, flow[0]);
                }
                Stage::Dice {
                    alpha,
                    inputs: [input, normal],
                    ..
                } => {
                    let d_alpha = vector_gradient(network, tile.gradient, alpha);
                    let (x, n, alpha, dy) = (
                        activation(input),
                        activation(normal),
                        network.value(alpha),
                        d_output.rows(),
                    );
                    let dx = gradient_mut(gradients, &mut tile.row_gradients, network, input);
                    dice::backward(s, rows, x, n, alpha, dy, dx, flow[0], d_alpha, params_flow);
                    let dn = gradient_mut(gradients, &mut tile.row_gradients, network, normal);
                    dice::backward_normal(s, rows, x, n, alpha, dy, dn, flow[1]);
                }
                Stage::Gru {
                    kind,
                    params,
                    ref inputs,
                    output,
                } => {
                    let offsets = part.offsets(space);
                    let (x, states) = (activation(inputs[0]), activation(output));
                    let scores = inputs.get(1).map(|&view| activation(view));
                    let parameters = gru_parameters(network, params);
                    let workspace = &mut workspaces[*index];
                    let dy = d_output.rows();
                    let gradient = gru_gradients(network, tile.gradient, params, params_flow);
                    let dx = gradient_mut(gradients, &mut tile.row_gradients, network, inputs[0]);
                    gru::backward(
                        s, kind, offsets, x, scores, parameters, workspace, states, dy, gradient, dx, flow[0],
                    );
                    if let Some(&view) = inputs.get(1) {
                        let mut d_scores = gradient_mut(gradients, &mut tile.row_gradients, network, view);
                        for (r, &d) in workspace.scores()[..rows].iter().enumerate() {
                            let slot = &mut d_scores.row(r)[0];
                            *slot = if flow[1] == Flow::Write { d } else { *slot + d };
                        }
                    }
                }
                Stage::Last { input, .. } => {
                    let offsets = part.offsets(plan.space(input.buffer));
                    let dx = gradient_mut(gradients, &mut tile.row_gradients, network, input);
                    last::backward(offsets, d_output.rows(), dx, flow[0]);
                }
                Stage::Next {
                    inputs: [states, items],
                    ..
                } => {
                    let (offsets, dy) = (part.offsets(space), d_output.rows());
                    let dx = gradient_mut(gradients, &mut tile.row_gradients, network, states);
                    next::states_backward(offsets, dy, dx, flow[0]);
                    let dx = gradient_mut(gradients, &mut tile.row_gradients, network, items);
                    next::items_backward(offsets, dy, dx, flow[1]);
                }
                Stage::Auxiliary { logits, weight } => {
                    let space = plan.space(logits[0].buffer);
                    let (offsets, scale) = (part.offsets(space), tile.pair_scales[space.index() - 1]);
                    for ((&view, &flow), label) in logits.iter().zip(flow).zip([1.0, 0.0]) {
                        let d = gradient_mut(gradients, &mut tile.row_gradients, network, view);
                        let logits = activation(view);
                        let sum = auxiliary::forward_backward(s, offsets, logits, label, weight * scale, d, flow);
                        *tile.auxiliary += sum * f64::from(scale);
                    }
                }
                Stage::SigmoidCrossEntropy { logit } => {
                    let d = gradient_mut(gradients, &mut tile.row_gradients, network, logit);
                    let logits = activation(logit);
                    *tile.loss += sigmoid_cross_entropy::forward_backward(s, logits, tile.labels, tile.scale, d);
                }
            }
            d_output.give_back(gradients, &mut tile.row_gradients);
        }
    }
}

/// The gradient of a stage's output, lent out because the stage writes those of its inputs.
#[derive(Default)]
struct OutputGradient<'a> {
    /// The tile's own, of this buffer.
    own: AlignedVec,
    buffer: usize,
    /// Where the output lies beside gathered columns, the batch-wide one of its space. Its stage writes no gradient
    /// of that space.
    shared: Option<&'a mut [f32]>,
    space: usize,
    start: usize,
    stride: usize,
    width: usize,
}

impl<'a> OutputGradient<'a> {
    fn lend(
        network: Network<'_>,
        gradients: &mut [AlignedVec],
        row_gradients: &mut [&'a mut [f32]; SPACES],
        output: Option<View>,
    ) -> Self {
        let Network { plan, layout, .. } = network;
        let Some(View { buffer, start, width }) = output else {
            return Self::default();
        };
        let space = plan.space(buffer).index();
        let lent = OutputGradient {
            buffer,
            space,
            width,
            ..Self::default()
        };
        match output.and_then(|output| layout.row_gradient(output)) {
            Some(start) => OutputGradient {
                shared: Some(mem::take(&mut row_gradients[space])),
                start,
                stride: layout.row_gradient_strides[space],
                ..lent
            },
            None => OutputGradient {
                own: mem::take(&mut gradients[buffer]),
                start,
                stride: layout.strides[buffer],
                ..lent
            },
        }
    }

    fn rows(&self) -> Rows<'_> {
        Rows {
            data: &self.shared.as_deref().unwrap_or(&self.own)[self.start..],
            stride: self.stride,
            width: self.width,
        }
    }

    fn rows_mut(&mut self) -> RowsMut<'_> {
        RowsMut {
            data: &mut self.shared.as_deref_mut().unwrap_or(&mut self.own)[self.start..],
            stride: self.stride,
            width: self.width,
        }
    }

    fn give_back(self, gradients: &mut [AlignedVec], row_gradients: &mut [&'a mut [f32]; SPACES]) {
        match self.shared {
            Some(shared) => row_gradients[self.space] = shared,
            None if self.width > 0 => gradients[self.buffer] = self.own,
            None => {}
        }
    }
}

/// The mask of dropout stage `stage` on a tile; one that keeps everything in use.
fn mask(tile: &Part<'_>, stage: usize, space: Space, rate: f32) -> Mask {
    match tile.noise {
        Some(noise) => Mask {
            rng: noise.stream(stage as u32),
            rate,
            first_row: tile.rows(space).start,
        },
        None => Mask {
            rng: Rng::default(),
            rate: 0.0,
            first_row: 0,
        },
    }
}

fn rows_of<'a>(buffer: &'a [f32], layout: &Layout, view: View) -> Rows<'a> {
    Rows {
        data: &buffer[view.start..],
        stride: layout.strides[view.buffer],
        width: view.width,
    }
}

fn rows_mut<'a>(buffer: &'a mut [f32], layout: &Layout, view: View) -> RowsMut<'a> {
    RowsMut {
        data: &mut buffer[view.start..],
        stride: layout.strides[view.buffer],
        width: view.width,
    }
}

/// Where the gradient of `view` lies: in the batch-wide gradient if a gather fills its buffer, else in the tile's.
fn gradient_mut<'a>(
    gradients: &'a mut [AlignedVec],
    row_gradients: &'a mut [&mut [f32]; SPACES],
    network: Network<'_>,
    view: View,
) -> RowsMut<'a> {
    let space = network.plan.space(view.buffer).index();
    either_mut(&mut gradients[view.buffer], row_gradients[space], network, view)
}

/// [`gradient_mut`] for what has a row a sample and what has a row a step.
fn gradients_mut<'a>(
    gradients: &'a mut [AlignedVec],
    row_gradients: &'a mut [&mut [f32]; SPACES],
    network: Network<'_>,
    [sample, step]: [View; 2],
) -> [RowsMut<'a>; 2] {
    let (of_samples, of_steps) = row_gradients.split_at_mut(Space::Samples.index() + 1);
    let (low, high) = gradients.split_at_mut(sample.buffer.max(step.buffer));
    let (own, other) = match sample.buffer < step.buffer {
        true => (&mut low[sample.buffer], &mut high[0]),
        false => (&mut high[0], &mut low[step.buffer]),
    };
    let space = network.plan.space(step.buffer).index();
    let of_steps = &mut *of_steps[space - of_samples.len()];
    [
        either_mut(own, of_samples[0], network, sample),
        either_mut(other, of_steps, network, step),
    ]
}

/// The columns of `view`, in its buffer's own gradient or in the batch-wide one.
fn either_mut<'a>(
    own: &'a mut [f32],
    row_gradient: &'a mut [f32],
    Network { plan, layout, .. }: Network<'_>,
    view: View,
) -> RowsMut<'a> {
    match layout.row_gradient(view) {
        None => rows_mut(own, layout, view),
        Some(column) => RowsMut {
            // Nothing where all of the tile's histories are empty.
            data: row_gradient.get_mut(column..).unwrap_or(&mut []),
            stride: layout.row_gradient_strides[plan.space(view.buffer).index()],
            width: view.width,
        },
    }
}

/// The place of a parameter's gradient in a partial.
fn vector_gradient<'a>(network: Network<'_>, gradient: &'a mut [f32], param: usize) -> &'a mut [f32] {
    &mut gradient[network.dense_offsets[param]..][..network.plan.params()[param].len()]
}

/// The places of a linear layer's gradients in a partial; the bias's lies right behind the weight's.
fn weight_gradient<'a>(
    network: Network<'_>,
    gradient: &'a mut [f32],
    [weight, bias]: [usize; 2],
    flow: Flow,
) -> WeightGradient<'a> {
    let offsets = network.dense_offsets;
    let len = |param: usize| network.plan.params()[param].len();
    let (before, after) = gradient.split_at_mut(offsets[bias]);
    WeightGradient {
        weight: &mut before[offsets[weight]..][..len(weight)],
        bias: &mut after[..len(bias)],
        flow,
    }
}

fn gru_parameters(network: Network<'_>, params: [usize; 4]) -> gru::Parameters<'_> {
    let [input_weight, hidden_weight, input_bias, hidden_bias] = params;
    gru::Parameters {
        input_weight: &network.packed[input_weight].layer,
        hidden_weight: &network.packed[hidden_weight].layer,
        input_bias: network.value(input_bias),
        hidden_bias: network.value(hidden_bias),
    }
}

/// The places of a recurrent layer's gradients in a partial, one behind the other.
fn gru_gradients<'a>(
    network: Network<'_>,
    gradient: &'a mut [f32],
    params: [usize; 4],
    flow: Flow,
) -> gru::Gradients<'a> {
    let mut rest = &mut gradient[network.dense_offsets[params[0]]..];
    let [input_weight, hidden_weight, input_bias, hidden_bias] = params.map(|param| {
        let (own, behind) = mem::take(&mut rest).split_at_mut(network.plan.params()[param].len());
        rest = behind;
        own
    });
    gru::Gradients {
        input_weight,
        hidden_weight,
        input_bias,
        hidden_bias,
        flow,
    }
}
