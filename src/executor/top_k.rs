//! The k best of a stream of scores in O(k) memory.

use alloc::{collections::BinaryHeap, vec::Vec};
use core::cmp::Ordering;

/// Keeps the `k` best of the items offered. Of equal scores the lower item is better, in any order of offering.
///
/// ```
/// use pocketrec::eval::TopK;
/// let mut top = TopK::new(2);
/// for (item, score) in [(7, 0.5), (3, 0.1), (4, 0.5), (1, 0.5)] {
///     top.offer(item, score);
/// }
/// assert_eq!(top.take_sorted(), [(1, 0.5), (4, 0.5)]);
/// ```
#[derive(Clone, Debug)]
pub struct TopK {
    k: usize,
    /// The worst of those kept is on top.
    kept: BinaryHeap<Entry>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Entry {
    item: u32,
    score: f32,
}

impl Eq for Entry {}

/// Greater is worse.
impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_score = other.score.total_cmp(&self.score);
        by_score.then(self.item.cmp(&other.item))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl TopK {
    /// Room for the best `k`. Memory is taken as items come, so that a `k` beyond their number costs nothing.
    pub fn new(k: usize) -> Self {
        TopK {
            k,
            kept: BinaryHeap::new(),
        }
    }

    /// Considers an item. NaN is never kept: it has no place in an order.
    #[inline]
    pub fn offer(&mut self, item: u32, score: f32) {
        if score.is_nan() {
            return;
        }
        // Adding zero makes -0 and 0 the same, as `==` has it.
        let entry = Entry {
            item,
            score: score + 0.0,
        };
        if self.kept.len() < self.k {
            self.kept.push(entry);
        } else if let Some(mut worst) = self.kept.peek_mut()
            && entry < *worst
        {
            *worst = entry;
        }
    }

    /// The worst score kept, once there are `k`: only a better one, or the same of a lower item, is still kept.
    pub fn worst(&self) -> Option<f32> {
        let is_full = self.kept.len() >= self.k;
        self.kept.peek().filter(|_| is_full).map(|worst| worst.score)
    }

    /// The items kept, best first; there are none afterwards.
    pub fn take_sorted(&mut self) -> Vec<(u32, f32)> {
        let kept = core::mem::take(&mut self.kept).into_sorted_vec();
        kept.into_iter().map(|entry| (entry.item, entry.score)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    #[test]
    fn it_is_the_head_of_a_sort() {
        for case in 0..300u64 {
            let rng = Rng::new(case);
            let len = rng.below(0, 200);
            // Few distinct scores, so that ties are common; zeros of both signs.
            let scores = [-1.0, -0.0, 0.0, 0.5, f32::INFINITY, f32::NEG_INFINITY];
            let mut offered: Vec<(u32, f32)> = (0..len)
                .map(|i| (i, scores[rng.below(1 + u64::from(i), 6) as usize]))
                .collect();
            if case % 2 == 0 {
                offered.reverse();
            }
            for k in [0, 1, 2, 10, 500] {
                let mut top = TopK::new(k);
                for &(item, score) in &offered {
                    top.offer(item, score);
                    top.offer(item, f32::NAN);
                }
                let mut sorted = offered.clone();
                sorted.sort_by(|a, b| b.1.partial_cmp(&a.1).unwrap().then(a.0.cmp(&b.0)));
                sorted.truncate(k);
                assert_eq!(top.take_sorted(), sorted);
            }
        }
    }
}
