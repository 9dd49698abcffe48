//! The best items of some users, and ranks of items, without a table of all scores.
//!
//! ```text
//! for each block of users, on any thread:
//!     for each run of items:                       // scores of a block and a run stay in the caches
//!         scores = users x items                   // a matrix product, 96 rows by some panels of 64 columns
//!         for each user, for each 128 scores:
//!             if none is above the worst of the user's k best: next
//!             offer those that are, but for the known
//! ```
//!
//! The threshold makes selection cheap: after a few thousand items a user's k best are nearly those of the end, and of 128
//! scores rarely one is better. 96 users share each load of a panel, 16 KB that stay in the first cache for as many rows.
//!
//! Blocks and runs depend on the numbers of users and items alone, and scores on neither: the results are the same bits on
//! any number of threads.

use alloc::{vec, vec::Vec};
use core::ops::Range;

use super::ItemPanels;
#[cfg(not(feature = "parallel"))]
use crate::cpu::serial::Pool;
#[cfg(feature = "parallel")]
use crate::cpu::threads::Pool;
use crate::{
    Result,
    cpu::{
        aligned::AlignedVec,
        simd::{Simd, kernel},
    },
    executor::{Best, Query, Rank, TopK},
};

/// Users of a block: whole register tiles of 6 and of 8 rows.
const USERS: usize = 96;
/// Scores of a block and a run, about.
const SCORES: usize = 12 * 1024;
/// Scores that are looked at together.
const LOOK: usize = 128;
/// Tasks that few users are cut into, and the fewest items of one.
const TASKS: usize = 16;
const FEWEST_ITEMS: usize = 2048;

/// Calls `run` for blocks of users, and for ranges of items where there are few users. What it gives for the ranges of a
/// block comes together, and blocks in order.
fn for_blocks<T: Send>(
    pool: &mut Pool,
    users: usize,
    items: usize,
    run: impl Fn(Range<usize>, Range<usize>) -> T + Sync,
) -> impl Iterator<Item = (Range<usize>, Vec<T>)> {
    let blocks = users.div_ceil(USERS);
    let ranges = (TASKS / blocks.max(1)).min(items / FEWEST_ITEMS).max(1);
    let items_each = items.div_ceil(ranges).next_multiple_of(ItemPanels::ALIGN).max(1);
    let mut tasks = Vec::new();
    for first in (0..users).step_by(USERS) {
        for start in (0..items).step_by(items_each) {
            let task = (first..users.min(first + USERS), start..items.min(start + items_each));
            tasks.push((task, None));
        }
    }
    let mut scratch = vec![(); pool.threads()];
    pool.for_each(&mut scratch, &mut tasks, |(), ((users, items), done)| {
        *done = Some(run(users.clone(), items.clone()));
    });
    let mut tasks = tasks.into_iter().peekable();
    core::iter::from_fn(move || {
        let ((users, _), done) = tasks.next()?;
        let mut of_block: Vec<T> = done.into_iter().collect();
        while let Some((_, done)) = tasks.next_if(|((other, _), _)| *other == users) {
            of_block.extend(done);
        }
        Some((users, of_block))
    })
}

/// Items of a run, where so many users are scored together.
fn run_of(users: usize) -> usize {
    (SCORES / users.max(1) / ItemPanels::ALIGN).max(1) * ItemPanels::ALIGN
}

/// What scores users with items: `score(users, items, out)` writes `out[u * items.len() + i]` for places of users and for
/// items that begin at a multiple of [`ItemPanels::ALIGN`].
pub(in crate::cpu) trait Scorer {
    fn score(&mut self, users: Range<usize>, items: Range<usize>, out: &mut [f32]);
}

