//! Which items each user has, and where that is known from.

use alloc::vec::Vec;

use hashbrown::HashMap;

use super::item_users::ItemUsers;
use crate::data::{Interactions, Split};

/// The items that users have: those trained on, those held out for testing, and those absorbed since.
///
/// Recommendations leave all three out: the user has them, whatever training did with them. Replay and neighbours
/// use the trained and the absorbed ones alone, so that held-out items stay unknown to the model.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// The trained items of user `u` are `offsets[u]..offsets[u + 1]` of `items`; empty where there are no users.
    pub(crate) offsets: Vec<u64>,
    pub(crate) items: Vec<u32>,
    /// (user, item), sorted.
    pub(crate) held_out: Vec<(u32, u32)>,
    /// In order of absorption.
    pub(crate) absorbed: HashMap<u32, Vec<u32>>,
    /// How many users of each item are not here, where a model was exported for some of its users.
    pub(crate) others: Vec<u32>,
    /// The same from the items' side, from the first click on that is absorbed.
    pub(crate) item_users: Option<ItemUsers>,
}

impl PartialEq for History {
    /// Whether both know the same; how fast they find it is no part of it.
    fn eq(&self, other: &Self) -> bool {
        let parts = |of: &Self| {
            (
                of.offsets == self.offsets,
                of.items == self.items,
                of.held_out == self.held_out,
                of.others == self.others,
            )
        };
        parts(other) == (true, true, true, true) && self.absorbed == other.absorbed
    }
}

impl History {
    /// That of interactions.
    pub(crate) fn of(data: &Interactions) -> Self {
        let mut history = History::default();
        history.set_trained(data);
        history
    }

    /// Takes the parts of a split and keeps what was absorbed.
    pub(super) fn set_split(&mut self, split: &Split) {
        self.set_trained(&split.train);
        self.held_out.clear();
        self.held_out
            .extend(split.test.iter().map(|case| (case.user, case.item)));
        self.held_out.sort_unstable();
    }

    fn set_trained(&mut self, train: &Interactions) {
        self.item_users = None;
        self.offsets.clear();
        self.items.clear();
        self.items.reserve_exact(train.len());
        self.offsets.push(0);
        for user in 0..train.users() {
            self.items.extend_from_slice(train.of_user(user));
            self.offsets.push(self.items.len() as u64);
        }
    }

    /// Items of the training part, earliest first.
    pub fn trained(&self, user: u32) -> &[u32] {
        match self.offsets.get(user as usize..).unwrap_or_default() {
            [start, end, ..] => self.items.get(*start as usize..*end as usize).unwrap_or_default(),
            _ => &[],
        }
    }

