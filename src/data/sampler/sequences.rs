//! Training samples of sequence models: a user's items in order, each to be predicted from those before it.

use alloc::{format, vec::Vec};

use crate::{
    Error, Result,
    data::{Batch, Interactions},
    rng::{Permutation, Rng, scale, streams},
};

/// The stream of a sampler's seed that gives an epoch's order of users.
pub const SEQUENCE_ORDER_STREAM: u32 = streams::SEQUENCE_ORDER;
/// The stream of a sampler's seed that gives the lists of an epoch's batches.
pub const SEQUENCE_LIST_STREAM: u32 = streams::SEQUENCE_LIST;

/// What of a batch of histories is in which id column; sequence 0 has the steps, and sequence 1 the list.
pub(crate) mod columns {
    /// The items of a history, one a step.
    pub const SEEN: usize = 0;
    /// How many steps the last one of a full history is ahead, counted so that it has `length - 1`; one a step.
    pub const POSITION: usize = 1;
    /// The item behind each step, one a step; behind the last it is what is scored in use.
    pub const NEXT: usize = 2;
    /// The list that the items behind steps are told from, along sequence 1; the last column.
    pub const LIST: usize = 3;
}

/// Draws histories from interactions: a sample is a user with two items at least, in the order of time.
///
/// - Position `j` of an epoch holds the user that the shuffled order takes `j` ([`Permutation`], stream
///   [`SEQUENCE_ORDER_STREAM`], then the epoch), of those with two items at least in ascending order.
/// - Its steps are the user's last `length + 1` items without the last one, and what each step predicts is the item behind it
///   (Kang and McAuley, *Self-Attentive Sequential Recommendation*, ICDM 2018, section III). Older items are not seen.
/// - The last step of every history has position `length - 1`, so that positions count back from the present.
///
/// - The list that the items behind steps are told from has all items in order, or `candidates` of them: item `j` of a batch that
///   begins at sample `start` is the first number of block `j` of stream [`SEQUENCE_LIST_STREAM`], then the epoch, then `start`,
///   scaled to the items.
///
/// There is no state, so that any thread may fill any part of an epoch, and a resumed run goes on where it was. Takes 4 bytes
/// an interaction and 12 a user.
///
/// ```
/// use pocketrec::data::{Batch, Interactions, SequenceSampler};
/// let data = Interactions::from_triples(&[(0, 5, 1), (0, 3, 2), (0, 4, 3), (1, 0, 1)])?;
/// let sampler = SequenceSampler::new(&data, 50, None, 42)?;
/// let mut batch = Batch::default();
/// sampler.fill(0, 0, 128, &mut batch);
/// assert_eq!((batch.len(), &batch.column(0).ids[..]), (1, &[5, 3][..])); // user 1 has one item
/// assert_eq!((&batch.column(1).ids[..], &batch.column(2).ids[..]), (&[48, 49][..], &[3, 4][..]));
/// # Ok::<(), pocketrec::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct SequenceSampler {
    offsets: Vec<usize>,
    /// Each user's, earliest first.
    items: Vec<u32>,
    /// Those with two items at least.
    users: Vec<u32>,
    length: usize,
    item_count: u32,
    candidates: Option<u32>,
    rng: Rng,
}

impl SequenceSampler {
    /// A sampler of `train` whose histories have `length` steps at most, with `candidates` items in the list of a batch; all
    /// items where there is no number.
    ///
    /// # Errors
    /// [`Error::Config`] where no user has two items, where histories would have no steps or lists no items, or where an epoch
    /// has more than 2^32 - 2 users.
    pub fn new(train: &Interactions, length: usize, candidates: Option<u32>, seed: u64) -> Result<Self> {
        if candidates == Some(0) {
            let reason = "0: a list needs an item that others are told from; give at least 1";
            return Err(Error::config("candidates", reason));
        }
        if length == 0 {
            return Err(Error::config("length", "0 steps: give at least 1; 50 to 200 are usual"));
        }
        let users: Vec<u32> = (0..train.users())
            .filter(|&user| train.of_user(user).len() > 1)
            .collect();
        if users.is_empty() {
            let reason = format!(
                "none of its {} users has two interactions, so that there is no item to predict from another",
                train.users()
            );
            return Err(Error::config("train", reason));
        }
        if users.len() >= u32::MAX as usize {
            let reason = format!("{} users make more samples an epoch than 4294967294", users.len());
            return Err(Error::config("train", reason));
        }
        let (mut offsets, mut items) = (
            Vec::with_capacity(train.users() as usize + 1),
            Vec::with_capacity(train.len()),
        );
        offsets.push(0);
        for user in 0..train.users() {
            items.extend_from_slice(train.of_user(user));
            offsets.push(items.len());
        }
        Ok(SequenceSampler {
            offsets,
            items,
            users,
            length,
            item_count: train.items(),
            candidates,
            rng: Rng::new(seed),
        })
    }

    /// Number of samples in an epoch: users with two items at least.
    pub fn samples_per_epoch(&self) -> u64 {
        self.users.len() as u64
    }

    /// Steps of all histories of an epoch.
    pub fn steps_per_epoch(&self) -> u64 {
        let steps = |&user: &u32| {
            let items = self.offsets[user as usize + 1] - self.offsets[user as usize];
            (items - 1).min(self.length) as u64
        };
        self.users.iter().map(steps).sum()
    }

