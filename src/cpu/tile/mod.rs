//! One tile of rows through the whole plan, forward and backward, with its activations in cache.

mod gradients;
mod network;
mod op;
mod run;

use alloc::vec::Vec;
use core::mem;

use super::{
    aligned::AlignedVec,
    batch_norm::{self, BatchStatistics},
    linear::READ_AHEAD,
    rows::{Rows, RowsMut},
    simd::Simd,
    source::Part,
};
use crate::{
    plan::{Accumulate, Layout, MAX_SEQUENCES, Plan, Space, View},
    rng::Rng,
};
pub(super) use gradients::ParamGradients;
use gradients::{ActivationGradients, OutputGradient};
pub(super) use network::{Network, Values};
use op::TileStage;
pub(super) use op::{Memory, Normalised, Packing, TileOp, normalised, packings, tile_rows};

/// Spaces of a plan at most.
pub(super) const SPACES: usize = 1 + MAX_SEQUENCES;

/// What is added up over all tiles once a pass is through, before the next can begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sums {
    /// Nothing.
    None,
    /// Mean and variance of the input of this stage, by the place of its statistics.
    Moments { stage: usize, statistics: usize },
    /// The means that its backward pass needs.
    Gradients { stage: usize, statistics: usize },
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
    /// `Overwrite` for the first tile of a partial.
    pub accumulate: Accumulate,
}

/// What losses compare with, and by what they are divided.
#[derive(Clone, Copy)]
pub(super) struct Targets<'a> {
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
pub(super) struct StageGradients<'a, 'b> {
    /// How the gradient of each input is delivered.
    pub accumulate: &'a [Accumulate],
    pub output: OutputGradient<'b>,
    pub inputs: ActivationGradients<'a, 'b>,
    pub params: ParamGradients<'a>,
    pub targets: Targets<'a>,
    /// What a loss adds itself to, or an auxiliary one.
    pub loss: &'a mut f64,
    pub auxiliary: &'a mut f64,
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
            stages: plan.stages().iter().map(TileStage::new).collect(),
        }
    }

    /// The columns of an activation.
    pub fn activation(&self, layout: &Layout, view: View) -> Rows<'_> {
        rows_of(&self.activations[view.buffer], layout, view)
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

/// What a stage reads on a tile.
pub(super) struct Operands<'a> {
    pub network: Network<'a>,
    pub tile: &'a Part<'a>,
    activations: &'a [AlignedVec],
    /// The stage's index.
    stage: usize,
    /// That of its output; of a loss, the samples.
    pub space: Space,
    /// The tile's rows of it.
    pub rows: usize,
}

impl<'a> Operands<'a> {
    fn new(
        network: Network<'a>,
        tile: &'a Part<'a>,
        activations: &'a [AlignedVec],
        stage: usize,
        output: Option<View>,
    ) -> Self {
        let space = output.map_or(Space::Samples, |view| network.plan.space(view.buffer));
        Operands {
            network,
            tile,
            activations,
            stage,
            space,
            rows: tile.rows(space).len(),
        }
    }

    /// What a view reads.
    pub fn activation(&self, view: View) -> Rows<'a> {
        rows_of(&self.activations[view.buffer], self.network.layout, view)
    }

    /// Where the steps of each sample begin in `view`; nothing where it has a row a sample.
    pub fn offsets(&self, view: View) -> &'a [u32] {
        self.tile.offsets(self.network.plan.space(view.buffer))
    }

    /// What the stage draws from; nothing in use, where nothing is left out.
    pub fn noise(&self) -> Option<Rng> {
        self.tile.noise.map(|noise| noise.stream(self.stage as u32))
    }

    /// The batch's row that is the tile's first.
    pub fn first_row(&self) -> usize {
        self.tile.rows(self.space).start
    }

    /// The batch's statistics of the stage's input; nothing where the running ones stand in.
    pub fn of_batch(&self) -> Option<&'a BatchStatistics> {
        self.network.of_batch(self.stage)
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
