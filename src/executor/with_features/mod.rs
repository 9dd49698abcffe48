//! An executor whose plan has features of ids, for callers who have users and items: it fills the features in where it trains, and
//! scores by tables whose rows are composed.
//!
//! Two executors do the work. One trains the plan of [`Plan::with_features`], on batches whose features are filled in here, with ids
//! left out at random. The other runs the plan without features on tables whose rows are what the first one's look-ups would
//! give: once parameters have changed, they are composed anew before the first score. So the catalogue is searched, and everything
//! else is scored, as of any model of users and items, at the same cost, by kernels that know nothing of features.

mod parts;

use alloc::{boxed::Box, string::String, vec::Vec};

use super::{Compose, Executor, KeepRows, LossSum, Pending, RowRun, ScoreCatalogue, SearchCatalogue, StepTables};
use crate::{
    Result,
    checks::check_batch,
    data::{Batch, FeaturedBatch, vocabulary_of},
    plan::{L2, Optimizer, Plan, State},
};

/// What trains with features, and takes what an executor of any model of users and items takes.
pub(crate) struct WithFeatures {
    /// Trains.
    inner: Box<dyn Executor>,
    /// Scores. Its parameters are the first of the inner one's.
    composed: Box<dyn Executor>,
    /// The inner one's, with the columns of users and items alone.
    plan: Plan,
    rows: FeaturedBatch,
    /// The last batch with its features, whose memory is kept.
    batch: Batch,
    stale: Stale,
}

/// What of the composed parameters is to be composed anew before the next score.
enum Stale {
    All,
    /// Rows of tables: parameter and row.
    Rows(Vec<(usize, u32)>),
}

impl WithFeatures {
    /// In front of an executor of a plan with features and one of the same without, which has the rows that the former's make.
    pub fn new(inner: Box<dyn Executor>, composed: Box<dyn Executor>, rows: FeaturedBatch) -> Self {
        WithFeatures {
            plan: inner.plan().clone().seen_without_features(composed.plan()),
            inner,
            composed,
            rows,
            batch: Batch::default(),
            stale: Stale::Rows(Vec::new()),
        }
    }

    /// What scores, with rows of the present parameters.
    async fn refresh(&mut self) -> Result<&mut dyn Executor> {
        match core::mem::replace(&mut self.stale, Stale::All) {
            Stale::All => {
                let state = self.inner.state().await?;
                let composed = self.rows.compose(self.inner.plan(), self.composed.plan(), &state)?;
                self.composed.set_state(&composed).await?;
            }
            Stale::Rows(mut rows) => {
                rows.sort_unstable();
                rows.dedup();
                let mut composed = Vec::new();
                for (param, row) in rows {
                    self.compose_row(param, row, &mut composed).await?;
                    self.composed.write_rows(param, row as usize, &composed).await?;
                }
            }
        }
        self.stale = Stale::Rows(Vec::new());
        Ok(&mut *self.composed)
    }

    /// A row and those of its features, added up in the order that [`FeaturedBatch::compose`] has.
    async fn compose_row(&mut self, table: usize, row: u32, to: &mut Vec<f32>) -> Result<()> {
        let param = &self.inner.plan().params()[table];
        let of_features = FeaturedBatch::of_features(self.inner.plan(), param).zip(vocabulary_of(param));
        to.resize(param.width, 0.0);
        self.inner.read_rows(table, row as usize, to).await?;
        if let Some((features, vocabulary)) = of_features {
            let mut of_feature = alloc::vec![0.0; to.len()];
            for &feature in self.rows.of(vocabulary, row) {
                self.inner
                    .read_rows(features, feature as usize, &mut of_feature)
                    .await?;
                to.iter_mut().zip(&of_feature).for_each(|(x, y)| *x += y);
            }
        }
        Ok(())
    }

    /// Notes that rows of parameters have changed, or are about to.
    fn changed(&mut self, runs: &[RowRun]) {
        let Stale::Rows(stale) = &mut self.stale else { return };
        for &RowRun { param, first, rows } in runs {
            // Rows of features are parts of many, and dense parameters of all.
            let params = self.composed.plan().params();
            if params.get(param).is_none_or(|param| !param.is_table()) {
                self.stale = Stale::All;
                return;
            }
            stale.extend((first..first + rows).map(|row| (param, row as u32)));
        }
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
        self.rows.expand(batch, self.rows.left_out, &mut self.batch);
        self.stale = Stale::All;
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
        self.stale = Stale::All;
        self.inner.set_state(state)
    }

    fn read_rows<'a>(&'a mut self, param: usize, first: usize, out: &'a mut [f32]) -> Pending<'a, ()> {
        self.inner.read_rows(param, first, out)
    }

    fn write_rows<'a>(&'a mut self, param: usize, first: usize, values: &'a [f32]) -> Pending<'a, ()> {
        let width = self.plan.params().get(param).map_or(1, |param| param.width);
        let rows = values.len() / width.max(1);
        self.changed(&[RowRun { param, first, rows }]);
        self.inner.write_rows(param, first, values)
    }

    fn grow(&mut self, vocabulary: usize, rows: usize) -> Pending<'_, ()> {
        Pending::start(async move {
            let first = self.plan.rows(vocabulary);
            self.inner.grow(vocabulary, rows).await?;
            self.composed.grow(vocabulary, rows).await?;
            self.plan.set_rows(vocabulary, rows);
            for param in 0..self.composed.plan().params().len() {
                if vocabulary_of(&self.plan.params()[param]) == Some(vocabulary) {
                    let rows = rows.saturating_sub(first);
                    self.changed(&[RowRun { param, first, rows }]);
                }
            }
            Ok(())
        })
    }

    fn step_bytes(&self) -> u64 {
        self.inner.step_bytes().saturating_add(self.composed.step_bytes())
    }

    fn tables_alone(&mut self) -> Option<&mut dyn StepTables> {
        Some(self)
    }

    fn catalogue(&mut self) -> Option<&mut dyn ScoreCatalogue> {
        Some(self)
    }

    fn search(&mut self) -> Option<&mut dyn SearchCatalogue> {
        Some(self)
    }

    fn keeping(&mut self) -> Option<&mut dyn KeepRows> {
        match self.inner.keeping().is_some() {
            true => Some(self),
            false => None,
        }
    }

    fn compose(&mut self) -> Option<&mut dyn Compose> {
        Some(self)
    }
}
