//! The steps on one group of new interactions.

use alloc::vec::Vec;

use hashbrown::HashSet;

use super::{AbsorbConfig, History, ITEM, Trainer, USER};
use crate::{
    Error, Result,
    data::{Asks, Batch, neighbour_columns, push_related, push_typed},
    executor::{Executor, KeptRows, RowRun, hold_back, keep_rows, put_back},
    models::Draw,
    plan::{Optimizer, Plan},
    train::{
        draws::{Draws, absorb_rng},
        rows,
    },
};

/// Samples that a batch has room for from the beginning, at most.
const MOST_ROOM: usize = 4096;
/// Clicks at which the row of a user who came after training goes half of its way: fewer say less of whom the user is than the
/// neighbours do from whom the row starts.
const HALF_WAY: f32 = 32.0;
/// Draws before a negative is given up, by users who have nearly everything.
const ATTEMPTS: u32 = 64;

/// Copies of rows as they were before the first step that moved them.
#[derive(Default)]
struct Before {
    /// By the side that they are of.
    rows: HashSet<(usize, u32)>,
    copies: Vec<KeptRows>,
}

impl Before {
    /// Copies rows of users or of items that have not been.
    fn keep(&mut self, executor: &mut dyn Executor, side: usize, rows: &[u32]) -> Result<()> {
        let fresh = rows.iter().filter(|&&row| self.rows.insert((side, row)));
        let fresh: Vec<(u32, ())> = fresh.map(|&row| (row, ())).collect();
        if !fresh.is_empty() {
            let (runs, _) = rows::table_rows(executor.plan(), side, &fresh);
            self.copies.push(keep_rows(executor, runs)?);
        }
        Ok(())
    }
}

impl Trainer {
    /// The bounded number of steps on one group.
    pub(super) fn learn(&mut self, group: &[(u32, u32)], config: &AbsorbConfig) -> Result<u64> {
        let counter = self.core.progress.absorbed;
        self.core.progress.absorbed = counter.saturating_add(1);
        let draws = Draws::new(absorb_rng(self.config.seed, counter));
        let dense = rows::dense_rows(&mut *self.core.executor);
        let dense = keep_rows(&mut *self.core.executor, dense)?;
        let mut before = Before::default();
        let result = self.make_steps(group, config, draws, &dense, &mut before);
        if result.is_err() {
            for kept in before.copies.iter().chain([&dense]) {
                put_back(&mut *self.core.executor, kept)?;
            }
        }
        result
    }

    /// The rows that stand for what is known of a batch's items, which all users share, as they do dense parameters.
    fn known_rows(&self, batch: &Batch) -> Vec<RowRun> {
        let mut known = Vec::new();
        let Some(knowledge) = &self.knowledge else {
            return known;
        };
        let items = batch.column(ITEM).ids.iter();
        let (entities, relations): (Vec<u32>, Vec<u32>) =
            items.flat_map(|&item| knowledge.of_item(item)).copied().unzip();
        for (column, mut ids) in [
            (neighbour_columns::ENTITY, entities),
            (neighbour_columns::RELATION, relations),
        ] {
            ids.sort_unstable();
            ids.dedup();
            // These columns have vocabularies of their own, each with the column's number.
            let ids: Vec<(u32, ())> = ids.into_iter().map(|id| (id, ())).collect();
            known.extend(rows::table_rows(self.plan(), column, &ids).0);
        }
        known
    }

