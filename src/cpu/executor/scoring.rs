//! Scores, without a step.

use alloc::{vec, vec::Vec};
use core::ops::Range;

use super::{CpuExecutor, network};
use crate::{
    cpu::{
        catalogue::Catalogue,
        simd::{Simd, dispatch},
        source::{Part, Source},
        tile::{Network, Scratch},
    },
    data::Batch,
    plan::View,
};

/// Users that are scored with the catalogue together: a register tile's rows.
const SCORE_USERS: usize = 8;
/// Tasks that scoring is cut into at most.
const MAX_SCORE_TASKS: usize = 64;

impl CpuExecutor {
    /// Scores samples that have been checked.
    pub(super) fn score_source(&mut self, source: Source<'_>, out: &mut [f32]) {
        self.score_tasks(source, out, None);
    }

    /// The same of a batch, with the rows of an activation.
    pub(super) fn score_beside(&mut self, batch: &Batch, view: View, out: &mut [f32]) -> Vec<f32> {
        let source = Source::Batch(batch);
        let rows = self.rows_of(source, view, 0..out.len());
        let mut values = vec![0.0; rows * view.width];
        self.score_tasks(source, out, Some((view, &mut values)));
        values
    }

    /// Rows that some samples have in a view.
    fn rows_of(&self, source: Source<'_>, view: View, samples: Range<usize>) -> usize {
        scored_part(source, samples).rows(self.plan.space(view.buffer)).len()
    }

    /// Scores samples on all threads, and copies the rows of an activation where one is asked for.
    fn score_tasks(&mut self, source: Source<'_>, out: &mut [f32], beside: Option<(View, &mut [f32])>) {
        self.propagate_all();
        let tiles = out.len().div_ceil(self.tile_rows).max(1);
        let rows_each = tiles.div_ceil(MAX_SCORE_TASKS) * self.tile_rows;
        let mut tasks: [Option<ScoreTask<'_>>; MAX_SCORE_TASKS] = [const { None }; MAX_SCORE_TASKS];
        let (view, mut rest) = match beside {
            Some((view, values)) => (Some(view), values),
            None => (None, &mut [][..]),
        };
        for ((index, out), task) in out.chunks_mut(rows_each).enumerate().zip(&mut tasks) {
            let first = index * rows_each;
            let of_task = |view: View| self.rows_of(source, view, first..first + out.len()) * view.width;
            let (values, others) = core::mem::take(&mut rest).split_at_mut(view.map_or(0, of_task));
            rest = others;
            *task = Some(ScoreTask { first, out, values });
        }
        let network = network!(self);
        let (tile_rows, proof) = (self.tile_rows, self.proof);
        self.pool.for_each(&mut self.scratch, &mut tasks, |scratch, task| {
            if let Some(task) = task {
                dispatch!(proof, s => task.run(s, network, (source, view), tile_rows, scratch));
            }
        });
    }

    /// Scores users that have been checked with all items, of which there are `items`, where the plan is separable.
    pub(super) fn score_items(&mut self, users: &[u32], items: usize, out: &mut [f32]) {
        self.propagate_all();
        let Some(separable) = &self.separable else { return };
        let network = network!(self);
        let proof = self.proof;
        let catalogue = self
            .catalogue
            .get_or_insert_with(|| dispatch!(proof, s => Catalogue::new(s, separable.clone(), network)));
        // Several users share each load of the items' rows; a few users share out the items instead.
        let (users_each, items_each) = match users.len() {
            len if len >= SCORE_USERS * self.pool.threads() => (SCORE_USERS, items),
            _ => (
                1,
                items
                    .div_ceil(4 * self.pool.threads())
                    .next_multiple_of(Catalogue::ALIGN),
            ),
        };
        let mut tasks = Vec::new();
        for (users, out) in users.chunks(users_each).zip(out.chunks_mut(users_each * items)) {
            for (index, out) in out.chunks_mut(users_each * items_each).enumerate() {
                let first = index * items_each;
                tasks.push((users, first..(first + items_each).min(items), out));
            }
        }
        self.pool
            .for_each(&mut self.scratch, &mut tasks, |_, (users, range, out)| {
                dispatch!(proof, s => catalogue.score(s, network, users, range.clone(), out));
            });
    }
}

/// Samples that a thread scores.
struct ScoreTask<'a> {
    first: usize,
    out: &'a mut [f32],
    /// Where the rows of an activation go; nothing where none is asked for.
    values: &'a mut [f32],
}

impl ScoreTask<'_> {
    fn run<S: Simd>(
        &mut self,
        s: S,
        network: Network<'_>,
        (source, view): (Source<'_>, Option<View>),
        tile_rows: usize,
        scratch: &mut Scratch,
    ) {
        let mut values = &mut *self.values;
        for (tile, out) in self.out.chunks_mut(tile_rows).enumerate() {
            let start = self.first + tile * tile_rows;
            let tile = scored_part(source, start..start + out.len());
            scratch.forward(s, network, &tile, 0..network.plan.stages().len());
            let logits = scratch.logits(network);
            for (r, out) in out.iter_mut().enumerate() {
                *out = logits.row(r)[0];
            }
            if let Some(view) = view {
                let (from, rows) = (
                    scratch.activation(network.layout, view),
                    tile.rows(network.plan.space(view.buffer)).len(),
                );
                let (own, others) = core::mem::take(&mut values).split_at_mut(rows * view.width);
                values = others;
                for (r, to) in own.chunks_exact_mut(view.width).enumerate() {
                    to.copy_from_slice(from.row(r));
                }
            }
        }
    }
}

/// Samples to be scored.
fn scored_part(source: Source<'_>, samples: Range<usize>) -> Part<'_> {
    Part {
        source,
        samples,
        noise: None,
    }
}
