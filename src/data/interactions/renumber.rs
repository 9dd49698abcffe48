//! The same interactions under other numbers: those of a model that was trained before.

use alloc::{string::String, vec, vec::Vec};

use super::{IdMap, Interactions, ReadReport, Rows};
use crate::Result;

impl Interactions {
    /// Numbers users and items by these keys, and those that have other keys behind them, in their present order: so that
    /// a file in another order, or with new rows, goes with a model that was trained before
    /// ([`Trainer::user_ids`](crate::train::Trainer::user_ids), [`item_ids`](crate::train::Trainer::item_ids)).
    ///
    /// ```
    /// use pocketrec::data::Interactions;
    /// let old = Interactions::from_keys([("ann", "tea", 1), ("bob", "rice", 2)])?;
    /// let new = Interactions::from_keys([("bob", "salt", 3), ("ann", "tea", 1)])?;
    /// let new = new.with_order_of(old.user_ids(), old.item_ids())?;
    /// assert_eq!((new.user_ids().get("bob"), new.item_ids().get("salt")), (Some(1), Some(2)));
    /// assert_eq!((new.of_user(0), new.of_user(1)), (&[0][..], &[2][..]));
    /// # Ok::<(), pocketrec::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) where there would be more than 2^32 - 1 users or items.
    pub fn with_order_of(self, user_ids: &IdMap, item_ids: &IdMap) -> Result<Self> {
        let (mut user_ids, mut item_ids) = (user_ids.clone(), item_ids.clone());
        let number = |ids: &mut IdMap, keys: &IdMap| -> Result<Vec<u32>> {
            keys.iter().map(|key| ids.get_or_insert(&key)).collect()
        };
        let (users, items) = (
            number(&mut user_ids, &self.user_ids)?,
            number(&mut item_ids, &self.item_ids)?,
        );
        let mut rows = Rows::default();
        for user in 0..self.users() {
            let of_user = self.of_user(user).iter();
            rows.items.extend(of_user.map(|&item| items[item as usize]));
            rows.users.resize(rows.items.len(), users[user as usize]);
        }
        rows.times = self.times;
        let mut titles = vec![String::new(); if self.titles.is_empty() { 0 } else { item_ids.len() }];
        for (title, &item) in self.titles.into_iter().zip(&items) {
            titles[item as usize] = title;
        }
        let mut numbered = Self::from_rows(rows, user_ids, item_ids)?;
        numbered.report = ReadReport {
            users: numbered.report.users,
            items: numbered.report.items,
            ..self.report
        };
        numbered.titles = titles;
        Ok(numbered)
    }
}
