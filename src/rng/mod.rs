//! Counter-based random numbers: a pure function of (seed, stream, index).
//!
//! The generator is Threefry-2x32 with 20 rounds (Salmon, Moraes, Dror, Shaw: *Parallel Random Numbers: As Easy as
//! 1, 2, 3*, SC'11): additions, rotations and exclusive-ors of `u32`, so that a shader computes the same numbers.
//! There is no state to save: a resumed run asks for the next index, and any thread may draw any number.
//!
//! With the feature `rand`, [`Rng::draws`] gives a stream's numbers through `rand_core`'s traits, from which the `rand`
//! crates make any distribution.

#[cfg(feature = "rand")]
mod draws;

#[cfg(feature = "rand")]
pub use draws::Draws;

/// A stream of random numbers, each of which is addressed by an index.
///
/// ```
/// use pocketrec::rng::Rng;
/// let negatives = Rng::new(42).stream(3); // say, epoch 3
/// assert_eq!(negatives.at(7), Rng::new(42).stream(3).at(7));
/// assert!(negatives.below(7, 10) < 10);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rng {
    key: [u32; 2],
}

impl Rng {
    /// The root stream of a seed.
    pub const fn new(seed: u64) -> Self {
        Rng {
            key: [seed as u32, (seed >> 32) as u32],
        }
    }

    /// A stream of its own below this one, independent of its siblings and of this stream's numbers.
    pub const fn stream(self, id: u32) -> Self {
        // The counter [MAX, id] is set aside for keys: `at` refuses an index that reaches it.
        Rng {
            key: threefry2x32(self.key, [u32::MAX, id]),
        }
    }

    /// What a shader needs to draw the same numbers.
    #[cfg(feature = "gpu")]
    pub(crate) const fn key(self) -> [u32; 2] {
        self.key
    }

    /// 64 random bits for `index`, whose low half must not be `u32::MAX`.
    #[inline]
    pub const fn at(self, index: u64) -> [u32; 2] {
        debug_assert!(index as u32 != u32::MAX);
        threefry2x32(self.key, [index as u32, (index >> 32) as u32])
    }

    /// A whole number below `n`, from the first 32 bits at `index`. The bias is at most `n / 2^32`.
    #[inline]
    pub const fn below(self, index: u64, n: u32) -> u32 {
        scale(self.at(index)[0], n)
    }

    /// A number in [0, 1) with 24 random bits.
    #[inline]
    pub fn uniform(self, index: u64) -> f32 {
        (self.at(index)[0] >> 8) as f32 * (1.0 / (1 << 24) as f32)
    }

    /// A standard normal number (Box and Muller, 1958).
    pub fn normal(self, index: u64) -> f32 {
        let [a, b] = self.at(index);
        let radius = libm::sqrt(-2.0 * libm::log((f64::from(a) + 1.0) / 4_294_967_296.0));
        let angle = core::f64::consts::TAU * (f64::from(b) / 4_294_967_296.0);
        (radius * libm::cos(angle)) as f32
    }
}

/// The numbers of streams: what draws at random has its number here, so that nothing else draws the same.
///
/// Numbers are part of what a seed means: another one gives other initial values, orders and negatives, and a checkpoint
/// would not go on as it began. Free ones below a seed of training: 10, 11, 16, and 20 on.
pub(crate) mod streams {
    /// Below a seed of training (`TrainConfig::seed`, `ClickConfig::seed`), of a split, or of a file that is parted. One
    /// list, so that the compiler refuses a number that is given twice.
    #[repr(u32)]
    enum Seed {
        Init = 1,
        PairNegatives = 2,
        Candidates = 3,
        ClickOrder = 4,
        ClickNoise = 5,
        ClickNegatives = 6,
        Parts = 7,
        PairList = 8,
        Neighbours = 9,
        PairUsers = 12,
        SequenceOrder = 13,
        SequenceNoise = 14,
        SequenceList = 15,
        Absorb = 17,
        Cold = 18,
        PairNoise = 19,
    }

