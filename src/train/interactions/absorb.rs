//! Learning from new interactions after training.
//!
//! What was trained must not be forgotten, and a click must show. So dense parameters, which all users share, keep
//! their values. The user's row follows plain gradient descent on the interaction, some negatives, and some of the
//! user's older interactions (replay), for a fixed number of steps. An item's row belongs to all who have the item: it
//! goes `min(1, 2 / n)` of its way, where it rests on `n` interactions, so that a new item learns at once and a
//! well-known one hardly moves. Tried and lost on MovieLens-100k (50 clicks by others; HR@10 of those who did not
//! click): all rows moving freely cost MLP 12 points and NeuMF 6. Adam is not used either: it would move every row that
//! a batch touches by about its step size.

use alloc::{format, vec::Vec};

use super::{AbsorbConfig, ITEM, Trainer, USER, pad};
use crate::{
    Error, Result,
    data::{Batch, IdMap},
    plan::{L2, Optimizer},
    train::{
        draws::{Draws, absorb_rng},
        rows,
    },
};

/// Draws before a negative is given up, by users who have nearly everything.
const ATTEMPTS: u32 = 64;

/// What absorbing did.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct AbsorbReport {
    /// Interactions given.
    pub pairs: usize,
    /// Those that were known already; they were learnt from all the same.
    pub known: usize,
    /// Rows added to the user tables.
    pub new_users: usize,
    /// Rows added to the item tables.
    pub new_items: usize,
    /// Steps made.
    pub steps: u64,
    /// Mean logit of the interactions before, new rows in their starting place.
    pub before: f64,
    /// Mean logit of the interactions afterwards.
    pub after: f64,
}

impl Trainer {
    /// Learns from new interactions (user, item), one at a time or many together, with the default settings.
    ///
    /// New ids are welcome: an id at or beyond the last row makes the tables longer. A new user's row starts from the
    /// mean of the users who have one of the same items, a new item's from the mean of the items of its users; where
    /// there are none, from the mean of all rows. Then a fixed number of gradient steps moves the users' rows, and
    /// items' rows in so far as they rest on few interactions. Dense parameters, other users' rows, optimiser moments
    /// and the position in training stay as they are; the best epoch is forgotten, since its parameters are now old.
    ///
    /// Where the parameters in use are a mean over epochs ([`average_from`](crate::train::TrainConfig::average_from)), that mean
    /// becomes the parameters and what training would have gone on from is given up. Another `fit` goes on from here,
    /// with the moments there were, and begins a new mean.
    ///
    /// The first call after `fit` (or after loading) makes ready: it copies the moments, which are kept until training goes
    /// on, and goes over the histories once. From then on a call costs what its clicks cost, whatever the numbers of users,
    /// items, interactions and earlier clicks, but for a logarithm: a group of up to [`group`](AbsorbConfig::group) clicks
    /// makes its steps on a batch of `group x (1 + replay) x (1 + negatives)` samples, each a table row of a user and of an
    /// item, and copies the dense parameters once a step. A new row costs amortised time in proportion to its width, after
    /// the mean of up to 4,096 rows of its table, or of 64 neighbours, that it starts from. The same calls give the same
    /// bits.
    ///
    /// # Errors
    /// [`Error::Id`] where an id is far beyond its table ([`AbsorbConfig::max_new_rows`]); nothing is changed then.
    /// [`Error::Diverged`] where a score is no longer finite; the rows are then as before the group that did it.
    pub fn absorb(&mut self, pairs: &[(u32, u32)]) -> Result<AbsorbReport> {
        self.absorb_with(pairs, &AbsorbConfig::default())
    }

    /// As [`absorb`](Trainer::absorb), with keys as the data has them; a new key gets the next row. Blanks around a key
    /// are no part of it, as where data is read.
    ///
    /// # Errors
    /// Those of [`absorb`](Trainer::absorb), and [`Error::Config`] where a key is empty.
    pub fn absorb_keys(&mut self, pairs: &[(&str, &str)], config: &AbsorbConfig) -> Result<AbsorbReport> {
        config.validate()?;
        let known = (self.user_ids.len(), self.item_ids.len());
        let absorbed = self.absorb_new_keys(pairs, config);
        if absorbed.is_err() {
            // Keys without rows would name nothing; rows that have grown keep theirs.
            self.user_ids.truncate(known.0.max(self.users()));
            self.item_ids.truncate(known.1.max(self.items()));
        }
        absorbed
    }

