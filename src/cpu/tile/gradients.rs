//! Where a stage finds the gradient of its output, and where those of its inputs and parameters go.

use core::mem;

use super::{Network, SPACES, operands::rows_mut};
use crate::{
    cpu::{
        aligned::AlignedVec,
        linear::WeightGradient,
        rows::{Rows, RowsMut},
    },
    plan::{Accumulate, MAX_SEQUENCES, Space, View},
};

/// What losses compare with, and by what they are divided.
#[derive(Clone, Copy)]
pub(in crate::cpu) struct Targets<'a> {
    /// One a sample of the tile.
    pub labels: &'a [f32],
    /// One a sample of the tile, or none.
    pub weights: &'a [f32],
    /// 1 / samples of the batch: the loss is a mean.
    pub scale: f32,
    /// 1 / pairs of neighbouring steps in the batch, for each sequence.
    pub pair_scales: &'a [f32; MAX_SEQUENCES],
}

/// Where a stage's backward pass finds the gradient of its output, and where it leaves what it computes.
pub(in crate::cpu) struct StageGradients<'a, 'b> {
    /// How the gradient of each input is delivered.
    pub accumulate: &'a [Accumulate],
    pub output: OutputGradient<'b>,
    pub inputs: ActivationGradients<'a, 'b>,
    pub params: ParamGradients<'a>,
    pub targets: Targets<'a>,
    /// The gradient of a known list, of which the first tile of a partial overwrites what there was.
    pub list: &'a mut [f32],
    pub list_accumulate: Accumulate,
    /// What a loss adds itself to, or an auxiliary one.
    pub loss: &'a mut f64,
    pub auxiliary: &'a mut f64,
}

/// The gradients of activations: a tile's own, buffer by buffer, or the batch-wide one where a gather fills the buffer.
pub(in crate::cpu) struct ActivationGradients<'a, 'b> {
    pub network: Network<'a>,
    pub own: &'a mut [AlignedVec],
    /// The tile's rows of the batch-wide gradient of each space.
    pub shared: &'a mut [&'b mut [f32]; SPACES],
}

impl<'b> ActivationGradients<'_, 'b> {
    /// The gradient of `view`.
    pub fn of(&mut self, view: View) -> RowsMut<'_> {
        let space = self.network.plan.space(view.buffer).index();
        either_mut(&mut self.own[view.buffer], self.shared[space], self.network, view)
    }

    /// [`of`](ActivationGradients::of) what has a row a sample and what has a row a step.
    pub fn of_both(&mut self, [sample, step]: [View; 2]) -> [RowsMut<'_>; 2] {
        let (of_samples, of_steps) = self.shared.split_at_mut(Space::Samples.index() + 1);
        let (low, high) = self.own.split_at_mut(sample.buffer.max(step.buffer));
        let (own, other) = match sample.buffer < step.buffer {
            true => (&mut low[sample.buffer], &mut high[0]),
            false => (&mut high[0], &mut low[step.buffer]),
        };
        let space = self.network.plan.space(step.buffer).index();
        let of_steps = &mut *of_steps[space - of_samples.len()];
        [
            either_mut(own, of_samples[0], self.network, sample),
            either_mut(other, of_steps, self.network, step),
        ]
    }

    /// Takes the gradient of a stage's output out, to be read while the stage writes those of its inputs.
    pub fn take_out(&mut self, output: Option<View>) -> OutputGradient<'b> {
        let Network { plan, layout, .. } = self.network;
        let Some(View { buffer, start, width }) = output else {
            return OutputGradient::default();
        };
        let space = plan.space(buffer).index();
        let taken = OutputGradient {
            buffer,
            space,
            width,
            ..OutputGradient::default()
        };
        match output.and_then(|output| layout.row_gradient(output)) {
            Some(start) => OutputGradient {
                shared: Some(mem::take(&mut self.shared[space])),
                start,
                stride: layout.row_gradient_strides[space],
                ..taken
            },
            None => OutputGradient {
                own: mem::take(&mut self.own[buffer]),
                start,
                stride: layout.strides[buffer],
                ..taken
            },
        }
    }

    /// Puts what was [taken out](ActivationGradients::take_out) back in its place.
    pub fn put_back(&mut self, taken: OutputGradient<'b>) {
        match taken.shared {
            Some(shared) => self.shared[taken.space] = shared,
            None if taken.width > 0 => self.own[taken.buffer] = taken.own,
            None => {}
        }
    }
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

/// The gradient of a stage's output, taken out of the others.
#[derive(Default)]
pub(in crate::cpu) struct OutputGradient<'a> {
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

impl OutputGradient<'_> {
    pub fn rows(&self) -> Rows<'_> {
        Rows {
            data: &self.shared.as_deref().unwrap_or(&self.own)[self.start..],
            stride: self.stride,
            width: self.width,
        }
    }

    pub fn rows_mut(&mut self) -> RowsMut<'_> {
        RowsMut {
            data: &mut self.shared.as_deref_mut().unwrap_or(&mut self.own)[self.start..],
            stride: self.stride,
            width: self.width,
        }
    }
}

/// The gradients of dense parameters, in a partial sum.
pub(in crate::cpu) struct ParamGradients<'a> {
    pub network: Network<'a>,
    pub partial: &'a mut [f32],
    /// Whether the stage overwrites or adds.
    pub accumulate: Accumulate,
}

impl ParamGradients<'_> {
    /// The place of a parameter's gradient.
    pub fn of(&mut self, param: usize) -> &mut [f32] {
        let len = self.network.plan.params()[param].len();
        &mut self.from(param)[..len]
    }

    /// The places of a linear layer's; the bias's lies right behind the weight's. Of no length where a step leaves them out.
    pub fn of_layer(&mut self, weight: usize, bias: Option<usize>) -> WeightGradient<'_> {
        let accumulate = self.accumulate;
        if self.partial.is_empty() {
            return WeightGradient {
                weight: &mut [],
                bias: &mut [],
                accumulate,
            };
        }
        let Some(bias) = bias else {
            return WeightGradient {
                weight: self.of(weight),
                bias: &mut [],
                accumulate,
            };
        };
        let offsets = self.network.dense_offsets;
        let len = |param: usize| self.network.plan.params()[param].len();
        let (before, after) = self.partial.split_at_mut(offsets[bias]);
        WeightGradient {
            weight: &mut before[offsets[weight]..][..len(weight)],
            bias: &mut after[..len(bias)],
            accumulate,
        }
    }

    /// The partial sum from the place of a parameter's gradient on.
    pub fn from(&mut self, param: usize) -> &mut [f32] {
        &mut self.partial[self.network.dense_offsets[param]..]
    }
}