    /// Initial values; then the parameter, in the plan's order.
    pub const INIT: u32 = Seed::Init as u32;
    /// The order of an epoch of pairs; then the epoch.
    ///
    /// This is [`INIT`]'s number too, the only one with two uses, and stays so, as either's bits would change. The order of
    /// epoch `e` has its keys from the two blocks that the first two values of parameter `e` come from, which are used for
    /// nothing else that the order could agree with.
    pub const PAIR_ORDER: u32 = Seed::Init as u32;
    /// The negatives of an epoch of pairs; then the epoch.
    pub const PAIR_NEGATIVES: u32 = Seed::PairNegatives as u32;
    /// The users of an epoch of pairs that is drawn by users, and which of their items; then the epoch.
    pub const PAIR_USERS: u32 = Seed::PairUsers as u32;
    /// The candidates that a test item is ranked among; then the user.
    pub const CANDIDATES: u32 = Seed::Candidates as u32;
    /// The order of an epoch of clicks; then the epoch.
    pub const CLICK_ORDER: u32 = Seed::ClickOrder as u32;
    /// What the steps of an epoch of clicks draw (`Batch::noise`); then the epoch, then the step.
    pub const CLICK_NOISE: u32 = Seed::ClickNoise as u32;
    /// The candidates that an epoch of clicks adds as negatives; then the epoch.
    pub const CLICK_NEGATIVES: u32 = Seed::ClickNegatives as u32;
    /// The order of an epoch of histories; then the epoch.
    pub const SEQUENCE_ORDER: u32 = Seed::SequenceOrder as u32;
    /// What the steps of an epoch of histories draw (`Batch::noise`); then the epoch, then the first sample.
    pub const SEQUENCE_NOISE: u32 = Seed::SequenceNoise as u32;
    /// The lists of an epoch of histories; then the epoch, then the first sample of the batch.
    pub const SEQUENCE_LIST: u32 = Seed::SequenceList as u32;
    /// Which part of a file a line belongs to; or the user, and what of the user's interactions is held out.
    pub const PARTS: u32 = Seed::Parts as u32;
    /// The list of a batch of pairs; then the epoch, then the batch's first sample.
    pub const PAIR_LIST: u32 = Seed::PairList as u32;
    /// What the steps of an epoch of pairs draw (`Batch::noise`); then the epoch, then the first sample.
    pub const PAIR_NOISE: u32 = Seed::PairNoise as u32;
    /// Which neighbours of an item are looked at (a seed of `Knowledge`, which may be that of training); then the item.
    pub const NEIGHBOURS: u32 = Seed::Neighbours as u32;
    /// What `absorb` draws, of pairs and of clicks; then the group's number, high half and low half.
    pub const ABSORB: u32 = Seed::Absorb as u32;
    /// Which items (0) or users (1) a split takes out of its training part.
    pub const COLD: u32 = Seed::Cold as u32;

    // Below a group of `ABSORB`, whose own numbers are its candidates.

    /// What the group's steps draw; then the step.
    pub const ABSORB_NOISE: u32 = 1;

    // Below the noise of a batch, where dropout has the number of its stage, counted from 0.

    /// Negatives of histories (an auxiliary loss's); then the sequence.
    pub const HISTORY_NEGATIVES: u32 = u32::MAX;

    /// The settings of a trial, below the seed of a search, which is no seed of training; then the trial.
    #[cfg(feature = "tune")]
    pub const TUNED_SETTINGS: u32 = 1;

    /// Below the seed of [`Planted`](crate::data::Planted), which is no seed of training.
    #[derive(Clone, Copy)]
    #[repr(u32)]
    pub enum Planted {
        /// Then the taste.
        Tastes = 1,
        /// Then the user.
        Users = 2,
        /// Then the item.
        Items = 3,
        /// The ranks of popularity; its stream [`SCALE_OF_RANKS`] has the pairs that affinities are scaled by.
        Ranks = 4,
        /// A number a user.
        Activity = 5,
        /// Then the user.
        Choice = 6,
        /// Then the user.
        Order = 7,
        /// Then the item.
        Related = 8,
    }

    /// Below [`Planted::Ranks`].
    pub const SCALE_OF_RANKS: u32 = 1;

    /// Below the seed of [`PlantedPaths`](crate::data::PlantedPaths), which is no seed of training.
    #[derive(Clone, Copy)]
    #[repr(u32)]
    pub enum PlantedPaths {
        /// Then the item.
        Successors = 1,
        /// Then the user.
        Users = 2,
    }

