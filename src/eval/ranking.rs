//! Leave-one-out ranking: each test item among its candidates, many users a call, in constant memory.

use alloc::{format, vec, vec::Vec};

use serde::{Deserialize, Serialize};

use super::{Rank, RankingReport, full::evaluate_full};
use crate::{
    Error, Result,
    data::Split,
    executor::{Executor, pair_of},
};

/// Pairs that are scored in one call.
pub const CHUNK: usize = 16 * 1024;

/// What a test item is ranked among.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// The negatives that the split carries, 99 a user by custom: cheap, and what He et al. (WWW 2017) report. It is
    /// not the same as ranking everything (Krichene and Rendle, KDD 2020).
    #[default]
    Sampled,
    /// All items that somebody has and the user does not have in the training part. Items that nobody has, as there are
    /// where ids have gaps, are no candidates: any model tells them from the others.
    Full,
}

/// Ranks the test items of `split` by a model's logits.
///
/// # Errors
/// As [`evaluate_with`]; [`Error::Id`] where the split has users or items that the model has no row for, and
/// [`Error::Config`] where it does not score a [pair](crate::plan::Plan::pair) of a user and an item.
pub fn evaluate(executor: &mut dyn Executor, split: &Split, protocol: Protocol, k: usize) -> Result<RankingReport> {
    let pair = pair_of(executor.plan())?;
    match protocol {
        Protocol::Full => {
            check(split, protocol, k)?;
            evaluate_full(executor, split, k)
        }
        Protocol::Sampled => evaluate_with(split, protocol, k, |users, items, out| {
            executor.score(&pair.columns(users, items), out).wait()
        }),
    }
}

/// Ranks the test items of `split` by any score; cases without another item are left out and counted: `score(users, items, out)` writes `out[s]` for user `users[s]` and
/// item `items[s]`, up to [`CHUNK`] pairs a call.
///
/// Pairs stream through buffers of that size: nothing grows with users x items. Ties count by their expectation
/// ([`Rank`]).
///
/// ```
/// use pocketrec::{data::Interactions, eval::{Protocol, evaluate_with}};
/// let data = Interactions::from_triples(&[(0, 0, 1), (0, 1, 2), (1, 2, 1), (1, 3, 2)])?;
/// let split = data.leave_one_out()?;
/// let report = evaluate_with(&split, Protocol::Full, 1, |_, _, out| {
///     out.fill(0.0); // a constant score gets chance: one of the three items not in training
///     Ok(())
/// })?;
/// assert_eq!((report.hr, report.cases), (1.0 / 3.0, 2));
/// # Ok::<(), pocketrec::Error>(())
/// ```
///
/// # Errors
/// [`Error::Config`] where `k` is 0, there are no test cases or none with a candidate, the split has no negatives though
/// they are asked for, or a score is NaN; and those of `score`.
pub fn evaluate_with(
    split: &Split,
    protocol: Protocol,
    k: usize,
    score: impl FnMut(&[u32], &[u32], &mut [f32]) -> Result<()>,
) -> Result<RankingReport> {
    check(split, protocol, k)?;
    let mut ranker = Ranker::new(split, k, score);
    match protocol {
        Protocol::Sampled => {
            for (index, case) in split.test.iter().enumerate() {
                if split.negatives(index).is_empty() {
                    ranker.report.left_out += 1;
                    continue;
                }
                ranker.begin(case.user, case.item)?;
                for &item in split.negatives(index) {
                    ranker.candidate(case.user, item)?;
                }
            }
        }
        Protocol::Full => {
            // The last case whose user has the item: one mark an item, never cleared.
            let mut marks = vec![0usize; split.train.items() as usize];
            for (case, mark) in split.test.iter().zip(1..) {
                for item in split.known_of(case.user).chain([case.item]) {
                    if let Some(last) = marks.get_mut(item as usize) {
                        *last = mark;
                    }
                }
                let mut others = split.train.used_items().filter(|&item| marks[item as usize] != mark);
                let Some(first) = others.next() else {
                    ranker.report.left_out += 1;
                    continue;
                };
                ranker.begin(case.user, case.item)?;
                ranker.candidate(case.user, first)?;
                for item in others {
                    ranker.candidate(case.user, item)?;
                }
            }
        }
    }
    ranker.finish()
}

