//! The face of all classical models.

use alloc::{string::String, string::ToString, vec, vec::Vec};
use core::fmt;

use super::{method::Method, records::Records};
use crate::{
    Error, Result,
    cpu::Workers,
    data::{IdMap, Split},
    device::Device,
    eval::{FullRanking, FullReport, TopK},
    executor::Best,
    explain::Explanation,
    train::History,
};

/// Users that are recommended to at once: their scores share a pass over the items.
const BLOCK: usize = 16;

/// A model with the histories that it knows, and the threads that it works with.
///
/// What a user has is known from the data it was fitted on and from what was absorbed since. Nothing of a user is stored besides:
/// each call goes by the history as it is then.
pub struct Classical<M> {
    pub(crate) method: M,
    pub(crate) records: Records,
    pub(crate) workers: Workers,
}

impl<M: fmt::Debug> fmt::Debug for Classical<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Classical")
            .field("method", &self.method)
            .field("device", &self.device())
            .finish_non_exhaustive()
    }
}

impl<M: Method> Classical<M> {
    pub(crate) fn with(mut method: M, records: Records, device: &Device) -> Result<Self> {
        let mut workers = device.workers()?;
        method.prepare(&mut workers)?;
        Ok(Classical {
            method,
            records,
            workers,
        })
    }
}

impl<M> Classical<M> {
    /// What it runs on, for people: `cpu avx512, 2 threads`.
    pub fn device(&self) -> String {
        self.workers.to_string()
    }

    /// Number of users.
    pub fn users(&self) -> usize {
        self.records.users()
    }

    /// Number of items.
    pub fn items(&self) -> usize {
        self.records.items()
    }

    /// Keys of the users. One that came by number through [`absorb`](Classical::absorb) has the key `#number`, or its plain number
    /// where the keys are numbers.
    pub fn user_ids(&self) -> &IdMap {
        &self.records.user_ids
    }

    /// Keys of the items.
    pub fn item_ids(&self) -> &IdMap {
        &self.records.item_ids
    }

    /// The title of an item, where the data has one.
    pub fn title(&self, item: u32) -> Option<&str> {
        let title = self.records.titles.get(item as usize).map(String::as_str);
        title.filter(|title| !title.is_empty())
    }

    /// Which items users have.
    pub fn history(&self) -> &History {
        &self.records.history
    }

    /// Adds interactions (user, item) to the histories, and gives how many of them were not known. That is all there is to do:
    /// the next call goes by them. A user may be new; an item may not, as nothing is known of it before the model is fitted anew, or
    /// iALS has [placed](super::Ials::place_items) it by its features.
    ///
    /// # Errors
    /// [`Error::Id`] where there is no such item, or a user is far beyond the last; nothing is changed then.
    pub fn absorb(&mut self, pairs: &[(u32, u32)]) -> Result<usize> {
        self.records.absorb(pairs)
    }

    /// As [`absorb`](Classical::absorb), with keys as the data has them; a new user's key gets the next number. Blanks around a key are no
    /// part of it.
    ///
    /// # Errors
    /// [`Error::Config`] where there is no item of a key, or a user's is empty; nothing is changed then.
    pub fn absorb_keys(&mut self, pairs: &[(&str, &str)]) -> Result<usize> {
        self.records.absorb_keys(pairs)
    }
}

impl<M: Method> Classical<M> {
    /// The `k` best items for a user, best first, with their scores; of equal ones the lower item is first. Left out are the items
    /// that the user has, and those that nothing speaks for (a score of 0), so that there may be fewer than `k`; a user without a
    /// history gets none.
    ///
    /// # Errors
    /// [`Error::Id`] where there is no such user.
    pub fn recommend(&self, user: u32, k: usize) -> Result<Best> {
        Ok(self.best_for(self.records.of_user(user)?, k))
    }

