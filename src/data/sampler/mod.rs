//! Training samples: every positive once an epoch, with fresh negatives, in shuffled order.

mod had;
mod part;
mod related;
mod sequences;
mod typed;

use alloc::{format, vec::Vec};

use serde::{Deserialize, Serialize};

use super::{Batch, Interactions, Positives};
use crate::{
    Error, Result, memory,
    rng::{Permutation, Rng, scale, streams},
};

pub(crate) use related::push_related;
pub use sequences::{SEQUENCE_LIST_STREAM, SEQUENCE_ORDER_STREAM, SequenceSampler};
pub(crate) use sequences::{columns as sequence_columns, push_history};
pub(crate) use typed::{Asks, push_typed};

/// The stream of a sampler's seed that gives an epoch's order.
pub const ORDER_STREAM: u32 = streams::PAIR_ORDER;
/// The stream of a sampler's seed that gives an epoch's negatives.
pub const NEGATIVE_STREAM: u32 = streams::PAIR_NEGATIVES;
/// The stream of a sampler's seed that gives the lists of an epoch's batches.
pub const LIST_STREAM: u32 = streams::PAIR_LIST;
/// The stream of a sampler's seed that gives the users of an epoch, where these are drawn.
pub const USER_STREAM: u32 = streams::PAIR_USERS;

/// Which positives an epoch goes through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sampling {
    /// Each of them once.
    #[default]
    EveryPositive,
    /// As many as there are, each of a user who is drawn uniformly and one of that user's items: who has few items counts as
    /// much as who has many (He et al., *LightGCN*, SIGIR 2020, in the authors' code).
    UniformUsers,
}

/// Draws training samples from positives: each positive once an epoch (label 1), and for each as many items that the
/// user does not have, drawn uniformly (label 0), as in He et al., *Neural Collaborative Filtering*, WWW 2017.
///
/// There is no state: a sample is a function of (seed, epoch, position), so any thread may fill any part of an epoch,
/// and a resumed run goes on where it was.
///
/// - Position `j` holds draw `p`, where the shuffled order takes `j` ([`Permutation`], stream [`ORDER_STREAM`], then
///   the epoch). Draw `p` belongs to positive `p / (1 + negatives)`, these in the order of user and item; it is the
///   positive itself where `p % (1 + negatives)` is 0.
/// - Attempt `a` at the negative of draw `p` is block `p | a << 32` of stream [`NEGATIVE_STREAM`], then the epoch; its
///   two numbers are scaled to the items and the first that the user does not have is taken. After 16 attempts in vain
///   the first number of block 16 chooses among the items that the user does not have, in ascending order.
///
/// Takes what [`Positives`] says.
///
/// ```
/// use pocketrec::data::{Batch, Interactions, Sampler};
/// let sampler = Sampler::new(&Interactions::from_pairs(&[(0, 0), (0, 1), (1, 2)])?, 4, 42)?;
/// let mut batch = Batch::new(2, 8);
/// sampler.fill(0, 8, 8, &mut batch); // the second batch of epoch 0: 7 of the 3 * (1 + 4) samples are left
/// assert_eq!((sampler.samples_per_epoch(), batch.len()), (15, 7));
/// # Ok::<(), pocketrec::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Sampler {
    /// Users who have items, where they are drawn; none where each positive comes once.
    users: Vec<u32>,
    positives: Positives,
    epochs: Epochs,
    /// The logarithm of each item's share of the positives; nothing where it is not asked for.
    log_q: Vec<f32>,
    list: List,
    /// Pairs of related items that are positives, too.
    related: Vec<(u32, u32)>,
    /// Triples of typed relations that are.
    typed: Option<typed::Typed>,
    /// The items that negatives are among, where these are not all.
    had: Option<had::Had>,
}

/// The list of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum List {
    None,
    /// So many items, drawn uniformly.
    Drawn(u32),
    /// All items in order.
    All,
}

/// What of a sampler does not grow with the data.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Epochs {
    /// Negatives of each positive.
    pub negatives: u32,
    /// Whether a sample is a pair, a positive and a negative; otherwise it is one of the two, with a label.
    pub pairwise: bool,
    /// Samples of an epoch.
    pub samples: u32,
    rng: Rng,
}

