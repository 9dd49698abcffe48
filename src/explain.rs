//! Reasons: which items of a user's history a recommendation comes from, and how much of its score each gives.

use alloc::vec::Vec;

/// Why a user is given an item: the items that the user has, each with its part of the score.
///
/// `reasons` and `rest` add up to `score`, but for rounding ([`sum`](Explanation::sum)). Where there is no `rest`, the reasons are all that
/// there is to a score; a `rest` is what the score has beside the history, as a bias, or what an embedding has learnt that the
/// history does not tell.
///
/// ```
/// use pocketrec::explain::{Explanation, Reason};
/// let reasons = vec![Reason { item: 4, contribution: 0.25 }, Reason { item: 9, contribution: 0.5 }];
/// let why = Explanation::new(0.75, reasons, 0.0);
/// assert_eq!(why.reasons[0].item, 9);
/// assert_eq!(why.sum(), 0.75);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Explanation {
    /// What the model scores the item with.
    pub score: f32,
    /// What items of the history give, the largest contribution first; of equal ones the lower item is first.
    pub reasons: Vec<Reason>,
    /// What is left of the score.
    pub rest: f32,
}

/// An item of the history, and what it gives to a score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reason {
    /// The item that the user has.
    pub item: u32,
    /// Its part of the score; below zero where it speaks against the recommendation.
    pub contribution: f32,
}

impl Explanation {
    /// Puts the reasons in order.
    pub fn new(score: f32, mut reasons: Vec<Reason>, rest: f32) -> Self {
        let best_first = |a: &Reason, b: &Reason| b.contribution.total_cmp(&a.contribution).then(a.item.cmp(&b.item));
        reasons.sort_unstable_by(best_first);
        Explanation { score, reasons, rest }
    }

    /// What reasons and rest add up to: the score, but for rounding.
    pub fn sum(&self) -> f64 {
        let given = self.reasons.iter().map(|reason| f64::from(reason.contribution));
        given.sum::<f64>() + f64::from(self.rest)
    }
}
