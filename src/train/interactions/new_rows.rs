//! Rows of users and items that come after training: longer tables, and where a new row starts.

use alloc::{format, vec::Vec};

use super::{AbsorbConfig, ITEM, Known, Trainer, USER, keys::pad};
use crate::{Error, Result, train::rows};

impl Trainer {
    /// Rows that a column's tables need.
    pub(super) fn rows_for(&self, column: usize, pairs: &[(u32, u32)], config: &AbsorbConfig) -> Result<usize> {
        let rows = self.model.rows()[column];
        let largest = pairs.iter().map(|&pair| id_of(pair, column)).max().unwrap_or(0);
        // Models count their rows in u32, so the last id has no row.
        let limit = rows.saturating_add(config.max_new_rows as usize).min(u32::MAX as usize);
        if (largest as usize) < limit {
            return Ok(rows.max(largest as usize + 1));
        }
        Err(Error::Id {
            column: format!("new {}", if column == ITEM { "item" } else { "user" }),
            id: largest.into(),
            rows: limit as u64,
        })
    }

    pub(super) fn grow_to(&mut self, needed: [usize; 2]) -> Result<()> {
        for (column, rows) in [(USER, needed[USER]), (ITEM, needed[ITEM])] {
            if rows > self.plan().rows(column) {
                rows::grow(&mut *self.core.executor, column, rows)?;
                let (users, items) = self.model.rows_mut();
                *(if column == ITEM { items } else { users }) = rows;
            }
        }
        pad(&mut self.user_ids, needed[USER])?;
        pad(&mut self.item_ids, needed[ITEM])?;
        self.keyed = true;
        Ok(())
    }

    /// Moves the rows of new items to their neighbours, items that their users have.
    pub(super) fn start_new_items(&mut self, pairs: &[(u32, u32)], old_items: usize) -> Result<()> {
        let mut by_item: Vec<(u32, u32)> = pairs.iter().map(|&(user, item)| (item, user)).collect();
        by_item.retain(|&(item, _)| item as usize >= old_items);
        by_item.sort_by_key(|&(item, _)| item); // stable: the order of the pairs within an item
        for clicks in by_item.chunk_by(|a, b| a.0 == b.0) {
            let of_user = |&(_, user): &(u32, u32)| [self.history.trained(user), self.history.absorbed(user)];
            let parts: Vec<&[u32]> = clicks.iter().flat_map(of_user).collect();
            let neighbours = Joined::new(parts.iter().map(|part| part.len()));
            let item = |k: usize| neighbours.place(k).map_or(0, |(part, k)| parts[part][k]);
            let row = clicks[0].0;
            rows::move_to(&mut *self.core.executor, ITEM, row, neighbours.len(), item, 1.0)?;
        }
        Ok(())
    }

    /// Moves the rows of users who came after training to their neighbours, users who have the same items: by as much as each of these
    /// clicks is of all that the user has by then, so that the row stays a mean over all of them, however they come.
    pub(super) fn start_later_users(&mut self, pairs: &[(u32, u32)], old_users: usize) -> Result<()> {
        let knows_users = self.known().and_then(Known::users).is_some();
        // What features say of a user is in the embedding besides: a row of such is not to be a mean of embeddings, but at first.
        let moves = |user: u32| user as usize >= old_users || (!knows_users && self.history.came_later(user));
        let mut later = pairs.to_vec();
        later.retain(|&(user, item)| moves(user) && !self.history.contains(user, item));
        later.sort_by_key(|&(user, _)| user);
        for clicks in later.chunk_by(|a, b| a.0 == b.0) {
            let Some(item_users) = &self.history.item_users else {
                continue;
            };
            let parts: Vec<_> = clicks.iter().map(|pair| item_users.users_of(pair.1)).collect();
            let neighbours = Joined::new(parts.iter().map(|part| part.len()));
            let user = |k: usize| neighbours.place(k).map_or(0, |(part, k)| parts[part].nth(k));
            let row = clicks[0].0;
            let share = clicks.len() as f32 / (clicks.len() + self.history.absorbed(row).len()) as f32;
            rows::move_to(&mut *self.core.executor, USER, row, neighbours.len(), user, share)?;
        }
        Ok(())
    }
}

/// Lists one behind the other, without a copy of them.
struct Joined {
    /// Where each ends.
    ends: Vec<usize>,
}

impl Joined {
    fn new(lens: impl Iterator<Item = usize>) -> Self {
        let end = |total: &mut usize, len| {
            *total += len;
            Some(*total)
        };
        Joined {
            ends: lens.scan(0, end).collect(),
        }
    }

    fn len(&self) -> usize {
        self.ends.last().copied().unwrap_or(0)
    }

    /// The list of element `k`, and its place there.
    fn place(&self, k: usize) -> Option<(usize, usize)> {
        let part = self.ends.partition_point(|&end| end <= k);
        let start = if part == 0 { 0 } else { self.ends[part - 1] };
        (part < self.ends.len()).then(|| (part, k - start))
    }
}

fn id_of((user, item): (u32, u32), column: usize) -> u32 {
    if column == ITEM { item } else { user }
}
