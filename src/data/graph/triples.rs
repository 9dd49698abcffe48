//! What is known of things: triples of a head, a relation and a tail.

use alloc::{format, string::String, vec::Vec};

#[cfg(feature = "std")]
use hashbrown::HashMap;
use hashbrown::HashSet;

use crate::{Error, Result, data::IdMap};

/// What became of triples, or of the rows that hold them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TripleReport {
    /// Rows that were read; of a table of columns each may hold any number of triples.
    pub rows: u64,
    /// Triples left out because they come again.
    pub duplicates: u64,
    /// Triples left out because head and tail are the same.
    pub to_itself: u64,
    /// Items left out because the interactions do not know them, as heads and as tails.
    pub unknown: u64,
    /// Line and key of the first of these; line 0 where it is known by the links alone.
    pub first_unknown: Option<(u64, String)>,
    /// Rows that cannot be used and were left out, where the reader was told to.
    pub skipped: u64,
    /// Line and reason of the first of these.
    pub first_skipped: Option<(u64, String)>,
    /// Blank lines.
    pub blank: u64,
    /// How the file was taken to be laid out, where a file was read.
    #[cfg(feature = "std")]
    pub layout: Option<crate::data::FileLayout>,
}

/// Triples (head, relation, tail) over entities, each once: a knowledge graph, or the relations of items.
///
/// Entities and relations are the indices `0..entities()` and `0..relations()`, with keys. Where the triples are aligned
/// with interactions ([`Triples::with_items`], [`RelationFile`](crate::data::RelationFile)), the first
/// [`items`](Triples::items) entities are the items, by the same numbers. A triple takes 12 bytes.
///
/// ```
/// use pocketrec::data::Triples;
/// let known = Triples::from_keys([("tea", "made_of", "leaves"), ("tea", "kind", "drink"), ("tea", "kind", "drink")])?;
/// assert_eq!((known.entities(), known.relations(), known.len()), (3, 2, 2));
/// assert_eq!(known.iter().next(), Some((0, 0, 1)));
/// assert_eq!((known.entity_ids().get("drink"), known.report().duplicates), (Some(2), 1));
/// # Ok::<(), pocketrec::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Triples {
    heads: Vec<u32>,
    relations: Vec<u32>,
    tails: Vec<u32>,
    entity_ids: IdMap,
    relation_ids: IdMap,
    items: u32,
    pub(in crate::data) report: TripleReport,
}

