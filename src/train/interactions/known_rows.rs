//! Users and items that come after training, with what is known of them.

use alloc::{format, vec, vec::Vec};

use super::{ITEM, Trainer, USER};
use crate::{Error, Result, train::rows};

/// What became of a user or an item that came with features.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct KnownRow {
    /// The row.
    pub id: u32,
    /// Whether it came with this call.
    pub is_new: bool,
    /// Its features.
    pub features: Vec<u32>,
    /// Values that nothing had in the table that features were made of. They say nothing, and were left out.
    pub unknown: usize,
}

impl Trainer {
    /// Takes in an item with its features, by the names of columns and what their fields would hold
    /// ([`Features::encode`](crate::data::Features::encode)). It can be recommended at once: its own row begins at zero, so that it is what
    /// its features make of it, and [`absorb`](Trainer::absorb) moves that row once somebody has the item.
    ///
    /// - An item that is there has these features from now on, in place of its old ones, and keeps its row.
    /// - A value that nothing had in training is no feature ([`KnownRow::unknown`]). An item of which no value is known has none, and
    ///   begins where one does that comes without any ([`absorb`](Trainer::absorb)): at the mean of all, as long as nobody has it.
    ///
    /// As by [`absorb`](Trainer::absorb), parameters in use that are a mean over epochs become the parameters, and the best epoch is
    /// forgotten. Other rows stay as they are.
    ///
    /// # Errors
    /// [`Error::Config`] where the trainer knows no items by features, the key is empty, there is no such column, or a field is not what
    /// its column holds; [`Error::Memory`]. Nothing has changed then.
    pub fn absorb_item(&mut self, key: &str, fields: &[(&str, &str)]) -> Result<KnownRow> {
        self.absorb_known(ITEM, key, fields)
    }

    /// Takes in a user with features, as [`absorb_item`](Trainer::absorb_item) an item: before the first click, recommendations are what
    /// the features say.
    ///
    /// # Errors
    /// As there.
    pub fn absorb_user(&mut self, key: &str, fields: &[(&str, &str)]) -> Result<KnownRow> {
        self.absorb_known(USER, key, fields)
    }

    fn absorb_known(&mut self, side: usize, key: &str, fields: &[(&str, &str)]) -> Result<KnownRow> {
        let what = if side == ITEM { "item" } else { "user" };
        let Some(known) = self.known.as_ref().and_then(|known| known.side(side)) else {
            let reason = format!("this trainer knows no {what}s by features: make one that does (Trainer::with_known)");
            return Err(Error::config("features", reason));
        };
        if key.trim().is_empty() {
            let reason = format!("it is empty; give the key of the {what}");
            return Err(Error::config("key", reason));
        }
        let (features, unknown) = known.encode_all(fields)?;
        let old = [self.users(), self.items()];
        let ids = if side == ITEM {
            &mut self.item_ids
        } else {
            &mut self.user_ids
        };
        let known_key = ids.get(key).or_else(|| ids.get(key.trim()));
        let id = match known_key {
            Some(id) => id,
            None => ids.get_or_insert(key.trim())?,
        };
        let is_new = id as usize >= old[side];
        let mut taken_in = self.prepare_absorb();
        if is_new {
            let mut needed = old;
            needed[side] = id as usize + 1;
            taken_in = taken_in.and_then(|()| self.grow_to(needed));
        }
        if taken_in.is_err() {
            let rows = [self.users(), self.items()];
            self.user_ids.truncate(rows[USER]);
            self.item_ids.truncate(rows[ITEM]);
        }
        taken_in?;
        self.core.forget_best();
        if is_new && !features.is_empty() {
            for (param, width) in rows::tables(self.plan(), side) {
                self.core
                    .executor
                    .write_rows(param, id as usize, &vec![0.0; width])
                    .wait()?;
            }
        }
        self.set_features(side, id, features.clone())?;
        Ok(KnownRow {
            id,
            is_new,
            features,
            unknown,
        })
    }
}
