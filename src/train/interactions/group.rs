//! The steps on one group of new interactions.

use alloc::vec::Vec;

use super::{AbsorbConfig, ITEM, Trainer, USER};
use crate::{
    Error, Result,
    data::{Asks, Batch, neighbour_columns, push_related, push_typed},
    executor::{KeptRows, RowRun, hold_back, keep_rows, put_back, step_tables},
    models::Draw,
    plan::{L2, Optimizer, Plan},
    train::{
        draws::{Draws, absorb_rng},
        rows,
    },
};

/// Draws before a negative is given up, by users who have nearly everything.
const ATTEMPTS: u32 = 64;

impl Trainer {
    /// The bounded number of steps on one group.
    pub(super) fn learn(&mut self, group: &[(u32, u32)], config: &AbsorbConfig) -> Result<u64> {
        let counter = self.core.progress.absorbed;
        self.core.progress.absorbed = counter.saturating_add(1);
        let rng = absorb_rng(self.config.seed, counter);
        // All batches are drawn first, so that the rows they touch are known and can be put back.
        let mut batches = Vec::new();
        let mut draws = Draws::new(rng);
        for _ in 0..config.steps {
            batches.push(self.draw_batch(group, config, &mut draws)?);
        }
        let touched = touched_rows(self.plan(), &batches);
        let mut shared = self.known_rows(&batches);
        let executor = &mut *self.core.executor;
        shared.extend(rows::dense_rows(executor));
        let touched = keep_rows(executor, touched)?;
        let shared = keep_rows(executor, shared)?;
        let result = self.learn_batches(batches, config, &shared);
        if result.is_err() {
            put_back(&mut *self.core.executor, &shared)?;
            put_back(&mut *self.core.executor, &touched)?;
        }
        result
    }

    /// The rows that stand for what is known of the batches' items, which all users share, as they do dense parameters.
    fn known_rows(&self, batches: &[Batch]) -> Vec<RowRun> {
        let mut known = Vec::new();
        let Some(knowledge) = &self.knowledge else {
            return known;
        };
        let items = batches.iter().flat_map(|batch| &batch.column(ITEM).ids);
        let (entities, relations): (Vec<u32>, Vec<u32>) =
            items.flat_map(|&item| knowledge.of_item(item)).copied().unzip();
        for (column, mut ids) in [
            (neighbour_columns::ENTITY, entities),
            (neighbour_columns::RELATION, relations),
        ] {
            ids.sort_unstable();
            ids.dedup();
            // These columns have vocabularies of their own, each with the column's number.
            let ids = ids.into_iter().map(|id| (id, ()));
            known.extend(rows::table_rows(self.plan(), column, ids).0);
        }
        known
    }

    /// Goes through the batches, which are not sorted yet: what that takes is there for one at a time.
    fn learn_batches(&mut self, batches: Vec<Batch>, config: &AbsorbConfig, shared: &KeptRows) -> Result<u64> {
        let steps = batches.len() as u64;
        for mut batch in batches {
            batch.sort();
            let batch = &batch;
            // A step divides by the batch; the row that most samples share is to move by its own mean gradient.
            let [users, items] = [USER, ITEM].map(|side| columns_of(self.plan(), side));
            let columns = users.iter().chain(&items);
            let most = columns.map(|&column| largest_segment(batch, column)).max().unwrap_or(0);
            let share = batch.len() as f32 / most.max(1) as f32;
            let learning_rate = config.learning_rate * share;
            let optimizer = Optimizer::Sgd { learning_rate };
            let mut items: Vec<u32> = items
                .iter()
                .flat_map(|&column| batch.column(column).segments.iter().map(|segment| segment.row))
                .collect();
            items.sort_unstable();
            items.dedup();
            let held = items.into_iter().map(|item| (item, item_share(&self.support, item)));
            let held = held.filter(|&(_, share)| share < 1.0);
            let executor = &mut *self.core.executor;
            let (held, shares) = rows::table_rows(executor.plan(), ITEM, held);
            let held = keep_rows(executor, held)?;
            step_tables(executor, batch, &optimizer, L2::default()).wait()?;
            put_back(executor, shared)?;
            hold_back(executor, &held, &shares)?;
            self.pairs.users.clone_from(&batch.column(USER).ids);
            self.pairs.items.clone_from(&batch.column(ITEM).ids);
        }
        let loss = self.core.executor.take_loss().wait()?;
        // The last step's result shows in no loss.
        let mut finite = loss.sum.is_finite();
        if steps > 0 {
            self.pairs.scores.resize(self.pairs.users.len(), 0.0);
            let columns = [&self.pairs.users[..], &self.pairs.items[..]];
            self.core.executor.score(&columns, &mut self.pairs.scores).wait()?;
            finite &= self.pairs.scores.iter().all(|score| score.is_finite());
        }
        if !finite {
            return Err(Error::Diverged {
                step: self.core.progress.step,
                loss: loss.mean(),
            });
        }
        Ok(steps)
    }