impl Triples {
    /// Triples of keys, in any order; keys are numbered in order of first appearance.
    ///
    /// # Errors
    /// [`Error::Config`] where there are none, or more than 2^32 - 1 different keys.
    pub fn from_keys<'a>(triples: impl IntoIterator<Item = (&'a str, &'a str, &'a str)>) -> Result<Self> {
        let mut collector = TripleCollector::default();
        for (head, relation, tail) in triples {
            let head = collector.entity_ids.get_or_insert(head)?;
            let relation = collector.relation_ids.get_or_insert(relation)?;
            let tail = collector.entity_ids.get_or_insert(tail)?;
            collector.push(head, relation, tail);
            collector.report.rows += 1;
        }
        collector.finish(0)
    }

    /// Triples as columns of equal length, with the number of entities and relations given.
    ///
    /// # Errors
    /// [`Error::Length`] where columns differ in length, [`Error::Id`] where an id is outside its count, and
    /// [`Error::Config`] where there are no triples.
    pub fn from_columns(counts: (u32, u32), heads: &[u32], relations: &[u32], tails: &[u32]) -> Result<Self> {
        for (what, column) in [("relations", relations), ("tails", tails)] {
            if column.len() != heads.len() {
                return Err(Error::Length {
                    what: format!("{what}, which go with the heads"),
                    expected: heads.len(),
                    got: column.len(),
                });
            }
        }
        let columns = [
            ("head", heads, counts.0),
            ("relation", relations, counts.1),
            ("tail", tails, counts.0),
        ];
        for (column, ids, rows) in columns {
            if let Some(&id) = ids.iter().find(|&&id| id >= rows) {
                return Err(Error::Id {
                    column: column.into(),
                    id: id.into(),
                    rows: rows.into(),
                });
            }
        }
        let [entities, relations_of] = [counts.0, counts.1].map(IdMap::numbered);
        let mut collector = TripleCollector::of_keys(entities, relations_of);
        for ((&head, &relation), &tail) in heads.iter().zip(relations).zip(tails) {
            collector.push(head, relation, tail);
            collector.report.rows += 1;
        }
        collector.finish(0)
    }

    /// Number of entities, the items among them.
    pub fn entities(&self) -> u32 {
        self.entity_ids.len() as u32
    }

    /// Number of the first entities that are items; 0 where the triples are not aligned with interactions.
    pub fn items(&self) -> u32 {
        self.items
    }

    /// Number of relations.
    pub fn relations(&self) -> u32 {
        self.relation_ids.len() as u32
    }

    /// Number of triples.
    pub fn len(&self) -> usize {
        self.heads.len()
    }

    /// Whether there are none, as can be once they are aligned with interactions.
    pub fn is_empty(&self) -> bool {
        self.heads.is_empty()
    }

    /// All (head, relation, tail), in the order of the source.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (u32, u32, u32)> + '_ {
        (0..self.len()).map(|at| (self.heads[at], self.relations[at], self.tails[at]))
    }

    /// The (head, tail) of a relation; none of one that is not there.
    ///
    /// ```
    /// use pocketrec::data::Triples;
    /// let known = Triples::from_columns((4, 2), &[0, 1, 0], &[1, 0, 1], &[2, 3, 3])?;
    /// assert_eq!(known.of_relation(1).collect::<Vec<_>>(), [(0, 2), (0, 3)]);
    /// # Ok::<(), pocketrec::Error>(())
    /// ```
    pub fn of_relation(&self, relation: u32) -> impl Iterator<Item = (u32, u32)> + '_ {
        let own = self.iter().filter(move |triple| triple.1 == relation);
        own.map(|(head, _, tail)| (head, tail))
    }

    /// The (head, tail) of a relation that are items both: what is typed edges between items, and further positives.
    pub fn item_pairs(&self, relation: u32) -> impl Iterator<Item = (u32, u32)> + '_ {
        let items = self.items;
        self.of_relation(relation)
            .filter(move |pair| pair.0 < items && pair.1 < items)
    }

    /// The (item, other entity) of a relation, the others counted from 0: what items lead to that is no item.
    pub(crate) fn attribute_pairs(&self, relation: u32) -> impl Iterator<Item = (u32, u32)> + '_ {
        let items = self.items;
        let pairs = self.of_relation(relation);
        pairs.filter_map(move |(head, tail)| Some((head, tail.checked_sub(items)?)).filter(|_| head < items))
    }

    /// The keys of entities: of the first [`items`](Triples::items) those of the items.
    pub fn entity_ids(&self) -> &IdMap {
        &self.entity_ids
    }

    /// The keys of relations.
    pub fn relation_ids(&self) -> &IdMap {
        &self.relation_ids
    }

    /// What was read and what became of it.
    pub fn report(&self) -> &TripleReport {
        &self.report
    }

    /// Numbers the entities so that the first are the items of `item_ids`, in that order, by the entity that `links` has for
    /// each; an item without one becomes an entity of no triple. The others follow in their present order. Links of items
    /// that are not among `item_ids` are counted, and their entities stay among the others.
    ///
    /// Items get their own keys. An entity that is no item gets `entity:` before its key where that is an item's too.
    ///
    /// ```
    /// use pocketrec::data::{IdMap, ItemLinks, Triples};
    /// let known = Triples::from_keys([("e1", "kind", "drink"), ("e2", "kind", "drink")])?;
    /// let links = ItemLinks::from_keys([("tea", "e2"), ("rice", "e1"), ("soup", "e7")])?;
    /// let known = known.with_items(&IdMap::from_keys(["salt", "tea", "rice"])?, &links)?;
    /// assert_eq!((known.items(), known.entities()), (3, 4));
    /// assert_eq!(known.iter().collect::<Vec<_>>(), [(2, 0, 3), (1, 0, 3)]);
    /// assert_eq!(known.report().unknown, 1); // soup
    /// # Ok::<(), pocketrec::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Config`] where there would be more than 2^32 - 1 entities.
    pub fn with_items(self, item_ids: &IdMap, links: &ItemLinks) -> Result<Self> {
        let mut number: Vec<Option<u32>> = alloc::vec![None; self.entities() as usize];
        let mut report = self.report;
        for (item, entity) in links.iter() {
            match (item_ids.get(item), self.entity_ids.get(entity)) {
                (Some(item), Some(entity)) => number[entity as usize] = Some(item),
                (Some(_), None) => {} // an item of no triple
                (None, _) => {
                    report.unknown += 1;
                    report.first_unknown.get_or_insert_with(|| (0, item.into()));
                }
            }
        }
        let mut entity_ids = item_ids.clone();
        for (key, number) in self.entity_ids.iter().zip(&mut number) {
            if number.is_none() {
                *number = Some(insert_other(&mut entity_ids, "entity", &key)?);
            }
        }
        let renumbered = |ids: Vec<u32>| -> Vec<u32> {
            // Every entity has got its number.
            ids.into_iter().map(|id| number[id as usize].unwrap_or(id)).collect()
        };
        Ok(Triples {
            heads: renumbered(self.heads),
            tails: renumbered(self.tails),
            entity_ids,
            items: item_ids.len() as u32,
            report,
            ..self
        })
    }
}

