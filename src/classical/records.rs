//! Who has what, and what users and items are called.

use alloc::{borrow::Cow, format, string::String, vec::Vec};

use crate::{
    Error, Result,
    data::{IdMap, Interactions, Split},
    train::{AbsorbConfig, History, pad_keys},
};

/// Histories, keys and titles.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Records {
    pub user_ids: IdMap,
    pub item_ids: IdMap,
    /// Titles of the items, or none at all.
    pub titles: Vec<String>,
    pub history: History,
}

impl Records {
    /// Those of interactions.
    pub fn of(data: &Interactions) -> Self {
        let titles = match (0..data.items()).any(|item| data.title(item).is_some()) {
            true => (0..data.items())
                .map(|item| data.title(item).unwrap_or_default().into())
                .collect(),
            false => Vec::new(),
        };
        Records {
            user_ids: data.user_ids().clone(),
            item_ids: data.item_ids().clone(),
            titles,
            history: History::of(data),
        }
    }

    pub fn users(&self) -> usize {
        self.user_ids.len()
    }

    pub fn items(&self) -> usize {
        self.item_ids.len()
    }

    /// The items of a user, in ascending order.
    ///
    /// # Errors
    /// [`Error::Id`] where there is no such user.
    pub fn of_user(&self, user: u32) -> Result<Vec<u32>> {
        check("user", user, self.users())?;
        let mut items = Vec::new();
        self.history.all(user, &mut items);
        Ok(items)
    }

    /// A history in ascending order, each item once.
    ///
    /// # Errors
    /// [`Error::Id`] where one of its items is not there.
    pub fn sorted(&self, history: &[u32]) -> Result<Vec<u32>> {
        self.check_items(history)?;
        let mut sorted = history.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        Ok(sorted)
    }

    /// Refuses a split whose users and items are not those that are known: their numbers would mean others.
    ///
    /// # Errors
    /// [`Error::Config`] with the first key that differs.
    pub fn check_keys(&self, split: &Split) -> Result<()> {
        let train = &split.train;
        for (what, keys, own) in [
            ("users", train.user_ids(), &self.user_ids),
            ("items", train.item_ids(), &self.item_ids),
        ] {
            let mut known = own.iter();
            let mut differs = |key: &Cow<'_, str>| known.next().as_ref() != Some(key);
            if let Some(row) = keys.iter().position(|key| differs(&key)) {
                let [key, own] = [keys, own].map(|keys| keys.key(row as u32).unwrap_or_default());
                let reason = format!(
                    "its {what} are not those that the model was fitted on: row {row} is {key:?} there and {own:?} in the model"
                );
                return Err(Error::config("split", reason));
            }
        }
        Ok(())
    }

    /// # Errors
    /// [`Error::Id`] where one of the items is not there.
    pub fn check_items(&self, items: &[u32]) -> Result<()> {
        items.iter().try_for_each(|&item| check("item", item, self.items()))
    }

    /// Takes in new items: these are the keys of all, of which the present ones are the first.
    pub fn grow_items(&mut self, item_ids: &IdMap) {
        self.item_ids = item_ids.clone();
        if !self.titles.is_empty() {
            self.titles.resize(item_ids.len(), String::new());
        }
    }

    /// Adds interactions; gives how many were not known. A user may be new, an item not.
    ///
    /// # Errors
    /// [`Error::Id`]; nothing is changed then.
    pub fn absorb(&mut self, pairs: &[(u32, u32)]) -> Result<usize> {
        let limit = self
            .users()
            .saturating_add(AbsorbConfig::default().max_new_rows as usize);
        let limit = limit.min(u32::MAX as usize);
        let mut users = self.users();
        for &(user, item) in pairs {
            check("item", item, self.items())?;
            check("new user", user, limit)?;
            users = users.max(user as usize + 1);
        }
        pad_keys(&mut self.user_ids, users)?;
        Ok(pairs.iter().filter(|pair| self.history.absorb(pair.0, pair.1)).count())
    }
}

impl Records {
    /// Adds interactions by their keys; gives how many were not known. A user may be new, an item not.
    ///
    /// # Errors
    /// [`Error::Config`]; nothing is changed then.
    pub fn absorb_keys(&mut self, pairs: &[(&str, &str)]) -> Result<usize> {
        let mut items = Vec::with_capacity(pairs.len());
        for (user, item) in pairs {
            if user.trim().is_empty() {
                return Err(Error::config("user", "an empty key names nobody"));
            }
            let unknown = || {
                let reason = format!("{:?} is no item that the model was fitted on", item.trim());
                Error::config("item", reason)
            };
            items.push(self.item_ids.get(item.trim()).ok_or_else(unknown)?);
        }
        let before = self.users();
        let users = pairs.iter().map(|(user, _)| self.user_ids.get_or_insert(user.trim()));
        let users = users.collect::<Result<Vec<u32>>>();
        let users = users.inspect_err(|_| self.user_ids.truncate(before))?;
        let pairs = users.into_iter().zip(items);
        Ok(pairs.filter(|&(user, item)| self.history.absorb(user, item)).count())
    }
}

/// Refuses an id outside its rows.
fn check(column: &str, id: u32, rows: usize) -> Result<()> {
    if (id as usize) < rows {
        return Ok(());
    }
    Err(Error::Id {
        column: column.into(),
        id: id.into(),
        rows: rows as u64,
    })
}
