//! Splits with any number of test items a user: of parts that there are, or of items that are held out at random.

use alloc::{format, vec::Vec};

use super::{IdMap, Interactions, Split, csr};
use crate::{
    Error, Result,
    rng::{Rng, streams},
};

impl Split {
    /// A split whose cases are the interactions of `test`, to be ranked among all items
    /// ([`Candidates::All`](super::Candidates::All)); several a user, by user. Both parts are numbered alike, as
    /// [`Interactions::read_parts`] does.
    ///
    /// Cases whose user has the test item in the training part are left out and counted, as in
    /// [`Split::from_cases`].
    ///
    /// # Errors
    /// [`Error::Config`] where users or items of the parts have other keys, or more than one case in a hundred was trained
    /// on; [`Error::Id`] where the test part has users or items that the training part has no number for.
    pub fn from_parts(train: Interactions, test: &Interactions) -> Result<Self> {
        let sides = [
            ("users", train.user_ids(), test.user_ids()),
            ("items", train.item_ids(), test.item_ids()),
        ];
        for (what, keys, others) in sides {
            if keys == others {
                continue;
            }
            if let Some(row) = keys.iter().zip(others.iter()).position(|(key, other)| key != other) {
                let key = |of: &IdMap| of.key(row as u32).unwrap_or_default().into_owned();
                let reason = format!(
                    "the {what} of its parts have other keys, row {row} {:?} in training and {:?} in test; number them \
                     together (Interactions::read_parts, Interactions::with_order_of)",
                    key(keys),
                    key(others)
                );
                return Err(Error::config("split", reason));
            }
        }
        Self::from_cases(train, test.iter().map(|(user, item)| (user, item, &[][..])))
    }
}

impl Interactions {
    /// Holds out about `share` of each user's interactions, chosen at random, to be ranked among all items: a validation
    /// part to choose settings by. A user's first interaction is never held out. What is, depends on `seed`, the user's
    /// index and the place among the user's interactions alone.
    ///
    /// ```
    /// use pocketrec::data::Interactions;
    /// let pairs: Vec<(u32, u32)> = (0..200).map(|i| (i % 4, i / 4)).collect();
    /// let split = Interactions::from_pairs(&pairs)?.hold_out(0.2, 7)?;
    /// assert_eq!(split.train.len() + split.test.len(), 200);
    /// assert!((20..60).contains(&split.test.len()));
    /// # Ok::<(), pocketrec::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Config`] where `share` is not between 0 and 1, or nothing was held out.
    pub fn hold_out(&self, share: f32, seed: u64) -> Result<Split> {
        let share = checked_share(share)?;
        let rng = Rng::new(seed).stream(streams::PARTS);
        let mut cases = Vec::new();
        let train = self.kept(|user, place, item| {
            let is_held_out = place > 0 && rng.stream(user).uniform(place as u64) < share;
            if is_held_out {
                cases.push((user, item, &[][..]));
            }
            !is_held_out
        })?;
        if cases.is_empty() {
            let reason = format!(
                "of {} interactions of {} users none was held out; there must be users with several, and a larger share",
                self.len(),
                self.users()
            );
            return Err(Error::config("interactions", reason));
        }
        Split::from_cases(train, cases)
    }

    /// The interactions of which `keep` says so: of a user, by its place among the user's, and an item.
    pub(super) fn kept(&self, mut keep: impl FnMut(u32, usize, u32) -> bool) -> Result<Interactions> {
        let mut offsets = csr::zeroed(self.offsets.len())?;
        let (mut items, mut times) = (Vec::new(), Vec::new());
        for user in 0..self.users() {
            let at = self.times_of(user);
            for (place, &item) in self.of_user(user).iter().enumerate() {
                if keep(user, place, item) {
                    items.push(item);
                    times.extend(at.get(place));
                }
            }
            offsets[user as usize + 1] = items.len();
        }
        Ok(self.with_rows(offsets, items, times))
    }

    /// The same users and items with other interactions.
    pub(super) fn with_rows(&self, offsets: Vec<usize>, items: Vec<u32>, times: Vec<i64>) -> Interactions {
        Interactions {
            offsets,
            items,
            times,
            user_ids: self.user_ids.clone(),
            item_ids: self.item_ids.clone(),
            titles: self.titles.clone(),
            unused: self.unused.clone(),
            report: self.report.clone(),
        }
    }
}

/// Refuses a share of nothing, of all, or of more.
pub(super) fn checked_share(share: f32) -> Result<f32> {
    if share > 0.0 && share < 1.0 {
        return Ok(share);
    }
    let reason = format!("{share} is not between 0 and 1; 0.2 holds out a fifth");
    Err(Error::config("share", reason))
}