    /// As [`recommend`](Classical::recommend), for somebody with these items, who need not be known. Their order is of no account,
    /// nor whether one comes twice.
    ///
    /// ```
    /// # use pocketrec::{classical::*, data::Interactions, device::Device};
    /// # let data = Interactions::from_pairs(&[(0, 0), (0, 1), (1, 1), (1, 2)])?;
    /// let model = Rp3Beta::fit(&data, Rp3BetaConfig::default(), &Device::cpu())?;
    /// let best: Vec<(u32, f32)> = model.recommend_for(&[0], 5)?;
    /// assert_eq!(best.len(), 1); // nobody has both 0 and 2
    /// assert_eq!(best[0].0, 1);
    /// # Ok::<(), pocketrec::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Id`] where one of the items is not there.
    pub fn recommend_for(&self, history: &[u32], k: usize) -> Result<Best> {
        Ok(self.best_for(self.records.sorted(history)?, k))
    }

    fn best_for(&self, history: Vec<u32>, k: usize) -> Best {
        let (mut best, asked) = ([Best::new()], [(history.clone(), &history[..])]);
        best_of_block(&self.method, &asked, k, &mut best, &mut Memory::default());
        let [best] = best;
        best
    }

    /// The `k` best of some candidates, which may be items that the user has, or that nothing speaks for; one that is given twice counts
    /// twice.
    ///
    /// # Errors
    /// [`Error::Id`] where there is no such user or candidate.
    pub fn recommend_from(&self, user: u32, candidates: &[u32], k: usize) -> Result<Best> {
        self.records.check_items(candidates)?;
        let scores = self.method.score(&self.records.of_user(user)?, candidates);
        let mut top = TopK::new(k);
        candidates
            .iter()
            .zip(scores)
            .for_each(|(&item, score)| top.offer(item, score));
        Ok(top.take_sorted())
    }

    /// [`recommend`](Classical::recommend) for many users, on all threads.
    ///
    /// # Errors
    /// [`Error::Id`] where one of the users is not there.
    pub fn recommend_many(&mut self, users: &[u32], k: usize) -> Result<Vec<Best>> {
        let histories = users.iter().map(|&user| self.records.of_user(user));
        let histories = histories.collect::<Result<Vec<_>>>()?;
        let asked: Vec<_> = histories
            .iter()
            .map(|history| (history.clone(), &history[..]))
            .collect();
        Ok(best_of(&self.method, &mut self.workers, &asked, k))
    }

    /// Ranks the whole catalogue for each user with test items, as [`Trainer::full_ranking`](crate::train::Trainer::full_ranking) does.
    ///
    /// # Errors
    /// [`Error::Config`] where the split's users or items have other keys than those that the model was fitted on, and those of
    /// [`FullRanking::of_lists`].
    pub fn full_ranking(&mut self, split: &Split, ranking: FullRanking) -> Result<FullReport> {
        let Classical {
            method,
            records,
            workers,
        } = self;
        records.check_keys(split)?;
        ranking.of_lists_among(split, records.items(), |queries, k| {
            let mut asked = Vec::with_capacity(queries.len());
            for query in queries {
                asked.push((records.of_user(query.user)?, query.known));
            }
            Ok(best_of(method, workers, &asked, k))
        })
    }

    /// The scores of (user, item) pairs. Items that the user has are scored like others.
    ///
    /// # Errors
    /// [`Error::Id`] where there is no such user or item.
    pub fn score(&self, pairs: &[(u32, u32)]) -> Result<Vec<f32>> {
        let mut scores = Vec::with_capacity(pairs.len());
        for of_user in pairs.chunk_by(|a, b| a.0 == b.0) {
            let history = self.records.of_user(of_user[0].0)?;
            let items: Vec<u32> = of_user.iter().map(|pair| pair.1).collect();
            self.records.check_items(&items)?;
            scores.extend(self.method.score(&history, &items));
        }
        Ok(scores)
    }