    /// Below the seed of [`PlantedClicks`](crate::data::clicks::PlantedClicks), which is no seed of training.
    #[derive(Clone, Copy)]
    #[repr(u32)]
    pub enum PlantedClicks {
        /// Then the user.
        Users = 1,
        /// Then the item; its own numbers are how items appeal.
        Items = 2,
        /// Categories of items.
        Categories = 3,
        /// Where users begin; then the user.
        Start = 4,
        /// What users do; then the user.
        Walk = 5,
    }
}

/// Maps 32 random bits onto 0..n by the high half of the product.
#[inline]
pub const fn scale(bits: u32, n: u32) -> u32 {
    ((bits as u64 * n as u64) >> 32) as u32
}

/// Threefry-2x32-20: encrypts `counter` with `key`. Rounds are written out: optimisers for size leave loops as they are.
#[inline]
pub const fn threefry2x32(key: [u32; 2], counter: [u32; 2]) -> [u32; 2] {
    const EVEN: [u32; 4] = [13, 15, 26, 6];
    const ODD: [u32; 4] = [17, 29, 16, 24];
    let [a, b, c] = [key[0], key[1], 0x1BD1_1BDA ^ key[0] ^ key[1]];
    let state = [counter[0].wrapping_add(a), counter[1].wrapping_add(b)];
    let state = threefry_rounds(state, EVEN, [b, c.wrapping_add(1)]);
    let state = threefry_rounds(state, ODD, [c, a.wrapping_add(2)]);
    let state = threefry_rounds(state, EVEN, [a, b.wrapping_add(3)]);
    let state = threefry_rounds(state, ODD, [b, c.wrapping_add(4)]);
    threefry_rounds(state, EVEN, [c, a.wrapping_add(5)])
}

/// Four rounds, and the keys behind them.
#[inline(always)]
const fn threefry_rounds(state: [u32; 2], rotations: [u32; 4], keys: [u32; 2]) -> [u32; 2] {
    let state = threefry_round(threefry_round(state, rotations[0]), rotations[1]);
    let state = threefry_round(threefry_round(state, rotations[2]), rotations[3]);
    [state[0].wrapping_add(keys[0]), state[1].wrapping_add(keys[1])]
}

#[inline(always)]
const fn threefry_round(state: [u32; 2], rotation: u32) -> [u32; 2] {
    let x = state[0].wrapping_add(state[1]);
    [x, state[1].rotate_left(rotation) ^ x]
}

/// A random permutation of `0..len` that is computed, not stored: any position, at any time, in any order.
///
/// A Feistel network over the next power of two, walked along its cycle until it lands below `len`
/// (Black and Rogaway, *Ciphers with Arbitrary Finite Domains*, CT-RSA 2002).
#[derive(Clone, Copy, Debug)]
pub struct Permutation {
    len: u32,
    half: [u32; 2],
    keys: [u32; 4],
}

impl Permutation {
    /// The permutation of `0..len` that belongs to `rng`.
    pub fn new(len: u32, rng: Rng) -> Self {
        let bits = (32 - len.saturating_sub(1).leading_zeros()).max(2);
        let [a, b] = rng.at(0);
        let [c, d] = rng.at(1);
        Permutation {
            len,
            half: [bits / 2, bits - bits / 2],
            keys: [a, b, c, d],
        }
    }

    /// Bits of the halves and keys of the rounds: what a shader needs to do the same.
    #[cfg(feature = "gpu")]
    pub(crate) const fn parts(&self) -> ([u32; 2], [u32; 4]) {
        (self.half, self.keys)
    }

    /// Where position `index` goes; `index` must be below `len`.
    #[inline]
    pub fn at(&self, index: u32) -> u32 {
        debug_assert!(index < self.len);
        let mut x = index;
        loop {
            x = self.encrypt(x);
            if x < self.len {
                return x;
            }
        }
    }

