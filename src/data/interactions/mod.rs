//! Who used what, and when: interactions, grouped by user; the keys of users and items, splits, and which user has which
//! item.

mod candidates;
mod cold;
mod csr;
mod filter;
mod ids;
mod keys;
mod leave_one_out;
mod parts;
mod positives;
mod renumber;
mod report;
mod rows;
mod split;

pub(in crate::data) use csr::zeroed;
pub use ids::IdMap;
#[cfg(feature = "std")]
pub(in crate::data) use keys::canonical_number;
pub use positives::Positives;
pub(in crate::data) use positives::{ATTEMPTS, nothing_to_draw, user_of_everything};
pub use report::{ReadReport, SplitReport};
pub(in crate::data) use rows::{Rows, check_dense};
pub use split::{Candidates, Split, TestCase};

use alloc::{format, string::String, vec::Vec};

use crate::{Error, Result, memory::bytes_of};

/// Interactions of users with items, grouped by user and in order of time within a user.
///
/// Users and items are the indices `0..users()` and `0..items()`; [`Interactions::user_ids`] and
/// [`Interactions::item_ids`] give the keys they had in the source. A user has an item at most once: of
/// repetitions the latest is kept. Rows of the same time stay in the order of the source. An interaction takes 4
/// bytes, and 8 more where the source has times; ratings are not kept (`Delimited::min_rating` selects by them).
///
/// ```
/// use pocketrec::data::Interactions;
/// let data = Interactions::from_triples(&[(0, 2, 30), (1, 0, 10), (0, 1, 20), (0, 2, 5)])?;
/// assert_eq!((data.users(), data.items(), data.len()), (2, 3, 3));
/// assert_eq!(data.of_user(0), [1, 2]);
/// assert_eq!(data.times_of(0), [20, 30]);
/// assert_eq!(data.report().duplicates, 1);
/// # Ok::<(), pocketrec::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Interactions {
    pub(in crate::data) offsets: Vec<usize>,
    pub(in crate::data) items: Vec<u32>,
    pub(in crate::data) times: Vec<i64>,
    pub(in crate::data) user_ids: IdMap,
    pub(in crate::data) item_ids: IdMap,
    pub(in crate::data) titles: Vec<String>,
    /// Items that nobody has in the source, in ascending order: ids with gaps. Of the parts of a split they are those of
    /// the whole.
    pub(in crate::data) unused: Vec<u32>,
    pub(in crate::data) report: ReadReport,
}

/// Items that somebody has, in ascending order.
#[derive(Clone, Debug)]
pub(crate) struct Used<'a> {
    items: core::ops::Range<u32>,
    unused: &'a [u32],
}

impl Iterator for Used<'_> {
    type Item = u32;

    #[inline]
    fn next(&mut self) -> Option<u32> {
        let mut item = self.items.next()?;
        while let [first, rest @ ..] = self.unused
            && *first == item
        {
            self.unused = rest;
            item = self.items.next()?;
        }
        Some(item)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.items.len() - self.unused.len();
        (left, Some(left))
    }
}

impl ExactSizeIterator for Used<'_> {}

impl Interactions {
    /// Interactions in the order of `pairs` (user, item). There are as many users and items as the largest ids say.
    ///
    /// # Errors
    /// [`Error::Config`] where there are no pairs or an id is so large that it cannot be dense.
    pub fn from_pairs(pairs: &[(u32, u32)]) -> Result<Self> {
        Self::from_rows_sized_by_ids(Rows {
            users: pairs.iter().map(|pair| pair.0).collect(),
            items: pairs.iter().map(|pair| pair.1).collect(),
            times: Vec::new(),
        })
    }

    /// Interactions (user, item, time), in any order. Times are in any unit, seconds by custom. There are as many
    /// users and items as the largest ids say.
    ///
    /// # Errors
    /// [`Error::Config`] where there are no triples or an id is so large that it cannot be dense.
    pub fn from_triples(triples: &[(u32, u32, i64)]) -> Result<Self> {
        Self::from_rows_sized_by_ids(Rows {
            users: triples.iter().map(|triple| triple.0).collect(),
            items: triples.iter().map(|triple| triple.1).collect(),
            times: triples.iter().map(|triple| triple.2).collect(),
        })
    }

