//! The parts of the executor beside its core.

use alloc::vec::Vec;

use super::{CpuExecutor, step::Moves};
use crate::{
    checks::check_scored,
    data::Batch,
    executor::{
        Activations, Best, Pending, Query, Rank, ScoreCatalogue, SearchCatalogue, StepTables, catalogue_items,
        catalogue_of, check_targets, exposed,
    },
    plan::{L2, Optimizer},
};

/// Where the logit falls into a user's and an item's part.
impl ScoreCatalogue for CpuExecutor {
    fn score_catalogue<'a>(&'a mut self, users: &'a [u32], out: &'a mut [f32]) -> Pending<'a, ()> {
        Pending::now(|| {
            self.ready()?;
            let items = catalogue_items(&self.plan, users, out)?;
            self.guarded(|executor| executor.score_items(users, items, out))
        })
    }
}

impl StepTables for CpuExecutor {
    fn step_tables(&mut self, batch: &Batch, optimizer: &Optimizer, l2: L2) -> Pending<'_, ()> {
        Pending::now(|| self.take_step(batch, optimizer, l2, &mut || (), Moves::Tables))
    }
}

/// Likewise.
impl SearchCatalogue for CpuExecutor {
    fn top_catalogue<'a>(&'a mut self, queries: &'a [Query<'a>], k: usize) -> Pending<'a, Vec<Best>> {
        Pending::now(|| {
            self.ready()?;
            let items = catalogue_of(&self.plan, queries.iter().map(|query| query.user))?;
            self.guarded(|executor| executor.top_items(queries, items, k))
        })
    }

    fn rank_catalogue<'a>(
        &'a mut self,
        queries: &'a [Query<'a>],
        targets: &'a [u32],
        items: usize,
    ) -> Pending<'a, Vec<Rank>> {
        Pending::now(|| {
            self.ready()?;
            catalogue_of(&self.plan, queries.iter().map(|query| query.user))?;
            let items = check_targets(&self.plan, queries, targets, items)?;
            self.guarded(|executor| executor.rank_items(queries, targets, items))
        })
    }
}

impl Activations for CpuExecutor {
    fn score_with<'a>(&'a mut self, batch: &'a Batch, name: &'a str, out: &'a mut [f32]) -> Pending<'a, Vec<f32>> {
        Pending::now(|| {
            self.ready()?;
            check_scored(&self.plan, batch, out.len())?;
            self.check_graph()?;
            let view = exposed(&self.plan, name)?;
            self.check_room(batch)?;
            self.make_room(out.len(), false)?;
            Ok(self.guarded(|executor| executor.score_beside(batch, view, out)))
        })
    }
}
