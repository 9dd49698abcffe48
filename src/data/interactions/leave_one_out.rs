//! The split of the papers on neural collaborative filtering: each user's latest interaction is held out.

use alloc::{format, vec::Vec};

use super::{Candidates, Interactions, Split, csr};
use crate::{Error, Result};

impl Interactions {
    /// Holds out each user's latest interaction for testing, to be ranked among 99 sampled items
    /// ([`Candidates::default`]). Of interactions at the same time the last in the source counts as the latest;
    /// [`SplitReport::tied`](super::SplitReport::tied) counts the users for whom that decides.
    ///
    /// The training part of a split can be split again, for a validation part to tune on.
    ///
    /// # Errors
    /// [`Error::Config`] where no user has two interactions. Users with fewer than two stay in the training part and
    /// are counted in [`Split::report`]; [`Split::all_tested`] makes an error of them.
    pub fn leave_one_out(&self) -> Result<Split> {
        self.leave_one_out_among(Candidates::default())
    }

    /// [`Interactions::leave_one_out`] with other candidates.
    ///
    /// # Errors
    /// Those of [`Interactions::leave_one_out`].
    pub fn leave_one_out_among(&self, candidates: Candidates) -> Result<Split> {
        let mut offsets = csr::zeroed(self.offsets.len())?;
        let mut items = Vec::with_capacity(self.len());
        let mut times = Vec::with_capacity(self.times.len());
        let (mut cases, mut tied, mut first_tied) = (Vec::new(), 0, None);
        for user in 0..self.users() {
            let (of_user, at) = (self.of_user(user), self.times_of(user));
            let kept = match of_user {
                [rest @ .., last] if !rest.is_empty() => {
                    cases.push((user, *last, &[][..]));
                    if let [.., before, latest] = at
                        && before == latest
                    {
                        tied += 1;
                        first_tied.get_or_insert(user);
                    }
                    rest.len()
                }
                _ => of_user.len(),
            };
            items.extend_from_slice(&of_user[..kept]);
            times.extend_from_slice(at.get(..kept).unwrap_or_default());
            offsets[user as usize + 1] = items.len();
        }
        if cases.is_empty() {
            return Err(Error::config(
                "interactions",
                format!(
                    "none of {} users has two interactions, so that none can be held out",
                    self.users()
                ),
            ));
        }
        let train = self.with_rows(offsets, items, times);
        let mut split = Split::from_cases(train, cases)?.among(candidates);
        (split.report.tied, split.report.first_tied) = (tied, first_tied);
        Ok(split)
    }
}
