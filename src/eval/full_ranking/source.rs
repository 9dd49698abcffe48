//! What the full ranking ranks by: a model, scores, or lists.

use alloc::{format, vec::Vec};

use super::users::USERS;
use crate::{
    Error, Result,
    eval::{Best, Query, Rank},
    executor::{Executor, TopK, offer_row, rank_catalogue, top_catalogue},
    memory,
};

/// Scores of a call.
const SCORES: usize = 1 << 20;

pub(super) trait Source {
    /// The `k` best items of each query's user without the known ones.
    fn top(&mut self, queries: &[Query<'_>], k: usize) -> Result<Vec<Best>>;

    /// Where each query's target stands among all items but the known ones. Queries of a user come together.
    fn ranks(&mut self, queries: &[Query<'_>], targets: &[u32]) -> Result<Vec<Rank>>;
}

pub(super) struct OfModel<'a> {
    pub executor: &'a mut dyn Executor,
    /// Rows of the table of items.
    pub rows: usize,
}

impl Source for OfModel<'_> {
    fn top(&mut self, queries: &[Query<'_>], k: usize) -> Result<Vec<Best>> {
        top_catalogue(self.executor, queries, k).wait()
    }

    fn ranks(&mut self, queries: &[Query<'_>], targets: &[u32]) -> Result<Vec<Rank>> {
        rank_catalogue(self.executor, queries, targets, self.rows).wait()
    }
}

pub(super) struct OfScores<F> {
    score: F,
    items: usize,
    users: Vec<u32>,
    scores: Vec<f32>,
}

impl<F: FnMut(&[u32], &mut [f32]) -> Result<()>> OfScores<F> {
    pub fn new(items: usize, score: F) -> Result<Self> {
        let each = (SCORES / items.max(1)).clamp(1, USERS);
        Ok(OfScores {
            score,
            items,
            users: Vec::with_capacity(each),
            scores: memory::zeroed(each * items, || format!("scores of {items} items"))?,
        })
    }

    /// The scores of all items for the users of some queries, a row each.
    fn rows(&mut self, queries: &[Query<'_>]) -> Result<core::slice::ChunksExact<'_, f32>> {
        self.users.clear();
        self.users.extend(queries.iter().map(|query| query.user));
        let scores = &mut self.scores[..queries.len() * self.items];
        // A score that the callee forgets to write is an error, not what the last users left there.
        scores.fill(f32::NAN);
        (self.score)(&self.users, scores)?;
        Ok(scores.chunks_exact(self.items))
    }
}

impl<F: FnMut(&[u32], &mut [f32]) -> Result<()>> Source for OfScores<F> {
    fn top(&mut self, queries: &[Query<'_>], k: usize) -> Result<Vec<Best>> {
        let (mut best, mut top) = (Vec::with_capacity(queries.len()), TopK::new(k));
        for queries in queries.chunks((self.scores.len() / self.items.max(1)).max(1)) {
            for (query, scores) in queries.iter().zip(self.rows(queries)?) {
                offer_row(&mut top, query, scores)?;
                best.push(top.take_sorted());
            }
        }
        Ok(best)
    }

    /// A user's scores are put in order once, in which each of the user's targets is looked up.
    fn ranks(&mut self, queries: &[Query<'_>], targets: &[u32]) -> Result<Vec<Rank>> {
        let (mut ranks, mut targets) = (Vec::with_capacity(queries.len()), targets.iter());
        let mut sorted = Vec::new();
        for of_user in queries.chunk_by(|one, other| one.user == other.user) {
            for scores in self.rows(&of_user[..1])? {
                in_order(scores, &of_user[0], &mut sorted)?;
                for (_, &target) in of_user.iter().zip(&mut targets) {
                    ranks.push(rank_among(&sorted, scores[target as usize]));
                }
            }
        }
        Ok(ranks)
    }
}

/// The scores of all items but the known ones, highest first.
fn in_order(scores: &[f32], query: &Query<'_>, sorted: &mut Vec<f32>) -> Result<()> {
    let mut known = query.known.iter().copied().peekable();
    sorted.clear();
    for (item, &score) in (0..).zip(scores) {
        if score.is_nan() {
            return Err(query.nan(item));
        }
        if known.next_if_eq(&item).is_none() {
            sorted.push(score);
        }
    }
    sorted.sort_unstable_by(|a, b| b.total_cmp(a));
    Ok(())
}

/// Where one of these scores stands among the others.
fn rank_among(sorted: &[f32], score: f32) -> Rank {
    // -0 and 0 are one score, which the order keeps apart but side by side.
    let better = sorted.partition_point(|&other| other > score);
    let same = sorted.partition_point(|&other| other >= score) - better;
    Rank {
        better: better as u64,
        ties: (same as u64).saturating_sub(1),
    }
}

pub(super) struct OfLists<F>(pub F);

impl<F: FnMut(&[Query<'_>], usize) -> Result<Vec<Best>>> Source for OfLists<F> {
    fn top(&mut self, queries: &[Query<'_>], k: usize) -> Result<Vec<Best>> {
        (self.0)(queries, k)
    }

    fn ranks(&mut self, _: &[Query<'_>], _: &[u32]) -> Result<Vec<Rank>> {
        let reason =
            "lists do not say where the items behind them stand: rank by scores, or leave FullRanking::with_auc out";
        Err(Error::config("auc", reason))
    }
}
