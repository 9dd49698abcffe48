//! What items have to do with one another, as training takes it: edges with weights, and further positives.

use alloc::{format, string::String, vec::Vec};

use super::{Edge, Triples};
use crate::{Error, Result, data::IdMap};

/// Relations between items, and what a [`Trainer`](crate::train::Trainer) does with each: edges of its graph beside the
/// interactions, with a weight for each relation, and pairs (head, tail) that are positives as the interactions are, the head
/// in the place of a user.
///
/// They are taken from [`Triples`] that are aligned with the interactions, the pairs of whose heads and tails are items both; of
/// a relation that is used in neither way nothing is kept.
///
/// ```
/// use pocketrec::data::{IdMap, ItemLinks, Relations, Triples};
/// let known = Triples::from_keys([("tea", "with", "milk"), ("milk", "with", "tea"), ("tea", "instead", "mate")])?;
/// let items = IdMap::from_keys(["milk", "tea", "mate"])?;
/// let links = ItemLinks::from_keys([("milk", "milk"), ("tea", "tea"), ("mate", "mate")])?;
/// let relations = Relations::of(&known.with_items(&items, &links)?)?.edges("with", 0.5)?.positives("instead")?;
/// assert_eq!(relations.positive_pairs().collect::<Vec<_>>(), [(1, 2)]);
/// assert_eq!(relations.weighted_pairs().collect::<Vec<_>>(), [(1, 0, 0.5), (0, 1, 0.5)]);
/// # Ok::<(), pocketrec::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Relations {
    pub(crate) item_ids: IdMap,
    pub(crate) all: Vec<Relation>,
}

/// One relation.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Relation {
    pub name: String,
    /// Of an edge; 0 where there are none.
    pub weight: f32,
    pub is_positive: bool,
    pub pairs: Vec<(u32, u32)>,
}

impl Relation {
    fn is_used(&self) -> bool {
        self.is_positive || self.weight > 0.0
    }
}

impl Relations {
    /// The relations between items of these triples, none of which is used yet.
    ///
    /// # Errors
    /// [`Error::Config`] where the triples are not aligned with interactions, or no triple joins two items.
    pub fn of(triples: &Triples) -> Result<Self> {
        if triples.items() == 0 {
            let reason = "its entities are not the items of interactions: align them (Triples::with_items), or read relations in \
                          columns (RelationFile)";
            return Err(Error::config("relations", reason));
        }
        let mut item_ids = triples.entity_ids().clone();
        item_ids.truncate(triples.items() as usize);
        let relation = |(id, name): (u32, alloc::borrow::Cow<'_, str>)| Relation {
            name: name.into_owned(),
            weight: 0.0,
            is_positive: false,
            pairs: triples.item_pairs(id).collect(),
        };
        let all: Vec<Relation> = (0..).zip(triples.relation_ids().iter()).map(relation).collect();
        if all.iter().all(|relation| relation.pairs.is_empty()) {
            let (triples, items) = (triples.len(), triples.items());
            let reason = format!("none of {triples} triples joins two of the {items} items");
            return Err(Error::config("relations", reason));
        }
        Ok(Relations { item_ids, all })
    }

    /// Makes an edge of the graph of each pair of a relation, of this weight beside the 1 of an interaction. A pair that is there
    /// both ways has twice the weight, as edges have no direction.
    ///
    /// # Errors
    /// [`Error::Config`] where there is no such relation of two items, or the weight is not a finite number above 0.
    pub fn edges(mut self, relation: &str, weight: f32) -> Result<Self> {
        if !(weight > 0.0 && weight.is_finite()) {
            let reason = format!("{weight}; give a finite number above 0, or leave the edges of {relation} out");
            return Err(Error::config("weight", reason));
        }
        self.named(relation)?.weight = weight;
        Ok(self)
    }

    /// Makes a positive of each pair of a relation, the head in the place of a user: for a loss that takes them
    /// ([`Softmax::related`](crate::models::Softmax::related)).
    ///
    /// # Errors
    /// [`Error::Config`] where there is no such relation of two items.
    pub fn positives(mut self, relation: &str) -> Result<Self> {
        self.named(relation)?.is_positive = true;
        Ok(self)
    }

    fn named(&mut self, name: &str) -> Result<&mut Relation> {
        let is_meant = |relation: &Relation| relation.name == name && !relation.pairs.is_empty();
        if let Some(at) = self.all.iter().position(is_meant) {
            return Ok(&mut self.all[at]);
        }
        let of_items = self.all.iter().filter(|relation| !relation.pairs.is_empty());
        let names: Vec<&str> = of_items.map(|relation| relation.name.as_str()).collect();
        let reason = format!(
            "there is no relation {name:?} of two items; those are {}",
            names.join(", ")
        );
        Err(Error::config("relations", reason))
    }

    /// Keeps what is used.
    pub(crate) fn used(mut self) -> Self {
        self.all.retain(Relation::is_used);
        self
    }

    /// The names of the relations of two items.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let of_items = self.all.iter().filter(|relation| !relation.pairs.is_empty());
        of_items.map(|relation| relation.name.as_str())
    }

    /// The keys of the items, by their numbers.
    pub fn item_ids(&self) -> &IdMap {
        &self.item_ids
    }

    /// Pairs that are edges, each with its weight.
    pub fn weighted_pairs(&self) -> impl Iterator<Item = (u32, u32, f32)> {
        let edges = self.all.iter().filter(|relation| relation.weight > 0.0);
        edges.flat_map(|relation| relation.pairs.iter().map(|&(head, tail)| (head, tail, relation.weight)))
    }

    /// Pairs (head, tail) that are positives, in the order of the relations; one that two relations have comes twice.
    pub fn positive_pairs(&self) -> impl Iterator<Item = (u32, u32)> {
        let positive = self.all.iter().filter(|relation| relation.is_positive);
        positive.flat_map(|relation| relation.pairs.iter().copied())
    }

    /// The edges among nodes, of which the users come first.
    pub(crate) fn node_edges(&self, users: u32) -> Vec<Edge> {
        let edge = |(head, tail, weight)| Edge {
            ends: [head, tail].map(|item: u32| users.saturating_add(item)),
            weight,
        };
        self.weighted_pairs().map(edge).collect()
    }
}
