//! The baseline that a model has to beat.

use super::{Protocol, RankingReport, evaluate_with};
use crate::{Result, data::Split};

/// Ranks by the number of users who have an item in the training part, the same for everyone.
///
/// On MovieLens-1M with 99 sampled negatives it has HR@10 0.45 and NDCG@10 0.25 (Rendle et al., RecSys 2020).
///
/// # Errors
/// As [`evaluate_with`].
pub fn evaluate_popularity(split: &Split, protocol: Protocol, k: usize) -> Result<RankingReport> {
    let popularity = split.train.popularity();
    evaluate_with(split, protocol, k, |_, items, out| {
        for (score, &item) in out.iter_mut().zip(items) {
            // A split's items are those of its training part.
            *score = popularity.get(item as usize).map_or(0.0, |&count| count as f32);
        }
        Ok(())
    })
}
