//! The split that was trained on, of what a trainer keeps of it.

use alloc::{string::String, vec::Vec};

use super::Trainer;
use crate::{
    Result,
    data::{Candidates, IdMap, Interactions, Split},
};

impl Trainer {
    /// The split that was trained on, made of the histories that are saved with the model: so training goes on where the data is
    /// no longer at hand. Its test items are ranked among the default candidates, whatever they were ranked among before; what
    /// was absorbed is no part of it.
    ///
    /// ```
    /// use pocketrec::{data::Planted, device::Device, models::Gmf, train::*};
    /// let planted = Planted { users: 60, items: 50, interactions_per_user: 10, ..Planted::default() }.generate()?;
    /// let split = planted.interactions.leave_one_out()?;
    /// let config = TrainConfig { epochs: 2, ..TrainConfig::default() };
    /// let mut trainer = Trainer::new(Gmf::new(60, 50), Device::cpu(), config)?;
    /// trainer.fit(&split, |_| Control::Stop)?;
    ///
    /// let mut again = Trainer::from_bytes(&trainer.to_bytes()?, Device::cpu())?;
    /// again.fit(&again.split()?, |_| ())?;
    /// trainer.fit(&split, |_| ())?;
    /// assert!(again.to_bytes()? == trainer.to_bytes()?);
    /// # Ok::<(), pocketrec::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) where there is no history.
    pub fn split(&self) -> Result<Split> {
        let history = &self.history;
        let users = history.offsets.len().saturating_sub(1) as u32;
        let items = u32::try_from(self.items()).unwrap_or(u32::MAX);
        let (mut of_users, mut of_items, mut cases) = (Vec::new(), Vec::new(), Vec::new());
        for user in 0..users {
            let trained = history.trained(user);
            of_users.extend(core::iter::repeat_n(user, trained.len()));
            of_items.extend_from_slice(trained);
            cases.extend(history.held_out(user).map(|item| (user, item, &[][..])));
        }
        let mut train = Interactions::from_columns((users, items), &of_users, &of_items, &[])?;
        let first = |keys: &IdMap, len: u32| {
            let mut keys = keys.clone();
            keys.truncate(len as usize);
            keys
        };
        train = train.with_ids(first(&self.user_ids, users), first(&self.item_ids, items))?;
        if !self.titles.is_empty() {
            let title = |item| self.title(item).map(String::from).unwrap_or_default();
            train = train.with_titles((0..items).map(title).collect())?;
        }
        Ok(Split::from_cases(train, cases)?.among(Candidates::default()))
    }
}
