//! What items have to do with one another, as training takes it: edges with weights, further positives, and attributes.

use alloc::{format, string::String, vec::Vec};

use super::{Edge, Triples};
use crate::{Error, Result, data::IdMap};

/// Relations of items, and what a [`Trainer`](crate::train::Trainer) does with each: edges of its graph beside the
/// interactions, with a weight for each relation; pairs (head, tail) that are positives as the interactions are, the head
/// in the place of a user; and attributes, nodes of their own that items lead to, such as a category.
///
/// They are taken from [`Triples`] that are aligned with the interactions: pairs whose heads and tails are items both, and
/// attributes from those whose head is an item and whose tail is not. The attributes that are in use are numbered `0..n`, by the
/// order of the triples' entities. Of a relation that is used in no way nothing is kept.
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
    pub(crate) attribute_ids: IdMap,
    pub(crate) all: Vec<Relation>,
}

/// Who asks for an item in a triple.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Head {
    Item(u32),
    Attribute(u32),
}

/// One relation.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Relation {
    pub name: String,
    /// Of an edge; 0 where there are none.
    pub weight: f32,
    pub is_positive: bool,
    pub pairs: Vec<(u32, u32)>,
    /// Whether what is no item is a node.
    pub has_attributes: bool,
    /// An item and an attribute each.
    pub attributes: Vec<(u32, u32)>,
}

impl Relation {
    pub(super) fn uses_pairs(&self) -> bool {
        self.is_positive || self.weight > 0.0
    }
}

