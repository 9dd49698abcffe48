//! A baseline for items that nobody has: what a user's items are like.

use alloc::vec::Vec;

use super::FullRanking;
use crate::{
    Result,
    data::{Features, Split},
    eval::FullReport,
};

impl FullRanking {
    /// Ranks by the attributes of a user's history: an item's score is the sum over the user's items of the cosine of their
    /// features with its own. Nothing is learnt; an item without features scores 0.
    ///
    /// # Errors
    /// Those of [`of_lists`](FullRanking::of_lists), and [`Error::Config`](crate::Error::Config) where the features are of other items than the
    /// split's.
    pub fn of_attributes(&self, split: &Split, features: &Features) -> Result<FullReport> {
        features.check_rows(split.train.item_ids(), "items")?;
        let items = split.train.items();
        // One over the length of each item's vector of ones.
        let length = |item: u32| 1.0 / libm::sqrtf(features.of(item).len().max(1) as f32);
        let lengths: Vec<f32> = (0..items).map(length).collect();
        let mut profile = alloc::vec![0.0f32; features.features() as usize];
        self.of_scores(split, |users, scores| {
            for (&user, scores) in users.iter().zip(scores.chunks_exact_mut(items as usize)) {
                profile.fill(0.0);
                for item in split.known_of(user) {
                    let own = features.of(item).iter();
                    own.for_each(|&feature| profile[feature as usize] += lengths[item as usize]);
                }
                for (item, score) in (0..).zip(scores) {
                    let own = features.of(item).iter();
                    *score = own.map(|&feature| profile[feature as usize]).sum::<f32>() * lengths[item as usize];
                }
            }
            Ok(())
        })
    }
}