impl Epochs {
    /// Draws of each positive.
    fn group(self) -> u32 {
        self.negatives + u32::from(!self.pairwise)
    }

    /// The stream of an epoch's users, where they are drawn.
    pub fn users(self, epoch: u32) -> Rng {
        self.rng.stream(USER_STREAM).stream(epoch)
    }

    /// The shuffled order of an epoch, and the stream of its negatives.
    pub fn of(self, epoch: u32) -> (Permutation, Rng) {
        let order = Permutation::new(self.samples, self.rng.stream(ORDER_STREAM).stream(epoch));
        (order, self.rng.stream(NEGATIVE_STREAM).stream(epoch))
    }
}

impl Sampler {
    /// A sampler of `train` with `negatives_per_positive` negatives for each positive.
    ///
    /// # Errors
    /// [`Error::Config`] where there are no positives, where an epoch would have more than 2^32 - 2 samples, and
    /// where negatives are asked for and a user has every item.
    pub fn new(train: &Interactions, negatives_per_positive: u32, seed: u64) -> Result<Self> {
        Self::drawing(train, negatives_per_positive, false, seed)
    }

    /// A sampler of `train` whose samples are pairs: each positive `negatives_per_positive` times an epoch, with a negative
    /// beside it, which is what [`bpr`](crate::ops::bpr) learns from. Column 0 holds users, column 1 items of theirs, column 2
    /// items that they do not have; labels are all 1.
    ///
    /// The rule is that of [`Sampler`], but that draw `p` belongs to positive `p / negatives` and its negative is the
    /// sample's.
    ///
    /// ```
    /// use pocketrec::data::{Batch, Interactions, Sampler};
    /// let sampler = Sampler::pairwise(&Interactions::from_pairs(&[(0, 0), (0, 1), (1, 2)])?, 2, 42)?;
    /// let mut batch = Batch::default();
    /// sampler.fill(0, 0, 100, &mut batch);
    /// assert_eq!((batch.len(), batch.negatives()), (6, 2..3));
    /// # Ok::<(), pocketrec::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`Sampler::new`], and [`Error::Config`] where there are to be no negatives.
    pub fn pairwise(train: &Interactions, negatives_per_positive: u32, seed: u64) -> Result<Self> {
        if negatives_per_positive == 0 {
            let reason = "0: a sample of a loss of pairs is an item and a negative; give at least 1";
            return Err(Error::config("negatives", reason));
        }
        Self::drawing(train, negatives_per_positive, true, seed)
    }

    /// A sampler of `train` that draws positives alone, each once an epoch, which a softmax over the items of a block of samples
    /// learns from ([`softmax_cross_entropy`](crate::ops::softmax_cross_entropy)). The rule is that of [`Sampler`], without
    /// negatives. With `log_q`, batches have the logarithm of each item's share of all positives, which is how probable it is
    /// at any place of a batch ([`Batch::log_q`]).
    ///
    /// ```
    /// use pocketrec::data::{Batch, Interactions, Sampler};
    /// let train = Interactions::from_pairs(&[(0, 0), (0, 1), (1, 1), (2, 1)])?;
    /// let mut batch = Batch::default();
    /// Sampler::of_positives(&train, true, 42)?.fill(0, 0, 100, &mut batch);
    /// let of_item = |item: u32| batch.column(1).ids.iter().position(|&id| id == item).map(|at| batch.log_q()[at].exp());
    /// assert_eq!((batch.len(), batch.log_q().len()), (4, 4));
    /// assert!((of_item(0).unwrap() - 0.25).abs() < 1e-6 && (of_item(1).unwrap() - 0.75).abs() < 1e-6);
    /// # Ok::<(), pocketrec::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`Sampler::new`].
    pub fn of_positives(train: &Interactions, log_q: bool, seed: u64) -> Result<Self> {
        let mut sampler = Self::drawing(train, 0, false, seed)?;
        if log_q {
            sampler.log_q = sampler.shares()?;
        }
        Ok(sampler)
    }

