//! Which items a user has: membership, fast.

use alloc::{format, vec, vec::Vec};
use core::ops::Range;

use super::{Interactions, filter::PairFilter};
use crate::{
    Error,
    rng::{Rng, scale},
};

/// Users x items up to which membership is a table of bits: 8 MiB, which stays in the caches. A sample of ML-1M (2.8 MB)
/// costs 60 to 85 ns with it, 107 to 120 ns with the filter, since a tenth of what is drawn there is had and searched for.
const BITMAP_BITS: u64 = 8 << 23;
/// Interactions from one to the next whose user is noted.
const NOTED: usize = 16;
/// Blocks of two tries that are drawn before a negative is taken by rank: reached by users who have nearly everything.
pub(in crate::data) const ATTEMPTS: u64 = 16;

/// The items of each user, sorted, to ask whether a user has an item.
///
/// Takes 5.3 bytes an interaction and 8 a user; instead of one of the bytes, at most 8 MiB for a table of bits where
/// users x items fit it.
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
    /// Every user with each of their items, where there are no bits. It spares most searches, whose reads from memory wait
    /// for each other: a sample of 20 M interactions costs 115 to 145 ns with it, 290 to 420 ns without, and 200 to 230 ns
    /// where 64 searches go on in step instead.
    filter: PairFilter,
    /// The user of every `NOTED`-th interaction.
    noted: Vec<u32>,
}

impl Positives {
    /// The items that each user of `interactions` has.
    pub fn new(interactions: &Interactions) -> Self {
        Self::with_bitmap_up_to(interactions, BITMAP_BITS)
    }

    fn with_bitmap_up_to(interactions: &Interactions, limit: u64) -> Self {
        let cells = u64::from(interactions.users()) * u64::from(interactions.items());
        let (words, pairs) = match cells <= limit {
            true => (cells.div_ceil(64) as usize, 0),
            false => (0, interactions.len()),
        };
        let mut positives = Positives {
            offsets: interactions.offsets.clone(),
            items: interactions.items.clone(),
            item_count: interactions.items(),
            bits: vec![0; words],
            filter: PairFilter::new(pairs),
            noted: Vec::with_capacity(interactions.len().div_ceil(NOTED)),
        };
        for user in 0..interactions.users() {
            positives.take_in(user, interactions.range(user));
        }
        positives
    }

    /// Sorts the items of the next user and notes them.
    fn take_in(&mut self, user: u32, range: Range<usize>) {
        let next = self.noted.len() * NOTED;
        self.noted.extend((next..range.end).step_by(NOTED).map(|_| user));
        self.items[range.clone()].sort_unstable();
        for place in range {
            let item = self.items[place];
            let (word, bit) = self.bit(user, item);
            match self.bits.get_mut(word) {
                Some(bits) => *bits |= bit,
                None => self.filter.insert([user, item]),
            }
        }
    }

    #[inline]
    fn bit(&self, user: u32, item: u32) -> (usize, u64) {
        let cell = u64::from(user) * u64::from(self.item_count) + u64::from(item);
        ((cell / 64) as usize, 1 << (cell % 64))
    }

    /// The items of a user in ascending order; none for a user who is not there.
    #[inline]
    pub fn of_user(&self, user: u32) -> &[u32] {
        match self.offsets.get(user as usize..) {
            Some([start, end, ..]) => self.items.get(*start..*end).unwrap_or_default(),
            _ => &[],
        }
    }

    /// Whether the user has the item; false where either is not there.
    #[inline]
    pub fn contains(&self, user: u32, item: u32) -> bool {
        self.passes(user, item) && (!self.bits.is_empty() || self.of_user(user).binary_search(&item).is_ok())
    }

    /// False of nearly all items that the user does not have, true of all that the user has; at one read from memory.
    #[inline]
    pub(in crate::data) fn passes(&self, user: u32, item: u32) -> bool {
        if self.bits.is_empty() {
            return self.filter.passes([user, item]);
        }
        let (word, bit) = self.bit(user, item);
        item < self.item_count && self.bits.get(word).is_some_and(|bits| bits & bit != 0)
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
    pub(in crate::data) fn item(&self, index: u32) -> u32 {
        self.items[index as usize]
    }

    /// The user of interaction `index`, which must be below `len()`.
    #[inline]
    pub(in crate::data) fn user(&self, index: u32) -> u32 {
        let index = index as usize;
        let low = self.noted[index / NOTED];
        if index < self.offsets[low as usize + 1] {
            return low;
        }
        let high = self.noted.get(index / NOTED + 1).map_or(self.users() - 1, |&user| user);
        let begins = &self.offsets[low as usize + 1..=high as usize];
        low + begins.partition_point(|&begin| begin <= index) as u32
    }

    /// The interactions of a user who has some, as [`item`](Positives::item) counts them.
    #[inline]
    pub(in crate::data) fn indices_of(&self, user: u32) -> Range<u32> {
        self.offsets[user as usize] as u32..self.offsets[user as usize + 1] as u32
    }

    /// Where each user's items begin, and the items.
    #[cfg(feature = "gpu")]
    pub(crate) fn parts(&self) -> (&[usize], &[u32]) {
        (&self.offsets, &self.items)
    }

    /// An item that the user does not have, for number `draw` of a stream: [`Sampler`](crate::data::Sampler) says by which
    /// rule. The user must not have all.
    #[cold]
    pub(in crate::data) fn draw_missing(&self, rng: Rng, draw: u32, user: u32) -> u32 {
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

/// The first user who has all items.
pub(in crate::data) fn user_of_everything(train: &Interactions) -> Option<u32> {
    (0..train.users()).find(|&user| train.of_user(user).len() >= train.items() as usize)
}

/// The refusal of a user who has all of `items` items.
pub(in crate::data) fn nothing_to_draw(user: &str, items: u32) -> Error {
    Error::config(
        "train",
        format!(
            "user {user:?} has every one of the {items} items, so that there is no negative to draw: leave the user out or \
             train without negatives"
        ),
    )
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
            assert_eq!(positives.bits.is_empty(), limit == 0);
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
        }
    }

    #[test]
    fn every_interaction_has_its_user() {
        let rng = Rng::new(6);
        // Users of one item, of hundreds, and ten of none after each.
        let pairs: Vec<(u32, u32)> = (0..40)
            .flat_map(|user| (0..rng.below(user.into(), 1 + 20 * user)).map(move |item| (11 * user, item)))
            .collect();
        let positives = Positives::new(&Interactions::from_pairs(&pairs).unwrap());
        assert!(positives.len() > 2000 && positives.noted.len() == positives.len().div_ceil(NOTED));
        for (index, (user, item)) in (0..).zip(pairs) {
            assert_eq!((positives.user(index), positives.item(index)), (user, item));
        }
    }
}
