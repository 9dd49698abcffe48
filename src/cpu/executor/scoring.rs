//! Scores, without a step.

use alloc::vec::Vec;

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
        self.propagate_all();
        let tiles = out.len().div_ceil(self.tile_rows).max(1);
        let rows_each = tiles.div_ceil(MAX_SCORE_TASKS) * self.tile_rows;
        let mut tasks: [Option<(usize, &mut [f32])>; MAX_SCORE_TASKS] = [const { None }; MAX_SCORE_TASKS];
        for ((index, out), task) in out.chunks_mut(rows_each).enumerate().zip(&mut tasks) {
            *task = Some((index * rows_each, out));
        }
        let network = network!(self);
        let (tile_rows, proof) = (self.tile_rows, self.proof);
        self.pool.for_each(&mut self.scratch, &mut tasks, |scratch, task| {
            if let Some((first, out)) = task {
                dispatch!(proof, s => score_rows(s, network, source, *first, tile_rows, scratch, out));
            }
        });
    }

    /// The same of a batch on one thread, with the rows of an activation.
    pub(super) fn score_beside(&mut self, batch: &Batch, view: View, out: &mut [f32]) -> Vec<f32> {
        self.propagate_all();
        let (network, scratch, mut values) = (network!(self), &mut self.scratch[0], Vec::new());
        for (tile, out) in out.chunks_mut(self.tile_rows).enumerate() {
            let (source, first) = (Source::Batch(batch), tile * self.tile_rows);
            dispatch!(self.proof, s => score_rows(s, network, source, first, self.tile_rows, scratch, out));
            let tile = Part {
                source,
                samples: first..first + out.len(),
                noise: None,
            };
            let rows = scratch.activation(&self.layout, view);
            for row in 0..tile.rows(self.plan.space(view.buffer)).len() {
                values.extend_from_slice(rows.row(row));
            }
        }
        values
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

/// Scores the samples from `first` on.
fn score_rows<S: Simd>(
    s: S,
    network: Network<'_>,
    source: Source<'_>,
    first: usize,
    tile_rows: usize,
    scratch: &mut Scratch,
    out: &mut [f32],
) {
    for (tile, out) in out.chunks_mut(tile_rows).enumerate() {
        let start = first + tile * tile_rows;
        let samples = start..start + out.len();
        let tile = Part {
            source,
            samples,
            noise: None,
        };
        scratch.forward(s, network, &tile, 0..network.plan.stages().len());
        let logits = scratch.logits(network);
        for (r, out) in out.iter_mut().enumerate() {
            *out = logits.row(r)[0];
        }
    }
}
