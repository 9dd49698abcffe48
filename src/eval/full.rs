//! Ranking test items against the whole catalogue, some users at a time.

use alloc::{format, vec};

use super::{Rank, RankingReport};
use crate::{Error, Result, data::Split, executor::Executor};

/// Scores held at a time, where a user's own are no more.
const SCORES: usize = 1 << 19;

/// Ranks each test item among all items but those that its user has in training. The executor scores some users with
/// all items at once; nothing grows with users x items.
pub(super) fn evaluate_full(executor: &mut dyn Executor, split: &Split, k: usize) -> Result<RankingReport> {
    let items = executor.plan().rows(1);
    let users_each = (SCORES / items.max(1)).clamp(1, 256);
    let mut scores = vec![0.0; users_each.min(split.test.len()) * items];
    let mut users = vec![0; 0];
    let mut report = RankingReport {
        k,
        hr: 0.0,
        ndcg: 0.0,
        mrr: 0.0,
        cases: 0,
        scored: 0,
    };
    for cases in split.test.chunks(users_each) {
        users.clear();
        users.extend(cases.iter().map(|case| case.user));
        let scores = &mut scores[..cases.len() * items];
        // A score that the executor forgets to write is an error, not what the last users left there.
        scores.fill(f32::NAN);
        executor.score_catalogue(&users, scores)?;
        for (case, scores) in cases.iter().zip(scores.chunks_exact(items)) {
            // The split may know fewer items than the model, whose tables can have grown.
            let scores = &scores[..items.min(split.train.items() as usize)];
            let rank = rank(scores, case.user, case.item, split.train.of_user(case.user))?;
            report.scored += rank.1;
            report.add(rank.0);
        }
    }
    Ok(report.mean())
}

/// The place of `item` among those that are not in `known`, and how many these are.
fn rank(scores: &[f32], user: u32, item: u32, known: &[u32]) -> Result<(Rank, u64)> {
    let score_of = |item: u32| {
        scores.get(item as usize).copied().ok_or_else(|| Error::Id {
            column: "item".into(),
            id: item.into(),
            rows: scores.len() as u64,
        })
    };
    let target = score_of(item)?;
    let not_a_number = || {
        let at = scores.iter().position(|score| score.is_nan()).unwrap_or(0);
        Error::config("score", format!("the score of user {user} and item {at} is NaN"))
    };
    let mut rank = Rank::among(target, scores).ok_or_else(not_a_number)?;
    // Each of these was counted; the item itself as a tie. An item stands once in `known`.
    let mut counted = scores.len() as u64;
    rank.ties -= 1;
    for &known in known {
        if known != item {
            let score = score_of(known)?;
            rank.better -= u64::from(score > target);
            rank.ties -= u64::from(score == target);
            counted -= 1;
        }
    }
    Ok((rank, counted))
}
