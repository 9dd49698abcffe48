//! What is known of items beside the interactions: their neighbours in a knowledge graph.

use alloc::format;

use super::{
    ITEM, Trainer,
    keys::{begins_with, padded},
};
use crate::{
    Error, Result,
    data::{IdMap, Knowledge, Relations},
    models::{Kgcn, Model},
    shared::Arc,
};

impl Trainer {
    /// Takes the neighbours of items that [`Kgcn`] sees, before it is trained or scores; others than before take their place.
    /// Checkpoints have them. An item that comes later, by [`absorb`](Trainer::absorb), has none.
    ///
    /// ```
    /// use pocketrec::{data::*, device::Device, models::Kgcn, train::*};
    /// let train = Interactions::from_columns((3, 4), &[0, 0, 1, 1, 2], &[0, 1, 0, 2, 2], &[])?;
    /// let known = Triples::from_keys([("a", "kind", "tea"), ("b", "kind", "tea"), ("c", "kind", "rice")])?;
    /// let links = ItemLinks::from_keys([("0", "a"), ("1", "b"), ("2", "c")])?;
    /// let knowledge = Knowledge::sample(&known.with_items(train.item_ids(), &links)?, 8, 42)?;
    /// let config = TrainConfig { negatives: 1, eval_every: 0, ..TrainConfig::default() };
    /// let mut trainer = Trainer::new(Kgcn::of(3, &knowledge), Device::cpu(), config)?;
    /// trainer.set_knowledge(knowledge)?;
    /// trainer.fit(&Split::from_cases(train, [])?, |_| ())?;
    /// assert_eq!(trainer.recommend(2, 4)?.len(), 3);
    /// # Ok::<(), pocketrec::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Config`] where the model sees no neighbours, has fewer rows than there are items, entities or relations, or has other
    /// items. The old ones stay then.
    pub fn set_knowledge(&mut self, knowledge: Knowledge) -> Result<()> {
        self.check_knowledge(&knowledge)?;
        if !self.keyed {
            self.item_ids = padded(&knowledge.item_ids(), self.items())?;
        }
        self.give_knowledge(knowledge);
        Ok(())
    }

    /// The neighbours of items that the model sees.
    pub fn knowledge(&self) -> Option<&Knowledge> {
        self.knowledge.as_deref()
    }

    /// Takes what was checked.
    pub(crate) fn give_knowledge(&mut self, knowledge: Knowledge) {
        let knowledge = Arc::new(knowledge);
        if let Some(neighbours) = self.core.executor.neighbours() {
            neighbours.set_knowledge(knowledge.clone());
        }
        self.knowledge = Some(knowledge);
    }

    /// Refuses what the model has no place for.
    pub(crate) fn check_knowledge(&self, knowledge: &Knowledge) -> Result<()> {
        let refuse = |reason| Err(Error::config("knowledge", reason));
        let Model::Kgcn(Kgcn {
            items,
            entities,
            relations,
            ..
        }) = &self.model
        else {
            return refuse(format!(
                "{} does not look at neighbours of items; KGCN does",
                self.model.name()
            ));
        };
        let rows = [*items, *entities, *relations];
        for ((what, count), rows) in ["items", "entities", "relations"]
            .into_iter()
            .zip(knowledge.counts())
            .zip(rows)
        {
            if count > rows {
                return refuse(format!(
                    "it is of {count} {what}, the model has {rows}; build the model with as many (Kgcn::of)"
                ));
            }
        }
        if self.keyed && !begins_with(&self.item_ids, &knowledge.item_ids()) {
            return refuse(
                "its items are not those that the model was trained with, or in another order: align the triples with the model's \
                 keys (Trainer::item_ids, Triples::with_items)"
                    .into(),
            );
        }
        Ok(())
    }

    /// Refuses to train a model that sees neighbours of items before it has any.
    pub(super) fn check_knows(&self) -> Result<()> {
        match (&self.model, &self.knowledge) {
            (Model::Kgcn(_), None) => {
                let reason = "kgcn sees neighbours of items: hand it some before it is trained (Knowledge::sample, \
                              Trainer::set_knowledge)";
                Err(Error::config("knowledge", reason))
            }
            _ => Ok(()),
        }
    }

    /// The keys of items by features, relations or knowledge, whichever know more of them.
    pub(super) fn related_item_ids(&self) -> Option<IdMap> {
        let related = self.relations.as_ref().map(Relations::item_ids).cloned();
        let known = self.knowledge.as_ref().map(|knowledge| knowledge.item_ids());
        let featured = self.known_ids(ITEM).cloned();
        related.into_iter().chain(known).chain(featured).max_by_key(IdMap::len)
    }
}
