//! Negatives among the items that somebody has.

use alloc::{vec, vec::Vec};

use super::Sampler;
use crate::{
    Result,
    data::{
        Batch, Interactions, Positives,
        interactions::{ATTEMPTS, nothing_to_draw, user_of_everything},
    },
    rng::{Rng, scale, streams},
};

/// The stream of a batch's noise that negatives are drawn anew by, beyond those of id columns.
const STREAM: u32 = u32::MAX;

/// The items that somebody has.
#[derive(Clone, Debug)]
pub(super) struct Had {
    /// In ascending order.
    items: Vec<u32>,
    /// By item.
    is_had: Vec<bool>,
}

impl Sampler {
    /// The same sampler, whose negatives are items that somebody has in `train`, which it draws from. Where an item that nobody has comes
    /// up, another is drawn in its place by the noise of the batch: attempt `a` at that of sample `s` is block `s | a << 32` of its last
    /// stream, whose first number is scaled to the items that somebody has; after 16 attempts in vain block 16 chooses among
    /// those that the user does not have.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) where a user has all of them.
    pub(crate) fn with_negatives_that_somebody_has(mut self, train: &Interactions) -> Result<Self> {
        let mut is_had = vec![false; train.items() as usize];
        for user in 0..train.users() {
            train
                .of_user(user)
                .iter()
                .for_each(|&item| is_had[item as usize] = true);
        }
        let items: Vec<u32> = (0..train.items()).filter(|&item| is_had[item as usize]).collect();
        if self.epochs.negatives == 0 || items.len() == is_had.len() {
            return Ok(self);
        }
        let has_all = |&user: &u32| self.positives.of_user(user).len() == items.len();
        if let Some(user) = (0..train.users()).find(has_all) {
            let key = train.user_ids().key(user).unwrap_or_default();
            return Err(nothing_to_draw(&key, items.len() as u32));
        }
        self.had = Some(Had { items, is_had });
        Ok(self)
    }

    /// Gives a batch that has its samples noise of its own, and draws negatives anew that nobody has.
    pub(super) fn set_noise(&self, epoch: u32, start: u64, batch: &mut Batch) {
        let noise = self.epochs.rng.stream(streams::PAIR_NOISE).stream(epoch);
        batch.set_noise(noise.stream(start as u32));
        let Some(had) = &self.had else { return };
        let (rng, column) = (batch.noise().stream(STREAM), if self.epochs.pairwise { 2 } else { 1 });
        for sample in 0..batch.len() {
            let item = batch.column(column).ids[sample];
            // A positive is had.
            if !had.is_had[item as usize] {
                let user = batch.column(0).ids[sample];
                batch.ids_mut(column)[sample] = had.draw(rng, sample as u64, &self.positives, user);
            }
        }
    }
}

pub(super) fn refuse_users_of_everything(train: &Interactions) -> Result<()> {
    match user_of_everything(train) {
        None => Ok(()),
        Some(user) => {
            let key = train.user_ids().key(user).unwrap_or_default();
            Err(nothing_to_draw(&key, train.items()))
        }
    }
}

impl Had {
    /// One that the user does not have; there is one.
    fn draw(&self, rng: Rng, sample: u64, positives: &Positives, user: u32) -> u32 {
        let at = |attempt: u64| rng.at(sample | attempt << 32)[0];
        let drawn = (0..ATTEMPTS).map(|attempt| self.items[scale(at(attempt), self.items.len() as u32) as usize]);
        let mut missing = drawn.filter(|&item| !positives.contains(user, item));
        if let Some(item) = missing.next() {
            return item;
        }
        let left = self.items.len() - positives.of_user(user).len();
        let place = scale(at(ATTEMPTS), left as u32) as usize;
        let mut missing = self.items.iter().filter(|&&item| !positives.contains(user, item));
        missing.nth(place).copied().unwrap_or(self.items[0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of 12 items the odd ones are had; user 0 has all of these but one.
    fn train() -> Interactions {
        let pairs: Vec<(u32, u32)> = (0..5)
            .map(|k| (0, 2 * k + 1))
            .chain([(1, 11), (2, 1), (2, 3)])
            .collect();
        Interactions::from_columns(
            (3, 12),
            &pairs.iter().map(|p| p.0).collect::<Vec<_>>(),
            &pairs.iter().map(|p| p.1).collect::<Vec<_>>(),
            &[],
        )
        .unwrap()
    }

    fn ids(batch: &Batch) -> Vec<&[u32]> {
        batch.columns().iter().map(|column| &column.ids[..]).collect()
    }

    #[test]
    fn negatives_are_had_by_somebody_and_not_by_the_user_and_each_comes_as_often() {
        let train = train();
        let mut counts = [0u32; 12];
        for sampler in [
            Sampler::new(&train, 3, 7).unwrap(),
            Sampler::pairwise(&train, 3, 7).unwrap(),
        ] {
            let sampler = sampler.with_negatives_that_somebody_has(&train).unwrap();
            let (mut batch, mut again) = (Batch::default(), Batch::default());
            let column = if sampler.is_pairwise() { 2 } else { 1 };
            for epoch in 0..300 {
                sampler.fill(epoch, 0, 1000, &mut batch);
                sampler.fill(epoch, 0, 1000, &mut again);
                assert_eq!(ids(&batch), ids(&again));
                for sample in 0..batch.len() {
                    let (user, item) = (batch.column(0).ids[sample], batch.column(column).ids[sample]);
                    if sampler.is_pairwise() || batch.labels()[sample] == 0.0 {
                        assert!(item % 2 == 1 && !train.of_user(user).contains(&item), "{user} {item}");
                        if user == 2 {
                            counts[item as usize] += 1;
                        }
                    }
                }
            }
        }
        // User 2 misses four of the six, and has two positives with three negatives each.
        let of_each = 2 * 300 * 6 / 4;
        for item in [5, 7, 9, 11] {
            assert!(counts[item].abs_diff(of_each) < of_each / 5, "{counts:?}");
        }
    }

    #[test]
    fn a_user_of_all_that_is_had_is_refused_and_nothing_changes_where_all_are() {
        let train = Interactions::from_columns((2, 3), &[0, 0, 1], &[0, 1, 1], &[]).unwrap();
        let refused = Sampler::new(&train, 1, 7)
            .unwrap()
            .with_negatives_that_somebody_has(&train);
        assert!(matches!(refused, Err(crate::Error::Config { .. })));
        assert!(
            Sampler::new(&train, 0, 7)
                .unwrap()
                .with_negatives_that_somebody_has(&train)
                .is_ok()
        );
        let train = Interactions::from_columns((2, 3), &[0, 0, 1], &[0, 1, 2], &[]).unwrap();
        let plain = Sampler::new(&train, 1, 7).unwrap();
        let (mut one, mut other) = (Batch::default(), Batch::default());
        plain.fill(0, 0, 9, &mut one);
        plain
            .with_negatives_that_somebody_has(&train)
            .unwrap()
            .fill(0, 0, 9, &mut other);
        assert_eq!(ids(&one), ids(&other));
    }
}