    /// The logarithm of how probable each item is as a positive. One that nobody has is never drawn.
    fn shares(&self) -> Result<Vec<f32>> {
        let tails = self.related.iter().map(|pair| pair.1 as usize + 1);
        let items = tails.fold(self.positives.items() as usize, usize::max);
        let mut shares = memory::zeroed::<f64>(items, || "how often each item is drawn".into())?;
        let by_users = self.sampling() == Sampling::UniformUsers;
        for user in 0..self.positives.users() {
            let items = self.positives.of_user(user);
            let share = if by_users { 1.0 / items.len() as f64 } else { 1.0 };
            items.iter().for_each(|&item| shares[item as usize] += share);
        }
        let mut all = if by_users {
            self.users.len()
        } else {
            self.positives.len()
        } as f64;
        if self.has_related() {
            // As many samples are of interactions as there are of these, however they are drawn.
            let interactions = self.positives.len() as f64;
            shares.iter_mut().for_each(|share| *share *= interactions / all);
            self.related.iter().for_each(|&(_, tail)| shares[tail as usize] += 1.0);
            all = f64::from(self.epochs.samples);
        }
        let of_item = |share: f64| match share > 0.0 {
            true => libm::log(share / all) as f32,
            false => libm::log(1.0 / all) as f32,
        };
        Ok(shares.into_iter().map(of_item).collect())
    }

    /// A sampler of `train` that draws positives alone, each once an epoch, and for each batch a list of `candidates` items that
    /// its samples share, in column 2 ([`Batch::set_list`]); all items in order where there is no number. It is what
    /// [`sampled_softmax`](crate::ops::sampled_softmax) learns from.
    ///
    /// The rule of the positives is that of [`Sampler`], without negatives. Item `j` of the list of a batch that begins at sample
    /// `start` of an epoch is the first number of block `j` of stream [`LIST_STREAM`], then the epoch, then `start`, scaled to
    /// the items; an item may come twice.
    ///
    /// ```
    /// use pocketrec::data::{Batch, Interactions, Sampler};
    /// let train = Interactions::from_pairs(&[(0, 0), (0, 1), (1, 2)])?;
    /// let mut batch = Batch::default();
    /// Sampler::with_list(&train, Some(5), 42)?.fill(0, 0, 2, &mut batch);
    /// assert_eq!((batch.len(), batch.column(1).ids.len(), batch.column(2).ids.len()), (2, 2, 5));
    /// Sampler::with_list(&train, None, 42)?.fill(0, 0, 2, &mut batch);
    /// assert_eq!(batch.column(2).ids, [0, 1, 2]);
    /// # Ok::<(), pocketrec::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`Sampler::new`], and [`Error::Config`] where the list is to be empty.
    pub fn with_list(train: &Interactions, candidates: Option<u32>, seed: u64) -> Result<Self> {
        if candidates == Some(0) {
            let reason = "0: a list needs an item that others are told from; give at least 1";
            return Err(Error::config("candidates", reason));
        }
        let mut sampler = Self::drawing(train, 0, false, seed)?;
        sampler.list = candidates.map_or(List::All, List::Drawn);
        Ok(sampler)
    }

    /// Whether batches have a [list](Batch::set_list).
    pub fn has_list(&self) -> bool {
        self.list != List::None
    }

    /// Whether batches have [`Batch::log_q`].
    pub fn has_log_q(&self) -> bool {
        !self.log_q.is_empty()
    }

    fn drawing(train: &Interactions, negatives_per_positive: u32, pairwise: bool, seed: u64) -> Result<Self> {
        if train.is_empty() {
            return Err(Error::config("train", "there are no interactions to train on"));
        }
        let total = train.len() as u128 * (u128::from(!pairwise) + u128::from(negatives_per_positive));
        let total = u32::try_from(total).ok().filter(|&total| total < u32::MAX).ok_or_else(|| {
            Error::config(
                "negatives_per_positive",
                format!(
                    "{} positives with {negatives_per_positive} negatives each make {total} samples an epoch, which \
                     may not be more than 4294967294: take fewer negatives",
                    train.len()
                ),
            )
        })?;
        if negatives_per_positive > 0 {
            had::refuse_users_of_everything(train)?;
        }
        Ok(Sampler {
            users: Vec::new(),
            positives: Positives::new(train),
            epochs: Epochs {
                negatives: negatives_per_positive,
                pairwise,
                samples: total,
                rng: Rng::new(seed),
            },
            log_q: Vec::new(),
            list: List::None,
            related: Vec::new(),
            typed: None,
            had: None,
        })
    }

