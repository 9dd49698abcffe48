//! Losses over lists: between the passes of a step, or before and behind its tiles.

use super::{CpuExecutor, network, training::training_part};
use crate::{
    cpu::{
        rows::Rows,
        table::Table,
        tile::{Network, SPACES, over_lists},
    },
    data::Batch,
    plan::{Space, View},
};

/// Whether any loss over lists is built: where none is, the compiler leaves out what is said here to be for them.
const BUILT: bool = cfg!(any(feature = "losses", feature = "sequences"));

impl CpuExecutor {
    /// Floats that a loss over lists works with, where all threads' tiles have so many rows of each space.
    pub(super) fn floats_of_lists(&self, batch: &Batch, rows: &[usize; SPACES]) -> usize {
        let threads = self.pool.threads();
        if let Some(known) = &self.known_list {
            let of_queries = rows[self.plan.space(known.loss.query.buffer).index()];
            let (partials, _) = self.partials_of(batch.len());
            return known.floats(&self.plan, batch, (partials, threads), of_queries);
        }
        let lists = self.plan.stages().last().and_then(over_lists);
        lists.map_or(0, |lists| lists.floats(&self.plan, batch, threads))
    }

    /// Computes the loss over lists, from the vectors that the tiles have.
    pub(super) fn run_lists(&mut self, batch: &Batch, stage: usize) {
        let (true, Some(loss)) = (BUILT, over_lists(&self.plan.stages()[stage])) else {
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

    /// Gets a known list ready for the tiles.
    pub(super) fn begin_list(&mut self, batch: &Batch) {
        let (true, Some(known)) = (BUILT, self.known_list) else {
            return;
        };
        let (partials, _) = self.partials_of(batch.len());
        let network = Network {
            by_place: true,
            ..network!(self)
        };
        let (ids, width) = (&batch.column(known.column).ids, known.list.width);
        let Table::Floats(table) = network.looked_up(known.table) else {
            return; // rows that a step reads are exact
        };
        let at = |_: View, row: usize| {
            let vectors = Rows {
                data: &table[ids[row] as usize * width..],
                stride: width,
                width,
            };
            (vectors, 1)
        };
        let (proof, pool) = (self.proof, &mut self.pool);
        self.blocks
            .begin(proof, pool, &known, (&self.plan, batch), partials, &at);
    }

    /// Delivers its gradients, once all tiles were there.
    pub(super) fn end_list(&mut self, batch: &Batch) {
        let (true, Some(known)) = (BUILT, self.known_list) else {
            return;
        };
        let (partials, _) = self.partials_of(batch.len());
        let space = self.plan.space(known.list.buffer).index();
        let Some(column) = self.layout.row_gradient(known.list) else {
            return; // a look-up has one
        };
        let (to, stride) = (
            &mut self.row_gradients[space][column..],
            self.layout.row_gradient_strides[space],
        );
        self.blocks.end(self.proof, &mut self.pool, partials, to, stride);
    }
}
