//! What is known of items, as a model looks at it: some neighbours of each in a knowledge graph.

use alloc::{format, vec::Vec};

use super::Triples;
use crate::{
    Error, Result,
    data::{Batch, IdMap},
    memory,
    rng::{Rng, streams},
};

/// The id columns of a batch with neighbours: users and items, which a caller fills, and what lies along the only sequence.
pub(crate) mod columns {
    pub const GIVEN: usize = 2;
    pub const RELATION: usize = 2;
    pub const ENTITY: usize = 3;
    pub const ALL: usize = 4;
}

/// Neighbours of an item at most: each is a step of every sample that has the item.
pub(crate) const MOST: usize = 256;

/// Neighbours of items in a knowledge graph, each with the relation that it is reached by: what [`Kgcn`](crate::models::Kgcn) sees
/// of it.
///
/// They are taken from [`Triples`] that are aligned with the interactions. A triple makes its head a neighbour of its tail and its
/// tail one of its head, by the same relation. Of an item that has more than are wanted so many are drawn, once and for all by a
/// seed, as the paper has it (Wang et al., WWW 2019, section 3.2); of one that has fewer all are there, each once, and an item of no
/// triple has none. They stand in ascending order, whatever that of the triples is.
///
/// ```
/// use pocketrec::data::{IdMap, ItemLinks, Knowledge, Triples};
/// let known = Triples::from_keys([("tea", "kind", "drink"), ("milk", "kind", "drink"), ("tea", "with", "milk")])?;
/// let items = IdMap::from_keys(["milk", "tea", "salt"])?;
/// let links = ItemLinks::from_keys([("milk", "milk"), ("tea", "tea")])?;
/// let knowledge = Knowledge::sample(&known.with_items(&items, &links)?, 8, 42)?;
/// assert_eq!(knowledge.counts(), [3, 4, 2]); // items, entities with the items among them, relations
/// let drink = knowledge.entity_ids().get("drink").unwrap();
/// assert_eq!(knowledge.of_item(1), [(0, 1), (drink, 0)]); // tea with milk, tea is a drink
/// assert_eq!(knowledge.of_item(2), []);
/// # Ok::<(), pocketrec::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Knowledge {
    /// The keys of the items, and of the other entities behind them.
    pub(crate) entity_ids: IdMap,
    pub(crate) relation_ids: IdMap,
    /// Those of item `i` are `neighbours[offsets[i]..offsets[i + 1]]`.
    pub(crate) offsets: Vec<u64>,
    /// (entity, relation).
    pub(crate) neighbours: Vec<(u32, u32)>,
}

impl Knowledge {
    /// Up to `neighbours` neighbours of each item.
    ///
    /// Of an item with more, those in ascending order are shuffled as far as they are kept (Fisher and Yates), by the numbers of a
    /// stream of the seed and the item.
    ///
    /// # Errors
    /// [`Error::Config`] where the triples are not aligned with interactions, or none is of an item, or `neighbours` is not in
    /// 1..=256; [`Error::Memory`].
    pub fn sample(triples: &Triples, neighbours: usize, seed: u64) -> Result<Self> {
        let items = triples.items() as usize;
        if items == 0 {
            let reason = "the entities of the triples are not the items of interactions: align them (Triples::with_items), or read \
                          relations in columns (RelationFile)";
            return Err(Error::config("knowledge", reason));
        }
        if neighbours == 0 || neighbours > MOST {
            let reason = format!("{neighbours}; give 1 to {MOST}, 8 is usual");
            return Err(Error::config("neighbours", reason));
        }
        let mut all = ends_at_items(triples)?;
        if all.is_empty() {
            let reason = format!("none of {} triples is of one of the {items} items", triples.len());
            return Err(Error::config("knowledge", reason));
        }
        all.sort_unstable();
        all.dedup();
        let rng = Rng::new(seed).stream(streams::NEIGHBOURS);
        let mut knowledge = Knowledge {
            entity_ids: triples.entity_ids().clone(),
            relation_ids: triples.relation_ids().clone(),
            offsets: memory::zeroed(items + 1, || format!("the places of the neighbours of {items} items"))?,
            neighbours: Vec::new(),
        };
        let room = all.len().min(items.saturating_mul(neighbours));
        memory::reserve(&mut knowledge.neighbours, room, || {
            format!("neighbours of {items} items")
        })?;
        let mut rest = &mut all[..];
        for item in 0..triples.items() {
            let (own, others) = rest.split_at_mut(rest.partition_point(|end| end.0 == item));
            rest = others;
            let kept = draw(own, neighbours, rng.stream(item));
            knowledge
                .neighbours
                .extend(kept.iter().map(|&(_, entity, relation)| (entity, relation)));
            knowledge.offsets[item as usize + 1] = knowledge.neighbours.len() as u64;
        }
        Ok(knowledge)
    }

    /// Numbers of items, of entities with the items among them, and of relations.
    pub fn counts(&self) -> [usize; 3] {
        [self.items(), self.entity_ids.len(), self.relation_ids.len()]
    }

    pub(crate) fn items(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }

