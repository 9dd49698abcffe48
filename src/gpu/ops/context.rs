//! What operations make their dispatches of: views and parameters as the device has them.

use crate::{
    Error, Result,
    gpu::{
        memory::{graph::GraphBuffers, layout::Columns, tables::Shard, tensors::Tensors},
        program::{
            activations::{Buffers, STATISTICS},
            spaces::{PerSpace, SPACES},
        },
        shaders::side::Side,
        shapes::ViewShape,
    },
    plan::{Accumulate, Activation, Plan, View},
};

/// What stands for a parameter that is not there, as in `shaders/prelude.wgsl`.
pub(crate) const NONE: u32 = u32::MAX;

/// What stages run for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Train,
    Score,
}

/// A plan, and where everything of it lies.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    pub plan: &'a Plan,
    pub columns: &'a Columns,
    pub tensors: &'a Tensors,
    pub buffers: &'a Buffers,
    pub layers: &'a wgpu::Buffer,
    pub losses: &'a wgpu::Buffer,
    /// What tables are propagated along.
    pub graph: Option<&'a GraphBuffers>,
    /// Matrices of mixed precision.
    pub mixed: Option<Side>,
}

/// Columns of a buffer, bound.
pub(crate) type Operand<'a> = (ViewShape, &'a wgpu::Buffer);
/// Columns without a pad between them, and which they are.
pub(crate) type Piece<'a> = (Operand<'a>, View);

impl<'a> Context<'a> {
    pub fn activation(self, view: View) -> Operand<'a> {
        (self.view(view, false), &self.buffers.activations[view.buffer])
    }

    /// Gradients of gathered buffers are kept for the whole batch.
    pub fn gradient(self, view: View) -> Operand<'a> {
        let whole = self.columns.is_gathered(view.buffer);
        (self.view(view, whole), &self.buffers.gradients[view.buffer])
    }

    /// An activation in pieces that have no pad but at their end, each with its place among the view's columns.
    pub fn activation_pieces(self, view: View) -> Vec<Piece<'a>> {
        let pieces = self.columns.split(view);
        pieces.map(|piece| (self.activation(piece), piece)).collect()
    }

    /// The same of a gradient.
    pub fn gradient_pieces(self, view: View) -> Vec<Piece<'a>> {
        let pieces = self.columns.split(view);
        pieces.map(|piece| (self.gradient(piece), piece)).collect()
    }

    fn view(self, view: View, batch: bool) -> ViewShape {
        let range = self.columns.range(view);
        ViewShape {
            first: range.first,
            stride: self.columns.stride(view.buffer),
            width: range.width,
            space: 2 * self.columns.space(view.buffer) as u32 + u32::from(batch),
        }
    }

    /// The dense parameters.
    pub fn dense(self) -> &'a wgpu::Buffer {
        &self.tensors.dense.slots.value
    }

    /// The transposed weights, and the folded ones behind them.
    pub fn transposed(self) -> &'a wgpu::Buffer {
        &self.tensors.dense.transposed
    }

    /// vec4s of a slot of the dense gradients.
    pub fn trained(self) -> u32 {
        self.tensors.dense.placement.trained
    }

    /// Where a dense parameter begins.
    ///
    /// # Errors
    /// [`Error::Device`] of one that no operation trains or keeps.
    pub fn at(self, param: usize) -> Result<u32> {
        let place = self.tensors.dense.placement.at(param);
        place.ok_or_else(|| self.lacks("no place among the dense parameters", param))
    }

    /// Where a bias begins, or [`NONE`].
    ///
    /// # Errors
    /// As [`at`](Self::at).
    pub fn bias(self, bias: Option<usize>) -> Result<u32> {
        bias.map_or(Ok(NONE), |bias| self.at(bias))
    }

    /// The shards of a table.
    ///
    /// # Errors
    /// [`Error::Device`] of a parameter that is none.
    pub fn shards(self, table: usize) -> Result<&'a [Shard]> {
        match self.tensors.table(table) {
            Some(table) => Ok(&table.shards),
            None => Err(self.lacks("no rows to look up", table)),
        }
    }

    /// The buffer that a stage has asked for, by its place among those.
    ///
    /// # Errors
    /// [`Error::Device`] where it has not.
    pub fn scratch(self, stage: usize, place: usize) -> Result<View> {
        let found = self.columns.scratch(stage).get(place);
        found
            .copied()
            .ok_or_else(|| self.lacks_stage("such buffer of its own", stage))
    }

    /// Where the folded parts of a weight begin.
    ///
    /// # Errors
    /// [`Error::Device`] where the operation has not asked for them.
    pub fn folded(self, weight: usize) -> Result<u32> {
        let found = self.tensors.dense.placement.folded(weight);
        found.ok_or_else(|| self.lacks("no folded copy", weight))
    }

    /// Where there is a 1 for each column of a sigmoid's output; 0, which is not read, behind other activations.
    ///
    /// # Errors
    /// [`Error::Device`] where the operation has not named its sigmoid.
    pub fn ones(self, output: View, activation: Activation) -> Result<u32> {
        match (self.tensors.dense.placement.ones(output), activation) {
            (Some(at), _) => Ok(at),
            (None, Activation::Sigmoid) => {
                Err(Error::Device(format!("no ones are kept for the sigmoid in {output:?}")))
            }
            (None, _) => Ok(0),
        }
    }

    /// Where the statistics of a stage begin.
    ///
    /// # Errors
    /// [`Error::Device`] where the operation has not asked for them.
    pub fn statistics(self, stage: usize) -> Result<u32> {
        let mut begin = 0;
        for (of, width) in self.columns.statistics() {
            if of == stage {
                return Ok(begin);
            }
            begin += STATISTICS * width;
        }
        Err(self.lacks_stage("statistics", stage))
    }

    /// Which of the random streams a stage has.
    ///
    /// # Errors
    /// [`Error::Device`] where the operation has not asked for one.
    pub fn random_key(self, stage: usize) -> Result<u32> {
        let found = self.columns.random().position(|of| of as usize == stage);
        found
            .map(|key| key as u32)
            .ok_or_else(|| self.lacks_stage("random stream", stage))
    }

    fn lacks_stage(self, what: &str, stage: usize) -> Error {
        let name = self.plan.stages()[stage].name();
        Error::Device(format!("stage {stage}, {name}, has no {what} on a graphics device"))
    }

    fn lacks(self, what: &str, param: usize) -> Error {
        let name = &self.plan.params()[param].name;
        Error::Device(format!("{name} has {what} on a graphics device"))
    }
}

/// Dispatches of auxiliary losses in each space, of the first `stages` of a plan.
pub(crate) fn auxiliary_losses(columns: &Columns, stages: usize) -> PerSpace {
    let mut dispatches = [0; SPACES];
    for logits in columns.needs()[..stages]
        .iter()
        .flat_map(|needs| &needs.auxiliary_logits)
    {
        dispatches[columns.space(logits.buffer)] += 1;
    }
    dispatches
}

/// 1 where a shader adds to what is there.
pub(crate) fn is_added(accumulate: Accumulate) -> u32 {
    (accumulate == Accumulate::Add).into()
}
