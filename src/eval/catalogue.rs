//! Searching the catalogue for some users by the scores of an executor: what executors do that have no way of their own.

use alloc::{format, vec::Vec};

use super::{Rank, TopK};
use crate::{
    Error, Result,
    executor::{Executor, catalogue_of, pair_of},
    memory,
};

/// Scores held at a time, where a user's own are no more.
const SCORES: usize = 1 << 19;
/// Scores that are compared at once with the worst of those kept: nearly all blocks hold none that is better.
const BLOCK: usize = 64;

/// A user, and the items that are left out of a search.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    /// An id of the query's column.
    pub user: u32,
    /// Items that are left out, in ascending order, each once.
    pub known: &'a [u32],
}

/// The best items for a user with their logits, best first.
pub type Best = Vec<(u32, f32)>;

impl Query<'_> {
    /// The error of a score that has no place in an order.
    pub(crate) fn nan(&self, item: u32) -> Error {
        let user = self.user;
        Error::config(
            "score",
            alloc::format!("the score of user {user} and item {item} is NaN"),
        )
    }
}

/// [`Executor::top_catalogue`] by way of [`Executor::score_catalogue`].
pub(crate) fn top_by_scores<E: Executor + ?Sized>(
    executor: &mut E,
    queries: &[Query<'_>],
    k: usize,
) -> Result<Vec<Best>> {
    let mut best = Vec::with_capacity(queries.len());
    let mut top = TopK::new(k);
    for_each_row(executor, queries, |query, scores| {
        offer_row(&mut top, query, scores)?;
        best.push(top.take_sorted());
        Ok(())
    })?;
    Ok(best)
}

/// Offers the scores of all items, but for the known ones.
fn offer_row(top: &mut TopK, query: &Query<'_>, scores: &[f32]) -> Result<()> {
    for (first, block) in (0..).step_by(BLOCK).zip(scores.chunks(BLOCK)) {
        // Items come in ascending order, so one with the worst score itself comes too late. NaN is not at most anything.
        let is_late = |worst: f32| block.iter().fold(true, |all, &score| all & (score <= worst));
        if top.worst().is_some_and(is_late) {
            continue;
        }
        let known = &query.known[query.known.partition_point(|&known| known < first)..];
        let mut left_out = known.iter().copied().peekable();
        for (item, &score) in (first..).zip(block) {
            if score.is_nan() {
                return Err(query.nan(item));
            }
            if left_out.next_if_eq(&item).is_none() {
                top.offer(item, score);
            }
        }
    }
    Ok(())
}

/// [`Executor::rank_catalogue`] by way of [`Executor::score_catalogue`].
pub(crate) fn rank_by_scores<E: Executor + ?Sized>(
    executor: &mut E,
    queries: &[Query<'_>],
    targets: &[u32],
    items: usize,
) -> Result<Vec<Rank>> {
    let items = check_targets(executor, queries, targets, items)?;
    let mut ranks = Vec::with_capacity(queries.len());
    for_each_row(executor, queries, |query, scores| {
        ranks.push(rank(&scores[..items], query, targets[ranks.len()])?);
        Ok(())
    })?;
    Ok(ranks)
}

/// Calls `row` with each query and the scores of all items.
fn for_each_row<E: Executor + ?Sized>(
    executor: &mut E,
    queries: &[Query<'_>],
    mut row: impl FnMut(&Query<'_>, &[f32]) -> Result<()>,
) -> Result<()> {
    let items = catalogue_of(executor.plan(), queries.iter().map(|query| query.user))?;
    let users_each = (SCORES / items.max(1)).clamp(1, 256);
    let len = users_each.min(queries.len()).saturating_mul(items);
    let mut scores: Vec<f32> = memory::zeroed(len, || format!("scores of {items} items"))?;
    let mut users = Vec::with_capacity(users_each);
    for queries in queries.chunks(users_each) {
        users.clear();
        users.extend(queries.iter().map(|query| query.user));
        let scores = &mut scores[..queries.len() * items];
        // A score that the executor forgets to write is an error, not what the last users left there.
        scores.fill(f32::NAN);
        executor.score_catalogue(&users, scores)?;
        for (query, scores) in queries.iter().zip(scores.chunks_exact(items)) {
            row(query, scores)?;
        }
    }
    Ok(())
}

/// The number of items that are searched, where each query has a target among them.
///
/// # Errors
/// [`Error::Length`] where it has not; [`Error::Id`] where a target or a known item is none of the items.
pub(crate) fn check_targets<E: Executor + ?Sized>(
    executor: &E,
    queries: &[Query<'_>],
    targets: &[u32],
    items: usize,
) -> Result<usize> {
    if queries.len() != targets.len() {
        return Err(Error::Length {
            what: "targets, one a query".into(),
            expected: queries.len(),
            got: targets.len(),
        });
    }
    let plan = executor.plan();
    let candidate = pair_of(plan)?.candidate;
    let items = items.min(plan.rows_of(candidate));
    let last_known = queries.iter().filter_map(|query| query.known.last());
    match targets.iter().chain(last_known).find(|&&item| item as usize >= items) {
        None => Ok(items),
        Some(&item) => Err(Error::Id {
            column: plan.columns()[candidate].name.clone(),
            id: item.into(),
            rows: items as u64,
        }),
    }
}

/// The place of `item` among the scores of those that are not left out.
fn rank(scores: &[f32], query: &Query<'_>, item: u32) -> Result<Rank> {
    let target = scores[item as usize];
    let not_a_number = || query.nan(scores.iter().position(|score| score.is_nan()).unwrap_or(0) as u32);
    let mut rank = Rank::among(target, scores).ok_or_else(not_a_number)?;
    // Each of these was counted; the item itself as a tie.
    rank.ties -= 1;
    for &known in query.known.iter().filter(|&&known| known != item) {
        let score = scores[known as usize];
        rank.better -= u64::from(score > target);
        rank.ties -= u64::from(score == target);
    }
    Ok(rank)
}

#[cfg(test)]
mod tests {
    use alloc::{format, string::ToString};

    use super::*;
    use crate::rng::Rng;

    #[test]
    fn blocks_that_are_left_out_hold_nothing_better() {
        for case in 0..200u64 {
            let rng = Rng::new(case);
            let items = rng.below(0, 500) as usize;
            // Few distinct scores, so that ties are common.
            let scores: Vec<f32> = (1..=items).map(|i| rng.below(i as u64, 40) as f32 - 20.0).collect();
            let known: Vec<u32> = (0..items as u32)
                .filter(|&i| rng.below(1000 + u64::from(i), 3) == 0)
                .collect();
            let query = Query { user: 0, known: &known };
            for k in [0, 1, 10, 400] {
                let mut top = TopK::new(k);
                offer_row(&mut top, &query, &scores).unwrap();
                let mut sorted: Vec<(u32, f32)> = (0..).zip(scores.iter().copied()).collect();
                sorted.retain(|(item, _)| known.binary_search(item).is_err());
                sorted.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
                sorted.truncate(k);
                assert_eq!(top.take_sorted(), sorted, "case {case}, {k} best");
            }
            if let Some(last) = scores.len().checked_sub(1) {
                let mut with_nan = scores.clone();
                with_nan[last] = f32::NAN;
                let refused = offer_row(&mut TopK::new(1), &query, &with_nan).unwrap_err().to_string();
                assert!(refused.contains(&format!("item {last} is NaN")), "{refused}");
            }
        }
    }
}
