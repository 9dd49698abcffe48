//! A stream's numbers one after the other, as [`rand_core`] wants them: for any distribution of the `rand` crates.

use core::convert::Infallible;

use rand_core::{SeedableRng, TryRng};

use super::Rng;

/// The numbers of a stream in the order of their indices, through [`rand_core`]'s traits (feature `rand`).
///
/// Index `i` gives two words of 32 bits, those of [`Rng::at`], the first one first. `next_u32` takes the next word,
/// `next_u64` the next two (the first as its low half), and bytes come from words of which the lowest byte is first; of
/// a word that is needed in part the rest is dropped. After 2^65 - 2^33 words the numbers come again.
///
/// This is no generator for secrets.
///
/// ```
/// use pocketrec::rng::Rng;
/// use rand_distr::{Distribution, Gamma};
///
/// // How many plays each of a thousand made-up users has.
/// let plays = Gamma::new(2.0, 30.0)?;
/// let counts: Vec<f64> = plays.sample_iter(Rng::new(42).stream(1).draws()).take(1000).collect();
/// let mean = counts.iter().sum::<f64>() / 1000.0;
/// assert!((mean - 2.0 * 30.0).abs() < 5.0);
///
/// // One stream a user, so that a user's numbers do not depend on those of others.
/// let of_user = |user: u32| plays.sample(&mut Rng::new(42).stream(1).stream(user).draws());
/// assert_eq!(of_user(7), of_user(7));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draws {
    rng: Rng,
    /// The index that the next word comes from.
    index: u64,
    /// Whether the first word of `index` is taken.
    second: bool,
}

impl Rng {
    /// All numbers of this stream, from index 0 on, for what takes [`rand_core`]'s traits.
    pub fn draws(self) -> Draws {
        self.draws_from(0)
    }

    /// The numbers of this stream from `index` on: a run that goes on need not draw again what came before.
    pub fn draws_from(self, index: u64) -> Draws {
        Draws {
            rng: self,
            index: allowed(index),
            second: false,
        }
    }
}

/// The index itself, or the next one where its low half is set aside for the keys of streams.
fn allowed(index: u64) -> u64 {
    index.wrapping_add(u64::from(index as u32 == u32::MAX))
}

impl Draws {
    fn word(&mut self) -> u32 {
        let words = self.rng.at(self.index);
        let word = words[usize::from(self.second)];
        if self.second {
            self.index = allowed(self.index.wrapping_add(1));
        }
        self.second = !self.second;
        word
    }
}

impl TryRng for Draws {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.word())
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let low = u64::from(self.word());
        Ok(low | u64::from(self.word()) << 32)
    }

    fn try_fill_bytes(&mut self, to: &mut [u8]) -> Result<(), Infallible> {
        for part in to.chunks_mut(4) {
            part.copy_from_slice(&self.word().to_le_bytes()[..part.len()]);
        }
        Ok(())
    }
}

impl SeedableRng for Draws {
    type Seed = [u8; 8];

    /// The numbers of [`Rng::new`] with the seed whose bytes these are, the lowest first.
    fn from_seed(seed: [u8; 8]) -> Self {
        Self::seed_from_u64(u64::from_le_bytes(seed))
    }

    /// The numbers of [`Rng::new`] with this seed.
    fn seed_from_u64(seed: u64) -> Self {
        Rng::new(seed).draws()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_core::Rng as _;

    /// The known answers that come with Random123 (`kat_vectors`, threefry2x32 20): key, counter, and the two words.
    const KNOWN: [([u32; 2], [u32; 2], [u32; 2]); 2] = [
        ([0, 0], [0, 0], [0x6b20_0159, 0x99ba_4efe]),
        (
            [0x1319_8a2e, 0x0370_7344],
            [0x243f_6a88, 0x85a3_08d3],
            [0xc492_3a9c, 0x483d_f7a0],
        ),
    ];

    fn number([low, high]: [u32; 2]) -> u64 {
        u64::from(low) | u64::from(high) << 32
    }

    #[test]
    fn words_are_the_published_ones_in_order() {
        for (key, counter, [first, second]) in KNOWN {
            let draws = Rng::new(number(key)).draws_from(number(counter));
            let mut words = draws.clone();
            assert_eq!([words.next_u32(), words.next_u32()], [first, second]);
            assert_eq!(draws.clone().next_u64(), number([first, second]));
            let mut bytes = [0; 7];
            draws.clone().fill_bytes(&mut bytes);
            assert_eq!(bytes[..4], first.to_le_bytes());
            assert_eq!(bytes[4..], second.to_le_bytes()[..3]);
        }
    }

    #[test]
    fn any_mixture_of_widths_takes_one_word_after_the_other() {
        let rng = Rng::new(5).stream(9);
        let mut draws = rng.draws();
        let [[a, b], [c, d], [e, f]] = [rng.at(0), rng.at(1), rng.at(2)];
        assert_eq!(draws.next_u32(), a);
        assert_eq!(draws.next_u64(), number([b, c]));
        let mut byte = [0];
        draws.fill_bytes(&mut byte);
        assert_eq!(byte[0], d as u8);
        assert_eq!(draws.next_u64(), number([e, f]));
    }

    #[test]
    fn indices_set_aside_for_streams_are_passed_over() {
        let rng = Rng::new(3);
        let last = u64::from(u32::MAX) - 1;
        let mut draws = rng.draws_from(last);
        assert_eq!(draws.next_u64(), number(rng.at(last)));
        assert_eq!(draws.next_u64(), number(rng.at(last + 2)));
        assert_eq!(rng.draws_from(last + 1), rng.draws_from(last + 2));
        let mut end = rng.draws_from(u64::MAX);
        assert_eq!(end.next_u64(), number(rng.at(0)));
    }

    #[test]
    fn a_seed_is_that_of_the_root_stream() {
        let mut seeded = Draws::from_seed(0x0370_7344_1319_8a2e_u64.to_le_bytes());
        assert_eq!(seeded, Draws::seed_from_u64(0x0370_7344_1319_8a2e));
        assert_eq!(seeded.next_u64(), number(Rng::new(0x0370_7344_1319_8a2e).at(0)));
    }
}