/// The `k` best items of each query; `scorer` makes what scores the users of a block.
///
/// # Errors
/// [`Error::Config`](crate::Error::Config) where a score is NaN.
pub(in crate::cpu) fn top<S: Simd, C: Scorer>(
    s: S,
    pool: &mut Pool,
    queries: &[Query<'_>],
    (items, k): (usize, usize),
    scorer: impl Fn(&[Query<'_>]) -> C + Sync,
) -> Result<Vec<Best>> {
    let blocks = for_blocks(pool, queries.len(), items, |users, items| {
        let queries = &queries[users];
        top_of_block(s, queries, items, k, &mut scorer(queries))
    });
    let mut best = Vec::with_capacity(queries.len());
    for (_, ranges) in blocks {
        let mut ranges = ranges.into_iter();
        let mut tops = ranges.next().unwrap_or_else(|| Ok(Vec::new()))?;
        for others in ranges {
            for (top, mut other) in tops.iter_mut().zip(others?) {
                for (item, score) in other.take_sorted() {
                    top.offer(item, score);
                }
            }
        }
        best.extend(tops.iter_mut().map(TopK::take_sorted));
    }
    best.resize(queries.len(), Vec::new()); // of no items
    Ok(best)
}

fn top_of_block<S: Simd>(
    s: S,
    queries: &[Query<'_>],
    items: Range<usize>,
    k: usize,
    scorer: &mut impl Scorer,
) -> Result<Vec<TopK>> {
    let each = run_of(queries.len());
    let mut scores = AlignedVec::zeros(queries.len() * each.min(items.len()));
    let mut tops = vec![TopK::new(k); queries.len()];
    let mut worst = vec![f32::NEG_INFINITY; queries.len()];
    for start in items.clone().step_by(each) {
        let run = start..items.end.min(start + each);
        let scores = &mut scores[..queries.len() * run.len()];
        scorer.score(0..queries.len(), run.clone(), scores);
        let fault = offer(s, queries, scores, start as u32, &mut tops, &mut worst);
        if let Some((query, item)) = fault {
            return Err(queries[query].nan(item));
        }
    }
    Ok(tops)
}

kernel! {
    /// Offers the scores of a run of items, which begins with `first`, to the best of each query; `worst` has the score that
    /// must be beaten. Gives the first query and item whose score is NaN.
    pub fn offer<'a, S: Simd>(
        s: S,
        queries: &'a [Query<'a>],
        scores: &'a [f32],
        first: u32,
        tops: &'a mut [TopK],
        worst: &'a mut [f32],
    ) -> Option<(usize, u32)> {
        let width = scores.len() / queries.len().max(1);
        for (at, worst) in worst.iter_mut().enumerate() {
            let row = &scores[at * width..][..width];
            for (start, block) in (first..).step_by(LOOK).zip(row.chunks(LOOK)) {
                // Items come in ascending order, so one with the worst score itself comes too late.
                if are_below(s, block, *worst) {
                    continue;
                }
                for (start, part) in (start..).step_by(S::LANES).zip(block.chunks(S::LANES)) {
                    if are_below(s, part, *worst) {
                        continue;
                    }
                    if let Some(item) = offer_some(&queries[at], part, start, &mut tops[at]) {
                        return Some((at, item));
                    }
                    *worst = tops[at].worst().unwrap_or(f32::NEG_INFINITY);
                }
            }
        }
        None
    }
}

/// Whether all are less than `worst`; NaN is not.
#[inline(always)]
fn are_below<S: Simd>(s: S, scores: &[f32], worst: f32) -> bool {
    let (worst, zero, one) = (s.splat(worst), s.splat(0.0), s.splat(1.0));
    // Several at a time, so that none waits for the one before.
    let mut others = [zero; 4];
    let mut blocks = scores.chunks_exact(4 * S::LANES);
    for block in &mut blocks {
        for (others, scores) in others.iter_mut().zip(block.chunks_exact(S::LANES)) {
            *others = s.select_gt(worst, s.load(scores), *others, one);
        }
    }
    let mut vectors = blocks.remainder().chunks_exact(S::LANES);
    for scores in &mut vectors {
        others[0] = s.select_gt(worst, s.load(scores), others[0], one);
    }
    let [a, b, c, d] = others;
    s.reduce_sum(s.add(s.add(a, b), s.add(c, d))) == 0.0 && vectors.remainder().is_empty()
}

/// Offers scores one by one. Gives the first item whose score is NaN.
fn offer_some(query: &Query<'_>, scores: &[f32], first: u32, top: &mut TopK) -> Option<u32> {
    for (item, &score) in (first..).zip(scores) {
        if score.is_nan() {
            return Some(item);
        }
        if top.worst().is_none_or(|worst| score > worst) && query.known.binary_search(&item).is_err() {
            top.offer(item, score);
        }
    }
    None
}

/// Targets of one user among the same items.
struct Targets<'a> {
    query: Query<'a>,
    /// Their places among all targets.
    places: Range<usize>,
}

/// The ranks of `targets`, one a query, among the first `items` items, of which each target and each known item is one.
///
/// # Errors
/// [`Error::Config`](crate::Error::Config) where a score is NaN.
pub(in crate::cpu) fn rank<S: Simd, C: Scorer>(
    s: S,
    pool: &mut Pool,
    queries: &[Query<'_>],
    targets: &[u32],
    items: usize,
    scorer: impl Fn(&[Query<'_>]) -> C + Sync,
) -> Result<Vec<Rank>> {
    // What a user is asked for again and again is scored once.
    let mut users: Vec<Targets<'_>> = Vec::new();
    for (at, query) in queries.iter().enumerate() {
        match users.last_mut() {
            Some(last) if last.query.user == query.user && last.query.known == query.known => last.places.end = at + 1,
            _ => users.push(Targets {
                query: *query,
                places: at..at + 1,
            }),
        }
    }
    let blocks = for_blocks(pool, users.len(), items, |block, items| {
        let users = &users[block];
        let queries: Vec<Query<'_>> = users.iter().map(|user| user.query).collect();
        rank_in_block(s, users, targets, items, &mut scorer(&queries))
    });
    let mut ranks = Vec::with_capacity(queries.len());
    for (_, ranges) in blocks {
        let first = ranks.len();
        for of_range in ranges {
            let of_range: Vec<Rank> = of_range?;
            ranks.resize(first + of_range.len(), Rank::default());
            for (rank, part) in ranks[first..].iter_mut().zip(of_range) {
                rank.better += part.better;
                rank.ties += part.ties;
            }
        }
    }
    // Each was counted as a tie with itself.
    ranks.iter_mut().for_each(|rank| rank.ties -= 1);
    Ok(ranks)
}

fn rank_in_block<S: Simd>(
    s: S,
    users: &[Targets<'_>],
    targets: &[u32],
    items: Range<usize>,
    scorer: &mut impl Scorer,
) -> Result<Vec<Rank>> {
    let first_place = users.first().map_or(0, |user| user.places.start);
    let mut goals: Vec<Goal> = Vec::new();
    let mut own = [0.0; ItemPanels::ALIGN];
    for (at, user) in users.iter().enumerate() {
        for &item in &targets[user.places.clone()] {
            let start = item as usize / ItemPanels::ALIGN * ItemPanels::ALIGN;
            let len = item as usize - start + 1;
            scorer.score(at..at + 1, start..start + len, &mut own[..len]);
            goals.push(Goal {
                item,
                score: own[len - 1],
                rank: Rank::default(),
            });
        }
    }
    let each = run_of(users.len());
    let mut scores = AlignedVec::zeros(users.len() * each.min(items.len()));
    for start in items.clone().step_by(each) {
        let run = start..items.end.min(start + each);
        let scores = &mut scores[..users.len() * run.len()];
        scorer.score(0..users.len(), run.clone(), scores);
        for (user, row) in users.iter().zip(scores.chunks_exact(run.len())) {
            let goals = &mut goals[user.places.start - first_place..user.places.end - first_place];
            if count(s, row, goals) {
                let at = row.iter().position(|score| score.is_nan()).unwrap_or(0);
                return Err(user.query.nan((start + at) as u32));
            }
            let known = user.query.known;
            let known = &known[known.partition_point(|&item| (item as usize) < start)..];
            for &item in known.iter().take_while(|&&item| (item as usize) < run.end) {
                let score = row[item as usize - start];
                goals.iter_mut().for_each(|goal| goal.leave_out(item, score));
            }
        }
    }
    Ok(goals.into_iter().map(|goal| goal.rank).collect())
}

/// A target with its score, and how many score better so far or the same.
pub(super) struct Goal {
    item: u32,
    score: f32,
    rank: Rank,
}

impl Goal {
    /// Takes a known item back that was counted.
    fn leave_out(&mut self, item: u32, score: f32) {
        if item != self.item {
            self.rank.better -= u64::from(score > self.score);
            self.rank.ties -= u64::from(score == self.score);
        }
    }
}

kernel! {
    /// Counts for each target the scores that are better, and the same; true where one is NaN.
    pub fn count<'a, S: Simd>(s: S, scores: &'a [f32], goals: &'a mut [Goal]) -> bool {
        let (vectors, rest) = scores.split_at(scores.len() / S::LANES * S::LANES);
        let (zero, one) = (s.splat(0.0), s.splat(1.0));
        for goal in goals.iter_mut() {
            // A run has far fewer scores than floats can count.
            let (target, mut better, mut worse) = (s.splat(goal.score), zero, zero);
            for scores in vectors.chunks_exact(S::LANES) {
                let scores = s.load(scores);
                better = s.add(better, s.select_gt(scores, target, one, zero));
                worse = s.add(worse, s.select_gt(target, scores, one, zero));
            }
            let (better, worse) = (s.reduce_sum(better) as u64, s.reduce_sum(worse) as u64);
            goal.rank.better += better;
            goal.rank.ties += vectors.len() as u64 - better - worse;
            rest.iter().for_each(|&score| goal.rank.count(goal.score, score));
        }
        // Zero times a score is no number where the score is none, or infinite.
        let mut doubtful = zero;
        for scores in vectors.chunks_exact(S::LANES) {
            doubtful = s.mul_add(zero, s.load(scores), doubtful);
        }
        let is_whole = s.reduce_sum(doubtful) == 0.0 && rest.is_empty();
        !is_whole && scores.iter().any(|score| score.is_nan())
    }
}