    /// Interactions (user key, item key, time), in any order; keys are numbered in order of first appearance.
    ///
    /// ```
    /// use pocketrec::data::Interactions;
    /// let data = Interactions::from_keys([("ann", "tea", 1), ("bob", "tea", 2), ("ann", "rice", 3)])?;
    /// assert_eq!(data.of_user(0), [0, 1]);
    /// assert_eq!(data.item_ids().get("rice"), Some(1));
    /// # Ok::<(), pocketrec::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Config`] where there are none, or more than 2^32 - 1 different keys.
    pub fn from_keys<'a>(rows: impl IntoIterator<Item = (&'a str, &'a str, i64)>) -> Result<Self> {
        let (mut users, mut items, mut columns) = (IdMap::new(), IdMap::new(), Rows::default());
        for (user, item, time) in rows {
            columns.users.push(users.get_or_insert(user)?);
            columns.items.push(items.get_or_insert(item)?);
            columns.times.push(time);
        }
        Self::from_rows(columns, users, items)
    }

    /// Interactions as columns of equal length, with the number of users and items given. `times` may be empty.
    /// Users and items without an interaction are fine.
    ///
    /// # Errors
    /// [`Error::Length`] where columns differ in length, [`Error::Id`] where an id is outside its count, and
    /// [`Error::Config`] where there are no rows.
    pub fn from_columns(counts: (u32, u32), users: &[u32], items: &[u32], times: &[i64]) -> Result<Self> {
        let wrong = |what: &str, got: usize| Error::Length {
            what: format!("{what}, which go with the users"),
            expected: users.len(),
            got,
        };
        if items.len() != users.len() {
            return Err(wrong("items", items.len()));
        }
        if !times.is_empty() && times.len() != users.len() {
            return Err(wrong("times", times.len()));
        }
        for (column, ids, rows) in [("user", users, counts.0), ("item", items, counts.1)] {
            if let Some(&id) = ids.iter().find(|&&id| id >= rows) {
                return Err(Error::Id {
                    column: column.into(),
                    id: id.into(),
                    rows: rows.into(),
                });
            }
        }
        let rows = Rows {
            users: users.to_vec(),
            items: items.to_vec(),
            times: times.to_vec(),
        };
        Self::from_rows(rows, IdMap::numbered(counts.0), IdMap::numbered(counts.1))
    }

    fn from_rows_sized_by_ids(rows: Rows) -> Result<Self> {
        let mut counts = [0; 2];
        for ((count, column), ids) in counts.iter_mut().zip(["user", "item"]).zip([&rows.users, &rows.items]) {
            if let Some(&largest) = ids.iter().max() {
                check_dense(column, largest, ids.len()).map_err(|reason| Error::config("interactions", reason))?;
                *count = largest + 1;
            }
        }
        Self::from_rows(rows, IdMap::numbered(counts[0]), IdMap::numbered(counts[1]))
    }

    /// Groups rows whose ids lie in their maps.
    pub(crate) fn from_rows(rows: Rows, user_ids: IdMap, item_ids: IdMap) -> Result<Self> {
        if rows.users.is_empty() {
            return Err(Error::config(
                "interactions",
                "there are none; give at least one (user, item)",
            ));
        }
        let mut report = ReadReport {
            rows: rows.users.len() as u64,
            users: user_ids.len() as u32,
            items: item_ids.len() as u32,
            ..ReadReport::default()
        };
        let grouped = csr::group(rows, user_ids.len(), item_ids.len())?;
        report.duplicates = report.rows - grouped.items.len() as u64;
        Ok(Interactions {
            offsets: grouped.offsets,
            items: grouped.items,
            times: grouped.times,
            user_ids,
            item_ids,
            titles: Vec::new(),
            unused: grouped.unused,
            report,
        })
    }

    /// Replaces the keys of users and items.
    ///
    /// # Errors
    /// [`Error::Length`] where a map has another number of keys than there are users or items.
    pub fn with_ids(mut self, user_ids: IdMap, item_ids: IdMap) -> Result<Self> {
        for (what, old, new) in [
            ("user keys", &self.user_ids, &user_ids),
            ("item keys", &self.item_ids, &item_ids),
        ] {
            if old.len() != new.len() {
                return Err(Error::Length {
                    what: what.into(),
                    expected: old.len(),
                    got: new.len(),
                });
            }
        }
        (self.user_ids, self.item_ids) = (user_ids, item_ids);
        Ok(self)
    }

    /// Sets the items' titles, one an item; an empty one means that there is none.
    ///
    /// # Errors
    /// [`Error::Length`] where the number of titles is not that of the items.
    pub fn with_titles(mut self, titles: Vec<String>) -> Result<Self> {
        if titles.len() != self.items() as usize {
            return Err(Error::Length {
                what: "titles".into(),
                expected: self.items() as usize,
                got: titles.len(),
            });
        }
        self.titles = titles;
        Ok(self)
    }

    /// Number of users.
    pub fn users(&self) -> u32 {
        self.report.users
    }

    /// Number of items.
    pub fn items(&self) -> u32 {
        self.report.items
    }

    /// Bytes in memory, without keys and titles.
    pub fn bytes(&self) -> u64 {
        bytes_of::<usize>(self.offsets.len())
            .saturating_add(bytes_of::<u32>(self.items.len()))
            .saturating_add(bytes_of::<i64>(self.times.len()))
    }

    /// Number of interactions.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there are no interactions; this can be only in the training part of a split.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The items of a user, earliest first; none for a user who is not there.
    pub fn of_user(&self, user: u32) -> &[u32] {
        self.items.get(self.range(user)).unwrap_or_default()
    }

    /// The times that go with [`Interactions::of_user`]; none where the source has no times.
    pub fn times_of(&self, user: u32) -> &[i64] {
        self.times.get(self.range(user)).unwrap_or_default()
    }

    pub(in crate::data) fn range(&self, user: u32) -> core::ops::Range<usize> {
        match self.offsets.get(user as usize..).unwrap_or_default() {
            [start, end, ..] => *start..*end,
            _ => 0..0,
        }
    }

    /// All (user, item), by user and then by time.
    pub fn iter(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        (0..self.users()).flat_map(|user| self.of_user(user).iter().map(move |&item| (user, item)))
    }

    /// Whether the user has the item. Looks through the user's items: [`Positives`] answers faster.
    pub fn contains(&self, user: u32, item: u32) -> bool {
        self.of_user(user).contains(&item)
    }

    /// How many users have each item.
    pub fn popularity(&self) -> Vec<u32> {
        let mut counts = alloc::vec![0; self.items() as usize];
        for &item in &self.items {
            counts[item as usize] += 1;
        }
        counts
    }

    /// Items that nobody has, in ascending order: the gaps between ids. In a part of a split they are those that nobody has in
    /// the whole, so that a held-out item is not one of them.
    pub fn unused_items(&self) -> &[u32] {
        &self.unused
    }

    /// The other items, in ascending order.
    pub(crate) fn used_items(&self) -> Used<'_> {
        Used {
            items: 0..self.items(),
            unused: &self.unused,
        }
    }

    /// Whether the source has times. Where it has none, the order of its rows stands for them.
    pub fn has_times(&self) -> bool {
        !self.times.is_empty()
    }

    /// The keys that users have in the source.
    pub fn user_ids(&self) -> &IdMap {
        &self.user_ids
    }

    /// The keys that items have in the source.
    pub fn item_ids(&self) -> &IdMap {
        &self.item_ids
    }

    /// The title of an item, where the source has one.
    pub fn title(&self, item: u32) -> Option<&str> {
        self.titles
            .get(item as usize)
            .map(String::as_str)
            .filter(|title| !title.is_empty())
    }

    /// What was read and what became of it.
    pub fn report(&self) -> &ReadReport {
        &self.report
    }
}
