//! The users of an item: histories from the items' side, for the questions that a click asks.
//!
//! Whether a user has an item, and which user is the `k`-th of those who have it, take logarithmic time, whatever the
//! number of users, items and clicks; a click is added in amortised logarithmic time.

use alloc::{vec, vec::Vec};

use hashbrown::{HashMap, HashSet};

/// The users of each item.
#[derive(Clone, Debug, Default)]
pub(crate) struct ItemUsers {
    /// The users who were trained on item `i` are `offsets[i]..offsets[i + 1]` of `users`, ascending.
    offsets: Vec<usize>,
    users: Vec<u32>,
    /// (user, item) that were absorbed.
    pairs: HashSet<(u32, u32)>,
    /// By item, the users who absorbed it.
    absorbed: HashMap<u32, Runs>,
    /// Comparisons so far.
    #[cfg(test)]
    looked: core::cell::Cell<u64>,
}

impl ItemUsers {
    /// Of all users' trained items, which are those of each user in turn: a counting sort.
    pub fn trained<'a>(all: &[u32], items_of: impl Iterator<Item = &'a [u32]>) -> Self {
        let items = all.iter().max().map_or(0, |&largest| largest as usize + 1);
        let mut offsets = vec![0; items + 1];
        for &item in all {
            offsets[item as usize + 1] += 1;
        }
        for item in 0..items {
            offsets[item + 1] += offsets[item];
        }
        let (mut next, mut users) = (offsets.clone(), vec![0; all.len()]);
        for (user, of_user) in (0..).zip(items_of) {
            for &item in of_user {
                let place = &mut next[item as usize];
                users[*place] = user;
                *place += 1;
            }
        }
        ItemUsers {
            offsets,
            users,
            ..ItemUsers::default()
        }
    }

    /// Adds a click.
    pub fn absorb(&mut self, user: u32, item: u32) {
        self.pairs.insert((user, item));
        self.absorbed.entry(item).or_default().insert(user);
    }

    /// Whether the user was trained on the item or absorbed it.
    pub fn has(&self, user: u32, item: u32) -> bool {
        let trained = self.trained_by(item);
        self.look(1 + trained.len().checked_ilog2().unwrap_or(0));
        self.pairs.contains(&(user, item)) || trained.binary_search(&user).is_ok()
    }

    /// Those who were trained on the item or absorbed it.
    pub fn users_of(&self, item: u32) -> UsersOf<'_> {
        UsersOf {
            item_users: self,
            trained: self.trained_by(item),
            absorbed: self.absorbed.get(&item).map_or(&[], |runs| &runs.0),
        }
    }

    fn trained_by(&self, item: u32) -> &[u32] {
        match self.offsets.get(item as usize..) {
            Some([start, end, ..]) => &self.users[*start..*end],
            _ => &[],
        }
    }

    /// Counts comparisons, for a test.
    #[inline(always)]
    fn look(&self, _comparisons: u32) {
        #[cfg(test)]
        self.looked.set(self.looked.get() + u64::from(_comparisons));
    }

    #[cfg(test)]
    pub fn take_looked(&self) -> u64 {
        self.looked.take()
    }
}

/// Numbers in sorted runs, each longer than the next: one more is a run of its own, and runs of a length become one. So
/// there are a logarithm of them, and a number moves as often.
#[derive(Clone, Debug, Default)]
struct Runs(Vec<Vec<u32>>);

impl Runs {
    fn insert(&mut self, number: u32) {
        let mut run = vec![number];
        while self.0.last().is_some_and(|last| last.len() <= run.len()) {
            let longer = self.0.pop().unwrap_or_default();
            run = merged(&longer, &run);
        }
        self.0.push(run);
    }
}

fn merged(a: &[u32], b: &[u32]) -> Vec<u32> {
    let mut to = Vec::with_capacity(a.len() + b.len());
    let mut rest = b;
    for &x in a {
        let before = rest.iter().take_while(|&&y| y < x).count();
        to.extend_from_slice(&rest[..before]);
        rest = &rest[before..];
        to.push(x);
    }
    to.extend_from_slice(rest);
    to
}

/// Those who have an item, in ascending order.
#[derive(Clone, Copy)]
pub(crate) struct UsersOf<'a> {
    item_users: &'a ItemUsers,
    trained: &'a [u32],
    absorbed: &'a [Vec<u32>],
}

impl UsersOf<'_> {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.trained.len() + self.absorbed.iter().map(Vec::len).sum::<usize>()
    }

    /// User `k` of them, of which there must be more than `k`.
    pub fn nth(&self, k: usize) -> u32 {
        if self.absorbed.is_empty() {
            return self.trained[k];
        }
        // The least number that more than `k` of all are not above.
        let (mut low, mut high) = (0, u32::MAX);
        while low < high {
            let middle = low + (high - low) / 2;
            let lists = self.absorbed.iter().map(Vec::as_slice).chain([self.trained]);
            let up_to = |list: &[u32]| {
                self.item_users.look(1 + list.len().checked_ilog2().unwrap_or(0));
                list.partition_point(|&user| user <= middle)
            };
            match lists.map(up_to).sum::<usize>() > k {
                true => high = middle,
                false => low = middle + 1,
            }
        }
        low
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Elements that insertions move in all: each once a doubling.
    #[test]
    fn runs_stay_sorted_and_few() {
        let mut runs = Runs::default();
        let rng = crate::rng::Rng::new(1);
        let mut all: Vec<u32> = (0..5000).map(|i| rng.below(i, 100_000)).collect();
        for (index, &number) in all.iter().enumerate() {
            runs.insert(number);
            assert!(runs.0.len() <= (index + 1).ilog2() as usize + 1);
            assert!(runs.0.iter().all(|run| run.is_sorted()));
        }
        let mut found: Vec<u32> = runs.0.concat();
        found.sort_unstable();
        all.sort_unstable();
        assert_eq!(found, all);
    }
}
