//! Scores and recommendations.

use alloc::{format, vec::Vec};

use super::{ITEM, Trainer, USER};
use crate::{
    Error, Result,
    eval::{CHUNK, Query, TopK},
    executor::{Executor, top_catalogue},
    train::similar::similar,
};

/// Buffers of up to [`CHUNK`] pairs, kept between calls.
#[derive(Debug, Default)]
pub(super) struct Pairs {
    pub users: Vec<u32>,
    pub items: Vec<u32>,
    pub scores: Vec<f32>,
    /// A user's items.
    pub known: Vec<u32>,
}

impl Pairs {
    /// Scores what `users` and `items` hold into `scores`.
    pub fn score(&mut self, executor: &mut dyn Executor) -> Result<()> {
        self.scores.resize(self.users.len(), 0.0);
        executor.score(&[&self.users, &self.items], &mut self.scores).wait()?;
        match self.scores.iter().position(|score| score.is_nan()) {
            None => Ok(()),
            Some(at) => Err(nan_score(self.users[at], self.items[at])),
        }
    }

    /// Scores items of one user and offers them to `top`.
    fn offer(&mut self, executor: &mut dyn Executor, user: u32, top: &mut TopK) -> Result<()> {
        self.users.clear();
        self.users.resize(self.items.len(), user);
        self.score(executor)?;
        for (&item, &score) in self.items.iter().zip(&self.scores) {
            top.offer(item, score);
        }
        self.items.clear();
        Ok(())
    }
}

fn nan_score(user: u32, item: u32) -> Error {
    Error::config("score", format!("the score of user {user} and item {item} is NaN"))
}

impl Trainer {
    /// The `k` best items for a user, best first, with their logits; of equal ones the lower item is first. Items that
    /// the user is known to have are left out: those trained on, those held out for testing and those absorbed
    /// ([`Trainer::history`]). Fewer than `k` where fewer are left.
    ///
    /// ```
    /// # use pocketrec::{device::Device, models::Mf, train::*};
    /// # let mut trainer = Trainer::new(Mf::new(3, 5).factors(2), Device::cpu(), TrainConfig::default())?;
    /// let best: Vec<(u32, f32)> = trainer.recommend(2, 3)?;
    /// assert!(best.len() == 3 && best[0].1 >= best[1].1);
    /// # Ok::<(), pocketrec::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Id`] where the model has no row for the user.
    pub fn recommend(&mut self, user: u32, k: usize) -> Result<Vec<(u32, f32)>> {
        self.check(USER, user)?;
        if let Some(by) = self.by_history() {
            let history = self.own_history(user);
            self.history.all(user, &mut self.pairs.known);
            return self.best_for(by, &history, k);
        }
        let Trainer {
            pairs, history, core, ..
        } = self;
        history.all(user, &mut pairs.known);
        let known = &pairs.known[..];
        let mut best = top_catalogue(&mut *core.executor, &[Query { user, known }], k).wait()?;
        Ok(best.pop().unwrap_or_default())
    }

    /// The `k` best of some candidates, which may be items that the user has; one that is given twice counts twice.
    ///
    /// # Errors
    /// [`Error::Id`] where the model has no row for the user or a candidate.
    pub fn recommend_from(&mut self, user: u32, candidates: &[u32], k: usize) -> Result<Vec<(u32, f32)>> {
        self.check(USER, user)?;
        let mut top = TopK::new(k);
        if self.by_history().is_some() {
            let pairs: Vec<(u32, u32)> = candidates.iter().map(|&item| (user, item)).collect();
            let scores = self.score(&pairs)?;
            candidates
                .iter()
                .zip(scores)
                .for_each(|(&item, score)| top.offer(item, score));
            return Ok(top.take_sorted());
        }
        for chunk in candidates.chunks(CHUNK) {
            self.pairs.items.clear();
            self.pairs.items.extend_from_slice(chunk);
            self.pairs.offer(&mut *self.core.executor, user, &mut top)?;
        }
        Ok(top.take_sorted())
    }

    /// The `k` items most like one, best first, each with the cosine of both embeddings; of equal ones the lower item is
    /// first. An item's embedding is its row in every item table side by side, of NeuMF that of GMF and that of the MLP;
    /// MF's bias is no part of it. [`Cfkg`](crate::models::Cfkg) has points, which have no directions: by it, the number is the squared
    /// distance with a minus before it. Left out are the item itself, and items whose cosine is undefined, as their embedding
    /// is zero or not finite.
    ///
    /// ```
    /// # use pocketrec::{device::Device, models::NeuMf, train::*};
    /// # let mut trainer = Trainer::new(NeuMf::new(3, 5), Device::cpu(), TrainConfig::default())?;
    /// let alike: Vec<(u32, f32)> = trainer.similar_items(2, 3)?;
    /// assert!(alike.len() == 3 && alike[0].1 >= alike[1].1);
    /// # Ok::<(), pocketrec::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Id`] where the model has no row for the item, [`Error::Config`] where its embeddings are single numbers.
    pub fn similar_items(&mut self, item: u32, k: usize) -> Result<Vec<(u32, f32)>> {
        self.check(ITEM, item)?;
        let vocabulary = self.vocabulary(ITEM)?;
        similar(&mut *self.core.executor, vocabulary, 0, item, k)
    }

    /// The `k` users most like one, as [`similar_items`](Trainer::similar_items).
    ///
    /// # Errors
    /// [`Error::Id`] where the model has no row for the user, [`Error::Config`] where its embeddings are single numbers.
    pub fn similar_users(&mut self, user: u32, k: usize) -> Result<Vec<(u32, f32)>> {
        self.check(USER, user)?;
        let vocabulary = self.vocabulary(USER)?;
        similar(&mut *self.core.executor, vocabulary, 0, user, k)
    }

    /// The logits of (user, item) pairs; the sigmoid of a logit estimates the probability that the pair is a positive
    /// among the training samples.
    ///
    /// # Errors
    /// [`Error::Id`] where the model has no row for a user or an item.
    pub fn score(&mut self, pairs: &[(u32, u32)]) -> Result<Vec<f32>> {
        if let Some(by) = self.by_history() {
            return self.score_by_history(by, pairs);
        }
        let mut scores = Vec::with_capacity(pairs.len());
        for chunk in pairs.chunks(CHUNK) {
            let buffers = &mut self.pairs;
            buffers.users.clear();
            buffers.items.clear();
            buffers.users.extend(chunk.iter().map(|pair| pair.0));
            buffers.items.extend(chunk.iter().map(|pair| pair.1));
            buffers.score(&mut *self.core.executor)?;
            scores.extend_from_slice(&buffers.scores);
        }
        Ok(scores)
    }

    /// Refuses an id that has no row.
    pub(super) fn check(&self, column: usize, id: u32) -> Result<()> {
        let rows = self.model.rows()[column];
        if (id as usize) < rows {
            return Ok(());
        }
        Err(Error::Id {
            column: if column == ITEM { "item" } else { "user" }.into(),
            id: id.into(),
            rows: rows as u64,
        })
    }
}
