//! Where an item stands among others.

/// Where a test item stands among its candidates.
///
/// Candidates with the item's own score could come before or after it. Its place is then any of `ties + 1` places
/// with equal probability, and every metric is the mean over them: what ordering ties at random gives on average. So
/// a model that scores everything alike gets 10 / 100 for HR@10 among 100, never 0 or 1 by the order of a loop.
/// Without ties the metrics are those of He et al., *Neural Collaborative Filtering*, WWW 2017.
///
/// ```
/// use pocketrec::eval::Rank;
/// let constant = Rank { better: 0, ties: 99 };
/// assert_eq!(constant.hit_rate(10), 0.1);
/// let third = Rank { better: 2, ties: 0 };
/// assert_eq!((third.hit_rate(10), third.ndcg(10)), (1.0, 0.5));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rank {
    /// Candidates with a higher score.
    pub better: u64,
    /// Candidates with the same score, without the item itself.
    pub ties: u64,
}

impl Rank {
    /// The rank of an item with score `target` among candidates with scores `others`; `None` where one is NaN, which
    /// has no place in an order.
    pub fn among(target: f32, others: &[f32]) -> Option<Rank> {
        let mut rank = Rank::default();
        let mut ordered = !target.is_nan();
        for &other in others {
            ordered &= !other.is_nan();
            rank.count(target, other);
        }
        ordered.then_some(rank)
    }

    /// Adds a candidate.
    #[inline]
    pub(crate) fn count(&mut self, target: f32, other: f32) {
        self.better += u64::from(other > target);
        self.ties += u64::from(other == target);
    }
}
