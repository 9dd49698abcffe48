//! The parts of the executor beside its core.

use crate::{
    checks::check_scored,
    data::{Batch, Sampler},
    executor::{
        Activations, Best, DrawBatches, Pending, Profile, Query, Rank, ScoreCatalogue, SearchCatalogue, StageTime,
        check_targets, exposed, rank_by_scores, top_by_scores,
    },
    gpu::{executor::GpuExecutor, program::profile::Timer},
    plan::{L2, Optimizer},
};

impl DrawBatches for GpuExecutor {
    fn keep_sampler<'a>(&'a mut self, sampler: &'a Sampler, batch_size: usize) -> Pending<'a, bool> {
        Pending::start(async move {
            self.ready()?;
            self.keep(sampler, batch_size).await
        })
    }

    fn step_drawn(&mut self, epoch: u32, start: u64, count: usize, optimizer: &Optimizer, l2: L2) -> Pending<'_, u64> {
        let trained = self.ready();
        let trained = trained.and_then(|()| self.train_drawn((epoch, start), count, optimizer, l2, None));
        self.enqueued(trained)
    }
}

impl ScoreCatalogue for GpuExecutor {
    fn score_catalogue<'a>(&'a mut self, users: &'a [u32], out: &'a mut [f32]) -> Pending<'a, ()> {
        Pending::start(self.score_pairs(users, out))
    }
}

impl SearchCatalogue for GpuExecutor {
    fn top_catalogue<'a>(&'a mut self, queries: &'a [Query<'a>], k: usize) -> Pending<'a, Vec<Best>> {
        Pending::start(async move {
            self.ready()?;
            match self.find_best(queries, k).await? {
                Some(best) => Ok(best),
                None => top_by_scores(self, queries, k).await,
            }
        })
    }

    fn rank_catalogue<'a>(
        &'a mut self,
        queries: &'a [Query<'a>],
        targets: &'a [u32],
        items: usize,
    ) -> Pending<'a, Vec<Rank>> {
        Pending::start(async move {
            self.ready()?;
            let items = check_targets(&self.plan, queries, targets, items)?;
            match self.find_ranks(queries, targets, items).await? {
                Some(ranks) => Ok(ranks),
                None => rank_by_scores(self, queries, targets, items).await,
            }
        })
    }
}

impl Profile for GpuExecutor {
    fn profile(&mut self, batch: &Batch, optimizer: &Optimizer, l2: L2) -> Pending<'_, Vec<StageTime>> {
        let timed = self.ready().and_then(|()| {
            let mut timer = Timer::new(&self.gpu)?;
            self.train(batch, optimizer, l2, Some(&mut timer))?;
            Ok(timer)
        });
        Pending::start(async move { timed?.times(&self.gpu, &mut self.readback).await })
    }

    fn profile_drawn(
        &mut self,
        epoch: u32,
        start: u64,
        count: usize,
        optimizer: &Optimizer,
        l2: L2,
    ) -> Pending<'_, Vec<StageTime>> {
        let timed = self.ready().and_then(|()| {
            let mut timer = Timer::new(&self.gpu)?;
            self.train_drawn((epoch, start), count, optimizer, l2, Some(&mut timer))?;
            Ok(timer)
        });
        Pending::start(async move { timed?.times(&self.gpu, &mut self.readback).await })
    }
}

impl Activations for GpuExecutor {
    fn score_with<'a>(&'a mut self, batch: &'a Batch, name: &'a str, out: &'a mut [f32]) -> Pending<'a, Vec<f32>> {
        Pending::start(async move {
            self.ready()?;
            let view = exposed(&self.plan, name)?;
            check_scored(&self.plan, batch, out.len())?;
            let mut values = Vec::new();
            self.score_samples(batch, out, Some((view, &mut values))).await?;
            Ok(values)
        })
    }
}