impl Relations {
    /// The relations of items in these triples, none of which is used yet.
    ///
    /// # Errors
    /// [`Error::Config`] where the triples are not aligned with interactions, or the head of none is an item.
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
            has_attributes: false,
            attributes: triples.attribute_pairs(id).collect(),
        };
        let all: Vec<Relation> = (0..).zip(triples.relation_ids().iter()).map(relation).collect();
        if all
            .iter()
            .all(|relation| relation.pairs.is_empty() && relation.attributes.is_empty())
        {
            let (triples, items) = (triples.len(), triples.items());
            let reason = format!("none of {triples} triples leads from one of the {items} items");
            return Err(Error::config("relations", reason));
        }
        let others = triples.entity_ids().iter().skip(triples.items() as usize);
        let others: Vec<alloc::borrow::Cow<'_, str>> = others.collect();
        let attribute_ids = IdMap::from_keys(others.iter().map(|key| &**key))?;
        Ok(Relations {
            item_ids,
            attribute_ids,
            all,
        })
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

    /// Makes nodes of what items lead to by a relation and is no item, such as a category: for a model that has a place for them
    /// ([`Cfkg`](crate::models::Cfkg)). Items that lead to the same one are near by it.
    ///
    /// ```
    /// use pocketrec::data::{IdMap, ItemLinks, Relations, Triples};
    /// let known = Triples::from_keys([("tea", "kind", "drink"), ("mate", "kind", "drink"), ("tea", "from", "Assam")])?;
    /// let items = IdMap::from_keys(["milk", "tea", "mate"])?;
    /// let links = ItemLinks::from_keys([("tea", "tea"), ("mate", "mate")])?;
    /// let relations = Relations::of(&known.with_items(&items, &links)?)?.attributes("kind")?;
    /// let pairs: Vec<(u32, String)> = relations.attribute_pairs().map(|(item, key)| (item, key.into())).collect();
    /// assert_eq!(pairs, [(1, "drink".into()), (2, "drink".into())]);
    /// # Ok::<(), pocketrec::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Config`] where there is no such relation of an item and something else.
    pub fn attributes(mut self, relation: &str) -> Result<Self> {
        let is_meant = |other: &Relation| other.name == relation && !other.attributes.is_empty();
        let Some(at) = self.all.iter().position(is_meant) else {
            let names: Vec<&str> = self.attribute_names().collect();
            return Err(missing(relation, "an item and something that is none", &names));
        };
        self.all[at].has_attributes = true;
        Ok(self)
    }

    fn named(&mut self, name: &str) -> Result<&mut Relation> {
        let is_meant = |relation: &Relation| relation.name == name && !relation.pairs.is_empty();
        if let Some(at) = self.all.iter().position(is_meant) {
            return Ok(&mut self.all[at]);
        }
        Err(missing(name, "two items", &self.names().collect::<Vec<_>>()))
    }

    /// Keeps what is used, and numbers the attributes that are.
    pub(crate) fn used(mut self) -> Self {
        for relation in &mut self.all {
            if !relation.uses_pairs() {
                relation.pairs.clear();
            }
            if !relation.has_attributes {
                relation.attributes.clear();
            }
        }
        self.all
            .retain(|relation| relation.uses_pairs() || relation.has_attributes);
        let used = self.used_attributes();
        if used.len() < self.attribute_ids.len() {
            let of_old = |old: &mut u32| *old = used.binary_search(old).unwrap_or_default() as u32;
            let all = self.all.iter_mut().flat_map(|relation| &mut relation.attributes);
            all.for_each(|pair| of_old(&mut pair.1));
            let keys: Vec<String> = used.iter().map(|&old| self.attribute_key(old)).collect();
            // Keys of a map, each once.
            self.attribute_ids = IdMap::from_keys(keys.iter().map(String::as_str)).unwrap_or_default();
        }
        self
    }

    /// The attributes that are in use, in ascending order.
    fn used_attributes(&self) -> Vec<u32> {
        let used = self.all.iter().filter(|relation| relation.has_attributes);
        let mut used: Vec<u32> = used
            .flat_map(|relation| relation.attributes.iter().map(|pair| pair.1))
            .collect();
        used.sort_unstable();
        used.dedup();
        used
    }

    /// How many typed steps lead to items, and from how many attributes.
    pub(crate) fn typed_counts(&self) -> (usize, usize) {
        let steps = |relation: &Relation| usize::from(relation.is_positive) + usize::from(relation.has_attributes);
        (self.all.iter().map(steps).sum(), self.used_attributes().len())
    }

    /// The relations, each with its typed steps: of items, and of attributes. Those that it has not are the next one's.
    pub(super) fn with_steps(&self) -> impl Iterator<Item = (&Relation, [u32; 2])> {
        let mut step = 0;
        self.all.iter().map(move |relation| {
            let of_items = step;
            let of_attributes = of_items + u32::from(relation.is_positive);
            step = of_attributes + u32::from(relation.has_attributes);
            (relation, [of_items, of_attributes])
        })
    }

    /// The triples (head, typed step, item) that positives and attributes are: those of one step behind those of the other.
    pub(crate) fn typed(&self) -> impl Iterator<Item = (Head, u32, u32)> {
        self.with_steps().flat_map(|(relation, [of_items, of_attributes])| {
            let pairs = relation.pairs.iter().filter(|_| relation.is_positive);
            let pairs = pairs.map(move |&(head, tail)| (Head::Item(head), of_items, tail));
            let attributes = relation.attributes.iter().filter(|_| relation.has_attributes);
            pairs.chain(attributes.map(move |&(item, attribute)| (Head::Attribute(attribute), of_attributes, item)))
        })
    }

    pub(crate) fn attribute_key(&self, attribute: u32) -> String {
        self.attribute_ids.key(attribute).unwrap_or_default().into_owned()
    }

    /// The names of the relations of two items.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let of_items = self.all.iter().filter(|relation| !relation.pairs.is_empty());
        of_items.map(|relation| relation.name.as_str())
    }

    /// The names of the relations of an item and something that is none.
    pub fn attribute_names(&self) -> impl Iterator<Item = &str> {
        let of_others = self.all.iter().filter(|relation| !relation.attributes.is_empty());
        of_others.map(|relation| relation.name.as_str())
    }

    /// Items and the keys of the attributes that they lead to, in the order of the relations.
    pub fn attribute_pairs(&self) -> impl Iterator<Item = (u32, alloc::borrow::Cow<'_, str>)> {
        let used = self.all.iter().filter(|relation| relation.has_attributes);
        let pairs = used.flat_map(|relation| relation.attributes.iter().copied());
        pairs.map(|(item, attribute)| (item, self.attribute_ids.key(attribute).unwrap_or_default()))
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

/// The error of a relation that is not there.
fn missing(name: &str, of: &str, names: &[&str]) -> Error {
    let there = match names.is_empty() {
        true => "there are none such".into(),
        false => format!("those are {}", names.join(", ")),
    };
    Error::config("relations", format!("there is no relation {name:?} of {of}; {there}"))
}
