//! Train and test parts, and the items that each test item is ranked among.

use alloc::{format, vec::Vec};
use core::ops::Range;

use super::{
    IdMap, Interactions,
    candidates::{Drawer, Given},
    cold::Cold,
    report::SplitReport,
};
use crate::{Error, Result};

/// What a test item is ranked among.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Candidates {
    /// `count` items drawn uniformly without replacement from those that the user has in neither part; all of those
    /// where there are fewer. Items that nobody has, as there are where ids have gaps, are not drawn: any model tells
    /// them from an item that somebody has. A user's draw depends on `seed` and the user's index alone.
    Sampled {
        /// Number of candidates besides the test item.
        count: u32,
        /// Seed of the draw.
        seed: u64,
    },
    /// Every item that somebody has and the user does not have in the training part; nothing is stored for it.
    All,
}

/// 99 sampled items, as in He et al., *Neural Collaborative Filtering*, WWW 2017; seed 0.
impl Default for Candidates {
    fn default() -> Self {
        Candidates::Sampled { count: 99, seed: 0 }
    }
}

/// A test item of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestCase {
    /// The user.
    pub user: u32,
    /// The item that was held out.
    pub item: u32,
    /// Where the case's negatives lie among those of the split.
    negatives: Range<usize>,
}

/// Cases whose test item was trained on, of a hundred, from which on a split is refused.
const TRAINED_ON_PERCENT: usize = 1;

/// A training part and test cases.
///
/// ```
/// use pocketrec::data::{Candidates, Interactions};
/// let data = Interactions::from_triples(&[(0, 0, 1), (0, 3, 9), (0, 1, 5), (1, 2, 4)])?;
/// let split = data.leave_one_out_among(Candidates::Sampled { count: 99, seed: 1 })?;
/// assert_eq!(split.train.of_user(0), [0, 1]);
/// assert_eq!((split.test.len(), split.test[0].user, split.test[0].item), (1, 0, 3));
/// assert_eq!(split.negatives(0), [2]); // all there is
/// assert_eq!(split.report().untested_users, 1); // user 1 has a single interaction
/// # Ok::<(), pocketrec::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Split {
    /// The interactions to train on; its users and items are those of the whole.
    pub train: Interactions,
    /// The held-out interactions, by user: one a tested user where the latest is held out, else any number.
    pub test: Vec<TestCase>,
    negatives: Vec<u32>,
    sampled: bool,
    pub(super) cold: Cold,
    pub(in crate::data) report: SplitReport,
}

impl Split {
    /// The items that case `index` is ranked among, without its test item; empty where candidates are
    /// [`Candidates::All`] or there is no such case.
    pub fn negatives(&self, index: usize) -> &[u32] {
        let range = self.test.get(index).map_or(0..0, |case| case.negatives.clone());
        self.negatives.get(range).unwrap_or_default()
    }

    /// Whether cases carry candidates; otherwise they are to be ranked among all items not in the training part.
    pub fn has_negatives(&self) -> bool {
        self.sampled
    }

    /// How the split came about.
    pub fn report(&self) -> &SplitReport {
        &self.report
    }

    /// The same split with other candidates.
    pub fn among(self, candidates: Candidates) -> Self {
        self.among_without(candidates, &[])
    }

    /// The same split with other candidates, none of which is an item that the user has in `others`, such as the dev part
    /// where this is the split of the test part.
    ///
    /// ```
    /// use pocketrec::data::{Candidates, Interactions, Split};
    /// let part = |users: &[u32], items: &[u32]| Interactions::from_columns((2, 5), users, items, &[]);
    /// let (train, dev, test) = (part(&[0, 1, 1], &[0, 3, 4])?, part(&[0], &[1])?, part(&[0], &[2])?);
    /// let split = Split::from_parts(train, &test)?;
    /// let candidates = Candidates::Sampled { count: 99, seed: 1 };
    /// let mut negatives = split.among_without(candidates, &[&dev]).negatives(0).to_vec();
    /// negatives.sort();
    /// assert_eq!(negatives, [3, 4]);
    /// # Ok::<(), pocketrec::Error>(())
    /// ```
    pub fn among_without(mut self, candidates: Candidates, others: &[&Interactions]) -> Self {
        self.draw(candidates, others);
        self
    }

    /// The split itself, if every user is tested.
    ///
    /// # Errors
    /// [`Error::Config`] that names the first user without a test item and says how many there are.
    pub fn all_tested(self) -> Result<Self> {
        let Some(user) = self.report.first_untested else {
            return Ok(self);
        };
        Err(Error::config(
            "split",
            format!(
                "{} users have no test item, the first of them user {user} (key {:?}) with {} interactions; remove users \
                 with fewer than two interactions, or go without all_tested()",
                self.report.untested_users,
                self.train.user_ids().key(user).unwrap_or_default(),
                self.train.of_user(user).len()
            ),
        ))
    }

