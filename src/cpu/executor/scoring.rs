//! Scores, without a step.

use alloc::{vec, vec::Vec};
use core::ops::Range;

use super::{CpuExecutor, network};
use crate::{
    Result,
    cpu::{
        catalogue::{Catalogue, ItemPanels, Scorer, rank, top},
        simd::{Simd, dispatch},
        source::{Part, Source},
        tile::{Network, Scratch},
    },
    data::Batch,
    executor::{Best, Query, Rank},
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
        let samples = out.len();
        let tiles = samples.div_ceil(self.tile_rows).max(1);
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
        let tasks = &mut tasks[..samples.div_ceil(rows_each)];
        self.pool.for_each(&mut self.scratch, tasks, |scratch, task| {
            if let Some(task) = task {
                dispatch!(proof, s => task.run(s, network, (source, view), tile_rows, scratch));
            }
        });
    }

    /// Computes items' parts of all logits, where the plan is separable and they are not there.
    ///
    /// # Errors
    /// [`Error::Memory`](crate::Error::Memory) where there is no room for them; where a graph is missing.
    fn need_catalogue(&mut self) -> Result<()> {
        self.check_graph()?;
        self.propagate_all();
        if let (Some(separable), None) = (&self.separable, &self.catalogue) {
            let network = network!(self);
            self.catalogue = Some(dispatch!(self.proof, s => Catalogue::new(s, separable.clone(), network))?);
        }
        Ok(())
    }

    /// Scores users that have been checked with all items, of which there are `items`, where the plan is separable.
    ///
    /// # Errors
    /// [`Error::Memory`](crate::Error::Memory) where there is no room for the items' parts.
    pub(super) fn score_items(&mut self, users: &[u32], items: usize, out: &mut [f32]) -> Result<()> {
        self.need_catalogue()?;
        let Some(catalogue) = &self.catalogue else {
            return Ok(());
        };
        let (network, proof) = (network!(self), self.proof);
        // Several users share each load of the items' rows; a few users share out the items instead.
        let (users_each, items_each) = match users.len() {
            len if len >= SCORE_USERS * self.pool.threads() => (SCORE_USERS, items),
            _ => (
                1,
                items
                    .div_ceil(4 * self.pool.threads())
                    .next_multiple_of(ItemPanels::ALIGN),
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
                dispatch!(proof, s => {
                    let mut scorer = catalogue.scorer(s, network, users.iter().copied());
                    scorer.score(0..users.len(), range.clone(), out);
                });
            });
        Ok(())
    }

    /// The best items of queries that have been checked, where the plan is separable.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) where a logit is NaN, and those of [`score_items`](Self::score_items).
    pub(super) fn top_items(&mut self, queries: &[Query<'_>], items: usize, k: usize) -> Result<Vec<Best>> {
        self.need_catalogue()?;
        let Some(catalogue) = &self.catalogue else {
            return Ok(Vec::new());
        };
        let network = network!(self);
        dispatch!(self.proof, s => top(s, &mut self.pool, queries, (items, k), |queries| {
            catalogue.scorer(s, network, queries.iter().map(|query| query.user))
        }))
    }

    /// The ranks of targets that have been checked among the first `items` items, where the plan is separable.
    ///
    /// # Errors
    /// Those of [`top_items`](Self::top_items).
    pub(super) fn rank_items(&mut self, queries: &[Query<'_>], targets: &[u32], items: usize) -> Result<Vec<Rank>> {
        self.need_catalogue()?;
        let Some(catalogue) = &self.catalogue else {
            return Ok(Vec::new());
        };
        let network = network!(self);
        dispatch!(self.proof, s => rank(s, &mut self.pool, queries, targets, items, |queries| {
            catalogue.scorer(s, network, queries.iter().map(|query| query.user))
        }))
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