    /// Where the positions from `start` on go; all must be below `len`. Faster than one by one: the first
    /// encryptions of neighbours are computed in vectors, and only some positions walk on.
    pub fn fill(&self, start: u32, to: &mut [u32]) {
        debug_assert!(u64::from(start) + to.len() as u64 <= u64::from(self.len));
        for (x, position) in to.iter_mut().zip(start..) {
            *x = self.encrypt(position);
        }
        for x in to {
            while *x >= self.len {
                *x = self.encrypt(*x);
            }
        }
    }

    /// Four Feistel rounds; the halves trade places (and widths) each round.
    #[inline]
    fn encrypt(&self, x: u32) -> u32 {
        let [low_bits, high_bits] = self.half;
        let [low_mask, high_mask] = [(1u32 << low_bits) - 1, (1u32 << high_bits) - 1];
        // The high half is masked by a hash of the low one, then becomes the low half.
        let (low, high) = (x & low_mask, x >> low_bits);
        let (low, high) = (high ^ (mix(low ^ self.keys[0]) & high_mask), low);
        let (low, high) = (high ^ (mix(low ^ self.keys[1]) & low_mask), low);
        let (low, high) = (high ^ (mix(low ^ self.keys[2]) & high_mask), low);
        let (low, high) = (high ^ (mix(low ^ self.keys[3]) & low_mask), low);
        (high << low_bits) | low
    }
}

/// MurmurHash3's finaliser for 64 bits, without its last step: that one, `x ^ x >> 33`, only mends the low bits.
#[inline]
pub(crate) const fn spread(mut x: u64) -> u64 {
    x = (x ^ x >> 33).wrapping_mul(0xFF51_AFD7_ED55_8CCD);
    (x ^ x >> 33).wrapping_mul(0xC4CE_B9FE_1A85_EC53)
}

/// The 32-bit finaliser of MurmurHash3.
#[inline]
const fn mix(mut x: u32) -> u32 {
    x ^= x >> 16;
    x = x.wrapping_mul(0x85EB_CA6B);
    x ^= x >> 13;
    x = x.wrapping_mul(0xC2B2_AE35);
    x ^ (x >> 16)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{vec, vec::Vec};

    /// The known answers that come with Random123 (`kat_vectors`, threefry2x32 20).
    #[test]
    fn threefry_gives_the_published_answers() {
        assert_eq!(threefry2x32([0, 0], [0, 0]), [0x6b20_0159, 0x99ba_4efe]);
        assert_eq!(threefry2x32([u32::MAX; 2], [u32::MAX; 2]), [0x1cb9_96fc, 0xbb00_2be7]);
        assert_eq!(
            threefry2x32([0x1319_8a2e, 0x0370_7344], [0x243f_6a88, 0x85a3_08d3]),
            [0xc492_3a9c, 0x483d_f7a0]
        );
    }

    #[test]
    fn permutation_is_one() {
        for len in [1u32, 2, 3, 5, 31, 32, 33, 1000, 4097] {
            let permutation = Permutation::new(len, Rng::new(1).stream(len));
            let mut seen = vec![false; len as usize];
            let mut filled = vec![0; len as usize];
            permutation.fill(0, &mut filled);
            for i in 0..len {
                let to = permutation.at(i) as usize;
                assert!(!core::mem::replace(&mut seen[to], true), "{len}: {to} twice");
                assert_eq!(filled[i as usize] as usize, to);
            }
        }
    }

    #[test]
    fn permutation_moves_neighbours_apart() {
        // For a uniform permutation the mean distance of two values is len / 3.
        let len = 100_000;
        let permutation = Permutation::new(len, Rng::new(9));
        let total: u64 = (1..len)
            .map(|i| u64::from(permutation.at(i).abs_diff(permutation.at(i - 1))))
            .sum();
        let mean = total as f64 / f64::from(len - 1) / f64::from(len);
        assert!((mean - 1.0 / 3.0).abs() < 0.01, "{mean}");
    }

    #[test]
    fn normal_has_the_moments_of_a_normal() {
        let rng = Rng::new(7).stream(1);
        let draws: Vec<f64> = (0..200_000).map(|i| f64::from(rng.normal(i))).collect();
        let n = draws.len() as f64;
        let mean = draws.iter().sum::<f64>() / n;
        let variance = draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
        assert!(mean.abs() < 0.01 && (variance - 1.0).abs() < 0.02, "{mean} {variance}");
    }
}