    /// Draws a batch a step, and makes the steps.
    fn make_steps(
        &mut self,
        group: &[(u32, u32)],
        config: &AbsorbConfig,
        mut draws: Draws,
        dense: &KeptRows,
        before: &mut Before,
    ) -> Result<u64> {
        let steps = u64::from(config.steps);
        let mut batch = self.new_batch(group, config);
        for _ in 0..steps {
            batch.clear();
            self.draw_batch(group, config, &mut draws, &mut batch);
            batch.sort();
            let batch = &batch;
            let sides = [USER, ITEM].map(|side| columns_of(self.plan(), side));
            // A step divides by the batch; the row that most samples share is to move by its own mean gradient.
            let columns = sides.iter().flatten();
            let most = columns.map(|&column| largest_segment(batch, column)).max().unwrap_or(0);
            let share = batch.len() as f32 / most.max(1) as f32;
            let learning_rate = config.learning_rate * share;
            let optimizer = Optimizer::Sgd { learning_rate };
            let [users, items] = sides.map(|columns| rows_of(batch, &columns));
            let known = self.known_rows(batch);
            let of_clicks = |&user: &u32| Some((user, user_share(&self.history, user)?));
            let few: Vec<(u32, f32)> = users.iter().filter_map(of_clicks).collect();
            let executor = &mut *self.core.executor;
            before.keep(executor, USER, &users)?;
            before.keep(executor, ITEM, &items)?;
            let known = keep_rows(executor, known)?;
            let held = items.into_iter().map(|item| (item, item_share(&self.support, item)));
            let held: Vec<(u32, f32)> = held.filter(|&(_, share)| share < 1.0).collect();
            let (mut held, mut shares) = rows::table_rows(executor.plan(), ITEM, &held);
            let (of_users, of_few) = rows::table_rows(executor.plan(), USER, &few);
            held.extend(of_users);
            shares.extend(of_few);
            let held = keep_rows(executor, held)?;
            let made = self.core.step_tables(batch, &optimizer);
            let executor = &mut *self.core.executor;
            put_back(executor, &known)?;
            made?;
            put_back(executor, dense)?;
            hold_back(executor, &held, &shares)?;
        }
        if steps > 0 {
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

    /// A batch for each of the steps in turn.
    fn new_batch(&self, group: &[(u32, u32)], config: &AbsorbConfig) -> Batch {
        let columns = self.plan().columns().len();
        let mut batch = Batch::new(columns, 0);
        match self.config.loss.draw() {
            Draw::Listed { .. } => batch.reset_with_list(columns),
            draw => batch.set_negatives(2..2 + usize::from(draw == Draw::Pairs)),
        }
        let room = (1 + config.replay as usize) * (1 + config.negatives as usize) * group.len();
        (0..columns).for_each(|column| batch.ids_mut(column).reserve(room.min(MOST_ROOM)));
        batch.labels_mut().reserve(room.min(MOST_ROOM));
        batch
    }

    /// Fills a batch with the group's interactions and some older ones of its users, each with negatives.
    fn draw_batch(&self, group: &[(u32, u32)], config: &AbsorbConfig, draws: &mut Draws, batch: &mut Batch) {
        let draw = self.config.loss.draw();
        let pairwise = draw == Draw::Pairs;
        let is_listed = matches!(draw, Draw::Listed { .. });
        let is_related = self.config.loss.is_related();
        let is_typed = pairwise && self.plan().has_heads();
        let mut list = Vec::new();
        let items = u32::try_from(self.items()).unwrap_or(u32::MAX);
        // What features say of an item that nobody has is not to be unlearnt.
        let may_be_negative =
            |item: u32| self.known.is_none() || self.support.get(item as usize).is_some_and(|&count| count > 0);
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
                    false if is_related => push_related(batch, [user, positive, positive], false),
                    false => batch.push(&[user, positive], 1.0),
                }
                for _ in 0..config.negatives {
                    let unknown = |&item: &u32| !self.history.contains(user, item) && may_be_negative(item);
                    if let Some(negative) = (0..ATTEMPTS).map(|_| draws.below(items)).find(unknown) {
                        match draw {
                            Draw::Pairs if is_typed => {
                                push_typed(batch, [user, positive, negative, positive, 0, 0], Asks::User);
                            }
                            Draw::Pairs => batch.push(&[user, positive, negative], 1.0),
                            Draw::Positives { related: true, .. } => {
                                push_related(batch, [user, negative, negative], false);
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
    }
}

/// The rows that columns of a sorted batch pick, in ascending order, once each.
fn rows_of(batch: &Batch, columns: &[usize]) -> Vec<u32> {
    let segments = columns.iter().flat_map(|&column| &batch.column(column).segments);
    let mut rows: Vec<u32> = segments.map(|segment| segment.row).collect();
    if columns.len() > 1 {
        rows.sort_unstable();
        rows.dedup();
    }
    rows
}

/// How much of its way an item's row goes.
fn item_share(support: &[u32], item: u32) -> f32 {
    rows::share_of(support.get(item as usize).copied().unwrap_or(0))
}

/// How much of its way the row of a user goes who came after training; none where it is all of it.
fn user_share(history: &History, user: u32) -> Option<f32> {
    let clicks = history.absorbed(user).len() as f32;
    history.came_later(user).then_some(clicks / (clicks + HALF_WAY))
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
