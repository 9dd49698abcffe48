//! A filter of pairs: one read from memory says of nearly every pair that is not in a set that it is not.

use alloc::{vec, vec::Vec};

use crate::rng::{scale, spread};

/// Bits a pair. With eight and [`place`](PairFilter::place)'s three, one in thirty of the pairs that are not in the set
/// passes.
const BITS: usize = 8;

/// A blocked Bloom filter (Putze, Sanders and Singler, *Cache-, Hash- and Space-Efficient Bloom Filters*, WEA 2007):
/// all bits of a pair lie in one word.
#[derive(Clone, Debug)]
pub(super) struct PairFilter(Vec<u64>);

impl PairFilter {
    /// An empty filter with room for `pairs`, which are fewer than 2^32.
    pub fn new(pairs: usize) -> Self {
        PairFilter(vec![0; (BITS * pairs).div_ceil(64)])
    }

    /// Takes a pair in.
    pub fn insert(&mut self, pair: [u32; 2]) {
        let (word, bits) = self.place(pair);
        if let Some(word) = self.0.get_mut(word) {
            *word |= bits;
        }
    }

    /// False only where the pair was not taken in.
    #[inline]
    pub fn passes(&self, pair: [u32; 2]) -> bool {
        let (word, bits) = self.place(pair);
        self.0.get(word).is_some_and(|word| word & bits == bits)
    }

    /// The word of a pair and its bits there.
    #[inline]
    fn place(&self, [first, second]: [u32; 2]) -> (usize, u64) {
        let spread = spread(u64::from(first) << 32 | u64::from(second));
        let hash = spread ^ spread >> 33;
        let bit = |shift: u32| 1 << (hash >> shift & 63);
        let word = scale((hash >> 32) as u32, self.0.len() as u32);
        (word as usize, bit(0) | bit(6) | bit(12))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_passes_and_of_the_rest_one_in_thirty() {
        let pairs = |first: u32| (0..100_000).map(move |i: u32| [first + i / 200, i % 200]);
        let mut filter = PairFilter::new(100_000);
        pairs(0).for_each(|pair| filter.insert(pair));
        assert!(pairs(0).all(|pair| filter.passes(pair)));
        // A word has k of the others' pairs, Poisson distributed with a mean of 8, and 3 bits of each.
        let (mut expected, mut chance) = (0.0, (-8.0f64).exp());
        for k in 0..60 {
            expected += chance * (1.0 - (63.0f64 / 64.0).powi(3 * k)).powi(3);
            chance *= 8.0 / f64::from(k + 1);
        }
        let passing = pairs(1000).filter(|&pair| filter.passes(pair)).count() as f64 / 100_000.0;
        assert!(
            (passing - expected).abs() < 0.003,
            "{passing} where {expected} was to be expected"
        );
        assert!(!PairFilter::new(0).passes([0, 0]));
    }
}
