//! One tile of rows through the whole plan, forward and backward, with its activations in cache.

mod backward;
mod forward;
mod gradients;
mod network;

use alloc::vec::Vec;
use core::mem;

use super::{
    aligned::AlignedVec,
    batch_norm,
    dropout::Mask,
    gru,
    linear::READ_AHEAD,
    prepare::Sums,
    rows::{Rows, RowsMut},
    simd::Simd,
    source::Part,
};
use crate::{
    ops,
    plan::{Accumulate, Layout, MAX_SEQUENCES, Plan, Space, Stage, View},
    rng::Rng,
};
pub(super) use network::{Network, Values};

/// Spaces of a plan at most.
pub(super) const SPACES: usize = 1 + MAX_SEQUENCES;

/// What a tile trains on.
pub(super) struct TrainTile<'a> {
    pub labels: &'a [f32],
    /// One a sample of the tile, or none.
    pub weights: &'a [f32],
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
        let Stage::BatchNorm(ops::BatchNorm { input, output, .. }) = plan.stages()[stage] else {
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
#[derive(Clone, Copy)]
struct Operands<'a> {
    network: Network<'a>,
    tile: &'a Part<'a>,
    activations: &'a [AlignedVec],
    /// The stage's index.
    stage: usize,
    /// That of its output; of a loss, the samples.
    space: Space,
    /// The tile's rows of it.
    rows: usize,
}

impl<'a> Operands<'a> {
    fn new(network: Network<'a>, tile: &'a Part<'a>, activations: &'a [AlignedVec], stage: usize) -> Self {
        let Network { plan, .. } = network;
        let output = plan.stages()[stage].output();
        let space = output.map_or(Space::Samples, |view| plan.space(view.buffer));
        Operands {
            network,
            tile,
            activations,
            stage,
            space,
            rows: tile.rows(space).len(),
        }
    }

    fn activation(&self, view: View) -> Rows<'a> {
        rows_of(&self.activations[view.buffer], self.network.layout, view)
    }

    /// Where the steps of each sample begin in `view`; nothing where it has a row a sample.
    fn offsets(&self, view: View) -> &'a [u32] {
        self.tile.offsets(self.network.plan.space(view.buffer))
    }

    /// Input and scores of a recurrent layer.
    fn gru_inputs(&self, inputs: &[View]) -> (Rows<'a>, Option<Rows<'a>>) {
        let scores = inputs.get(1).map(|&view| self.activation(view));
        (self.activation(inputs[0]), scores)
    }

    /// The mask of a dropout stage; one that keeps everything in use.
    fn mask(&self, rate: f32) -> Mask {
        match self.tile.noise {
            Some(noise) => Mask {
                rng: noise.stream(self.stage as u32),
                rate,
                first_row: self.tile.rows(self.space).start,
            },
            None => Mask {
                rng: Rng::default(),
                rate: 0.0,
                first_row: 0,
            },
        }
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