    /// Whether the user came after training. Where nothing was trained on, or is not known of, nobody did: who has a row then may have
    /// learnt it elsewhere.
    pub(super) fn came_later(&self, user: u32) -> bool {
        let trained = self.offsets.len().saturating_sub(1);
        trained > 0 && user as usize >= trained
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

    /// Whether the user is known to have the item. Takes logarithmic time once clicks have been absorbed, and a look at
    /// the user's items before.
    pub fn contains(&self, user: u32, item: u32) -> bool {
        let trained_or_absorbed = match &self.item_users {
            Some(item_users) => item_users.has(user, item),
            None => self.absorbed(user).contains(&item) || self.trained(user).contains(&item),
        };
        trained_or_absorbed || self.held_out.binary_search(&(user, item)).is_ok()
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
        self.index();
        let new = !self.contains(user, item);
        if new {
            self.absorbed.entry(user).or_default().push(item);
            if let Some(item_users) = &mut self.item_users {
                item_users.absorb(user, item);
            }
        }
        new
    }

    /// Sees that there is what [`contains`](History::contains) and the neighbours of new rows are found by: a pass over
    /// everything at the first click, and nothing later.
    pub(super) fn index(&mut self) -> &ItemUsers {
        if self.item_users.is_none() {
            let users = 0..self.offsets.len().saturating_sub(1) as u32;
            let mut item_users = ItemUsers::trained(&self.items, users.map(|user| self.trained(user)));
            for (user, item) in self.absorbed_pairs() {
                item_users.absorb(user, item);
            }
            self.item_users = Some(item_users);
        }
        self.item_users.get_or_insert_default()
    }

    /// Adds to `counts` how many users have each item, trained or absorbed, and those who are not here: without a look at
    /// each of them once clicks have been absorbed.
    pub(crate) fn count_items(&self, counts: &mut [u32]) {
        let add = |count: &mut u32, more: usize| *count = count.saturating_add(u32::try_from(more).unwrap_or(u32::MAX));
        for (count, others) in counts.iter_mut().zip(&self.others) {
            add(count, *others as usize);
        }
        if let Some(item_users) = &self.item_users {
            let items = counts.iter_mut().zip(0..);
            return items.for_each(|(count, item)| add(count, item_users.users_of(item).len()));
        }
        for items in core::iter::once(&self.items).chain(self.absorbed.values()) {
            for &item in items {
                if let Some(count) = counts.get_mut(item as usize) {
                    add(count, 1);
                }
            }
        }
    }

    /// The absorbed (user, item), by user and then in order of absorption.
    #[cfg_attr(not(feature = "checkpoint"), allow(dead_code))]
    pub(crate) fn absorbed_pairs(&self) -> Vec<(u32, u32)> {
        let mut users: Vec<u32> = self.absorbed.keys().copied().collect();
        users.sort_unstable();
        let pairs_of = |&user: &u32| self.absorbed(user).iter().map(move |&item| (user, item));
        users.iter().flat_map(pairs_of).collect()
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
        let users_of = |history: &mut History, item| {
            let users = history.index().users_of(item);
            (0..users.len()).map(|k| users.nth(k)).collect::<Vec<_>>()
        };
        assert_eq!(
            [1, 9, 4].map(|item| users_of(&mut history, item)),
            [vec![0, 1, 70], vec![0], vec![]]
        );
        assert_eq!(history.absorbed_pairs(), [(0, 9), (70, 1)]);
        assert_eq!(history.len(), 6);
    }

    /// What is found by the index is what is found by looking.
    #[test]
    fn the_index_changes_no_answer() {
        let rng = crate::rng::Rng::new(4);
        let pairs: Vec<(u32, u32)> = (0..600)
            .map(|i| (rng.below(2 * i, 40), rng.below(2 * i + 1, 30)))
            .collect();
        let triples: Vec<(u32, u32, i64)> = (0..300).map(|i| (pairs[i].0, pairs[i].1, i as i64)).collect();
        let split = Interactions::from_triples(&triples).unwrap().leave_one_out().unwrap();
        let (mut indexed, mut plain) = (History::default(), History::default());
        indexed.set_split(&split);
        plain.set_split(&split);
        for &(user, item) in &pairs[300..] {
            let new = indexed.absorb(user + 5, item + 3);
            assert_eq!(new, !plain.contains(user + 5, item + 3));
            if new {
                plain.absorbed.entry(user + 5).or_default().push(item + 3);
            }
        }
        assert!(plain.item_users.is_none() && indexed == plain);
        let (mut counted, mut added_up) = ([1; 36], [1; 36]);
        indexed.count_items(&mut counted);
        plain.count_items(&mut added_up);
        assert_eq!(counted, added_up);
        for item in 0..36 {
            let has = |user: &u32| plain.trained(*user).contains(&item) || plain.absorbed(*user).contains(&item);
            let want: Vec<u32> = (0..50).filter(has).collect();
            let users = indexed.index().users_of(item);
            assert_eq!((0..users.len()).map(|k| users.nth(k)).collect::<Vec<_>>(), want);
            for user in 0..50 {
                assert_eq!(indexed.contains(user, item), plain.contains(user, item));
            }
        }
    }

    /// Comparisons, not time: a click costs the same in a long history as in a short one, but for a logarithm.
    #[test]
    fn a_question_costs_a_logarithm() {
        let cost = |others: u32, own: u32| {
            let pairs: Vec<(u32, u32)> = (0..others)
                .map(|user| (user, 0))
                .chain((0..own).map(|i| (7, i)))
                .collect();
            let mut history = History::default();
            let triples: Vec<(u32, u32, i64)> = pairs.iter().map(|&(user, item)| (user, item, 0)).collect();
            history.set_split(&Interactions::from_triples(&triples).unwrap().leave_one_out().unwrap());
            (0..own).for_each(|i| _ = history.absorb(7, own + i));
            (0..others).for_each(|user| _ = history.absorb(others - 1 - user, 5 * own));
            let item_users = history.index();
            item_users.take_looked();
            item_users.has(7, 0);
            let users = item_users.users_of(5 * own);
            users.nth(users.len() / 2);
            item_users.take_looked()
        };
        let (short, long) = (cost(20, 20), cost(20_000, 20_000));
        // A thousand times the history: ten times the digits of a search, and as many runs to search.
        assert!(long < 30 * short && long < 20_000, "{short}, then {long}");
    }
}
