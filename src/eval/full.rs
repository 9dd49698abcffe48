//! Ranking test items against the whole catalogue, some users at a time.

use alloc::vec::Vec;

use super::{Query, RankingReport};
use crate::{
    Result,
    data::{Split, TestCase},
    executor::Executor,
};

/// Users that are handed to the executor at a time.
const USERS: usize = 1024;

/// Ranks each test item among all items but those that its user has in training. The executor searches for some users
/// at once; nothing grows with users x items.
pub(super) fn evaluate_full(executor: &mut dyn Executor, split: &Split, k: usize) -> Result<RankingReport> {
    // The split may know fewer items than the model, whose tables can have grown.
    let items = executor.plan().rows(1).min(split.train.items() as usize);
    let mut report = RankingReport {
        k,
        hr: 0.0,
        ndcg: 0.0,
        mrr: 0.0,
        cases: 0,
        scored: 0,
    };
    let (mut known, mut ends, mut targets) = (Vec::new(), Vec::new(), Vec::new());
    for cases in split.test.chunks(USERS) {
        known.clear();
        ends.clear();
        targets.clear();
        for case in cases {
            let begin = known.len();
            let others = split.train.of_user(case.user).iter().filter(|&&item| item != case.item);
            known.extend(others);
            known[begin..].sort_unstable();
            ends.push((begin, known.len()));
            targets.push(case.item);
        }
        let query = |(case, &(begin, end)): (&TestCase, &(usize, usize))| Query {
            user: case.user,
            known: &known[begin..end],
        };
        let queries: Vec<Query<'_>> = cases.iter().zip(&ends).map(query).collect();
        let ranks = executor.rank_catalogue(&queries, &targets, items)?;
        ranks.into_iter().for_each(|rank| report.add(rank));
        report.scored += (cases.len() * items - known.len()) as u64; // each known item is one of the items
    }
    Ok(report.mean())
}