/// Adds the key of something that is no item, with what it is before it where the key alone is taken.
fn insert_other(ids: &mut IdMap, what: &str, key: &str) -> Result<u32> {
    let mut key = String::from(key);
    while ids.get(&key).is_some() {
        key = format!("{what}:{key}");
    }
    ids.get_or_insert(&key)
}

/// Which entity of a knowledge graph each item is, by keys; at most one each way.
///
/// ```
/// use pocketrec::data::ItemLinks;
/// let links = ItemLinks::from_keys([("tea", "e2"), ("rice", "e1")])?;
/// assert_eq!(links.entity_of("rice"), Some("e1"));
/// assert!(ItemLinks::from_keys([("tea", "e2"), ("tea", "e1")]).is_err());
/// # Ok::<(), pocketrec::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct ItemLinks {
    /// Item and entity of the same number belong together.
    items: IdMap,
    entities: IdMap,
    keys: Vec<(String, String)>,
}

impl ItemLinks {
    /// Links of (item, entity).
    ///
    /// # Errors
    /// [`Error::Config`] where an item or an entity comes twice.
    pub fn from_keys<'a>(links: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self> {
        let mut all = ItemLinks::default();
        for (item, entity) in links {
            all.push(item, entity)
                .map_err(|reason| Error::config("links", reason))?;
        }
        Ok(all)
    }

    /// Adds a link; the reason where one of its ends has one.
    pub(in crate::data) fn push(&mut self, item: &str, entity: &str) -> Result<(), String> {
        for (what, ids, key) in [("item", &self.items, item), ("entity", &self.entities, entity)] {
            if let Some((item, entity)) = ids.get(key).and_then(|at| self.keys.get(at as usize)) {
                return Err(format!(
                    "the {what} {key:?} is linked already, item {item:?} to entity {entity:?}; keep one of the links"
                ));
            }
        }
        for (ids, key) in [(&mut self.items, item), (&mut self.entities, entity)] {
            ids.get_or_insert(key).map_err(|error| format!("{error}"))?;
        }
        self.keys.push((item.into(), entity.into()));
        Ok(())
    }

    /// The entity of an item.
    pub fn entity_of(&self, item: &str) -> Option<&str> {
        let at = self.items.get(item)?;
        self.keys.get(at as usize).map(|link| link.1.as_str())
    }

    /// All (item, entity).
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.keys.iter().map(|(item, entity)| (item.as_str(), entity.as_str()))
    }

    /// Number of links.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

/// Collects triples and leaves out what comes again.
#[derive(Default)]
pub(in crate::data) struct TripleCollector {
    pub entity_ids: IdMap,
    pub relation_ids: IdMap,
    pub report: TripleReport,
    triples: Vec<(u32, u32, u32)>,
    seen: HashSet<(u32, u32, u32)>,
    /// The entities of relations' values, by relation and value: their keys may be an item's.
    #[cfg(feature = "std")]
    values: HashMap<(u32, String), u32>,
}

impl TripleCollector {
    /// None yet, of entities and relations with these keys.
    pub fn of_keys(entity_ids: IdMap, relation_ids: IdMap) -> Self {
        TripleCollector {
            entity_ids,
            relation_ids,
            ..Self::default()
        }
    }

    /// Adds a triple of numbers that keys have.
    pub fn push(&mut self, head: u32, relation: u32, tail: u32) {
        if head == tail {
            self.report.to_itself += 1;
        } else if self.seen.insert((head, relation, tail)) {
            self.triples.push((head, relation, tail));
        } else {
            self.report.duplicates += 1;
        }
    }

    /// The number of something that is no item: a value of a relation, by its number and its name.
    #[cfg(feature = "std")]
    pub fn value(&mut self, (relation, name): (u32, &str), value: &str) -> Result<u32> {
        let place = (relation, String::from(value));
        if let Some(&known) = self.values.get(&place) {
            return Ok(known);
        }
        let entity = insert_other(&mut self.entity_ids, name, &format!("{name}:{value}"))?;
        self.values.insert(place, entity);
        Ok(entity)
    }

    /// The triples, of whose entities the first `items` are items.
    ///
    /// # Errors
    /// [`Error::Config`] where none is left.
    pub fn finish(self, items: u32) -> Result<Triples> {
        if self.triples.is_empty() {
            let TripleReport {
                rows,
                to_itself,
                unknown,
                ..
            } = self.report;
            let reason = format!(
                "there are none in {rows} rows ({to_itself} are of a thing to itself, {unknown} items are not known); give at \
                 least one (head, relation, tail)"
            );
            return Err(Error::config("triples", reason));
        }
        Ok(Triples {
            heads: self.triples.iter().map(|triple| triple.0).collect(),
            relations: self.triples.iter().map(|triple| triple.1).collect(),
            tails: self.triples.iter().map(|triple| triple.2).collect(),
            entity_ids: self.entity_ids,
            relation_ids: self.relation_ids,
            items,
            report: self.report,
        })
    }
}
