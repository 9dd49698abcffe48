//! Relations of an item that comes after the others.

use alloc::{format, vec::Vec};

use super::Relations;
use crate::{Error, Result, data::IdMap};

/// What an item has to do with by a relation, and the relation's typed step ([`Relations::typed`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RelatedTo {
    /// Another item, which the item leads to.
    Item { relation: usize, item: u32, step: u32 },
    /// An attribute that it has.
    Attribute { relation: usize, attribute: u32, step: u32 },
}

impl Relations {
    /// What the item of a key has to do with, by names of relations and keys of others; none where nothing is known of one.
    ///
    /// # Errors
    /// [`Error::Config`] where a relation is not in use, or the item is related to itself.
    pub(crate) fn look_up(
        &self,
        item_ids: &IdMap,
        key: &str,
        related: &[(&str, &str)],
    ) -> Result<Vec<Option<RelatedTo>>> {
        let one = |&(name, other): &(&str, &str)| {
            let mut all = self.with_steps().enumerate();
            let Some((at, (relation, [of_items, of_attributes]))) = all.find(|(_, (of, _))| of.name == name) else {
                let names: Vec<&str> = self.all.iter().map(|relation| relation.name.as_str()).collect();
                let reason = format!("there is no relation {name:?} in use; those are {}", names.join(", "));
                return Err(Error::config("relations", reason));
            };
            let other = other.trim();
            if other == key {
                return Err(Error::config(
                    "relations",
                    format!("{key:?} is related to itself; leave that out"),
                ));
            }
            let item = item_ids.get(other).filter(|_| relation.uses_pairs());
            let attribute = self.attribute_ids.get(other).filter(|_| relation.has_attributes);
            Ok(match (item, attribute) {
                (Some(item), _) => Some(RelatedTo::Item {
                    relation: at,
                    item,
                    step: of_items,
                }),
                (None, Some(attribute)) => Some(RelatedTo::Attribute {
                    relation: at,
                    attribute,
                    step: of_attributes,
                }),
                (None, None) => None,
            })
        };
        related.iter().map(one).collect()
    }

    /// Relates an item of these keys to others. Gives how many of these are new to it.
    pub(crate) fn relate(&mut self, item: u32, others: &[RelatedTo], item_ids: &IdMap) -> usize {
        if self.item_ids.len() < item_ids.len() {
            self.item_ids = item_ids.clone();
        }
        let mut fresh = 0;
        for other in others {
            let (pairs, pair) = match *other {
                RelatedTo::Item {
                    relation, item: tail, ..
                } => (&mut self.all[relation].pairs, (item, tail)),
                RelatedTo::Attribute {
                    relation, attribute, ..
                } => (&mut self.all[relation].attributes, (item, attribute)),
            };
            if !pairs.contains(&pair) {
                pairs.push(pair);
                fresh += 1;
            }
        }
        fresh
    }
}