    /// The same sampler that goes through other positives. Of [`UniformUsers`](Sampling::UniformUsers), what would belong to
    /// positive `i` belongs to one that is drawn: block `i` of stream [`USER_STREAM`], then the epoch, has a number that is
    /// scaled to the users who have items, in ascending order, and one that is scaled to the user's items.
    ///
    /// ```
    /// use pocketrec::data::{Batch, Interactions, Sampler, Sampling};
    /// let train = Interactions::from_pairs(&[(0, 0), (0, 1), (0, 2), (3, 0)])?;
    /// let sampler = Sampler::new(&train, 0, 7)?.with_sampling(Sampling::UniformUsers)?;
    /// let (mut batch, mut of_last) = (Batch::default(), 0);
    /// for epoch in 0..1000 {
    ///     sampler.fill(epoch, 0, 4, &mut batch);
    ///     of_last += batch.column(0).ids.iter().filter(|&&user| user == 3).count();
    /// }
    /// assert!((1900..2100).contains(&of_last)); // half of all, and not a quarter
    /// # Ok::<(), pocketrec::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Memory`] where there is none for the items' shares.
    pub fn with_sampling(mut self, sampling: Sampling) -> Result<Self> {
        let has_items = |&user: &u32| !self.positives.of_user(user).is_empty();
        self.users = match sampling {
            Sampling::EveryPositive => Vec::new(),
            Sampling::UniformUsers => (0..self.positives.users()).filter(has_items).collect(),
        };
        if self.has_log_q() && sampling != Sampling::EveryPositive {
            self.log_q = self.shares()?;
        }
        Ok(self)
    }

    /// Which positives it goes through.
    pub fn sampling(&self) -> Sampling {
        match self.users.is_empty() {
            true => Sampling::EveryPositive,
            false => Sampling::UniformUsers,
        }
    }

    /// Number of samples in an epoch: positives, those of relations too, x (1 + negatives); of pairs, x negatives.
    pub fn samples_per_epoch(&self) -> u64 {
        self.epochs.samples.into()
    }

    /// What users have; negatives are never among it.
    pub fn positives(&self) -> &Positives {
        &self.positives
    }

    #[cfg(feature = "gpu")]
    pub(crate) fn epochs(&self) -> Epochs {
        self.epochs
    }

    /// Whether samples are [pairs](Sampler::pairwise).
    pub fn is_pairwise(&self) -> bool {
        self.epochs.pairwise
    }

    /// Fills `batch` with the samples `start..start + count` of an epoch, as far as the epoch goes, and sorts it.
    /// Column 0 holds users, column 1 items, and column 2 negatives of pairs, or heads of related items
    /// ([`with_relations`](Sampler::with_relations) says which are behind). Allocates nothing
    /// once the batch has room for `count`; a batch of another number of columns is replaced.
    pub fn fill(&self, epoch: u32, start: u64, count: usize, batch: &mut Batch) {
        let end = start.saturating_add(count as u64).min(self.samples_per_epoch());
        let columns = self.columns();
        if batch.columns().len() != columns {
            *batch = Batch::new(columns, end.saturating_sub(start) as usize);
        }
        match self.has_list() {
            true => batch.reset_with_list(columns),
            false => {
                batch.clear();
                batch.set_negatives(2..2 + usize::from(self.epochs.pairwise));
            }
        }
        self.fill_range(epoch, start..end, batch);
        let items = self.positives.items();
        match self.list {
            List::None => {}
            List::All => batch.set_list(0..items),
            List::Drawn(count) => {
                let rng = self.epochs.rng.stream(LIST_STREAM).stream(epoch).stream(start as u32);
                batch.set_list((0..count).map(|j| scale(rng.at(j.into())[0], items)));
            }
        }
        self.set_noise(epoch, start, batch);
        if self.has_log_q() {
            let column = batch.columns().len().min(1);
            for at in 0..batch.len() {
                let item = batch.column(column).ids[at];
                batch.log_q_mut().push(self.log_q[item as usize]);
            }
        }
        batch.sort();
    }
}

#[cfg(test)]
mod tests;
