//! Relations between items beside the interactions.

use alloc::format;

use super::{
    Trainer,
    keys::{begins_with, padded},
};
use crate::{
    Error, Result,
    data::Relations,
    models::{Cfkg, Model},
};

impl Trainer {
    /// Takes relations between items into training: their edges stand in the graph of models that propagate along one
    /// ([`LightGcn`](crate::models::LightGcn)) beside the interactions, and their positives are samples as the interactions are, of
    /// a loss that takes them ([`Softmax::related`](crate::models::Softmax::related)), which [`Mf`](crate::models::Mf) learns by,
    /// too; [`Cfkg`](crate::models::Cfkg) takes positives and attributes, each relation as a step of its own. An item that nobody has is learnt by its relations then, and recommended. Others than before take their place; the
    /// rest of a begun epoch is drawn anew. Checkpoints have them.
    ///
    /// ```
    /// use pocketrec::{data::*, device::Device, models::{LightGcn, Loss, Softmax}, train::*};
    /// let train = Interactions::from_columns((3, 4), &[0, 0, 1, 1, 2], &[0, 1, 0, 2, 2], &[])?; // nobody has item 3
    /// let meta = RelationFile::new().items("also");
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("meta.csv");
    /// std::fs::write(&path, "item,also\n0,[1]\n2,[3]\n")?;
    /// let relations = Relations::of(&meta.read(&path, train.item_ids())?)?.edges("also", 1.0)?.positives("also")?;
    /// let loss = Loss::Softmax(Softmax { related: true, ..Softmax::default() });
    /// let config = TrainConfig { loss, eval_every: 0, ..TrainConfig::default() };
    /// let mut trainer = Trainer::new(LightGcn::new(3, 4).layers(1), Device::cpu(), config)?;
    /// trainer.set_relations(relations)?;
    /// trainer.fit(&Split::from_cases(train, [])?, |_| ())?;
    /// assert!(trainer.recommend(2, 4)?.iter().any(|&(item, _)| item == 3));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Config`] where nothing of them is used, the model has no graph for edges, no place for attributes or a loss that
    /// takes no positives of items, or their items are others than the model's; [`Error::Memory`]; where the device is lost. The old ones stay then.
    pub fn set_relations(&mut self, relations: Relations) -> Result<()> {
        let relations = relations.used();
        self.check_relations(&relations)?;
        let item_ids = match self.keyed {
            true => None,
            false => Some(padded(&relations.item_ids, self.items())?),
        };
        let before = self.relations.replace(relations);
        if let Err(error) = self.give_graph() {
            self.relations = before;
            return Err(error);
        }
        self.item_ids = item_ids.unwrap_or_else(|| core::mem::take(&mut self.item_ids));
        Ok(())
    }

    /// The relations that are trained with.
    pub fn relations(&self) -> Option<&Relations> {
        self.relations.as_ref()
    }

    /// Refuses relations that the model or its loss has no place for.
    pub(crate) fn check_relations(&self, relations: &Relations) -> Result<()> {
        let refuse = |reason| Err(Error::config("relations", reason));
        let (name, loss) = (self.model.name(), self.config.loss.name());
        let (edges, positives) = (relations.weighted_pairs().next(), relations.positive_pairs().next());
        let attributes = relations.attribute_pairs().next();
        if edges.is_none() && positives.is_none() && attributes.is_none() {
            return refuse(
                "none of them is used: say which are edges, positives or attributes (Relations::edges, positives, attributes)"
                    .into(),
            );
        }
        if edges.is_some() && self.plan().propagation().is_none() {
            return refuse(format!(
                "{name} has no graph for their edges: take LightGCN, or positives alone (Relations::positives)"
            ));
        }
        if let Model::Cfkg(model) = &self.model {
            check_room(model, relations)?;
        } else if attributes.is_some() {
            return refuse(format!(
                "{name} has no place for attributes: take CFKG, or leave them out (Relations::attributes)"
            ));
        } else if positives.is_some() && !self.config.loss.is_related() {
            return refuse(format!(
                "{name} by {loss} takes no positives of related items: train by softmax with Softmax::related, or take edges \
                 alone (Relations::edges)"
            ));
        }
        let keys = &relations.item_ids;
        if keys.len() > self.items() {
            return refuse(format!(
                "they are of {} items, the model has {}; build the model with as many",
                keys.len(),
                self.items()
            ));
        }
        if self.keyed && !begins_with(&self.item_ids, keys) {
            return refuse(
                "their items are not those that the model was trained with, or in another order: read them with the model's keys \
                 (Trainer::item_ids)"
                    .into(),
            );
        }
        Ok(())
    }
}

/// Refuses relations of which there are more or fewer than the tables have rows for.
fn check_room(model: &Cfkg, relations: &Relations) -> Result<()> {
    let (steps, attributes) = relations.typed_counts();
    if (steps, attributes) == (model.relations, model.attributes) {
        return Ok(());
    }
    let reason = format!(
        "{steps} relations and {attributes} attributes are in use, and the model has rows for {} and {}: make room for these \
         (Cfkg::relations)",
        model.relations, model.attributes
    );
    Err(Error::config("relations", reason))
}
