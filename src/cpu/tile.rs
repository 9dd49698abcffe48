//! One tile of rows through the whole plan, forward and backward, with its activations in cache.

use alloc::vec::Vec;
use core::mem;

use super::{
    aligned::AlignedVec,
    dropout::{self, Mask},
    fm, gather,
    linear::{self, PackedWeight, READ_AHEAD, WeightGradient},
    pool, product,
    rows::{Rows, RowsMut},
    sigmoid_cross_entropy,
    simd::Simd,
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
    pub packed: &'a [PackedWeight],
    /// Where each dense parameter's gradient begins in a partial.
    pub dense_offsets: &'a [usize],
}

impl<'a> Network<'a> {
    /// A parameter.
    pub fn value(&self, param: usize) -> &'a [f32] {
        &self.tensors[param].value
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
    /// `Write` for the first tile of a partial.
    pub flow: Flow,
}

/// A thread's activations and gradients, buffer by buffer, each `[tile rows, stride]`.
#[derive(Clone)]
pub(super) struct Scratch {
    activations: Vec<AlignedVec>,
    gradients: Vec<AlignedVec>,
}

impl Scratch {
    pub fn new(layout: &Layout, tile_rows: usize) -> Self {
        let buffer = |stride: &usize| AlignedVec::zeros(stride * tile_rows + READ_AHEAD);
        let buffers: Vec<AlignedVec> = layout.strides.iter().map(buffer).collect();
        Scratch {
            gradients: buffers.clone(),
            activations: buffers,
        }
    }

    fn activation(&self, layout: &Layout, view: View) -> Rows<'_> {
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

    /// Runs the stages up to the logit on the samples of a tile.
    pub fn forward<S: Simd>(&mut self, s: S, network: Network<'_>, tile: &Part<'_>) {
        let Network { plan, layout, .. } = network;
        self.reserve(network, tile);
        for (index, stage) in plan.stages().iter().enumerate() {
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
                    let (weight, bias) = (&network.packed[weight], network.value(bias));
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
                Stage::SigmoidCrossEntropy { .. } => {}
            }
        }
    }

    /// Runs the backward stages after [`forward`](Scratch::forward) on the same samples.
    pub fn backward<S: Simd>(&mut self, s: S, network: Network<'_>, part: &Part<'_>, tile: &mut TrainTile<'_>) {
        let Network { plan, layout, .. } = network;
        let Scratch { activations, gradients } = self;
        let activation = |view: View| rows_of(&activations[view.buffer], layout, view);
        for Backward { stage: index, flow } in plan.backward() {
            let stage = &plan.stages()[*index];
            let space = stage.output().map_or(Space::Samples, |view| plan.space(view.buffer));
            let rows = part.rows(space).len();
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
                    let gradient = weight_gradient(network, tile.gradient, [weight, bias], tile.flow);
                    let (x, y) = (activation(input), activation(output));
                    let weight = &network.packed[weight];
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
                        *slot = if tile.flow == Flow::Write { total } else { *slot + total };
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
    let Network { plan, layout, .. } = network;
    let space = plan.space(view.buffer).index();
    match layout.row_gradient(view) {
        None => rows_mut(&mut gradients[view.buffer], layout, view),
        Some(column) => RowsMut {
            data: &mut row_gradients[space][column..],
            stride: layout.row_gradient_strides[space],
            width: view.width,
        },
    }
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
