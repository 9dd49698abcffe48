//! Which items each user has, and where that is known from.

use alloc::vec::Vec;

use hashbrown::HashMap;

use crate::data::{Interactions, Split};

/// The items that users have: those trained on, those held out for testing, and those absorbed since.
///
/// Recommendations leave all three out: the user has them, whatever training did with them. Replay and neighbours
/// use the trained and the absorbed ones alone, so that held-out items stay unknown to the model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// The trained items of user `u` are `offsets[u]..offsets[u + 1]` of `items`; empty where there are no users.
    pub(crate) offsets: Vec<u64>,
    pub(crate) items: Vec<u32>,
    /// (user, item), sorted.
    pub(crate) held_out: Vec<(u32, u32)>,
    /// In order of absorption.
    pub(crate) absorbed: HashMap<u32, Vec<u32>>,
}

impl History {
    /// Takes the parts of a split and keeps what was absorbed.
    pub(super) fn set_split(&mut self, split: &Split) {
        let train: &Interactions = &split.train;
        self.offsets.clear();
        self.items.clear();
        self.items.reserve_exact(train.len());
        self.offsets.push(0);
        for user in 0..train.users() {
            self.items.extend_from_slice(train.of_user(user));
            self.offsets.push(self.items.len() as u64);
        }
        self.held_out.clear();
        self.held_out
            .extend(split.test.iter().map(|case| (case.user, case.item)));
        self.held_out.sort_unstable();
    }

    /// Items of the training part, earliest first.
    pub fn trained(&self, user: u32) -> &[u32] {
        match self.offsets.get(user as usize..).unwrap_or_default() {
            [start, end, ..] => self.items.get(*start as usize..*end as usize).unwrap_or_default(),
            _ => &[],
        }
    }

    /// Items that were held out for testing.
    pub fn held_out(&self, user: u32) -> impl Iterator<Item = u32> + '_ {
        let start = self.held_out.partition_point(|pair| pair.0 < user);
        let of_user = self.held_out[start..].iter().take_while(move |pair| pair.0 == user);
        of_user.map(|pair| pair.1)
    }

    /// Items absorbed after training, earliest first.
    pub fn absorbed(&self, user: u32) -> &[u32] {
        self.absorbed.get(&user).map(Vec::as_slice).unwrap_or_default()
    }

    /// Whether the user is known to have the item.
    pub fn contains(&self, user: u32, item: u32) -> bool {
        self.absorbed(user).contains(&item)
            || self.trained(user).contains(&item)
            || self.held_out(user).any(|held| held == item)
    }

    /// Everything the user has, in ascending order, without repetitions.
    pub fn all(&self, user: u32, to: &mut Vec<u32>) {
        to.clear();
        to.extend_from_slice(self.trained(user));
        to.extend_from_slice(self.absorbed(user));
        to.extend(self.held_out(user));
        to.sort_unstable();
        to.dedup();
    }

    /// Number of (user, item), of all kinds.
    pub fn len(&self) -> usize {
        self.items.len() + self.held_out.len() + self.absorbed.values().map(Vec::len).sum::<usize>()
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds an absorbed item; false where the user has it already.
    pub(crate) fn absorb(&mut self, user: u32, item: u32) -> bool {
        let new = !self.contains(user, item);
        if new {
            self.absorbed.entry(user).or_default().push(item);
        }
        new
    }

    /// Adds to `counts` how many users have each item, trained or absorbed.
    pub(super) fn count_items(&self, counts: &mut [u32]) {
        for &item in self.items.iter().chain(self.absorbed.values().flatten()) {
            if let Some(count) = counts.get_mut(item as usize) {
                *count = count.saturating_add(1);
            }
        }
    }

    /// The absorbed (user, item), by user and then in order of absorption.
    #[cfg_attr(not(feature = "std"), allow(dead_code))]
    pub(crate) fn absorbed_pairs(&self) -> Vec<(u32, u32)> {
        let mut users: Vec<u32> = self.absorbed.keys().copied().collect();
        users.sort_unstable();
        let pairs_of = |&user: &u32| self.absorbed(user).iter().map(move |&item| (user, item));
        users.iter().flat_map(pairs_of).collect()
    }

    /// For each of `items` (ascending, distinct) the users below `users` who have it, trained or absorbed, in
    /// ascending order. One pass over everything.
    pub(super) fn users_of(&self, items: &[u32], users: u32) -> Vec<Vec<u32>> {
        let mut found: Vec<Vec<u32>> = items.iter().map(|_| Vec::new()).collect();
        let (Some(&least), Some(&largest)) = (items.first(), items.last()) else {
            return found;
        };
        let mut note = |user: u32, item: u32| {
            if (least..=largest).contains(&item)
                && let Ok(slot) = items.binary_search(&item)
            {
                found[slot].push(user);
            }
        };
        for user in 0..(self.offsets.len().saturating_sub(1) as u32).min(users) {
            self.trained(user).iter().for_each(|&item| note(user, item));
        }
        for (user, item) in self.absorbed_pairs() {
            if user < users {
                note(user, item);
            }
        }
        found.iter_mut().for_each(|users| users.sort_unstable());
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn all_three_sources_count_as_known() {
        let data = Interactions::from_triples(&[(0, 3, 1), (0, 1, 2), (1, 1, 1), (0, 2, 3)]).unwrap();
        let mut history = History::default();
        history.set_split(&data.leave_one_out().unwrap());
        assert!(history.absorb(0, 9) && !history.absorb(0, 9) && !history.absorb(0, 2));
        assert!(history.absorb(70, 1));
        let mut all = Vec::new();
        history.all(0, &mut all);
        assert_eq!(all, [1, 2, 3, 9]);
        history.all(5, &mut all);
        assert!(all.is_empty());
        assert_eq!(history.users_of(&[1, 9], 80), [vec![0, 1, 70], vec![0]]);
        assert_eq!(history.users_of(&[1, 9], 1), [vec![0], vec![0]]);
        assert_eq!(history.absorbed_pairs(), [(0, 9), (70, 1)]);
        assert_eq!(history.len(), 6);
    }
}