    /// A split whose cases are given as (user, test item, candidates). A candidate that is the case's own test item is
    /// left out and counted, and so is one that comes again, so that each is ranked once; apart from that the candidates
    /// are taken as they are. Without any candidates the cases are to be ranked among all items ([`Candidates::All`]).
    ///
    /// Cases whose user has the test item in the training part are left out and counted: a model that remembers its
    /// training would find all of them.
    ///
    /// # Errors
    /// [`Error::Id`] where a user or an item is not one of the training part's; [`Error::Config`] where more than one
    /// case in a hundred was trained on.
    pub fn from_cases<'a>(
        mut train: Interactions,
        cases: impl IntoIterator<Item = (u32, u32, &'a [u32])>,
    ) -> Result<Self> {
        let mut tested = alloc::vec![false; train.users() as usize];
        let (mut test, mut negatives, mut sampled) = (Vec::new(), Vec::new(), false);
        let mut report = SplitReport::default();
        let (mut given, mut trained) = (Given::new(train.items()), Trained::default());
        for (user, item, candidates) in cases {
            for &item in candidates.iter().chain([&item]) {
                check_id("item", item, train.items())?;
            }
            check_id("user", user, train.users())?;
            tested[user as usize] = true;
            if trained.has(&train, user, item) {
                report.trained_on += 1;
                report.first_trained_on.get_or_insert((user, item));
                continue;
            }
            sampled |= !candidates.is_empty();
            let start = negatives.len();
            if !candidates.is_empty() {
                given.take(item, train.of_user(user), candidates, &mut negatives, &mut report);
            }
            test.push(TestCase {
                user,
                item,
                negatives: start..negatives.len(),
            });
        }
        refuse_trained_on(&train, test.len(), &report)?;
        report.untested_users = tested.iter().filter(|tested| !**tested).count() as u32;
        report.first_untested = tested.iter().position(|tested| !tested).map(|user| user as u32);
        if !train.unused.is_empty() {
            let mut held_out: Vec<u32> = test.iter().map(|case| case.item).collect();
            held_out.sort_unstable();
            train.unused.retain(|item| held_out.binary_search(item).is_err());
            let unused = |item: &&u32| train.unused.binary_search(item).is_ok();
            report.unused_candidates = negatives.iter().filter(unused).count() as u32;
        }
        report.unused_items = train.unused.len() as u32;
        if sampled {
            report.no_candidates = test.iter().filter(|case| case.negatives.is_empty()).count() as u32;
        }
        Ok(Split {
            train,
            test,
            sampled,
            negatives,
            cold: Cold::default(),
            report,
        })
    }

    fn draw(&mut self, candidates: Candidates, others: &[&Interactions]) {
        self.negatives.clear();
        self.report = SplitReport {
            short_cases: 0,
            no_candidates: 0,
            own_test_item: 0,
            repeated_candidates: 0,
            trained_candidates: 0,
            unused_candidates: 0,
            ..self.report
        };
        self.sampled = matches!(candidates, Candidates::Sampled { .. });
        let (count, seed) = match candidates {
            Candidates::All => (0, 0),
            Candidates::Sampled { count, seed } => (count, seed),
        };
        let mut drawer = Drawer::new(&self.train, seed);
        let mut held_out: Vec<(u32, u32)> = self.test.iter().map(|case| (case.user, case.item)).collect();
        held_out.sort_unstable();
        for (at, case) in self.test.iter_mut().enumerate() {
            let start = self.negatives.len();
            let tested = held_out[held_out.partition_point(|pair| pair.0 < case.user)..].iter();
            let tested = tested.take_while(|pair| pair.0 == case.user).map(|pair| pair.1);
            let elsewhere = others.iter().flat_map(|other| other.of_user(case.user).iter().copied());
            // Not `known_of`, which would borrow the cases, too.
            let clicks = self.cold.clicks_of(case.user).iter().map(|click| click.1);
            let trained = self.train.of_user(case.user).iter().copied();
            let seen = trained.chain(clicks).chain(tested).chain(elsewhere);
            drawer.draw(at as u32, case.user, seen, count, &mut self.negatives);
            case.negatives = start..self.negatives.len();
            self.report.short_cases += u32::from(case.negatives.len() < count as usize);
            self.report.no_candidates += u32::from(case.negatives.is_empty() && count > 0);
        }
    }
}

/// Whether users have items, at one look an item where the cases of a user come together.
#[derive(Default)]
struct Trained {
    /// The last of the runs of cases whose user has the item; runs count from 1.
    last: Vec<usize>,
    run: usize,
    user: Option<u32>,
}

