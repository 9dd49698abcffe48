//! The parts that the executor with features has beside its core.

use alloc::{boxed::Box, vec::Vec};
use core::any::Any;

use super::WithFeatures;
use crate::{
    Error, Result,
    checks::check_batch,
    data::{Batch, Features, vocabulary_of},
    executor::{
        Best, Compose, KeepRows, Pending, Query, Rank, RowRun, ScoreCatalogue, SearchCatalogue, StepTables, of_another,
        rank_catalogue, score_catalogue, step_tables, top_catalogue,
    },
    plan::{L2, Optimizer},
    shared::Arc,
};

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

impl Compose for WithFeatures {
    fn lend_features(&mut self, vocabulary: usize) {
        if let Some(of) = self.rows.features.get_mut(vocabulary) {
            *of = None;
        }
    }

    fn features_changed(&mut self, vocabulary: usize, row: u32, features: Arc<Features>) {
        if let Some(of) = self.rows.features.get_mut(vocabulary) {
            *of = Some(features);
        }
        let params = self.composed.plan().params();
        let tables = (0..params.len()).filter(|&param| vocabulary_of(&params[param]) == Some(vocabulary));
        let runs = tables
            .filter(|&param| (row as usize) < params[param].rows)
            .map(|param| RowRun {
                param,
                first: row as usize,
                rows: 1,
            });
        let runs: Vec<RowRun> = runs.collect();
        self.changed(&runs);
    }

    fn composed_rows<'a>(&'a mut self, table: usize, first: usize, out: &'a mut [f32]) -> Pending<'a, ()> {
        Pending::start(async move { self.refresh().await?.read_rows(table, first, out).await })
    }
}

/// In a step of tables alone no id is left out, and rows of features, which all who have them share, stay as they are, as dense
/// parameters do.
impl StepTables for WithFeatures {
    fn step_tables(&mut self, batch: &Batch, optimizer: &Optimizer, l2: L2) -> Pending<'_, ()> {
        if let Err(error) = check_batch(&self.plan, batch) {
            return Pending::ready(Err(error));
        }
        self.rows.expand(batch, 0.0, &mut self.batch);
        let (own, shared) = (self.own_rows(batch), self.shared_rows());
        self.changed(&own);
        let (inner, batch, optimizer) = (&mut *self.inner, &self.batch, *optimizer);
        Pending::start(async move {
            let kept = match inner.keeping() {
                Some(keeping) => keeping.keep(&shared),
                None => Pending::ready(Err(keeps_nothing())),
            };
            let kept = kept.await?;
            let stepped = step_tables(inner, batch, &optimizer, l2).await;
            let put_back = match inner.keeping() {
                Some(keeping) => keeping.put_back(&*kept),
                None => Pending::ready(Err(keeps_nothing())),
            };
            put_back.await?;
            stepped
        })
    }
}

fn keeps_nothing() -> Error {
    Error::Device("it keeps no copies of rows, which those of features go back to".into())
}

impl WithFeatures {
    /// The rows of its own that a batch of users and items picks.
    fn own_rows(&self, batch: &Batch) -> Vec<RowRun> {
        let mut runs = Vec::new();
        for (param, of) in self.composed.plan().params().iter().enumerate() {
            let columns = self.plan.columns().iter().enumerate();
            let columns = columns.filter(|(_, column)| vocabulary_of(of) == Some(column.vocabulary));
            let ids = columns.flat_map(|(column, _)| &batch.column(column).ids);
            runs.extend(ids.map(|&id| RowRun {
                param,
                first: id as usize,
                rows: 1,
            }));
        }
        runs
    }

    /// The rows of features that the last batch picks, once each, and dense parameters where the executor would move them.
    fn shared_rows(&mut self) -> Vec<RowRun> {
        let moves_dense = self.inner.tables_alone().is_none();
        let plan = self.inner.plan();
        let mut runs = Vec::new();
        for (param, of) in plan.params().iter().enumerate() {
            match vocabulary_of(of) {
                None if moves_dense => runs.push(RowRun {
                    param,
                    first: 0,
                    rows: of.rows,
                }),
                None => {}
                Some(vocabulary) => {
                    let featured = plan.featured().iter().map(|featured| featured.features);
                    let columns = featured.filter(|&column| plan.all_columns()[column].vocabulary == vocabulary);
                    let segments = columns.flat_map(|column| &self.batch.column(column).segments);
                    let mut rows: Vec<usize> = segments.map(|segment| segment.row as usize).collect();
                    rows.sort_unstable();
                    rows.dedup();
                    runs.extend(rows.into_iter().map(|first| RowRun { param, first, rows: 1 }));
                }
            }
        }
        runs
    }
}

/// Copies of the inner executor's rows.
struct Copies {
    runs: Vec<RowRun>,
    of_inner: Box<dyn Any + Send>,
}

fn copies_of(kept: &(dyn Any + Send)) -> Result<&Copies> {
    kept.downcast_ref().ok_or_else(of_another)
}

impl KeepRows for WithFeatures {
    fn keep(&mut self, runs: &[RowRun]) -> Pending<'_, Box<dyn Any + Send>> {
        let Some(keeping) = self.inner.keeping() else {
            return Pending::ready(Err(of_another()));
        };
        let (of_inner, runs) = (keeping.keep(runs), runs.to_vec());
        Pending::start(async move {
            let of_inner = of_inner.await?;
            Ok(Box::new(Copies { runs, of_inner }) as Box<dyn Any + Send>)
        })
    }

    fn put_back(&mut self, kept: &(dyn Any + Send)) -> Pending<'_, ()> {
        let copies = match copies_of(kept) {
            Ok(copies) => copies,
            Err(error) => return Pending::ready(Err(error)),
        };
        self.changed(&copies.runs);
        match self.inner.keeping() {
            Some(keeping) => keeping.put_back(&*copies.of_inner),
            None => Pending::ready(Err(of_another())),
        }
    }

    fn hold_back(&mut self, kept: &(dyn Any + Send), shares: &[f32]) -> Pending<'_, ()> {
        let copies = match copies_of(kept) {
            Ok(copies) => copies,
            Err(error) => return Pending::ready(Err(error)),
        };
        self.changed(&copies.runs);
        match self.inner.keeping() {
            Some(keeping) => keeping.hold_back(&*copies.of_inner, shares),
            None => Pending::ready(Err(of_another())),
        }
    }
}
