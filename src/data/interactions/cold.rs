//! Splits that ask what a model makes of items or users that it has not seen.

use alloc::{format, string::String, vec::Vec};

use super::{Interactions, Split, parts::checked_share};
use crate::{
    Error, Result,
    rng::{Rng, streams},
};

/// What is new in the test part of a split.
#[derive(Clone, Debug, Default)]
pub(super) struct Cold {
    /// In ascending order.
    pub items: Vec<u32>,
    pub users: Vec<u32>,
    /// The first (user, item) of cold users, by user and in the order of time.
    pub clicks: Vec<(u32, u32)>,
}

impl Cold {
    pub fn clicks_of(&self, user: u32) -> &[(u32, u32)] {
        let begin = self.clicks.partition_point(|click| click.0 < user);
        &self.clicks[begin..self.clicks.partition_point(|click| click.0 <= user)]
    }
}

impl Split {
    /// The items that lost all interactions to the test part ([`Interactions::cold_items`]), in ascending order; none in
    /// other splits.
    pub fn cold_items(&self) -> &[u32] {
        &self.cold.items
    }

    /// The users whose interactions are not in the training part ([`Interactions::cold_users`]), in ascending order; none
    /// in other splits.
    pub fn cold_users(&self) -> &[u32] {
        &self.cold.users
    }

    /// The first interactions of [`cold_users`](Split::cold_users), by user and in the order of time: neither trained on nor
    /// tested, but known when the users are recommended to. They are what
    /// [`Trainer::absorb`](crate::train::Trainer::absorb) takes.
    pub fn clicks(&self) -> &[(u32, u32)] {
        &self.cold.clicks
    }

    /// Those of a user.
    pub fn clicks_of(&self, user: u32) -> &[(u32, u32)] {
        self.cold.clicks_of(user)
    }

    /// The items that a user is known to have when recommended to: trained on, or a click. Each once, in no order.
    pub(crate) fn known_of(&self, user: u32) -> impl Iterator<Item = u32> + '_ {
        let clicks = self.clicks_of(user).iter().map(|click| click.1);
        self.train.of_user(user).iter().copied().chain(clicks)
    }
}

impl Interactions {
    /// Takes all interactions of about `share` of the items out of the training part and into the test part, several a user,
    /// to be ranked among all items: a model must find these items by what it knows of them besides. Which items,
    /// depends on `seed` and the item's index alone.
    ///
    /// Cases of users of whom nothing is left to train on are left out and counted
    /// ([`SplitReport::no_history`](super::SplitReport::no_history)). [`FullRanking::cold_alone`](crate::eval::FullRanking::cold_alone)
    /// ranks the cold items among themselves.
    ///
    /// ```
    /// use pocketrec::{data::Interactions, eval::FullRanking};
    /// let pairs: Vec<(u32, u32)> = (0..400).map(|i| (i % 20, (i * i / 7) % 31)).collect();
    /// let split = Interactions::from_pairs(&pairs)?.cold_items(0.2, 7)?;
    /// let popularity = split.train.popularity();
    /// assert!(split.cold_items().iter().all(|&item| popularity[item as usize] == 0));
    /// assert!(split.test.iter().all(|case| split.cold_items().contains(&case.item)));
    /// let alone = FullRanking::new(2).cold_alone();
    /// assert!(alone.of_known_popularity(&split)?.all.recall >= alone.of_chance(&split)?.all.recall);
    /// # Ok::<(), pocketrec::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Config`] where `share` is not between 0 and 1, or no interaction of a cold item is left whose user has another.
    pub fn cold_items(&self, share: f32, seed: u64) -> Result<Split> {
        let is_drawn = drawn(share, seed, ITEMS)?;
        let cold: Vec<u32> = self.used_items().filter(|&item| is_drawn(item)).collect();
        let is_cold = |item: u32| cold.binary_search(&item).is_ok();
        let train = self.kept(|_, _, item| !is_cold(item))?;
        let (mut cases, mut no_history) = (Vec::new(), 0);
        for (user, item) in self.iter().filter(|pair| is_cold(pair.1)) {
            match train.of_user(user) {
                [] => no_history += 1,
                _ => cases.push((user, item, &[][..])),
            }
        }
        if cases.is_empty() {
            let (count, items) = (cold.len(), self.used_items().len());
            return refused(format!(
                "{count} of {items} items are cold, and no user has one of them and another item"
            ));
        }
        let mut split = Split::from_cases(train, cases)?;
        split.cold.items = cold;
        split.report.no_history = no_history;
        Ok(split)
    }

    /// Takes all interactions of about `share` of the users out of the training part: the first `clicks` of each are
    /// [`Split::clicks`], what a new user does before the first recommendation, and the others the test part, to be ranked
    /// among all items but the clicked ones. Which users, depends on `seed` and the user's index alone.
    ///
    /// Users with no more than `clicks` interactions have no test item, and are counted
    /// ([`SplitReport::untested_users`](super::SplitReport::untested_users)) as those are who are trained on.
    ///
    /// ```
    /// use pocketrec::data::Interactions;
    /// let pairs: Vec<(u32, u32)> = (0..400).map(|i| (i % 20, i / 20)).collect();
    /// let split = Interactions::from_pairs(&pairs)?.cold_users(0.2, 5, 1)?;
    /// let user = split.cold_users()[0];
    /// assert!(split.train.of_user(user).is_empty());
    /// let items: Vec<u32> = split.clicks_of(user).iter().map(|click| click.1).collect();
    /// assert_eq!(items, [0, 1, 2, 3, 4]);
    /// assert_eq!(split.test.iter().filter(|case| case.user == user).count(), 15);
    /// # Ok::<(), pocketrec::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Config`] where `share` is not between 0 and 1, or no cold user has more interactions than `clicks`.
    pub fn cold_users(&self, share: f32, clicks: usize, seed: u64) -> Result<Split> {
        let is_drawn = drawn(share, seed, USERS)?;
        let is_cold = |&user: &u32| is_drawn(user) && !self.of_user(user).is_empty();
        let cold: Vec<u32> = (0..self.users()).filter(is_cold).collect();
        let train = self.kept(|user, _, _| cold.binary_search(&user).is_err())?;
        let (mut first, mut cases) = (Vec::new(), Vec::new());
        for &user in &cold {
            let (clicked, tested) = self.of_user(user).split_at(clicks.min(self.of_user(user).len()));
            first.extend(clicked.iter().map(|&item| (user, item)));
            cases.extend(tested.iter().map(|&item| (user, item, &[][..])));
        }
        if cases.is_empty() {
            let (count, users) = (cold.len(), self.users());
            return refused(format!(
                "{count} of {users} users are cold, and none of them has more than {clicks} interactions"
            ));
        }
        let mut split = Split::from_cases(train, cases)?;
        split.cold.users = cold;
        split.cold.clicks = first;
        Ok(split)
    }
}

/// The streams of draws of items and of users.
const ITEMS: u32 = 0;
const USERS: u32 = 1;

/// Which ids are drawn, about `share` of them.
fn drawn(share: f32, seed: u64, of: u32) -> Result<impl Fn(u32) -> bool> {
    let share = checked_share(share)?;
    let rng = Rng::new(seed).stream(streams::COLD).stream(of);
    Ok(move |id: u32| rng.uniform(id.into()) < share)
}

fn refused(reason: String) -> Result<Split> {
    let reason = format!("{reason}; choose another share or seed");
    Err(Error::config("interactions", reason))
}
