//! Draws the samples of an epoch, some positions at a time.

use core::ops::Range;

use super::Sampler;
use crate::{
    data::Batch,
    rng::{Permutation, Rng, scale},
};

/// Samples that are drawn together; their intermediate values lie on the stack.
pub(super) const PART: usize = 256;

impl Sampler {
    /// Pushes the samples of positions of an epoch, part by part.
    pub(super) fn fill_range(&self, epoch: u32, Range { start, end }: Range<u64>, batch: &mut Batch) {
        let (order, rng) = self.epochs.of(epoch);
        let mut at = start;
        while at < end {
            // `at` is below `total`, which is a u32.
            let part = at as u32..end.min(at + PART as u64) as u32;
            if self.has_related() {
                self.fill_related(epoch, part, &order, batch);
                at += PART as u64;
                continue;
            }
            if let Some(typed) = &self.typed {
                self.fill_typed(typed, epoch, part, (&order, rng), batch);
                at += PART as u64;
                continue;
            }
            match (self.epochs.pairwise, self.users.is_empty()) {
                (true, true) => self.fill_pairs::<false>(epoch, part, &order, rng, batch),
                (true, false) => self.fill_pairs::<true>(epoch, part, &order, rng, batch),
                (false, true) => self.fill_part::<false>(epoch, part, &order, rng, batch),
                (false, false) => self.fill_part::<true>(epoch, part, &order, rng, batch),
            }
            at += PART as u64;
        }
    }

    /// The positive that number `index` of an epoch stands for: itself, or one of a user who is drawn. Which of both is a
    /// constant, as asking for each sample takes 8 % more instructions.
    #[inline]
    pub(super) fn positive<const BY_USERS: bool>(&self, epoch: u32, index: u32) -> u32 {
        if !BY_USERS {
            return index;
        }
        let bits = self.epochs.users(epoch).at(index.into());
        let user = self.users[scale(bits[0], self.users.len() as u32) as usize];
        let own = self.positives.indices_of(user);
        own.start + scale(bits[1], own.len() as u32)
    }

    /// Pushes the samples of some positions, at most `PART`. Each loop does one thing for all of them: so the reads from
    /// memory overlap instead of waiting for each other behind mispredicted branches, and the random blocks of
    /// neighbours are computed in vector registers (all in one loop took three times as long).
    fn fill_part<const BY_USERS: bool>(
        &self,
        epoch: u32,
        positions: Range<u32>,
        order: &Permutation,
        rng: Rng,
        batch: &mut Batch,
    ) {
        let (group, items) = (self.epochs.group(), self.positives.items());
        let len = positions.len();
        let (mut draws, mut tries) = ([0; PART], [0; PART]);
        let (mut users, mut own) = ([0; PART], [0; PART]);
        order.fill(positions.start, &mut draws[..len]);
        let draws = &draws[..len];
        for ((&draw, user), own) in draws.iter().zip(&mut users).zip(&mut own) {
            let (index, positive) = (draw / group, self.positive::<BY_USERS>(epoch, draw / group));
            *user = self.positives.user(positive);
            // The positive's item, or none of the numbers of items where the draw is a negative.
            *own = if index * group == draw {
                self.positives.item(positive)
            } else {
                u32::MAX
            };
        }
        for (&draw, first) in draws.iter().zip(&mut tries) {
            *first = scale(rng.at(draw.into())[0], items);
        }
        let mut passing = [false; PART];
        for ((passes, &user), &first) in passing.iter_mut().zip(&users).zip(&tries[..len]) {
            *passes = self.positives.passes(user, first);
        }
        let drawn = users.iter().zip(&own).zip(tries.iter().zip(&passing));
        for (&draw, ((&user, &own), (&first, &passes))) in draws.iter().zip(drawn) {
            let is_negative = own == u32::MAX;
            let mut item = if is_negative { first } else { own };
            // A positive needs no branch of its own: it would be mispredicted one time in five.
            if is_negative & passes && self.positives.contains(user, first) {
                item = self.positives.draw_missing(rng, draw, user);
            }
            batch.push(&[user, item], if is_negative { 0.0 } else { 1.0 });
        }
    }

    /// [`fill_part`](Sampler::fill_part) of pairs.
    fn fill_pairs<const BY_USERS: bool>(
        &self,
        epoch: u32,
        positions: Range<u32>,
        order: &Permutation,
        rng: Rng,
        batch: &mut Batch,
    ) {
        let (group, items) = (self.epochs.group(), self.positives.items());
        let len = positions.len();
        let (mut draws, mut users) = ([0; PART], [0; PART]);
        let (mut own, mut tries) = ([0; PART], [0; PART]);
        order.fill(positions.start, &mut draws[..len]);
        let draws = &draws[..len];
        for ((&draw, user), own) in draws.iter().zip(&mut users).zip(&mut own) {
            let positive = self.positive::<BY_USERS>(epoch, draw / group);
            (*user, *own) = (self.positives.user(positive), self.positives.item(positive));
        }
        for (&draw, first) in draws.iter().zip(&mut tries) {
            *first = scale(rng.at(draw.into())[0], items);
        }
        let pairs = users.iter().zip(&own).zip(&tries);
        for (&draw, ((&user, &own), &first)) in draws.iter().zip(pairs) {
            let taken = self.positives.passes(user, first) && self.positives.contains(user, first);
            let negative = match taken {
                true => self.positives.draw_missing(rng, draw, user),
                false => first,
            };
            batch.push(&[user, own, negative], 1.0);
        }
    }
}
