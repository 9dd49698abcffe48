//! What a stage reads on a tile.

use super::Network;
use crate::{
    cpu::{
        aligned::AlignedVec,
        batch_norm::BatchStatistics,
        rows::{Rows, RowsMut},
        source::Part,
    },
    plan::{Layout, MAX_SEQUENCES, Space, View},
    rng::Rng,
};

/// Spaces of a plan at most.
pub(in crate::cpu) const SPACES: usize = 1 + MAX_SEQUENCES;

/// What a stage reads on a tile.
pub(in crate::cpu) struct Operands<'a> {
    pub network: Network<'a>,
    pub tile: &'a Part<'a>,
    activations: &'a [AlignedVec],
    /// The stage's index.
    stage: usize,
    /// The place of its statistics of the batch, if it has some.
    statistics: usize,
    /// That of its output; of a loss, the samples.
    pub space: Space,
    /// The tile's rows of it.
    pub rows: usize,
}

impl<'a> Operands<'a> {
    pub(super) fn new(
        network: Network<'a>,
        tile: &'a Part<'a>,
        activations: &'a [AlignedVec],
        (stage, statistics): (usize, usize),
        output: Option<View>,
    ) -> Self {
        let space = output.map_or(Space::Samples, |view| network.plan.space(view.buffer));
        Operands {
            network,
            tile,
            activations,
            stage,
            statistics,
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
        self.network.statistics.get(self.statistics)
    }
}

pub(super) fn rows_of<'a>(buffer: &'a [f32], layout: &Layout, view: View) -> Rows<'a> {
    Rows {
        data: &buffer[view.start..],
        stride: layout.strides[view.buffer],
        width: view.width,
    }
}

pub(super) fn rows_mut<'a>(buffer: &'a mut [f32], layout: &Layout, view: View) -> RowsMut<'a> {
    RowsMut {
        data: &mut buffer[view.start..],
        stride: layout.strides[view.buffer],
        width: view.width,
    }
}
