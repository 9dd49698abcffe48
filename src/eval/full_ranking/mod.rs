//! The full ranking: every item that a user does not have in training, ranked for every user with test items.

mod auc;
mod looked;
mod profile;
mod source;
mod sums;
mod users;

use alloc::vec::Vec;

use self::{
    auc::AucSum,
    looked::Looked,
    source::{OfLists, OfModel, OfScores, Source},
    sums::GroupSums,
    users::Users,
};
use super::{Best, FullReport, ListMetrics, Query};
use crate::{
    Error, Result,
    data::Split,
    executor::{Executor, pair_of},
};

/// Entries of the lists of a call, and of the items that are left out.
const ENTRIES: usize = 1 << 22;

/// The full ranking, and how its report is made: for every user with a test item all items are ranked that somebody has
/// and the user does not have in the training part, and the first `k` places are looked at. That is how LightGCN and its
/// successors are evaluated (He et al., SIGIR 2020, at 20 places).
///
/// Ties count by their expectation ([`Rank`](super::Rank)): a constant score gets chance, not the luck of an order.
///
/// ```
/// use pocketrec::{data::{Interactions, Split}, eval::FullRanking};
/// let train = Interactions::from_columns((3, 4), &[0, 1, 2], &[0, 3, 2], &[])?;
/// let test = Interactions::from_columns((3, 4), &[0, 0, 1], &[1, 3, 0], &[])?;
/// let split = Split::from_parts(train, &test)?;
/// let report = FullRanking::new(2).of_scores(&split, |users, scores| {
///     for row in scores.chunks_exact_mut(4) {
///         row.copy_from_slice(&[0.9, 0.8, 0.7, 0.6]); // the same for everyone
///     }
///     Ok(())
/// })?;
/// // User 0 gets items 1 and 2, of which 1 is one of two test items; user 1 gets 0, the only one, and 1.
/// assert_eq!((report.all.users, report.all.recall, report.all.precision, report.all.mrr), (2, 0.75, 0.5, 1.0));
/// assert_eq!(report.coverage(), 0.75);
/// # Ok::<(), pocketrec::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FullRanking {
    /// Places that are looked at.
    pub k: usize,
    /// Groups that users are put into by the size of their training part; 0 makes none.
    pub groups: usize,
    /// Whether the area under the ROC curve is computed besides: the probability that a test item of the user's stands
    /// before an item that is none. Every test item is ranked by itself for it.
    pub auc: bool,
    /// Whether the [cold items](Split::cold_items) are ranked among themselves, not among all items.
    pub cold_alone: bool,
}

impl FullRanking {
    /// The first `k` places, by quarters of the users.
    pub fn new(k: usize) -> Self {
        FullRanking {
            k,
            groups: 4,
            auc: false,
            cold_alone: false,
        }
    }

    /// Computes the area under the ROC curve besides.
    pub fn with_auc(self) -> Self {
        FullRanking { auc: true, ..self }
    }

    /// Ranks the cold items of [`Interactions::cold_items`](crate::data::Interactions::cold_items) among themselves.
    pub fn cold_alone(self) -> Self {
        FullRanking {
            cold_alone: true,
            ..self
        }
    }

    /// Sets the number of groups.
    pub fn groups(self, groups: usize) -> Self {
        FullRanking { groups, ..self }
    }

    /// Ranks by a model's logits, which are searched where they are computed
    /// ([`top_catalogue`](crate::executor::top_catalogue)).
    ///
    /// # Errors
    /// Those of [`of_lists`](FullRanking::of_lists); [`Error::Id`] where the split has users or items that the model has no
    /// row for, and [`Error::Config`] where it does not score a [pair](crate::plan::Plan::pair) of a user and an item, or
    /// a logit is NaN.
    pub fn of_model(&self, executor: &mut dyn Executor, split: &Split) -> Result<FullReport> {
        let pair = pair_of(executor.plan())?;
        let rows = executor.plan().rows_of(pair.candidate);
        let unused = split.train.unused_items();
        let mut beyond = u32::try_from(rows).unwrap_or(u32::MAX)..split.train.items();
        if let Some(item) = beyond.find(|item| unused.binary_search(item).is_err()) {
            return Err(Error::Id {
                column: executor.plan().columns()[pair.candidate].name.clone(),
                id: item.into(),
                rows: rows as u64,
            });
        }
        // Rows that the split knows nothing of, as tables can have grown, are no candidates.
        self.rank(split, rows, &mut OfModel { executor, rows })
    }

    /// Ranks by any score: `score(users, out)` writes the scores of all items for some users, `out[u * items + i]`, where
    /// there are as many items as the split has.
    ///
    /// # Errors
    /// Those of [`of_lists`](FullRanking::of_lists), those of `score`, and [`Error::Config`] where a score is NaN.
    pub fn of_scores(&self, split: &Split, score: impl FnMut(&[u32], &mut [f32]) -> Result<()>) -> Result<FullReport> {
        let items = split.train.items() as usize;
        self.rank(split, items, &mut OfScores::new(items, score)?)
    }

    /// Ranks by the number of users who have an item in the training part, the same for everyone: the baseline that a
    /// model has to beat.
    ///
    /// # Errors
    /// Those of [`of_lists`](FullRanking::of_lists).
    pub fn of_popularity(&self, split: &Split) -> Result<FullReport> {
        self.of_same(split, &split.train.popularity())
    }

    /// Ranks by the number of users who have an item in the training part or the test part: what a popularity that nobody can
    /// know would reach where items are [cold](Split::cold_items).
    ///
    /// # Errors
    /// Those of [`of_lists`](FullRanking::of_lists).
    pub fn of_known_popularity(&self, split: &Split) -> Result<FullReport> {
        let mut popularity = split.train.popularity();
        for case in &split.test {
            popularity[case.item as usize] += 1;
        }
        self.of_same(split, &popularity)
    }