    /// Fills `batch` with the samples `start..start + count` of an epoch, as far as the epoch goes, and sorts it. Columns are
    /// the items of each history, their positions, the item behind each step, and the list. Allocates
    /// nothing once the batch has room.
    pub fn fill(&self, epoch: u32, start: u64, count: usize, batch: &mut Batch) {
        let end = start.saturating_add(count as u64).min(self.samples_per_epoch());
        batch.reset(columns::LIST + 1, 2);
        let noise = self.rng.stream(streams::SEQUENCE_NOISE).stream(epoch);
        batch.set_noise(noise.stream(start.min(end) as u32));
        let order = Permutation::new(
            self.users.len() as u32,
            self.rng.stream(SEQUENCE_ORDER_STREAM).stream(epoch),
        );
        for at in start..end {
            let user = self.users[order.at(at as u32) as usize] as usize;
            let items = &self.items[self.offsets[user]..self.offsets[user + 1]];
            let (steps, next) = (&items[..items.len() - 1], &items[1..]);
            let steps = push_history(batch, steps, self.length);
            batch
                .ids_mut(columns::NEXT)
                .extend_from_slice(&next[next.len() - steps..]);
            batch.labels_mut().push(1.0);
        }
        let rng = self.rng.stream(SEQUENCE_LIST_STREAM).stream(epoch);
        let rng = rng.stream(start.min(end) as u32); // as the number of samples, a u32

        match self.candidates {
            None => batch.set_list(0..self.item_count),
            Some(count) => batch.set_list((0..count).map(|j| scale(rng.at(j.into())[0], self.item_count))),
        }
        batch.sort();
    }
}

/// Adds the last `length` items of a history to a batch as a sample's steps; gives how many there are.
pub(crate) fn push_history(batch: &mut Batch, items: &[u32], length: usize) -> usize {
    let steps = items.len().min(length);
    batch
        .ids_mut(columns::SEEN)
        .extend_from_slice(&items[items.len() - steps..]);
    // A length is a number of rows, and these are u32.
    batch
        .ids_mut(columns::POSITION)
        .extend((length - steps..length).map(|position| position as u32));
    batch.end_sequence(0, steps);
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{string::ToString, vec};

    /// Steps, positions, and what is behind each step.
    type ByHand = (Vec<u32>, Vec<u32>, Vec<u32>);

    /// Three users of 5, 1 and 2 items, of whom the second is no sample; at most 3 steps.
    #[test]
    fn samples_follow_the_written_rule() {
        let events = [
            (0, 9, 1),
            (0, 2, 2),
            (0, 7, 3),
            (0, 4, 4),
            (0, 1, 5),
            (1, 3, 1),
            (2, 8, 2),
            (2, 6, 1),
        ];
        let data = Interactions::from_triples(&events).unwrap();
        let sampler = SequenceSampler::new(&data, 3, None, 11).unwrap();
        assert_eq!(sampler.samples_per_epoch(), 2);
        // The user, then steps, positions and what is behind each step.
        let by_hand = [
            (vec![2, 7, 4], vec![0, 1, 2], vec![7, 4, 1]),
            (vec![6], vec![2], vec![8]),
        ];
        let mut batch = Batch::default();
        for epoch in 0..4 {
            let order = Permutation::new(2, Rng::new(11).stream(SEQUENCE_ORDER_STREAM).stream(epoch));
            let samples = [0, 1].map(|at| &by_hand[order.at(at) as usize]);
            sampler.fill(epoch, 0, 9, &mut batch);
            let joined = |part: fn(&ByHand) -> &Vec<u32>| -> Vec<u32> {
                samples.iter().flat_map(|sample| part(sample).clone()).collect()
            };
            assert_eq!(batch.column(columns::SEEN).ids, joined(|sample| &sample.0));
            assert_eq!(batch.column(columns::POSITION).ids, joined(|sample| &sample.1));
            assert_eq!(batch.column(columns::NEXT).ids, joined(|sample| &sample.2));
            assert_eq!(batch.column(columns::LIST).ids, (0..10).collect::<Vec<u32>>());
            assert_eq!(batch.offsets(1), [0, 10, 10]);
            assert_eq!(batch.offsets(0), [0, samples[0].0.len() as u32, 4]);
        }
    }

    #[test]
    fn parts_are_those_of_the_whole_epoch() {
        let events = (0..40).flat_map(|user| (0..user % 5).map(move |t| (user, (7 * t + user) % 11, t as i64)));
        let events: Vec<(u32, u32, i64)> = events.collect();
        let sampler = SequenceSampler::new(&Interactions::from_triples(&events).unwrap(), 4, Some(6), 3).unwrap();
        let (mut whole, mut part, mut ids) = (Batch::default(), Batch::default(), Vec::new());
        sampler.fill(5, 0, 100, &mut whole);
        for start in (0..sampler.samples_per_epoch()).step_by(7) {
            sampler.fill(5, start, 7, &mut part);
            ids.extend_from_slice(&part.column(columns::SEEN).ids);
        }
        assert_eq!(ids, whole.column(columns::SEEN).ids);
        let rng = Rng::new(3).stream(SEQUENCE_LIST_STREAM).stream(5).stream(0);
        let listed: Vec<u32> = (0..6).map(|j| scale(rng.at(j)[0], 11)).collect();
        assert_eq!(whole.column(columns::LIST).ids, listed);
        sampler.fill(5, 1000, 7, &mut part);
        assert!(part.is_empty());
    }

    #[test]
    fn what_cannot_be_sampled_is_refused() {
        let lonely = Interactions::from_pairs(&[(0, 1), (1, 1)]).unwrap();
        let error = SequenceSampler::new(&lonely, 5, None, 0).unwrap_err().to_string();
        assert!(error.contains("none of its 2 users has two interactions"), "{error}");
        let pair = Interactions::from_pairs(&[(0, 1), (0, 0)]).unwrap();
        assert!(
            SequenceSampler::new(&pair, 0, None, 0)
                .unwrap_err()
                .to_string()
                .contains("at least 1")
        );
    }
}