fn check(split: &Split, protocol: Protocol, k: usize) -> Result<()> {
    if k == 0 {
        return Err(Error::config("k", "0 places hold no item; 10 is usual"));
    }
    if split.test.is_empty() {
        return Err(Error::config("split", "there are no test cases to evaluate on"));
    }
    if protocol == Protocol::Sampled && !split.has_negatives() {
        let reason = "the split carries no negatives; draw some (Split::among) or use Protocol::Full";
        return Err(Error::config("protocol", reason));
    }
    Ok(())
}

/// Pairs that wait to be scored, and the case that is being ranked.
struct Ranker<'a, F> {
    /// Whose keys users and items have.
    split: &'a Split,
    score: F,
    users: Vec<u32>,
    items: Vec<u32>,
    scores: Vec<f32>,
    /// Positions of test items among the pairs; what stands before the first goes on with the case before.
    begins: Vec<usize>,
    target: f32,
    rank: Option<Rank>,
    report: RankingReport,
}

impl<'a, F: FnMut(&[u32], &[u32], &mut [f32]) -> Result<()>> Ranker<'a, F> {
    fn new(split: &'a Split, k: usize, score: F) -> Self {
        Ranker {
            split,
            score,
            users: Vec::with_capacity(CHUNK),
            items: Vec::with_capacity(CHUNK),
            scores: vec![0.0; CHUNK],
            begins: Vec::new(),
            target: 0.0,
            rank: None,
            report: RankingReport::new(k),
        }
    }

    fn begin(&mut self, user: u32, item: u32) -> Result<()> {
        if self.users.len() == CHUNK {
            self.flush()?;
        }
        self.begins.push(self.users.len());
        self.candidate(user, item)
    }

    #[inline]
    fn candidate(&mut self, user: u32, item: u32) -> Result<()> {
        if self.users.len() == CHUNK {
            self.flush()?;
        }
        self.users.push(user);
        self.items.push(item);
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        let len = self.users.len();
        // A score that the callee forgets to write is an error, not what the last chunk left there.
        self.scores[..len].fill(f32::NAN);
        (self.score)(&self.users, &self.items, &mut self.scores[..len])?;
        if let Some(at) = self.scores[..len].iter().position(|score| score.is_nan()) {
            let train = &self.split.train;
            let user = train.user_ids().key(self.users[at]).unwrap_or_default();
            let item = train.item_ids().key(self.items[at]).unwrap_or_default();
            let reason = format!("the score of user {user:?} and item {item:?} is NaN");
            return Err(Error::config("score", reason));
        }
        let begins = core::mem::take(&mut self.begins);
        let mut from = 0;
        for &begin in &begins {
            self.count(from, begin);
            self.close();
            self.target = self.scores[begin];
            self.rank = Some(Rank::default());
            from = begin + 1;
        }
        self.count(from, len);
        self.begins = begins;
        self.begins.clear();
        self.report.scored += len as u64;
        self.users.clear();
        self.items.clear();
        Ok(())
    }

    fn count(&mut self, from: usize, to: usize) {
        if let Some(rank) = &mut self.rank {
            for &other in &self.scores[from..to] {
                rank.count(self.target, other);
            }
        }
    }

    /// Adds the present case to the sums.
    fn close(&mut self) {
        if let Some(rank) = self.rank.take() {
            self.report.add(rank);
        }
    }

    fn finish(mut self) -> Result<RankingReport> {
        self.flush()?;
        self.close();
        self.report.mean()
    }
}
