//! Rankings by any score of a user and an item, such as the truth behind made-up data; and whom a key means.

use pocketrec::{
    Error, Result,
    data::Split,
    eval::{FullRanking, FullReport, Protocol, RankingReport, evaluate_with},
};

use crate::common::messages::not_known;

/// Ranks all items for all who are tested.
pub fn of_all(split: &Split, ranking: FullRanking, score: impl Fn(u32, u32) -> f32) -> Result<FullReport> {
    let items = split.train.items();
    ranking.of_scores(split, |users, scores| {
        for (&user, row) in users.iter().zip(scores.chunks_exact_mut(items as usize)) {
            (0..items).zip(row).for_each(|(item, out)| *out = score(user, item));
        }
        Ok(())
    })
}

/// Ranks each test item among its candidates.
pub fn of_cases(split: &Split, protocol: Protocol, k: usize, score: impl Fn(u32, u32) -> f32) -> Result<RankingReport> {
    evaluate_with(split, protocol, k, |users, items, out| {
        for ((out, &user), &item) in out.iter_mut().zip(users).zip(items) {
            *out = score(user, item);
        }
        Ok(())
    })
}

/// The user with this key, or else the first with a test item.
pub fn user(split: &Split, option: &str, key: Option<&str>) -> Result<u32> {
    let ids = split.train.user_ids();
    match key {
        None => Ok(split.test.first().map_or(0, |case| case.user)),
        Some(key) => ids
            .get(key)
            .ok_or_else(|| Error::config(option, not_known("user", ids, key))),
    }
}
