//! What test items are ranked among: candidates that are drawn, or given.

use alloc::{vec, vec::Vec};

use super::{Interactions, report::SplitReport};
use crate::rng::{Rng, scale, streams};

/// Takes the candidates that are given for one case after the other.
pub(super) struct Given {
    /// The last case that has the item as a candidate, and the last whose user has it; cases count from 1.
    listed: Vec<u32>,
    had: Vec<u32>,
    case: u32,
    items: usize,
}

impl Given {
    pub fn new(items: u32) -> Self {
        Given {
            listed: Vec::new(),
            had: Vec::new(),
            case: 0,
            items: items as usize,
        }
    }

    pub fn take(
        &mut self,
        item: u32,
        trained: &[u32],
        candidates: &[u32],
        to: &mut Vec<u32>,
        report: &mut SplitReport,
    ) {
        // Most splits give none.
        self.listed.resize(self.items, 0);
        self.had.resize(self.items, 0);
        self.case += 1;
        for &item in trained {
            self.had[item as usize] = self.case;
        }
        for &candidate in candidates {
            if candidate == item {
                report.own_test_item += 1;
            } else if core::mem::replace(&mut self.listed[candidate as usize], self.case) == self.case {
                report.repeated_candidates += 1;
            } else {
                report.trained_candidates += u32::from(self.had[candidate as usize] == self.case);
                to.push(candidate);
            }
        }
    }
}

/// Draws the candidates of one case after the other.
pub(super) struct Drawer {
    rng: Rng,
    /// For each item the last case that has it or drew it, or [`NOBODY`]. As a case is never repeated, nothing need be
    /// cleared between cases.
    taken: Vec<u32>,
    /// Number of items that somebody has, and which these are where that is not all.
    used: usize,
    listed: Option<Vec<u32>>,
}

/// Marks an item that nobody has: it is never drawn.
const NOBODY: u32 = u32::MAX - 1;

impl Drawer {
    /// For cases of users of `train`.
    pub fn new(train: &Interactions, seed: u64) -> Self {
        let used = train.used_items();
        let mut drawer = Drawer {
            rng: Rng::new(seed).stream(streams::CANDIDATES),
            taken: vec![u32::MAX; train.items() as usize],
            used: used.len(),
            listed: match train.unused_items() {
                [] => None,
                _ => Some(used.collect()),
            },
        };
        for &item in train.unused_items() {
            drawer.taken[item as usize] = NOBODY;
        }
        drawer
    }

    /// Draws the candidates of a case: number `at`, of a user who has `seen`, the test item among it.
    pub fn draw(&mut self, at: u32, user: u32, seen: impl Iterator<Item = u32>, count: u32, to: &mut Vec<u32>) {
        let items = self.taken.len();
        let mut left = self.used;
        for item in seen {
            if let Some(taken) = self.taken.get_mut(item as usize).filter(|taken| **taken != NOBODY) {
                left -= usize::from(core::mem::replace(taken, at) != at);
            }
        }
        let rng = self.rng.stream(user);
        let count = (count as usize).min(left);
        let start = to.len();
        // Where more than half of what is left is wanted, or little is left, rejection would go on and on.
        if count * 2 > left || left * 8 < items {
            let free = |&item: &u32| self.taken[item as usize] != at;
            match &self.listed {
                None => to.extend((0..items as u32).filter(free)),
                Some(used) => to.extend(used.iter().copied().filter(free)),
            }
            for k in 0..count {
                let other = k + rng.below(k as u64, (left - k) as u32) as usize;
                to.swap(start + k, start + other);
            }
            to.truncate(start + count);
            return;
        }
        let mut index = 0;
        while to.len() < start + count {
            let item = scale(rng.at(index)[0], items as u32);
            index += 1;
            let taken = &mut self.taken[item as usize];
            if ![at, NOBODY].contains(taken) {
                *taken = at;
                to.push(item);
            }
        }
    }
}
