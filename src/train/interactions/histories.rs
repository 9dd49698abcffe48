//! Models that know a user by the history: what it comes to, and the items' scores by that.
//!
//! Such a model has no rows of users. A history goes through its layers to one vector, and an item's score is the product of
//! that with the item's own row, so that all items cost one pass through the layers and a product of matrices.

use alloc::{vec, vec::Vec};

use super::{ITEM, Trainer, USER};
use crate::{
    Error, Result,
    data::{Batch, Split, push_history, sequence_columns as columns},
    eval::{Protocol, RankingReport, TopK, evaluate_with},
    executor::{Executor, attention_rollout, score_with},
    models::{Model, SasRec},
    plan::{ParamKind, Plan},
};

/// Histories that go through the layers together.
const TOGETHER: usize = 64;

/// A plan that scores a history's vector, exposed as `query`, against rows of a table.
#[derive(Clone, Copy, Debug)]
pub(in crate::train) struct ByHistory {
    /// Steps of a history at most.
    pub length: usize,
    /// The items' vocabulary, their table, and its width.
    pub vocabulary: usize,
    table: usize,
    width: usize,
    pub items: usize,
}

impl ByHistory {
    /// That of a model, if it knows users by their histories.
    pub fn of(model: &Model, plan: &Plan) -> Option<Self> {
        let Model::SasRec(SasRec { length, .. }) = model else {
            return None;
        };
        let table = plan.param("item.weight")?;
        let param = &plan.params()[table];
        let ParamKind::Table { vocabulary } = param.kind else {
            return None;
        };
        Some(ByHistory {
            length: *length,
            vocabulary,
            table,
            width: param.width,
            items: param.rows,
        })
    }

    /// What each history comes to, `[histories, width]`: zeros where it is empty.
    ///
    /// # Errors
    /// Those of [`Executor::score_batch`].
    pub fn vectors<'a>(
        self,
        executor: &mut dyn Executor,
        histories: impl Iterator<Item = &'a [u32]>,
    ) -> Result<Vec<f32>> {
        let (mut vectors, mut batch, mut logits) = (Vec::new(), Batch::default(), Vec::new());
        let mut histories = histories.peekable();
        while histories.peek().is_some() {
            self.fill(&mut batch, histories.by_ref().take(TOGETHER));
            logits.clear();
            logits.resize(batch.len(), 0.0);
            vectors.extend(score_with(executor, &batch, "query", &mut logits).wait()?);
        }
        Ok(vectors)
    }

    /// Makes a batch of histories that are to be scored.
    fn fill<'a>(self, batch: &mut Batch, histories: impl Iterator<Item = &'a [u32]>) {
        batch.reset(columns::LIST + 1, 2);
        for history in histories {
            push_history(batch, history, self.length);
            batch.labels_mut().push(1.0);
        }
        // What training alone reads must be there all the same: any ids do.
        let steps = batch.column(columns::SEEN).ids.len();
        batch.ids_mut(columns::NEXT).resize(steps, 0);
        batch.set_list([]);
    }

    /// How much is read of each of the last steps of a history, as many as the plan looks at.
    ///
    /// # Errors
    /// Those of [`attention_rollout`].
    pub fn read(self, executor: &mut dyn Executor, history: &[u32]) -> Result<Vec<f32>> {
        let (mut batch, mut logit) = (Batch::default(), [0.0]);
        self.fill(&mut batch, core::iter::once(history));
        attention_rollout(executor, &batch, &mut logit).wait()
    }

    /// The rows of all items, `[items, width]`.
    pub fn item_rows(self, executor: &mut dyn Executor) -> Result<Vec<f32>> {
        let mut rows = vec![0.0; self.items * self.width];
        executor.read_rows(self.table, 0, &mut rows).wait()?;
        Ok(rows)
    }

    /// The scores of an item's row by a vector.
    pub fn score(self, vector: &[f32], rows: &[f32], item: u32) -> f32 {
        let row = &rows[item as usize * self.width..][..self.width];
        vector
            .iter()
            .zip(row)
            .map(|(a, b)| f64::from(*a) * f64::from(*b))
            .sum::<f64>() as f32
    }

    /// Ranks the test items of a split, each by what its user has in the training part.
    ///
    /// # Errors
    /// Those of [`evaluate_with`].
    pub fn evaluate(
        self,
        executor: &mut dyn Executor,
        split: &Split,
        protocol: Protocol,
        k: usize,
    ) -> Result<RankingReport> {
        let mut tested: Vec<u32> = split.test.iter().map(|case| case.user).collect();
        tested.sort_unstable();
        tested.dedup();
        let vectors = self.vectors(executor, tested.iter().map(|&user| split.train.of_user(user)))?;
        let rows = self.item_rows(executor)?;
        evaluate_with(split, protocol, k, |users, items, out| {
            for ((user, &item), out) in users.iter().zip(items).zip(out) {
                if item as usize >= self.items {
                    return Err(no_item(item, self.items));
                }
                let vector = tested
                    .binary_search(user)
                    .map_or(&[][..], |at| &vectors[at * self.width..][..self.width]);
                *out = self.score(vector, &rows, item);
            }
            Ok(())
        })
    }
}

fn no_item(item: u32, items: usize) -> Error {
    Error::Id {
        column: "item".into(),
        id: item.into(),
        rows: items as u64,
    }
}

impl Trainer {
    /// What a user is known by: the items trained on and those absorbed since, earliest first.
    pub(super) fn own_history(&self, user: u32) -> Vec<u32> {
        [self.history.trained(user), self.history.absorbed(user)].concat()
    }

    /// The best items for a history, without those of `pairs.known`; none where it is empty, as nothing speaks for any.
    pub(super) fn best_for(&mut self, by: ByHistory, history: &[u32], k: usize) -> Result<Vec<(u32, f32)>> {
        if history.is_empty() {
            return Ok(Vec::new());
        }
        let executor = &mut *self.core.executor;
        let vector = by.vectors(executor, core::iter::once(history))?;
        let rows = by.item_rows(executor)?;
        let mut top = TopK::new(k);
        for item in 0..by.items as u32 {
            if self.pairs.known.binary_search(&item).is_err() {
                top.offer(item, by.score(&vector, &rows, item));
            }
        }
        Ok(top.take_sorted())
    }

    /// Scores of (user, item) pairs by what the users' histories come to.
    pub(super) fn score_by_history(&mut self, by: ByHistory, pairs: &[(u32, u32)]) -> Result<Vec<f32>> {
        let rows = by.item_rows(&mut *self.core.executor)?;
        let mut scores = Vec::with_capacity(pairs.len());
        for of_user in pairs.chunk_by(|a, b| a.0 == b.0) {
            self.check(USER, of_user[0].0)?;
            let history = self.own_history(of_user[0].0);
            let vector = by.vectors(&mut *self.core.executor, core::iter::once(&history[..]))?;
            for &(_, item) in of_user {
                self.check(ITEM, item)?;
                scores.push(by.score(&vector, &rows, item));
            }
        }
        Ok(scores)
    }
}
