//! Whom the full ranking ranks for, and what it leaves out.

use alloc::vec::Vec;
use core::ops::Range;

use super::ENTRIES;
use crate::{data::Split, eval::Query};

/// Users that are ranked in one call.
pub(super) const USERS: usize = 1024;

/// The users with test items, in order.
pub(super) struct Users<'a> {
    split: &'a Split,
    /// (user, test item), sorted.
    pub cases: Vec<(u32, u32)>,
    /// Where each user's cases begin, and their end.
    begins: Vec<usize>,
    /// Items that are left out for everyone: nobody's, and those that the split knows nothing of; and where cold items are
    /// ranked alone all others.
    never: Vec<u32>,
    cold_alone: bool,
}

impl<'a> Users<'a> {
    pub fn new(split: &'a Split, rows: usize, cold_alone: bool) -> Self {
        let mut cases: Vec<(u32, u32)> = split.test.iter().map(|case| (case.user, case.item)).collect();
        cases.sort_unstable();
        cases.dedup();
        let starts = |&at: &usize| at == 0 || cases[at - 1].0 != cases[at].0;
        let mut begins: Vec<usize> = (0..cases.len()).filter(starts).collect();
        begins.push(cases.len());
        let ids = 0..u32::try_from(rows).unwrap_or(u32::MAX);
        let (unused, cold) = (split.train.unused_items(), split.cold_items());
        let is_known = |item: &u32| *item < split.train.items() && unused.binary_search(item).is_err();
        let is_ranked = |item: &u32| is_known(item) && (!cold_alone || cold.binary_search(item).is_ok());
        let never = ids.filter(|item| !is_ranked(item)).collect();
        Users {
            split,
            cases,
            begins,
            never,
            cold_alone,
        }
    }

    pub fn len(&self) -> usize {
        self.begins.len() - 1
    }

    pub fn tested(&self, at: usize) -> &[(u32, u32)] {
        &self.cases[self.begins[at]..self.begins[at + 1]]
    }

    pub fn user(&self, at: usize) -> u32 {
        self.cases[self.begins[at]].0
    }

    pub fn activity(&self, at: usize) -> usize {
        self.split.known_of(self.user(at)).count()
    }

    /// How many users from one on are ranked in one call.
    pub fn count_from(&self, first: usize) -> usize {
        USERS.min(ENTRIES / (self.never.len() + 1)).clamp(1, self.len() - first)
    }

    pub fn known(&self, users: Range<usize>) -> Known {
        let mut known = Known {
            items: Vec::new(),
            users: Vec::with_capacity(users.len()),
        };
        for at in users {
            let begin = known.items.len();
            // Nobody is trained on a cold item, or has it as a click.
            if !self.cold_alone {
                known.items.extend(self.split.known_of(self.user(at)));
            }
            known.items.extend_from_slice(&self.never);
            known.items[begin..].sort_unstable();
            known.users.push((self.user(at), begin..known.items.len()));
        }
        known
    }
}

/// What is left out for each of some users.
pub(super) struct Known {
    items: Vec<u32>,
    users: Vec<(u32, Range<usize>)>,
}

impl Known {
    pub fn query(&self, at: usize) -> Query<'_> {
        let (user, range) = &self.users[at];
        Query {
            user: *user,
            known: &self.items[range.clone()],
        }
    }
}