impl Trained {
    fn has(&mut self, train: &Interactions, user: u32, item: u32) -> bool {
        if self.user.replace(user) != Some(user) {
            self.last.resize(train.items() as usize, 0);
            self.run += 1;
            for &item in train.of_user(user) {
                self.last[item as usize] = self.run;
            }
        }
        self.last[item as usize] == self.run
    }
}

/// Refuses a split of which much was trained on: its training part and its test part are not apart.
fn refuse_trained_on(train: &Interactions, kept: usize, report: &SplitReport) -> Result<()> {
    let Some((user, item)) = report.first_trained_on else {
        return Ok(());
    };
    let cases = kept + report.trained_on as usize;
    if report.trained_on as usize * 100 <= cases * TRAINED_ON_PERCENT {
        return Ok(());
    }
    let key = |keys: &IdMap, index| keys.key(index).unwrap_or_default().into_owned();
    let reason = format!(
        "{} of {cases} test items are in the training part of their user, such as item {:?} of user {:?}; a model that \
         was shown the answers says nothing: take the test items out of the training part",
        report.trained_on,
        key(train.item_ids(), item),
        key(train.user_ids(), user)
    );
    Err(Error::config("split", reason))
}

fn check_id(column: &str, id: u32, rows: u32) -> Result<()> {
    if id < rows {
        return Ok(());
    }
    Err(Error::Id {
        column: column.into(),
        id: id.into(),
        rows: rows.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;
    use alloc::string::ToString;

    fn data() -> Interactions {
        let rng = Rng::new(3);
        let rows: Vec<(u32, u32, i64)> = (0..900)
            .map(|i| {
                (
                    rng.below(i, 30),
                    rng.below(i + 5000, 60),
                    i64::from(rng.below(i + 9000, 50)),
                )
            })
            .collect();
        Interactions::from_triples(&rows).unwrap()
    }

    #[test]
    fn the_latest_is_held_out_and_the_rest_stays() {
        let data = data();
        let split = data.leave_one_out().unwrap();
        assert_eq!(split.train.len() + split.test.len(), data.len());
        for case in &split.test {
            let (whole, rest) = (data.of_user(case.user), split.train.of_user(case.user));
            assert_eq!((whole.split_last().unwrap().1, whole.last()), (rest, Some(&case.item)));
            assert_eq!(split.train.times_of(case.user), &data.times_of(case.user)[..rest.len()]);
        }
        let again = split.train.leave_one_out().unwrap();
        assert_eq!(again.train.len(), data.len() - 2 * split.test.len());
        assert_eq!((again.train.users(), again.train.items()), (data.users(), data.items()));
    }

    #[test]
    fn candidates_are_different_unseen_items() {
        let data = data();
        for count in [1, 5, 20, 40, 99] {
            let split = data
                .leave_one_out_among(Candidates::Sampled { count, seed: 8 })
                .unwrap();
            let mut short = 0;
            for (at, case) in split.test.iter().enumerate() {
                let mut negatives = split.negatives(at).to_vec();
                assert!(
                    negatives
                        .iter()
                        .all(|&item| !data.contains(case.user, item) && item < data.items())
                );
                negatives.sort_unstable();
                negatives.dedup();
                let unseen = data.items() as usize - data.of_user(case.user).len();
                assert_eq!(negatives.len(), unseen.min(count as usize));
                assert_eq!(split.negatives(at).len(), negatives.len());
                short += u32::from(unseen < count as usize);
            }
            assert_eq!(split.report().short_cases, short);
        }
        let one = data.leave_one_out().unwrap();
        let two = data.leave_one_out().unwrap();
        assert_eq!(one.negatives, two.negatives);
        let all = one.among(Candidates::All);
        assert!(!all.has_negatives() && all.negatives(0).is_empty());
    }

    #[test]
    fn users_without_a_test_item_are_counted_or_refused() {
        let ids = IdMap::from_keys(["a", "b", "c"]).unwrap();
        let data = Interactions::from_columns((3, 2), &[0, 0, 2], &[0, 1, 1], &[]).unwrap();
        let data = data.with_ids(ids, IdMap::numbered(2)).unwrap();
        let split = data.leave_one_out().unwrap();
        assert_eq!(
            (split.report().untested_users, split.report().first_untested),
            (2, Some(1))
        );
        let error = split.all_tested().unwrap_err().to_string();
        assert!(
            error.contains("2 users have no test item") && error.contains("user 1 (key \"b\") with 0"),
            "{error}"
        );
        let single = Interactions::from_pairs(&[(0, 0), (1, 1)]).unwrap();
        assert!(
            single
                .leave_one_out()
                .unwrap_err()
                .to_string()
                .contains("none of 2 users has two interactions")
        );
    }
}
