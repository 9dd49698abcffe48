//! What `absorb` draws at random.

use crate::rng::{Rng, streams};

/// The numbers of a group of what is absorbed, counted from 0.
pub(super) fn absorb_rng(seed: u64, group: u64) -> Rng {
    let rng = Rng::new(seed).stream(streams::ABSORB);
    rng.stream((group >> 32) as u32).stream(group as u32)
}

/// Numbers of a stream, one after the other.
pub(super) struct Draws {
    rng: Rng,
    next: u64,
}

impl Draws {
    pub fn new(rng: Rng) -> Self {
        Draws { rng, next: 0 }
    }

    /// The next one, in `0..n`.
    pub fn below(&mut self, n: u32) -> u32 {
        let index = (self.next & 0x7fff_ffff) | (self.next >> 31) << 32;
        self.next += 1;
        self.rng.below(index, n)
    }
}