    /// The neighbours of an item, (entity, relation), in ascending order; none of an item that it does not know.
    pub fn of_item(&self, item: u32) -> &[(u32, u32)] {
        match self.offsets.get(item as usize..) {
            Some([first, end, ..]) => &self.neighbours[*first as usize..*end as usize],
            _ => &[],
        }
    }

    /// The keys of the entities: those of the items, by their numbers, and behind them the others'.
    pub fn entity_ids(&self) -> &IdMap {
        &self.entity_ids
    }

    /// The keys of the relations.
    pub fn relation_ids(&self) -> &IdMap {
        &self.relation_ids
    }

    /// The keys of the items.
    pub(crate) fn item_ids(&self) -> IdMap {
        let mut ids = self.entity_ids.clone();
        ids.truncate(self.items());
        ids
    }

    /// The sorted batch that the plan of [`Kgcn`](crate::models::Kgcn) takes: samples of users and items, as a
    /// [`Sampler`](crate::data::Sampler) fills them, with the neighbours of their items. For those who run the plan on an executor
    /// of their own; a [`Trainer`](crate::train::Trainer) does it by itself.
    ///
    /// ```
    /// # use pocketrec::data::{IdMap, ItemLinks, Triples};
    /// use pocketrec::data::{Batch, Knowledge};
    /// # let known = Triples::from_keys([("tea", "kind", "drink"), ("milk", "kind", "drink"), ("tea", "from", "China")])?;
    /// # let links = ItemLinks::from_keys([("milk", "milk"), ("tea", "tea")])?;
    /// # let known = known.with_items(&IdMap::from_keys(["milk", "tea"])?, &links)?;
    /// let knowledge = Knowledge::sample(&known, 8, 42)?; // one neighbour of item 0, two of item 1
    /// let pairs = Batch::from_columns(&[&[7, 5], &[1, 0]], &[1.0, 0.0])?;
    /// let mut batch = Batch::default();
    /// knowledge.expand(&pairs, &mut batch)?;
    /// assert_eq!((batch.columns().len(), batch.offsets(0)), (4, &[0, 2, 3][..]));
    /// # Ok::<(), pocketrec::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Length`] where `pairs` has not one user and one item a sample.
    pub fn expand(&self, pairs: &Batch, to: &mut Batch) -> Result<()> {
        let (samples, given) = (pairs.len(), pairs.columns().len());
        let lengths = core::iter::once((given, columns::GIVEN))
            .chain(pairs.columns().iter().map(|column| (column.ids.len(), samples)));
        for (got, expected) in lengths {
            if got != expected {
                return Err(Error::Length {
                    what: "id columns of users and items, and ids in each, one a sample".into(),
                    expected,
                    got,
                });
            }
        }
        self.begin(to);
        for column in 0..columns::GIVEN {
            to.ids_mut(column).extend_from_slice(&pairs.column(column).ids);
        }
        self.add_neighbours(to);
        to.labels_mut().extend_from_slice(pairs.labels());
        to.weights_mut().extend_from_slice(pairs.weights());
        to.set_noise(pairs.noise());
        to.sort();
        Ok(())
    }

    /// The batch of users and items that are to be scored; it is not sorted.
    pub(crate) fn fill(&self, [users, items]: [&[u32]; 2], to: &mut Batch) {
        self.begin(to);
        for (column, ids) in [users, items].into_iter().enumerate() {
            to.ids_mut(column).extend_from_slice(ids);
        }
        self.add_neighbours(to);
        to.labels_mut().resize(users.len(), 1.0);
    }

    fn begin(&self, to: &mut Batch) {
        to.reset(columns::ALL, 1);
    }

    /// Adds the neighbours of a batch's items.
    fn add_neighbours(&self, to: &mut Batch) {
        for at in 0..to.column(1).ids.len() {
            let own = self.of_item(to.column(1).ids[at]);
            to.ids_mut(columns::ENTITY).extend(own.iter().map(|end| end.0));
            to.ids_mut(columns::RELATION).extend(own.iter().map(|end| end.1));
            to.end_sequence(0, own.len());
        }
    }
}

/// (item, entity, relation) of each end of a triple that is an item.
fn ends_at_items(triples: &Triples) -> Result<Vec<(u32, u32, u32)>> {
    let items = triples.items();
    let both = |(head, relation, tail)| [(head, tail, relation), (tail, head, relation)];
    let ends = || triples.iter().flat_map(both).filter(|end| end.0 < items);
    let mut all = Vec::new();
    memory::reserve(&mut all, ends().count(), || {
        format!("both ends of {} triples", triples.len())
    })?;
    all.extend(ends());
    Ok(all)
}

/// Some of an item's neighbours, brought to the front and put in order there.
fn draw(own: &mut [(u32, u32, u32)], count: usize, rng: Rng) -> &[(u32, u32, u32)] {
    if own.len() <= count {
        return own;
    }
    for k in 0..count {
        let other = rng.below(k as u64, (own.len() - k) as u32) as usize;
        own.swap(k, k + other);
    }
    let kept = &mut own[..count];
    kept.sort_unstable();
    kept
}
