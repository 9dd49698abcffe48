//! Items that come after training, with what they have to do with others.

use alloc::{vec, vec::Vec};

use super::{ITEM, Trainer, USER};
use crate::{Error, Result, data::RelatedTo, models::Model, train::rows};

/// What became of an item that came with relations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RelatedRow {
    /// The row.
    pub id: u32,
    /// Whether it came with this call.
    pub is_new: bool,
    /// What it has to do with others, as far as these are known and it was not known before.
    pub related: usize,
    /// Items and attributes that nothing is known of. They say nothing, and were left out.
    pub unknown: usize,
}

impl Trainer {
    /// Takes in an item with its relations to others, each by the name of a relation that the trainer [has](Trainer::set_relations) and
    /// the key of the other item, or of an attribute. The item is the head, as where it stands in the row of a
    /// [`RelationFile`](crate::data::RelationFile). It can be recommended at once, and makes no step:
    ///
    /// - a model with a graph ([`LightGcn`](crate::models::LightGcn)) gets the edges, and a new row of its own that is zero: what comes
    ///   over the edges is all that it is. This goes over all interactions once a call;
    /// - [`Cfkg`](crate::models::Cfkg) puts a new item where the steps of its relations lead to, in the mean;
    /// - [`Mf`](crate::models::Mf), and other models by softmax, put it where its related items are, in the mean of 64 at most.
    ///
    /// An item that is there gets these relations besides, and keeps its row. What is trained from then on has them as all others, and
    /// so have checkpoints. As by [`absorb`](Trainer::absorb), parameters in use that are a mean over epochs become the parameters, and
    /// the best epoch is forgotten.
    ///
    /// ```
    /// use pocketrec::{data::*, device::Device, models::{LightGcn, Loss, Softmax}, train::*};
    /// let train = Interactions::from_keys([("ann", "tea", 1), ("ann", "pot", 2), ("bob", "tea", 3), ("eve", "rice", 4)])?;
    /// let known = Triples::from_keys([("pot", "goes with", "tea"), ("tea", "goes with", "pot")])?;
    /// let links = ItemLinks::from_keys(["tea", "pot"].map(|key| (key, key)))?;
    /// let relations = Relations::of(&known.with_items(train.item_ids(), &links)?)?.edges("goes with", 1.0)?;
    /// let loss = Loss::Softmax(Softmax::default());
    /// let config = TrainConfig { loss, eval_every: 0, ..TrainConfig::default() };
    /// let mut trainer = Trainer::new(LightGcn::new(3, 3).layers(1), Device::cpu(), config)?;
    /// trainer.set_relations(relations)?;
    /// trainer.fit(&Split::from_cases(train, [])?, |_| ())?;
    /// let mate = trainer.absorb_related("mate", &[("goes with", "pot"), ("goes with", "gourd")])?;
    /// assert_eq!((mate.related, mate.unknown), (1, 1));
    /// assert!(trainer.recommend(1, 3)?.iter().any(|&(item, _)| item == mate.id)); // before anyone had it
    /// # Ok::<(), pocketrec::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Config`] where the trainer has no relations, or none of a name, the key is empty, or an item is related to itself;
    /// [`Error::Memory`]. Nothing has changed then but that tables may be longer.
    pub fn absorb_related(&mut self, key: &str, related: &[(&str, &str)]) -> Result<RelatedRow> {
        let key = key.trim();
        if key.is_empty() {
            return Err(Error::config("key", "it is empty; give the key of the item"));
        }
        let Some(relations) = &self.relations else {
            let reason =
                "this trainer knows no relations of items: give it some before it is trained (Trainer::set_relations)";
            return Err(Error::config("relations", reason));
        };
        let others = relations.look_up(&self.item_ids, key, related)?;
        let known: Vec<RelatedTo> = others.iter().flatten().copied().collect();
        let old = [self.users(), self.items()];
        let id = self.item_ids.get_or_insert(key)?;
        let mut row = RelatedRow {
            id,
            is_new: id as usize >= old[ITEM],
            related: 0,
            unknown: others.len() - known.len(),
        };
        let before = self.relations.clone();
        let taken_in = self.take_in(&mut row, &known, old);
        if taken_in.is_err() {
            self.relations = before;
            let items = self.items();
            self.item_ids.truncate(items);
        }
        taken_in.map(|()| row)
    }

    /// Makes room for the item, relates it to the others, and gives a new one its place.
    fn take_in(&mut self, row: &mut RelatedRow, others: &[RelatedTo], [users, items]: [usize; 2]) -> Result<()> {
        self.prepare_absorb()?;
        let is_graph = self.plan().propagation().is_some();
        if row.is_new {
            let mut needed = [items + 1; 2];
            needed[USER] = users;
            match is_graph {
                true => self.grow_zeroed(needed)?,
                false => self.grow_to(needed)?,
            }
        }
        self.core.forget_best();
        if let Some(relations) = &mut self.relations {
            row.related = relations.relate(row.id, others, &self.item_ids);
        }
        match is_graph {
            true => self.give_graph(),
            false if row.is_new => self.start_where_relations_lead(row.id, others),
            false => Ok(()),
        }
    }

    /// Moves a new row to the mean of where its relations lead to: by the steps of CFKG, else to the related items.
    fn start_where_relations_lead(&mut self, id: u32, others: &[RelatedTo]) -> Result<()> {
        if let Model::Cfkg(_) = self.model {
            return self.start_where_steps_lead(id, others);
        }
        let item = |other: &RelatedTo| match *other {
            RelatedTo::Item { item, .. } => Some(item),
            RelatedTo::Attribute { .. } => None,
        };
        let items: Vec<u32> = others.iter().filter_map(item).collect();
        rows::move_to(&mut *self.core.executor, ITEM, id, items.len(), |k| items[k], 1.0)
    }

    /// An item is the head of a relation to another, item + step = other, and the tail of one from an attribute.
    fn start_where_steps_lead(&mut self, id: u32, others: &[RelatedTo]) -> Result<()> {
        let executor = &mut *self.core.executor;
        let param = |name: &str| executor.plan().param(name);
        let (attributes, steps) = (param("attribute.weight"), param("relation.weight"));
        for (items, width) in rows::tables(executor.plan(), ITEM) {
            let (mut sums, mut point, mut by) = (vec![0.0f64; width], vec![0.0; width], vec![0.0; width]);
            for other in others {
                let (table, row, step, sign) = match *other {
                    RelatedTo::Item { item, step, .. } => (Some(items), item, step, -1.0),
                    RelatedTo::Attribute { attribute, step, .. } => (attributes, attribute, step, 1.0),
                };
                let (Some(table), Some(steps)) = (table, steps) else {
                    continue;
                };
                executor.read_rows(table, row as usize, &mut point).wait()?;
                executor.read_rows(steps, step as usize, &mut by).wait()?;
                for ((sum, &point), &by) in sums.iter_mut().zip(&point).zip(&by) {
                    *sum += f64::from(point) + sign * f64::from(by);
                }
            }
            if !others.is_empty() {
                let mean: Vec<f32> = sums.iter().map(|sum| (sum / others.len() as f64) as f32).collect();
                executor.write_rows(items, id as usize, &mean).wait()?;
            }
        }
        Ok(())
    }
}
