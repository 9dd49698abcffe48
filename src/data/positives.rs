//! Which items a user has: membership, fast.

use alloc::vec::Vec;
use core::{hint::select_unpredictable, ops::Range};

use super::Interactions;
use crate::rng::{Rng, scale};

/// Users x items up to which membership is a table of bits: 8 MiB, which stays in the caches. On ML-1M (2.8 MB) a sample
/// costs 56 ns with it and 88 ns with a binary search of the user's items.
const BITMAP_BITS: u64 = 8 << 23;
/// Blocks of two tries that are drawn before a negative is taken by rank: reached by users who have nearly everything.
const ATTEMPTS: u64 = 16;
/// Binary searches that go on in step.
const SEARCHES: usize = 64;

/// The items of each user, sorted, to ask whether a user has an item.
///
/// Takes 4 bytes an interaction, 8 a user, and at most 8 MiB for a table of bits where users x items fit it.
///
/// ```
/// use pocketrec::data::{Interactions, Positives};
/// let seen = Positives::new(&Interactions::from_pairs(&[(0, 2), (0, 1), (1, 0)])?);
/// assert!(seen.contains(0, 2) && !seen.contains(1, 2));
/// assert_eq!(seen.of_user(0), [1, 2]);
/// # Ok::<(), pocketrec::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Positives {
    offsets: Vec<usize>,
    items: Vec<u32>,
    item_count: u32,
    /// Bit `user * item_count + item`; empty where it would be too large.
    bits: Vec<u64>,
}

impl Positives {
    /// The items that each user of `interactions` has.
    pub fn new(interactions: &Interactions) -> Self {
        Self::with_bitmap_up_to(interactions, BITMAP_BITS)
    }

    pub(super) fn with_bitmap_up_to(interactions: &Interactions, limit: u64) -> Self {
        let mut positives = Positives {
            offsets: interactions.offsets.clone(),
            items: interactions.items.clone(),
            item_count: interactions.items(),
            bits: Vec::new(),
        };
        let cells = u64::from(interactions.users()) * u64::from(interactions.items());
        if cells <= limit {
            positives.bits.resize(cells.div_ceil(64) as usize, 0);
        }
        for user in 0..interactions.users() {
            let range = interactions.range(user);
            positives.items[range.clone()].sort_unstable();
            if cells <= limit {
                for &item in &positives.items[range] {
                    let (word, bit) = positives.bit(user, item);
                    positives.bits[word] |= bit;
                }
            }
        }
        positives
    }

    #[inline]
    fn bit(&self, user: u32, item: u32) -> (usize, u64) {
        let cell = u64::from(user) * u64::from(self.item_count) + u64::from(item);
        ((cell / 64) as usize, 1 << (cell % 64))
    }

    /// The items of a user in ascending order; none for a user who is not there.
    #[inline]
    pub fn of_user(&self, user: u32) -> &[u32] {
        self.items.get(self.range(user)).unwrap_or_default()
    }

    /// Where the items of a user are; nowhere for a user who is not there.
    #[inline]
    fn range(&self, user: u32) -> Range<usize> {
        match self.offsets.get(user as usize..) {
            Some([start, end, ..]) => *start..*end,
            _ => 0..0,
        }
    }

    /// Whether the user has the item; false where either is not there.
    #[inline]
    pub fn contains(&self, user: u32, item: u32) -> bool {
        if self.bits.is_empty() {
            return self.of_user(user).binary_search(&item).is_ok();
        }
        let (word, bit) = self.bit(user, item);
        item < self.item_count && self.bits.get(word).is_some_and(|bits| bits & bit != 0)
    }

    /// Whether each user has the item beside it.
    pub(super) fn contain(&self, users: &[u32], items: &[u32], has: &mut [bool]) {
        if self.bits.is_empty() {
            let groups = users.chunks(SEARCHES).zip(items.chunks(SEARCHES));
            for ((users, items), has) in groups.zip(has.chunks_mut(SEARCHES)) {
                self.search(users, items, has);
            }
        } else {
            for ((&user, &item), has) in users.iter().zip(items).zip(has) {
                *has = self.contains(user, item);
            }
        }
    }