    /// The group's interactions and some older ones of its users, each with negatives.
    fn draw_batch(&self, group: &[(u32, u32)], config: &AbsorbConfig, draws: &mut Draws) -> Result<Batch> {
        let draw = self.config.loss.draw();
        let pairwise = draw == Draw::Pairs;
        let is_listed = matches!(draw, Draw::Listed { .. });
        let is_related = self.config.loss.is_related();
        let is_typed = pairwise && self.plan().has_heads();
        let columns = self.plan().columns().len();
        let (mut batch, mut list) = (Batch::new(columns, 0), Vec::new());
        match is_listed {
            true => batch.reset_with_list(columns),
            false => batch.set_negatives(2..2 + usize::from(pairwise)),
        }
        let items = u32::try_from(self.items()).unwrap_or(u32::MAX);
        for &(user, item) in group {
            let (trained, absorbed) = (self.history.trained(user), self.history.absorbed(user));
            let older = (trained.len() + absorbed.len()) as u32;
            for replay in 0..=config.replay {
                let mut positive = item;
                if replay > 0 {
                    // A new user has nothing older than the new item itself: nothing to go through again.
                    let at = draws.below(older.max(1)) as usize;
                    let picked = trained.get(at).or_else(|| absorbed.get(at.wrapping_sub(trained.len())));
                    match picked {
                        Some(&picked) if picked != item => positive = picked,
                        _ => continue,
                    }
                }
                let at = batch.len();
                match pairwise {
                    true => {}
                    false if is_related => push_related(&mut batch, [user, positive, positive], false),
                    false => batch.push(&[user, positive], 1.0),
                }
                for _ in 0..config.negatives {
                    let unknown = |&item: &u32| !self.history.contains(user, item);
                    if let Some(negative) = (0..ATTEMPTS).map(|_| draws.below(items)).find(unknown) {
                        match draw {
                            Draw::Pairs if is_typed => {
                                push_typed(&mut batch, [user, positive, negative, positive, 0, 0], Asks::User);
                            }
                            Draw::Pairs => batch.push(&[user, positive, negative], 1.0),
                            Draw::Positives { related: true, .. } => {
                                push_related(&mut batch, [user, negative, negative], false);
                            }
                            Draw::Labels | Draw::Positives { .. } => batch.push(&[user, negative], 0.0),
                            Draw::Listed { .. } => list.push(negative),
                        }
                    }
                }
                // A softmax over the block has the negatives as candidates of all, and as samples of weight 0: the positive
                // counts for them.
                if let Draw::Positives { .. } = draw {
                    let drawn = batch.len() - at;
                    let weights = batch.weights_mut();
                    weights.resize(at + drawn, 0.0);
                    weights[at] = drawn as f32;
                }
            }
        }
        if is_listed {
            batch.set_list(list);
        }
        if let Draw::Positives { log_q: true, .. } = draw {
            // Drawn uniformly, all but the new ones.
            let samples = batch.len();
            batch.log_q_mut().resize(samples, 0.0);
        }
        Ok(batch)
    }
}

/// The rows of users and of items that batches pick.
fn touched_rows(plan: &Plan, batches: &[Batch]) -> Vec<RowRun> {
    let mut touched = Vec::new();
    for side in [USER, ITEM] {
        let columns = columns_of(plan, side);
        let of_batch = |batch| {
            columns
                .iter()
                .flat_map(move |&column| &Batch::column(batch, column).ids)
        };
        let mut ids: Vec<u32> = batches.iter().flat_map(of_batch).copied().collect();
        ids.sort_unstable();
        ids.dedup();
        let ids = ids.into_iter().map(|id| (id, ()));
        touched.extend(rows::table_rows(plan, side, ids).0);
    }
    touched
}

/// How much of its way an item's row goes.
fn item_share(support: &[u32], item: u32) -> f32 {
    rows::share_of(support.get(item as usize).copied().unwrap_or(0))
}

/// The id columns that pick rows of users or of items: of these, negatives, a list of them or heads, too.
fn columns_of(plan: &Plan, vocabulary: usize) -> Vec<usize> {
    let columns = plan.columns();
    (0..columns.len())
        .filter(|&column| columns[column].vocabulary == vocabulary)
        .collect()
}

fn largest_segment(batch: &Batch, column: usize) -> usize {
    let column = batch.column(column);
    (0..column.segments.len())
        .map(|index| column.samples(index).len())
        .max()
        .unwrap_or(0)
}
