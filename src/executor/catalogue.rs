//! Scores of the whole catalogue for some users, the best of them, and ranks: by the parts of an executor, or by way of its
//! core where it lacks them.

use alloc::{format, vec::Vec};

use super::{Executor, Pending, Rank, TopK};
use crate::{
    Error, Result, memory,
    plan::{Pair, Plan},
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
    /// Refuses known items that are not in ascending order, each once: a search would not find them.
    pub(crate) fn check_known(&self) -> Result<()> {
        if self.known.is_sorted_by(|one, other| one < other) {
            return Ok(());
        }
        let reason = format!(
            "the items of user {} are not in ascending order, each once; sort them and leave repetitions out",
            self.user
        );
        Err(Error::config("known", reason))
    }

    /// The error of a score that has no place in an order.
    pub(crate) fn nan(&self, item: u32) -> Error {
        let user = self.user;
        Error::config(
            "score",
            alloc::format!("the score of user {user} and item {item} is NaN"),
        )
    }
}

/// [`ScoreCatalogue::score_catalogue`](super::ScoreCatalogue::score_catalogue), or [`Executor::score`] of a run of items at
/// a time where the executor has no way of its own.
///
/// # Errors
/// As there.
pub fn score_catalogue<'a>(executor: &'a mut dyn Executor, users: &'a [u32], out: &'a mut [f32]) -> Pending<'a, ()> {
    Pending::start(async move {
        match executor.catalogue() {
            Some(catalogue) => catalogue.score_catalogue(users, out).await,
            None => score_pairs(executor, users, out).await,
        }
    })
}

/// [`SearchCatalogue::top_catalogue`](super::SearchCatalogue::top_catalogue), or a look at all of [`score_catalogue`]'s
/// logits where the executor does not search.
///
/// # Errors
/// As there; [`Error::Config`] where known items are not in ascending order, each once.
pub fn top_catalogue<'a>(executor: &'a mut dyn Executor, queries: &'a [Query<'a>], k: usize) -> Pending<'a, Vec<Best>> {
    Pending::start(async move {
        queries.iter().try_for_each(Query::check_known)?;
        match executor.search() {
            Some(search) => search.top_catalogue(queries, k).await,
            None => top_by_scores(executor, queries, k).await,
        }
    })
}

/// [`SearchCatalogue::rank_catalogue`](super::SearchCatalogue::rank_catalogue), or a look at all of [`score_catalogue`]'s
/// logits where the executor does not search.
///
/// # Errors
/// As there; [`Error::Config`] where known items are not in ascending order, each once.
pub fn rank_catalogue<'a>(
    executor: &'a mut dyn Executor,
    queries: &'a [Query<'a>],
    targets: &'a [u32],
    items: usize,
) -> Pending<'a, Vec<Rank>> {
    Pending::start(async move {
        queries.iter().try_for_each(Query::check_known)?;
        match executor.search() {
            Some(search) => search.rank_catalogue(queries, targets, items).await,
            None => rank_by_scores(executor, queries, targets, items).await,
        }
    })
}

/// All scores by way of the core, a run of items at a time.
async fn score_pairs(executor: &mut dyn Executor, users: &[u32], out: &mut [f32]) -> Result<()> {
    const RUN: usize = 8192;
    let items = catalogue_items(executor.plan(), users, out)?;
    let pair = pair_of(executor.plan())?;
    let (mut same, mut run) = (Vec::new(), Vec::new());
    for (user, out) in users.iter().zip(out.chunks_mut(items)) {
        for (index, out) in out.chunks_mut(RUN).enumerate() {
            same.clear();
            same.resize(out.len(), *user);
            run.clear();
            run.extend((0..out.len()).map(|i| (index * RUN + i) as u32));
            executor.score(&pair.columns(&same, &run), out).await?;
        }
    }
    Ok(())
}

