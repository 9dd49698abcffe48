//! Learning from new interactions after training.
//!
//! What was trained must not be forgotten, and a click must show. So dense parameters, which all users share, keep
//! their values. The user's row follows plain gradient descent on the interaction, some negatives, and some of the
//! user's older interactions (replay), for a fixed number of steps. An item's row belongs to all users who have the item:
//! it moves by `min(1, 2 / n)` of its step, where it rests on `n` interactions, so that a new item learns at once and a
//! well-known one hardly moves. Tried and lost on MovieLens-100k (50 clicks by others; HR@10 of those who did not
//! click): all rows moving freely cost MLP 12 points and NeuMF 6. Adam is not used either: it would move every row that
//! a batch touches by about its step size.

use alloc::{format, vec::Vec};

use super::{AbsorbConfig, ITEM, Trainer, USER};
use crate::{Error, Result, data::IdMap, models::Draw};

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
    /// there are none, from the mean of all rows. Of a user who came after training each further click takes the row nearer to the mean
    /// of those who have its item. Then a fixed number of gradient steps moves the users' rows, of those who came after training
    /// a part of the way, half of it at 32 clicks, and items' rows in so far as they rest on few interactions. Dense parameters, other users' rows, optimiser moments
    /// and the position in training stay as they are; the best epoch is forgotten, since its parameters are now old.
    ///
    /// A model that propagates along the graph of interactions ([`LightGcn`](crate::models::LightGcn)) makes no steps: the
    /// interactions become edges, and everyone is who the graph makes of them from then on. A new user's own row starts as above, to
    /// which comes what their items are; a new item's is zero, so that it is what comes from its users. This goes over all
    /// interactions once a call.
    ///
    /// Of a model that [knows](Trainer::with_known) users and items by features, a row is what the embedding has besides these: it alone
    /// moves, while rows of features stay, as dense parameters do. Means are those of embeddings. A new id has no features;
    /// [`absorb_item`](Trainer::absorb_item) and [`absorb_user`](Trainer::absorb_user) take some in. Items that nobody has are
    /// no negatives.
    ///
    /// What [`Kgcn`](crate::models::Kgcn) has learnt of relations and of neighbours of items stays as well; a new item has no
    /// neighbours.
    ///
    /// Where the parameters in use are a mean over epochs ([`average_from`](crate::train::TrainConfig::average_from)), that mean
    /// becomes the parameters and what training would have gone on from is given up. Another `fit` goes on from here,
    /// with the moments there were, and begins a new mean.
    ///
    /// The first call after `fit` (or after loading) makes ready: it goes over the histories once, and where the executor keeps
    /// no [copies of rows](crate::executor::KeepRows) by itself, it copies the moments, which are kept until training goes on.
    /// From then on a call costs what its clicks cost, whatever the numbers of users, items, interactions and earlier clicks,
    /// but for a logarithm: a group of up to [`group`](AbsorbConfig::group) clicks makes its steps on a batch of
    /// `group x (1 + replay) x (1 + negatives)` samples, each a table row of a user and of an item, and copies the dense
    /// parameters once a step where that would move them. A new row costs amortised time in proportion to its width, after the
    /// mean of up to 4,096 rows of its table, or of 64 neighbours, that it starts from. The same calls give the same bits.
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
        self.check_knows()?;
        if self.plan().propagation().is_some() || self.by_history().is_some() {
            return self.fold_in(pairs, config);
        }
        if self.config.loss.draw() != Draw::Labels && config.negatives == 0 {
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
        self.start_new_items(pairs, old[ITEM])?;
        self.start_later_users(pairs, old[USER])?;
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

    /// Makes ready at the first call after training: sees that moments stay, and counts interactions by item.
    pub(super) fn prepare_absorb(&mut self) -> Result<()> {
        let is_first = self.core.kept.is_none();
        self.core.prepare_absorb()?;
        self.history.index();
        if is_first {
            self.support = alloc::vec![0; self.items()];
            self.history.count_items(&mut self.support);
        }
        Ok(())
    }

    /// Adds the interactions to the histories. Gives how many are new to them.
    pub(super) fn record(&mut self, pairs: &[(u32, u32)]) -> usize {
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

    pub(super) fn mean_logit(&mut self, pairs: &[(u32, u32)]) -> Result<f64> {
        let scores = self.score(pairs)?;
        Ok(scores.iter().map(|&score| f64::from(score)).sum::<f64>() / scores.len().max(1) as f64)
    }
}