    /// [`contain`](Self::contain) of at most `SEARCHES` pairs, whose searches go on in step. So their reads from memory
    /// overlap, which else wait for each other: a sample of 20 M interactions takes two thirds of the time.
    fn search(&self, users: &[u32], items: &[u32], has: &mut [bool]) {
        let (mut starts, mut counts) = ([0; SEARCHES], [0; SEARCHES]);
        for ((start, count), &user) in starts.iter_mut().zip(&mut counts).zip(users) {
            let range = self.range(user);
            (*start, *count) = (range.start, range.len());
        }
        let mut longest = counts.iter().copied().max().unwrap_or(0);
        while longest > 1 {
            for ((start, count), &item) in starts.iter_mut().zip(&mut counts).zip(items) {
                let half = *count / 2;
                let is_above = self.items.get(*start + half).is_none_or(|&middle| middle > item);
                *start += select_unpredictable(is_above, 0, half);
                *count -= half;
            }
            longest -= longest / 2;
        }
        for (((start, count), item), has) in starts.into_iter().zip(counts).zip(items).zip(has) {
            *has = count > 0 && self.items.get(start) == Some(item);
        }
    }

    /// Number of users.
    pub fn users(&self) -> u32 {
        (self.offsets.len() - 1) as u32
    }

    /// Number of items.
    pub fn items(&self) -> u32 {
        self.item_count
    }

    /// Number of interactions.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether nobody has anything.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The item of interaction `index`, in the order of users and then of items. `index` must be below `len()`.
    #[inline]
    pub(super) fn item(&self, index: u32) -> u32 {
        self.items[index as usize]
    }

    /// Where each user's items begin, and the items.
    #[cfg(feature = "gpu")]
    pub(crate) fn parts(&self) -> (&[usize], &[u32]) {
        (&self.offsets, &self.items)
    }

    /// An item that the user does not have, for number `draw` of a stream: [`Sampler`](super::Sampler) says by which
    /// rule. The user must not have all.
    #[cold]
    pub(super) fn draw_missing(&self, rng: Rng, draw: u32, user: u32) -> u32 {
        for attempt in 0..ATTEMPTS {
            for bits in rng.at(u64::from(draw) | attempt << 32) {
                let item = scale(bits, self.item_count);
                if !self.contains(user, item) {
                    return item;
                }
            }
        }
        let missing = self.item_count - self.of_user(user).len() as u32;
        let rank = rng.below(u64::from(draw) | ATTEMPTS << 32, missing);
        self.missing(user, rank)
    }

    /// The `rank`-th item, counted from 0, that the user does not have. `rank` must be below the number of those.
    fn missing(&self, user: u32, rank: u32) -> u32 {
        let items = self.of_user(user);
        // items[i] has items[i] - i missing items below it: find how many items come before the one sought.
        let (mut low, mut high) = (0, items.len());
        while low < high {
            let middle = (low + high) / 2;
            if items[middle] - middle as u32 <= rank {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        rank + low as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    #[test]
    fn membership_is_that_of_the_interactions_with_and_without_bits() {
        let rng = Rng::new(5);
        let pairs: Vec<(u32, u32)> = (0..400).map(|i| (rng.below(i, 17), rng.below(i + 1000, 37))).collect();
        let data = Interactions::from_pairs(&pairs).unwrap();
        for limit in [0, u64::MAX] {
            let positives = Positives::with_bitmap_up_to(&data, limit);
            for user in 0..20 {
                let mut missing = Vec::new();
                for item in 0..40 {
                    let has = pairs.contains(&(user, item));
                    assert_eq!(positives.contains(user, item), has, "{user} {item}");
                    if !has {
                        missing.push(item);
                    }
                }
                for (rank, &item) in missing.iter().enumerate().filter(|(_, item)| **item < data.items()) {
                    assert_eq!(positives.missing(user, rank as u32), item);
                }
            }
            assert!(!positives.contains(u32::MAX, 0) && !positives.contains(0, u32::MAX));
            let (users, items): (Vec<u32>, Vec<u32>) =
                (0..20).flat_map(|user| (0..40).map(move |item| (user, item))).unzip();
            let mut has = alloc::vec![false; users.len()];
            positives.contain(&users, &items, &mut has);
            for ((user, item), has) in users.into_iter().zip(items).zip(has) {
                assert_eq!(has, pairs.contains(&(user, item)), "{user} {item}");
            }
        }
    }
}
