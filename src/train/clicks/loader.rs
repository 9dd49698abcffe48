//! Two batches of click data: one is trained on while the other is filled.

use alloc::vec::Vec;

use super::feed::Feed;
use crate::{
    data::{
        Batch,
        clicks::{CandidateSampler, Pick, Samples},
    },
    rng::{Permutation, Rng},
};

/// The streams of the seed that give an epoch's order, a step's dropout, and an epoch's negatives.
const ORDER_STREAM: u32 = 4;
const NOISE_STREAM: u32 = 5;
const NEGATIVE_STREAM: u32 = 6;

/// Two batches: one is trained on while the other is filled.
pub(super) struct Loader<'a> {
    pub rows: RowsOf<'a>,
    pub now: Batch,
    pub next: Batch,
    /// The position that `next` holds.
    pub ready: Option<(u32, u64)>,
}

/// What batches are made of.
pub(super) struct RowsOf<'a> {
    pub feed: Feed,
    pub samples: &'a Samples,
    pub drawn: Option<CandidateSampler>,
    pub rng: Rng,
    pub size: usize,
    /// Of the batch that is being filled.
    pub picks: Vec<Pick>,
}

impl RowsOf<'_> {
    pub fn total(&self) -> u32 {
        match &self.drawn {
            Some(drawn) => drawn.rows(),
            None => self.samples.len() as u32, // `fit` has checked it
        }
    }

    pub fn after(&self, (epoch, row): (u32, u64)) -> (u32, u64) {
        match row.saturating_add(self.size as u64) {
            next if next < self.total().into() => (epoch, next),
            _ => (epoch.saturating_add(1), 0),
        }
    }

    /// Fills and sorts the batch at a position.
    pub fn fill(&mut self, (epoch, row): (u32, u64), batch: &mut Batch) {
        let total = self.total();
        let order = Permutation::new(total, self.rng.stream(ORDER_STREAM).stream(epoch));
        let negatives = self.rng.stream(NEGATIVE_STREAM).stream(epoch);
        let end = row.saturating_add(self.size as u64).min(total.into()) as u32;
        let pick = |at: u32| match &self.drawn {
            Some(drawn) => drawn.pick(negatives, order.at(at)),
            None => Pick::own(order.at(at) as usize),
        };
        self.picks.clear();
        self.picks.extend((row as u32..end).map(pick));
        let noise = self.rng.stream(NOISE_STREAM).stream(epoch);
        let noise = noise.stream((row / self.size as u64) as u32);
        let drawn = self.drawn.as_ref();
        self.feed.fill(self.samples, drawn, &self.picks, noise, batch);
        batch.sort();
    }
}
