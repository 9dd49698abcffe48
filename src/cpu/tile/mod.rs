//! One tile of rows through the whole plan, forward and backward, with its activations in cache.

mod gradients;
mod network;
mod op;
mod operands;
mod run;
mod stage;

use alloc::{format, vec, vec::Vec};
use core::mem;

use super::{aligned::AlignedVec, batch_norm, linear::READ_AHEAD, rows::Rows, simd::Simd, source::Part};
use crate::{
    Result,
    plan::{Accumulate, Layout, Plan, Space, View},
};
pub(super) use gradients::{ParamGradients, StageGradients, Targets};
pub(super) use network::{Network, Values};
pub(super) use op::{Memory, Normalised, Packing, TileOp};
use operands::rows_of;
pub(super) use operands::{Operands, SPACES};
use stage::TileStage;
pub(super) use stage::{normalised, over_lists, packings, tile_rows};

/// What is added up over all tiles once a pass is through, before the next can begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sums {
    /// Nothing.
    None,
    /// Mean and variance of the input of this stage, by the place of its statistics.
    Moments { stage: usize, statistics: usize },
    /// The means that its backward pass needs.
    Gradients { stage: usize, statistics: usize },
    /// The loss of this stage, over lists that reach across tiles, with the gradients of what it reads.
    Lists { stage: usize },
}

/// What a tile trains on.
pub(super) struct TrainTile<'a> {
    pub targets: Targets<'a>,
    /// The tile's rows of the batch-wide gradient of each space.
    pub row_gradients: [&'a mut [f32]; SPACES],
    /// The partial sum of the dense gradients.
    pub gradient: &'a mut [f32],
    /// The partial sum of the losses.
    pub loss: &'a mut f64,
    /// That of the auxiliary losses, unweighted, and as a mean over each batch's pairs.
    pub auxiliary: &'a mut f64,
    /// The partial sum of the gradients of a known list.
    pub list: &'a mut [f32],
    /// `Overwrite` for the first tile of a partial.
    pub accumulate: Accumulate,
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
    /// The plan's, with what they keep from forward to backward.
    stages: Vec<TileStage>,
    /// How many stages before each have statistics of the batch: the place of its own among them.
    statistics: Vec<usize>,
}

impl Scratch {
    /// Without room for activations yet: see [`make_room`](Scratch::make_room).
    pub fn new(plan: &Plan, layout: &Layout, work: usize) -> Self {
        let buffers = vec![AlignedVec::default(); layout.strides.len()];
        let mut before = 0;
        let place = |stage| {
            let place = before;
            before += usize::from(normalised(stage).is_some());
            place
        };
        let statistics = plan.stages().iter().map(place).collect();
        Scratch {
            gradients: buffers.clone(),
            activations: buffers,
            work: AlignedVec::zeros(work),
            sums: Vec::new(),
            stages: plan.stages().iter().map(TileStage::new).collect(),
            statistics,
        }
    }

    /// Makes room for tiles of so many samples, and for their gradients where they train. Memory is kept, so that this costs
    /// nothing once tiles are as large as they get; an app that scores and learns from ten samples at a time never has more.
    ///
    /// # Errors
    /// [`Error::Memory`](crate::Error::Memory) where there is not enough.
    pub fn make_room(&mut self, layout: &Layout, rows: usize, trains: bool) -> Result<()> {
        for (buffer, stride) in layout.strides.iter().enumerate() {
            let needed = stride * rows + READ_AHEAD;
            // What a gather fills has its gradient beside those of the whole batch.
            let has_gradient = trains && layout.row_gradients[buffer].is_none();
            let gradients = has_gradient.then_some(&mut self.gradients[buffer]);
            for values in gradients.into_iter().chain([&mut self.activations[buffer]]) {
                if values.len() < needed {
                    values.try_resize(needed, || format!("activations of {rows} samples"))?;
                }
            }
        }
        Ok(())
    }

    /// Memory that nothing is in between stages.
    pub fn work(&mut self) -> &mut AlignedVec {
        &mut self.work
    }

    /// The columns of an activation.
    pub fn activation(&self, layout: &Layout, view: View) -> Rows<'_> {
        rows_of(&self.activations[view.buffer], layout, view)
    }

    /// Makes room for the steps of the tile's sequences, whose number is known now. Memory is kept.
    fn reserve(&mut self, network: Network<'_>, tile: &Part<'_>) {
        for (buffer, stride) in network.layout.strides.iter().enumerate() {
            let space = network.plan.space(buffer);
            let is_known = network.known_list.is_some_and(|known| known.list.buffer == buffer);
            if !matches!(space, Space::Steps(_)) || is_known {
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

    /// Adds up what a pass leaves for the next; see [`sums`](Scratch::sums).
    pub fn add_up<S: Simd>(&mut self, s: S, network: Network<'_>, tile: &Part<'_>, then: Sums) {
        let Network { plan, layout, .. } = network;
        let (Sums::Moments { stage, .. } | Sums::Gradients { stage, .. }) = then else {
            return;
        };
        let Some(Normalised { input, output, .. }) = normalised(&plan.stages()[stage]) else {
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
}