    /// What an order at random reaches, by its expectation.
    ///
    /// # Errors
    /// Those of [`of_lists`](FullRanking::of_lists).
    pub fn of_chance(&self, split: &Split) -> Result<FullReport> {
        self.of_same(split, &alloc::vec![0; split.train.items() as usize])
    }

    /// Ranks by a number an item, the same for everyone.
    fn of_same(&self, split: &Split, counts: &[u32]) -> Result<FullReport> {
        let counts: Vec<f32> = counts.iter().map(|&count| count as f32).collect();
        self.of_scores(split, |_, scores| {
            let rows = scores.chunks_exact_mut(counts.len());
            rows.for_each(|row| row.copy_from_slice(&counts));
            Ok(())
        })
    }

    /// Ranks by lists: `top(queries, k)` gives the `k` best items of each query's user without its known ones, best first
    /// with their scores; fewer where fewer are left. More places are asked for than are looked at, to see what ties with
    /// the last, and more again where something does.
    ///
    /// # Errors
    /// [`Error::Config`] where `k` is 0, the split has no test cases or, for [`cold_alone`](FullRanking::cold_alone), no cold
    /// items, a list is not what it should be, or lists are to give an AUC; and those of `top`.
    pub fn of_lists(
        &self,
        split: &Split,
        top: impl FnMut(&[Query<'_>], usize) -> Result<Vec<Best>>,
    ) -> Result<FullReport> {
        self.of_lists_among(split, split.train.items() as usize, top)
    }

    /// The same, where lists are of `rows` items, of which those behind the split's are left out.
    pub(crate) fn of_lists_among(
        &self,
        split: &Split,
        rows: usize,
        top: impl FnMut(&[Query<'_>], usize) -> Result<Vec<Best>>,
    ) -> Result<FullReport> {
        self.rank(split, rows, &mut OfLists(top))
    }

    /// [`of_lists`](FullRanking::of_lists), where lists are of `rows` items, of which those behind the split's are left
    /// out.
    fn rank(&self, split: &Split, rows: usize, source: &mut impl Source) -> Result<FullReport> {
        if self.k == 0 {
            return Err(Error::config("k", "0 places hold no item; 20 is usual"));
        }
        if split.test.is_empty() {
            return Err(Error::config("split", "there are no test cases to evaluate on"));
        }
        if self.cold_alone && split.cold_items().is_empty() {
            let reason = "it has no cold items to rank alone; Interactions::cold_items makes such a split";
            return Err(Error::config("split", reason));
        }
        let users = Users::new(split, rows, self.cold_alone);
        let mut sums = GroupSums::new(&users, self.groups);
        let (mut looked, mut auc) = (Looked::new(split), AucSum::default());
        let mut first = 0;
        while first < users.len() {
            let count = users.count_from(first);
            let known = users.known(first..first + count);
            let queries: Vec<Query<'_>> = (0..count).map(|at| known.query(at)).collect();
            let places = self.k.saturating_add(1);
            let mut lists = looked.checked(source.top(&queries, places)?, &queries, places)?;
            self.complete(&mut lists, &queries, &mut looked, source)?;
            for (at, best) in lists.iter().enumerate() {
                let tested = users.tested(first + at);
                let is_relevant = |item| tested.binary_search_by_key(&item, |pair| pair.1).is_ok();
                let metrics = ListMetrics::of_list(best, self.k, tested.len(), is_relevant);
                sums.add(users.activity(first + at), &metrics);
                looked.recommend(&best[..best.len().min(self.k)]);
            }
            if self.auc {
                let of_users = (0..count).map(|at| (queries[at], users.tested(first + at)));
                auc.add(source, &of_users.collect::<Vec<_>>(), rows)?;
            }
            first += count;
        }
        let items = match self.cold_alone {
            true => split.cold_items().len(),
            false => split.train.used_items().len(),
        };
        Ok(FullReport {
            k: self.k,
            all: sums.all.mean(),
            groups: sums.groups.into_iter().map(|group| group.mean()).collect(),
            auc: auc.mean(),
            recommended: looked.recommended,
            items: items as u64,
        })
    }

    /// Asks for longer lists where the last place is tied with what may stand behind the list's end.
    fn complete(
        &self,
        lists: &mut [Best],
        queries: &[Query<'_>],
        looked: &mut Looked,
        source: &mut impl Source,
    ) -> Result<()> {
        let mut places = self.k.saturating_add(1);
        loop {
            let is_open = |best: &Best| best.len() == places && best[self.k - 1].1 == best[places - 1].1;
            let open: Vec<usize> = (0..lists.len()).filter(|&at| is_open(&lists[at])).collect();
            if open.is_empty() {
                return Ok(());
            }
            places = places.saturating_mul(4);
            for open in open.chunks((ENTRIES / places.min(looked.last.len()).max(1)).max(1)) {
                let again: Vec<Query<'_>> = open.iter().map(|&at| queries[at]).collect();
                let longer = looked.checked(source.top(&again, places)?, &again, places)?;
                for (&at, mut best) in open.iter().zip(longer) {
                    // What is behind the tie is not looked at.
                    let last = best.get(self.k - 1).map(|entry| entry.1);
                    if best.len() < places || best.last().map(|entry| entry.1) != last {
                        best.truncate(best.partition_point(|entry| last.is_none_or(|last| entry.1 >= last)));
                    }
                    lists[at] = best;
                }
            }
        }
    }
}
