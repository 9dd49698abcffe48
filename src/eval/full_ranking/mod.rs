//! The full ranking: every item that a user does not have in training, ranked for every user with test items.

mod looked;
mod sums;
mod users;

use alloc::{format, vec::Vec};

use self::{
    looked::Looked,
    sums::GroupSums,
    users::{USERS, Users},
};
use super::{Best, FullReport, ListMetrics, Query};
use crate::{
    Error, Result,
    data::Split,
    executor::{Executor, TopK, offer_row, pair_of, top_catalogue},
    memory,
};

/// Entries of the lists of a call, and of the items that are left out.
const ENTRIES: usize = 1 << 22;
/// Scores of a call.
const SCORES: usize = 1 << 20;

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
}

impl FullRanking {
    /// The first `k` places, by quarters of the users.
    pub fn new(k: usize) -> Self {
        FullRanking { k, groups: 4 }
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
        self.rank(split, rows, |queries, k| top_catalogue(executor, queries, k).wait())
    }

    /// Ranks by any score: `score(users, out)` writes the scores of all items for some users, `out[u * items + i]`, where
    /// there are as many items as the split has.
    ///
    /// # Errors
    /// Those of [`of_lists`](FullRanking::of_lists), those of `score`, and [`Error::Config`] where a score is NaN.
    pub fn of_scores(
        &self,
        split: &Split,
        mut score: impl FnMut(&[u32], &mut [f32]) -> Result<()>,
    ) -> Result<FullReport> {
        let items = split.train.items() as usize;
        let each = (SCORES / items.max(1)).clamp(1, USERS);
        let mut scores: Vec<f32> = memory::zeroed(each * items, || format!("scores of {items} items"))?;
        let mut users = Vec::new();
        self.of_lists(split, |queries, k| {
            let (mut best, mut top) = (Vec::with_capacity(queries.len()), TopK::new(k));
            for queries in queries.chunks(each) {
                users.clear();
                users.extend(queries.iter().map(|query| query.user));
                let scores = &mut scores[..queries.len() * items];
                // A score that the callee forgets to write is an error, not what the last users left there.
                scores.fill(f32::NAN);
                score(&users, scores)?;
                for (query, scores) in queries.iter().zip(scores.chunks_exact(items)) {
                    offer_row(&mut top, query, scores)?;
                    best.push(top.take_sorted());
                }
            }
            Ok(best)
        })
    }

    /// Ranks by the number of users who have an item in the training part, the same for everyone: the baseline that a
    /// model has to beat.
    ///
    /// # Errors
    /// Those of [`of_lists`](FullRanking::of_lists).
    pub fn of_popularity(&self, split: &Split) -> Result<FullReport> {
        let popularity: Vec<f32> = split.train.popularity().into_iter().map(|count| count as f32).collect();
        self.of_scores(split, |_, scores| {
            let rows = scores.chunks_exact_mut(popularity.len());
            rows.for_each(|row| row.copy_from_slice(&popularity));
            Ok(())
        })
    }

    /// Ranks by lists: `top(queries, k)` gives the `k` best items of each query's user without its known ones, best first
    /// with their scores; fewer where fewer are left. More places are asked for than are looked at, to see what ties with
    /// the last, and more again where something does.
    ///
    /// # Errors
    /// [`Error::Config`] where `k` is 0, the split has no test cases, or a list is not what it should be; and those of
    /// `top`.
    pub fn of_lists(
        &self,
        split: &Split,
        top: impl FnMut(&[Query<'_>], usize) -> Result<Vec<Best>>,
    ) -> Result<FullReport> {
        self.rank(split, split.train.items() as usize, top)
    }

    /// [`of_lists`](FullRanking::of_lists), where lists are of `rows` items, of which those behind the split's are left
    /// out.
    fn rank(
        &self,
        split: &Split,
        rows: usize,
        mut top: impl FnMut(&[Query<'_>], usize) -> Result<Vec<Best>>,
    ) -> Result<FullReport> {
        if self.k == 0 {
            return Err(Error::config("k", "0 places hold no item; 20 is usual"));
        }
        if split.test.is_empty() {
            return Err(Error::config("split", "there are no test cases to evaluate on"));
        }
        let users = Users::new(split, rows);
        let mut sums = GroupSums::new(&users, self.groups);
        let mut looked = Looked::new(split);
        let mut first = 0;
        while first < users.len() {
            let count = users.count_from(first);
            let known = users.known(first..first + count);
            let queries: Vec<Query<'_>> = (0..count).map(|at| known.query(at)).collect();
            let places = self.k.saturating_add(1);
            let mut lists = looked.checked(top(&queries, places)?, &queries, places)?;
            self.complete(&mut lists, &queries, &mut looked, &mut top)?;
            for (at, best) in lists.iter().enumerate() {
                let tested = users.tested(first + at);
                let is_relevant = |item| tested.binary_search_by_key(&item, |pair| pair.1).is_ok();
                let metrics = ListMetrics::of_list(best, self.k, tested.len(), is_relevant);
                sums.add(users.activity(first + at), &metrics);
                looked.recommend(&best[..best.len().min(self.k)]);
            }
            first += count;
        }
        Ok(FullReport {
            k: self.k,
            all: sums.all.mean(),
            groups: sums.groups.into_iter().map(|group| group.mean()).collect(),
            recommended: looked.recommended,
            items: split.train.used_items().len() as u64,
        })
    }

    /// Asks for longer lists where the last place is tied with what may stand behind the list's end.
    fn complete(
        &self,
        lists: &mut [Best],
        queries: &[Query<'_>],
        looked: &mut Looked,
        top: &mut impl FnMut(&[Query<'_>], usize) -> Result<Vec<Best>>,
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
                let longer = looked.checked(top(&again, places)?, &again, places)?;
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