    /// The `k` items most like one, best first; of equal ones the lower item is first. Of [`Rp3Beta`](super::Rp3Beta) these are the items
    /// that it leads to, with their weights; of [`Ials`](super::Ials) those whose vectors have the largest cosine with its own.
    ///
    /// # Errors
    /// [`Error::Id`] where there is no such item.
    pub fn similar_items(&self, item: u32, k: usize) -> Result<Best> {
        self.records.check_items(&[item])?;
        let mut top = TopK::new(k);
        self.method.similar(item, &mut top);
        Ok(top.take_sorted())
    }

    /// Why a user gets an item: what each item of the history gives to its score. Items that give nothing are left out. The item
    /// itself may be one of the history; its own part is then what it says of itself.
    ///
    /// # Errors
    /// [`Error::Id`] where there is no such user or item.
    pub fn explain(&self, user: u32, item: u32) -> Result<Explanation> {
        self.records.check_items(&[item])?;
        Ok(self.method.explain(&self.records.of_user(user)?, item))
    }

    /// As [`explain`](Classical::explain), for somebody with these items.
    ///
    /// # Errors
    /// [`Error::Id`] where one of the items is not there.
    pub fn explain_for(&self, history: &[u32], item: u32) -> Result<Explanation> {
        self.records.check_items(&[item])?;
        Ok(self.method.explain(&self.records.sorted(history)?, item))
    }
}

/// A history, and the items that are left out; both ascend.
type Asked<'a> = (Vec<u32>, &'a [u32]);

/// What a thread keeps between blocks.
#[derive(Default)]
struct Memory {
    scores: Vec<f32>,
    work: Vec<f64>,
}

/// The best items for each of many histories, on all threads.
fn best_of<M: Method>(method: &M, workers: &mut Workers, asked: &[Asked], k: usize) -> Vec<Best> {
    let mut best = vec![Best::new(); asked.len()];
    let mut tasks: Vec<_> = asked.chunks(BLOCK).zip(best.chunks_mut(BLOCK)).collect();
    workers.for_each(Memory::default, &mut tasks, |memory, (asked, best)| {
        best_of_block(method, asked, k, best, memory);
    });
    best
}

fn best_of_block<M: Method>(method: &M, asked: &[Asked], k: usize, best: &mut [Best], memory: &mut Memory) {
    let (items, Memory { scores, work }) = (method.items(), memory);
    scores.clear();
    scores.resize(items * asked.len(), 0.0);
    let histories: Vec<&[u32]> = asked.iter().map(|(history, _)| &history[..]).collect();
    method.score_all(&histories, scores, work);
    let rows = scores.chunks_exact_mut(items.max(1));
    for (((_, known), best), scores) in asked.iter().zip(best).zip(rows) {
        let mut top = TopK::new(k);
        known.iter().for_each(|&item| scores[item as usize] = 0.0);
        offer(&mut top, scores);
        *best = top.take_sorted();
    }
}

/// Offers all items whose score is not 0.
fn offer(top: &mut TopK, scores: &[f32]) {
    /// Scores that are compared at once: nearly all blocks hold none that is better than the worst kept.
    const TOGETHER: usize = 64;
    for (first, block) in (0..).step_by(TOGETHER).zip(scores.chunks(TOGETHER)) {
        // Items come in ascending order, so one with the worst score itself comes too late.
        let is_late = |worst: f32| {
            block
                .iter()
                .fold(true, |all, &score| all & (score <= worst || score == 0.0))
        };
        if top.worst().is_some_and(is_late) {
            continue;
        }
        for (item, &score) in (first..).zip(block) {
            if score != 0.0 {
                top.offer(item, score);
            }
        }
    }
}

/// Refuses data that has nothing to be fitted on.
pub(super) fn check_data(data: &crate::data::Interactions) -> Result<()> {
    match data.is_empty() {
        false => Ok(()),
        true => Err(Error::config(
            "interactions",
            "there are none to fit the model on; give at least one (user, item)",
        )),
    }
}