    fn absorb_new_keys(&mut self, pairs: &[(&str, &str)], config: &AbsorbConfig) -> Result<AbsorbReport> {
        // All are looked at before the first new one gets a row.
        for (index, (user, item)) in pairs.iter().enumerate() {
            for (side, key) in [("user", user), ("item", item)] {
                if key.trim().is_empty() {
                    let reason = format!("its {side} key is empty; give each pair the keys of a user and of an item");
                    return Err(Error::config(format!("pairs[{index}]"), reason));
                }
            }
        }
        // A key with blanks is looked for as it stands first: keys that came through no reader may have some.
        let id = |ids: &mut IdMap, key: &str| match ids.get(key) {
            Some(id) => Ok(id),
            None => ids.get_or_insert(key.trim()),
        };
        let mut ids = Vec::with_capacity(pairs.len());
        for (user, item) in pairs {
            ids.push((id(&mut self.user_ids, user)?, id(&mut self.item_ids, item)?));
        }
        self.keyed = true;
        // So many new keys are meant, even if they are more than `max_new_rows` numbers would be.
        let config = AbsorbConfig {
            max_new_rows: u32::MAX,
            ..*config
        };
        self.absorb_with(&ids, &config)
    }

    /// As [`absorb`](Trainer::absorb), with settings of one's own.
    ///
    /// # Errors
    /// Those of [`absorb`](Trainer::absorb), and [`Error::Config`] where a setting is out of range.
    pub fn absorb_with(&mut self, pairs: &[(u32, u32)], config: &AbsorbConfig) -> Result<AbsorbReport> {
        config.validate()?;
        if self.config.loss.is_pairwise() && config.negatives == 0 {
            let by = self.config.loss.name();
            let reason = format!("0: this model learns by comparing each item with negatives ({by}); give at least 1");
            return Err(Error::config("negatives", reason));
        }
        let old = [self.users(), self.items()];
        let needed = [self.rows_for(USER, pairs, config)?, self.rows_for(ITEM, pairs, config)?];
        if pairs.is_empty() {
            return Ok(AbsorbReport::default());
        }
        self.prepare_absorb()?;
        self.grow_to(needed)?;
        if needed != old {
            self.start_new_rows(pairs, old)?;
        }
        let fresh = self.record(pairs);
        self.core.forget_best();

        let before = self.mean_logit(pairs)?;
        let mut steps = 0;
        for group in pairs.chunks(config.group) {
            steps += self.learn(group, config)?;
        }
        Ok(AbsorbReport {
            pairs: pairs.len(),
            known: pairs.len() - fresh,
            new_users: needed[USER] - old[USER],
            new_items: needed[ITEM] - old[ITEM],
            steps,
            before,
            after: self.mean_logit(pairs)?,
        })
    }

    /// Makes ready at the first call after training: moments are kept aside, and interactions counted by item.
    fn prepare_absorb(&mut self) -> Result<()> {
        let is_first = self.core.kept.is_none();
        self.core.prepare_absorb()?;
        if is_first {
            self.support = alloc::vec![0; self.items()];
            self.history.count_items(&mut self.support);
        }
        self.history.index();
        Ok(())
    }

    /// Rows that a column's tables need.
    fn rows_for(&self, column: usize, pairs: &[(u32, u32)], config: &AbsorbConfig) -> Result<usize> {
        let rows = self.plan().rows(column);
        let largest = pairs.iter().map(|&pair| id_of(pair, column)).max().unwrap_or(0);
        // Models count their rows in u32, so the last id has no row.
        let limit = rows.saturating_add(config.max_new_rows as usize).min(u32::MAX as usize);
        if (largest as usize) < limit {
            return Ok(rows.max(largest as usize + 1));
        }
        Err(Error::Id {
            column: format!("new {}", if column == ITEM { "item" } else { "user" }),
            id: largest.into(),
            rows: limit as u64,
        })
    }

