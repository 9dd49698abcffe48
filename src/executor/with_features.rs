//! An executor whose plan has features of ids, for callers who have users and items: it fills the features in where it trains, and
//! scores by tables whose rows are composed.
//!
//! Two executors do the work. One trains the plan of [`Plan::with_features`], on batches whose features are filled in here, with ids
//! left out at random. The other runs the plan without features on tables whose rows are what the first one's look-ups would
//! give: once parameters have changed, they are composed anew before the first score. So the catalogue is searched, and everything
//! else is scored, as of any model of users and items, at the same cost, by kernels that know nothing of features.

use alloc::{boxed::Box, string::String, vec::Vec};

use super::{Best, Executor, LossSum, Pending, Query, Rank, ScoreCatalogue, SearchCatalogue};
use crate::{
    Result,
    checks::check_batch,
    data::{Batch, FeaturedBatch},
    executor::{rank_catalogue, score_catalogue, top_catalogue},
    plan::{L2, Optimizer, Plan, State},
};

/// What trains with features, and takes what an executor of any model of users and items takes.
pub(crate) struct WithFeatures {
    /// Trains.
    inner: Box<dyn Executor>,
    /// Scores.
    composed: Box<dyn Executor>,
    /// The inner one's, with the columns of users and items alone.
    plan: Plan,
    rows: FeaturedBatch,
    /// The last batch with its features, whose memory is kept.
    batch: Batch,
    /// Whether the composed rows are those of the present parameters.
    is_fresh: bool,
}

impl WithFeatures {
    /// In front of an executor of a plan with features and one of the same without.
    pub fn new(inner: Box<dyn Executor>, composed: Box<dyn Executor>, rows: FeaturedBatch) -> Self {
        WithFeatures {
            plan: inner.plan().clone().as_without_features(composed.plan()),
            inner,
            composed,
            rows,
            batch: Batch::default(),
            is_fresh: false,
        }
    }

    /// Composes rows anew, if parameters have changed.
    async fn refresh(&mut self) -> Result<&mut dyn Executor> {
        if !self.is_fresh {
            let state = self.inner.state().await?;
            let composed = self.rows.compose(self.inner.plan(), self.composed.plan(), &state)?;
            self.composed.set_state(&composed).await?;
            self.is_fresh = true;
        }
        Ok(&mut *self.composed)
    }
}

impl Executor for WithFeatures {
    fn plan(&self) -> &Plan {
        &self.plan
    }

    fn device(&self) -> String {
        self.inner.device()
    }

    fn step(
        &mut self,
        batch: &Batch,
        optimizer: &Optimizer,
        l2: L2,
        prefetch: &mut (dyn FnMut() + Send),
    ) -> Pending<'_, ()> {
        if let Err(error) = check_batch(&self.plan, batch) {
            return Pending::ready(Err(error));
        }
        self.rows.expand(batch, &mut self.batch);
        self.is_fresh = false;
        self.inner.step(&self.batch, optimizer, l2, prefetch)
    }

    fn poll(&mut self) -> Result<bool> {
        self.inner.poll()
    }

    fn take_loss(&mut self) -> Pending<'_, LossSum> {
        self.inner.take_loss()
    }

    fn score<'a>(&'a mut self, columns: &'a [&'a [u32]], out: &'a mut [f32]) -> Pending<'a, ()> {
        Pending::start(async move { self.refresh().await?.score(columns, out).await })
    }

    fn score_batch<'a>(&'a mut self, batch: &'a Batch, out: &'a mut [f32]) -> Pending<'a, ()> {
        Pending::start(async move { self.refresh().await?.score_batch(batch, out).await })
    }

    fn state(&mut self) -> Pending<'_, State> {
        self.inner.state()
    }

    fn set_state<'a>(&'a mut self, state: &'a State) -> Pending<'a, ()> {
        self.is_fresh = false;
        self.inner.set_state(state)
    }

    fn read_rows<'a>(&'a mut self, param: usize, first: usize, out: &'a mut [f32]) -> Pending<'a, ()> {
        self.inner.read_rows(param, first, out)
    }

    fn write_rows<'a>(&'a mut self, param: usize, first: usize, values: &'a [f32]) -> Pending<'a, ()> {
        self.is_fresh = false;
        self.inner.write_rows(param, first, values)
    }

    fn grow(&mut self, vocabulary: usize, rows: usize) -> Pending<'_, ()> {
        Pending::start(async move {
            self.inner.grow(vocabulary, rows).await?;
            self.composed.grow(vocabulary, rows).await?;
            self.is_fresh = false;
            self.plan.set_rows(vocabulary, rows);
            Ok(())
        })
    }

    fn catalogue(&mut self) -> Option<&mut dyn ScoreCatalogue> {
        Some(self)
    }

    fn search(&mut self) -> Option<&mut dyn SearchCatalogue> {
        Some(self)
    }
}

impl ScoreCatalogue for WithFeatures {
    fn score_catalogue<'a>(&'a mut self, users: &'a [u32], out: &'a mut [f32]) -> Pending<'a, ()> {
        Pending::start(async move { score_catalogue(self.refresh().await?, users, out).await })
    }
}

impl SearchCatalogue for WithFeatures {
    fn top_catalogue<'a>(&'a mut self, queries: &'a [Query<'a>], k: usize) -> Pending<'a, Vec<Best>> {
        Pending::start(async move { top_catalogue(self.refresh().await?, queries, k).await })
    }

    fn rank_catalogue<'a>(
        &'a mut self,
        queries: &'a [Query<'a>],
        targets: &'a [u32],
        items: usize,
    ) -> Pending<'a, Vec<Rank>> {
        Pending::start(async move { rank_catalogue(self.refresh().await?, queries, targets, items).await })
    }
}