/// The best by all scores.
pub(crate) async fn top_by_scores(executor: &mut dyn Executor, queries: &[Query<'_>], k: usize) -> Result<Vec<Best>> {
    let mut best = Vec::with_capacity(queries.len());
    let mut top = TopK::new(k);
    for_each_row(executor, queries, |query, scores| {
        offer_row(&mut top, query, scores)?;
        best.push(top.take_sorted());
        Ok(())
    })
    .await?;
    Ok(best)
}

/// Offers the scores of all items, but for the known ones.
pub(crate) fn offer_row(top: &mut TopK, query: &Query<'_>, scores: &[f32]) -> Result<()> {
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

/// The ranks by all scores.
pub(crate) async fn rank_by_scores(
    executor: &mut dyn Executor,
    queries: &[Query<'_>],
    targets: &[u32],
    items: usize,
) -> Result<Vec<Rank>> {
    let items = check_targets(executor.plan(), queries, targets, items)?;
    let mut ranks = Vec::with_capacity(queries.len());
    for_each_row(executor, queries, |query, scores| {
        ranks.push(rank(&scores[..items], query, targets[ranks.len()])?);
        Ok(())
    })
    .await?;
    Ok(ranks)
}

/// Calls `row` with each query and the scores of all items.
async fn for_each_row(
    executor: &mut dyn Executor,
    queries: &[Query<'_>],
    mut row: impl FnMut(&Query<'_>, &[f32]) -> Result<()> + Send,
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
        score_catalogue(executor, &users, scores).await?;
        for (query, scores) in queries.iter().zip(scores.chunks_exact(items)) {
            row(query, scores)?;
        }
    }
    Ok(())
}

/// The number of items that are searched, where each query has a target among them.
///
/// # Errors
/// [`Error::Length`] where it has not; [`Error::Id`] where a target or a known item is not an item.
pub(crate) fn check_targets(plan: &Plan, queries: &[Query<'_>], targets: &[u32], items: usize) -> Result<usize> {
    if queries.len() != targets.len() {
        return Err(Error::Length {
            what: "targets, one a query".into(),
            expected: queries.len(),
            got: targets.len(),
        });
    }
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

/// The number of items, where a call of [`score_catalogue`] fits the plan.
///
/// # Errors
/// [`Error::Length`] and [`Error::Id`] as there.
pub fn catalogue_items(plan: &Plan, users: &[u32], out: &[f32]) -> Result<usize> {
    let items = catalogue_of(plan, users.iter().copied())?;
    match users.len().checked_mul(items) {
        Some(len) if len == out.len() => Ok(items),
        len => Err(Error::Length {
            what: "scores of users x items".into(),
            expected: len.unwrap_or(usize::MAX),
            got: out.len(),
        }),
    }
}

/// Which columns of a plan are those of users and items, where it scores an item for a user by nothing else.
///
/// # Errors
/// [`Error::Config`] where it does not.
pub(crate) fn pair_of(plan: &Plan) -> Result<Pair> {
    plan.pair().ok_or_else(|| {
        let names: Vec<&str> = plan.scored_columns().iter().map(|column| column.name.as_str()).collect();
        let reason = format!(
            "it scores by {}, not by one query (PlanBuilder::query), a user, and one candidate (PlanBuilder::candidate), an item: \
             there is no catalogue to rank",
            names.join(", ")
        );
        Error::config("plan", reason)
    })
}

/// The number of items of a plan that takes a user and an item, where it has rows for the users.
pub(crate) fn catalogue_of(plan: &Plan, mut users: impl Iterator<Item = u32>) -> Result<usize> {
    let Pair { query, candidate } = pair_of(plan)?;
    let (rows, items) = (plan.rows_of(query), plan.rows_of(candidate));
    match users.find(|&user| user as usize >= rows) {
        None => Ok(items),
        Some(id) => Err(Error::Id {
            column: plan.columns()[query].name.clone(),
            id: id.into(),
            rows: rows as u64,
        }),
    }
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
