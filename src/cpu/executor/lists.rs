//! Losses over lists, between the passes of a step.

use super::{CpuExecutor, training::training_part};
use crate::{
    cpu::tile::over_lists,
    data::Batch,
    plan::{Space, View},
};

impl CpuExecutor {
    /// Computes the loss over lists, from the vectors that the tiles have.
    pub(super) fn run_lists(&mut self, batch: &Batch, stage: usize) {
        let Some(loss) = over_lists(&self.plan.stages()[stage]) else {
            return;
        };
        let (plan, layout, tile_rows, tiles) = (&self.plan, &self.layout, self.tile_rows, &self.tiles);
        let at = |view: View, row: usize| {
            let space = plan.space(view.buffer);
            let sample = match space {
                Space::Samples | Space::Nodes => row, // no plan has such vectors of nodes
                Space::Steps(sequence) => batch.offsets(sequence).partition_point(|&end| end as usize <= row) - 1,
            };
            let (tile, first) = (sample / tile_rows, sample / tile_rows * tile_rows);
            let rows = training_part(batch, first..(first + tile_rows).min(batch.len())).rows(space);
            (
                tiles[tile].activation(layout, view).from_row(row - rows.start),
                rows.end - row,
            )
        };
        let sum = self.blocks.run(self.proof, &mut self.pool, &loss, (plan, batch), &at);
        let rows = training_part(batch, 0..batch.len())
            .rows(plan.space(loss.query.buffer))
            .len();
        // A mean over rows, which counts for every sample.
        self.loss.sum += match rows == batch.len() {
            true => sum,
            false => sum / rows.max(1) as f64 * batch.len() as f64,
        };
    }
}
