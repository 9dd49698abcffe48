//! The area under the ROC curve of each user's ranking.

use alloc::vec::Vec;

use super::source::Source;
use crate::{Result, eval::Query};

/// Test items that are ranked in one call.
const TARGETS: usize = 4096;

/// Sum over users with both kinds of items, and their number.
#[derive(Default)]
pub(super) struct AucSum {
    sum: f64,
    users: u64,
}

impl AucSum {
    /// Adds users with their test items, who are ranked among `rows` items but the known ones.
    pub fn add(&mut self, source: &mut impl Source, users: &[(Query<'_>, &[(u32, u32)])], rows: usize) -> Result<()> {
        let (mut queries, mut targets, mut start) = (Vec::new(), Vec::new(), 0);
        for (at, (query, tested)) in users.iter().enumerate() {
            queries.extend(tested.iter().map(|_| *query));
            targets.extend(tested.iter().map(|pair| pair.1));
            if targets.len() < TARGETS && at + 1 < users.len() {
                continue;
            }
            let mut ranks = source.ranks(&queries, &targets)?.into_iter();
            for (query, tested) in &users[start..=at] {
                let (candidates, relevant) = ((rows - query.known.len()) as f64, tested.len() as f64);
                let beaten = |rank: crate::eval::Rank| {
                    let (better, ties) = (rank.better as f64, rank.ties as f64);
                    candidates - 1.0 - better - ties / 2.0
                };
                let wins: f64 = ranks.by_ref().take(tested.len()).map(beaten).sum();
                // Of two test items one beats the other, or each half of it.
                let (wins, others) = (wins - relevant * (relevant - 1.0) / 2.0, candidates - relevant);
                if others > 0.0 {
                    self.sum += wins / (relevant * others);
                    self.users += 1;
                }
            }
            (queries, targets, start) = (Vec::new(), Vec::new(), at + 1);
        }
        Ok(())
    }

    pub fn mean(&self) -> Option<f64> {
        (self.users > 0).then(|| self.sum / self.users as f64)
    }
}
