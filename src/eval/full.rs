//! Ranking test items against the whole catalogue, some users at a time.

use alloc::vec::Vec;

use super::{Query, RankingReport};
use crate::{
    Result,
    data::Split,
    executor::{Executor, pair_of, rank_catalogue},
};

/// Users that are handed to the executor at a time.
const USERS: usize = 1024;
/// Entries of a list that has, for each user handed over, the items that nobody has.
const LEFT_OUT: usize = 1 << 22;

/// Ranks each test item among all items but those that its user has in training and those that nobody has. The executor
/// searches for some users at once; nothing grows with users x items.
pub(super) fn evaluate_full(executor: &mut dyn Executor, split: &Split, k: usize) -> Result<RankingReport> {
    // The split may know fewer items than the model, whose tables can have grown.
    let items = executor.plan().rows_of(pair_of(executor.plan())?.candidate);
    let items = items.min(split.train.items() as usize);
    let mut report = RankingReport::new(k);
    let (mut known, mut ends, mut targets) = (Vec::new(), Vec::new(), Vec::new());
    // Nobody's items are left out for every user.
    let unused = split.train.unused_items();
    let unused = &unused[..unused.partition_point(|&item| (item as usize) < items)];
    let users = (LEFT_OUT / (unused.len() + 1)).clamp(1, USERS);
    for cases in split.test.chunks(users) {
        known.clear();
        ends.clear();
        targets.clear();
        for case in cases {
            let begin = known.len();
            let others = split.known_of(case.user).filter(|&item| item != case.item);
            known.extend(others.chain(unused.iter().copied()));
            known[begin..].sort_unstable();
            // Ids that the model has no row for are the executor's to refuse.
            let all = items.checked_sub(known.len() - begin).is_some_and(|others| others <= 1);
            if all && known.last().is_none_or(|&last| (last as usize) < items) {
                known.truncate(begin);
                report.left_out += 1;
                continue;
            }
            ends.push((case.user, begin, known.len()));
            targets.push(case.item);
        }
        let query = |&(user, begin, end): &(u32, usize, usize)| Query {
            user,
            known: &known[begin..end],
        };
        let queries: Vec<Query<'_>> = ends.iter().map(query).collect();
        let ranks = rank_catalogue(executor, &queries, &targets, items).wait()?;
        ranks.into_iter().for_each(|rank| report.add(rank));
        report.scored += (queries.len() * items - known.len()) as u64; // each known item is one of the items
    }
    report.mean()
}
