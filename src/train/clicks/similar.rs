//! Which keys of a vocabulary have embeddings alike.

use alloc::{format, string::String, vec::Vec};
use core::ptr;

use super::ClickTrainer;
use crate::{
    Error, Result,
    data::clicks::{UNKNOWN, Vocabulary},
    train::similar::similar,
};

impl ClickTrainer {
    /// The `k` keys of a vocabulary most like one of them, best first, each with the cosine of both embeddings; of equal
    /// ones the key that the encoder met earlier is first. Left out are the key itself, the row of unknown keys, and
    /// keys whose cosine is undefined, as their embedding is zero or not finite. A vocabulary has the name of the first
    /// field that it was made for.
    ///
    /// ```
    /// # use pocketrec::{data::clicks::PlantedClicks, device::Device, models::DeepFm, train::*};
    /// # let data = PlantedClicks { users: 50, rows_per_user: 20, ..PlantedClicks::default() }.generate()?;
    /// # let model = DeepFm::new(data.train.layout()).embedding_dim(4).hidden([8]);
    /// # let mut trainer = ClickTrainer::new(model, Device::cpu(), ClickConfig::default())?;
    /// trainer.set_encoder(data.encoder)?;
    /// let alike: Vec<(String, f32)> = trainer.similar("item", "3", 5)?;
    /// assert!(alike.len() == 5 && alike[0].1 >= alike[1].1);
    /// # Ok::<(), pocketrec::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Config`] where no encoder was set, it has no such vocabulary or key, or the model has no embeddings of it.
    pub fn similar(&mut self, vocabulary: &str, key: &str, k: usize) -> Result<Vec<(String, f32)>> {
        let encoder = self.encoder.as_ref().ok_or_else(Self::no_encoder)?;
        let Some(keys) = encoder.vocabulary(vocabulary) else {
            let names: Vec<&str> = encoder.layout().vocabularies.iter().map(|table| &*table.name).collect();
            let reason = format!("there is no vocabulary of this name, but [{}]", names.join(", "));
            return Err(Error::config(vocabulary, reason));
        };
        if !matches!(keys, Vocabulary::Keys(_)) {
            let reason = "its rows stand for hashes or quantiles, and have no keys to be told by";
            return Err(Error::config(vocabulary, reason));
        }
        let row = keys.row(key);
        if row == UNKNOWN {
            let reason = format!("the key {key:?} is not known to the encoder: it has no row of its own");
            return Err(Error::config(vocabulary, reason));
        }
        let Some(at) = self.table(vocabulary) else {
            let reason = format!("{} reads no field of this vocabulary", self.model.name());
            return Err(Error::config(vocabulary, reason));
        };
        let alike = similar(&mut *self.core.executor, at, UNKNOWN as usize + 1, row, k)?;
        let named = |(row, cosine)| keys.key(row).map(|key| (key, cosine));
        Ok(alike.into_iter().filter_map(named).collect())
    }

    /// The `k` items most like one: [`similar`](ClickTrainer::similar) over the keys that are chosen, which
    /// [`Schema::negatives`](crate::data::clicks::Schema::negatives) names, or else the first key that a history
    /// collects.
    ///
    /// # Errors
    /// Those of [`similar`](ClickTrainer::similar), and [`Error::Config`] where the schema says nothing of items.
    pub fn similar_items(&mut self, item: &str, k: usize) -> Result<Vec<(String, f32)>> {
        let encoder = self.encoder.as_ref().ok_or_else(Self::no_encoder)?;
        let chosen = encoder.chosen_column().map(|(_, vocabulary)| vocabulary);
        let is_chosen = |name: &str| encoder.vocabulary(name).zip(chosen).is_some_and(|(a, b)| ptr::eq(a, b));
        let mut tables = encoder.layout().vocabularies.iter();
        let found = tables.find(|table| is_chosen(&table.name));
        let name = found.map(|table| table.name.clone()).ok_or_else(|| {
            let reason =
                "the schema does not say what an item is; name its column by Schema::negatives, or ask similar";
            Error::config("item", reason)
        })?;
        self.similar(&name, item, k)
    }

    /// The `k` users most like one: [`similar`](ClickTrainer::similar) over the keys of the column that
    /// [`Schema::group`](crate::data::clicks::Schema::group) names.
    ///
    /// # Errors
    /// Those of [`similar`](ClickTrainer::similar), and [`Error::Config`] where no field reads that column.
    pub fn similar_users(&mut self, user: &str, k: usize) -> Result<Vec<(String, f32)>> {
        let encoder = self.encoder.as_ref().ok_or_else(Self::no_encoder)?;
        let found = encoder.rows_of_user(user).first().map(|&(vocabulary, _)| vocabulary);
        let tables = &encoder.layout().vocabularies;
        let name = found.map(|at| tables[at].name.clone()).ok_or_else(|| {
            let reason =
                "no field reads the users' column; name it by Schema::group and have a key of it, or ask similar";
            Error::config("user", reason)
        })?;
        self.similar(&name, user, k)
    }
}