    fn grow_to(&mut self, needed: [usize; 2]) -> Result<()> {
        for (column, rows) in [(USER, needed[USER]), (ITEM, needed[ITEM])] {
            if rows > self.plan().rows(column) {
                rows::grow(&mut *self.core.executor, column, rows)?;
                let (users, items) = self.model.rows_mut();
                *(if column == ITEM { items } else { users }) = rows;
            }
        }
        pad(&mut self.user_ids, needed[USER])?;
        pad(&mut self.item_ids, needed[ITEM])?;
        self.keyed = true;
        Ok(())
    }

    /// Adds the interactions to the histories. Gives how many are new to them.
    fn record(&mut self, pairs: &[(u32, u32)]) -> usize {
        let items = self.items();
        let mut fresh = 0;
        for &(user, item) in pairs {
            if self.history.absorb(user, item) {
                fresh += 1;
                self.support.resize(items, 0);
                let count = &mut self.support[item as usize];
                *count = count.saturating_add(1);
            }
        }
        fresh
    }

    /// Moves new rows to their neighbours: items first, from items of old users, then users, from old users. What is known
    /// of both ends at this call, so that all of it is of old rows.
    fn start_new_rows(&mut self, pairs: &[(u32, u32)], [old_users, old_items]: [usize; 2]) -> Result<()> {
        let mut by_item: Vec<(u32, u32)> = pairs.iter().map(|&(user, item)| (item, user)).collect();
        by_item.retain(|&(item, _)| item as usize >= old_items);
        by_item.sort_by_key(|&(item, _)| item); // stable: the order of the pairs within an item
        for clicks in by_item.chunk_by(|a, b| a.0 == b.0) {
            let of_user = |&(_, user): &(u32, u32)| [self.history.trained(user), self.history.absorbed(user)];
            let parts: Vec<&[u32]> = clicks.iter().flat_map(of_user).collect();
            let neighbours = Joined::new(parts.iter().map(|part| part.len()));
            let item = |k: usize| neighbours.place(k).map_or(0, |(part, k)| parts[part][k]);
            rows::start_from(&mut *self.core.executor, ITEM, clicks[0].0, neighbours.len(), item)?;
        }
        let mut new = pairs.to_vec();
        new.retain(|pair| pair.0 as usize >= old_users);
        new.sort_by_key(|&(user, _)| user);
        for clicks in new.chunk_by(|a, b| a.0 == b.0) {
            let Some(item_users) = &self.history.item_users else {
                continue;
            };
            let parts: Vec<_> = clicks.iter().map(|pair| item_users.users_of(pair.1)).collect();
            let neighbours = Joined::new(parts.iter().map(|part| part.len()));
            let user = |k: usize| neighbours.place(k).map_or(0, |(part, k)| parts[part].nth(k));
            rows::start_from(&mut *self.core.executor, USER, clicks[0].0, neighbours.len(), user)?;
        }
        Ok(())
    }

    /// The bounded number of steps on one group.
    fn learn(&mut self, group: &[(u32, u32)], config: &AbsorbConfig) -> Result<u64> {
        let counter = self.core.progress.absorbed;
        self.core.progress.absorbed = counter.saturating_add(1);
        let rng = absorb_rng(self.config.seed, counter);
        // All batches are drawn first, so that the rows they touch are known and can be put back.
        let mut batches = Vec::new();
        let mut draws = Draws::new(rng);
        for _ in 0..config.steps {
            batches.push(self.draw_batch(group, config, &mut draws)?);
        }
        let mut saved = rows::SavedRows::default();
        for column in [USER, ITEM] {
            let columns = |batch: &Batch| columns_of(batch, column);
            let ids = batches
                .iter()
                .flat_map(|batch| columns(batch).flat_map(|column| &batch.column(column).ids));
            let mut ids: Vec<u32> = ids.copied().collect();
            ids.sort_unstable();
            ids.dedup();
            saved.save(&mut *self.core.executor, column, ids.into_iter())?;
        }
        let dense = rows::Dense::read(&mut *self.core.executor)?;
        let result = self.learn_batches(&batches, config, &dense);
        if result.is_err() {
            dense.write(&mut *self.core.executor)?;
            saved.restore(&mut *self.core.executor)?;
        }
        result
    }

    fn learn_batches(&mut self, batches: &[Batch], config: &AbsorbConfig, dense: &rows::Dense) -> Result<u64> {
        for batch in batches {
            // A step divides by the batch; the row that most samples share is to move by its own mean gradient.
            let columns = 0..batch.columns().len();
            let most = columns.map(|column| largest_segment(batch, column)).max().unwrap_or(0);
            let share = batch.len() as f32 / most.max(1) as f32;
            let learning_rate = config.learning_rate * share;
            let optimizer = Optimizer::Sgd { learning_rate };
            let columns = columns_of(batch, ITEM);
            let mut items: Vec<u32> = columns
                .flat_map(|column| batch.column(column).segments.iter().map(|segment| segment.row))
                .collect();
            items.sort_unstable();
            items.dedup();
            let items = items.into_iter();
            let mut held = rows::SavedRows::default();
            held.save(
                &mut *self.core.executor,
                ITEM,
                items.filter(|&item| item_share(&self.support, item) < 1.0),
            )?;
            self.core
                .executor
                .step(batch, &optimizer, L2::default(), &mut || {})
                .wait()?;
            dense.write(&mut *self.core.executor)?;
            held.hold_back(&mut *self.core.executor, |item| item_share(&self.support, item))?;
        }
        let loss = self.core.executor.take_loss().wait()?;
        // The last step's result shows in no loss.
        let mut finite = loss.sum.is_finite();
        if let Some(last) = batches.last() {
            self.pairs.users.clone_from(&last.column(USER).ids);
            self.pairs.items.clone_from(&last.column(ITEM).ids);
            self.pairs.scores.resize(last.len(), 0.0);
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
        Ok(batches.len() as u64)
    }

    /// The group's interactions and some older ones of its users, each with negatives.
    fn draw_batch(&self, group: &[(u32, u32)], config: &AbsorbConfig, draws: &mut Draws) -> Result<Batch> {
        let samples = group.len() * (1 + config.replay as usize) * (1 + config.negatives as usize);
        let pairwise = self.config.loss.is_pairwise();
        let columns = 2 + usize::from(pairwise);
        let mut batch = Batch::new(columns, samples);
        batch.set_negatives(2..columns);
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
                if !pairwise {
                    batch.push(&[user, positive], 1.0);
                }
                for _ in 0..config.negatives {
                    let unknown = |&item: &u32| !self.history.contains(user, item);
                    if let Some(negative) = (0..ATTEMPTS).map(|_| draws.below(items)).find(unknown) {
                        match pairwise {
                            true => batch.push(&[user, positive, negative], 1.0),
                            false => batch.push(&[user, negative], 0.0),
                        }
                    }
                }
            }
        }
        batch.sort();
        Ok(batch)
    }

    fn mean_logit(&mut self, pairs: &[(u32, u32)]) -> Result<f64> {
        let scores = self.score(pairs)?;
        Ok(scores.iter().map(|&score| f64::from(score)).sum::<f64>() / scores.len().max(1) as f64)
    }
}

/// Lists one behind the other, without a copy of them.
struct Joined {
    /// Where each ends.
    ends: Vec<usize>,
}

impl Joined {
    fn new(lens: impl Iterator<Item = usize>) -> Self {
        let end = |total: &mut usize, len| {
            *total += len;
            Some(*total)
        };
        Joined {
            ends: lens.scan(0, end).collect(),
        }
    }

    fn len(&self) -> usize {
        self.ends.last().copied().unwrap_or(0)
    }

    /// The list of element `k`, and its place there.
    fn place(&self, k: usize) -> Option<(usize, usize)> {
        let part = self.ends.partition_point(|&end| end <= k);
        let start = if part == 0 { 0 } else { self.ends[part - 1] };
        (part < self.ends.len()).then(|| (part, k - start))
    }
}

/// How much of its way an item's row goes.
fn item_share(support: &[u32], item: u32) -> f32 {
    rows::share_of(support.get(item as usize).copied().unwrap_or(0))
}

fn id_of((user, item): (u32, u32), column: usize) -> u32 {
    if column == ITEM { item } else { user }
}

/// The id columns of a batch that pick rows of users or of items.
fn columns_of(batch: &Batch, vocabulary: usize) -> impl Iterator<Item = usize> + use<> {
    let negatives = batch.negatives();
    core::iter::once(vocabulary).chain(negatives.filter(move |_| vocabulary == ITEM))
}

fn largest_segment(batch: &Batch, column: usize) -> usize {
    let column = batch.column(column);
    (0..column.segments.len())
        .map(|index| column.samples(index).len())
        .max()
        .unwrap_or(0)
}
