//! Triples of typed relations that are positives as the interactions are, each beside an item that does not belong to it.

use alloc::{format, vec::Vec};
use core::ops::Range;

use super::{Sampler, part::PART};
use crate::{
    Error, Result,
    data::{Batch, Head, Relations, interactions::ATTEMPTS},
    memory,
    rng::{Permutation, Rng, scale},
};

/// The triples (head, step, item) of relations, sorted, so that the items of one head by one step lie together.
#[derive(Clone, Debug)]
pub(super) struct Typed {
    /// Head and step of each group, and where its items begin.
    groups: Vec<(u32, Head, u32)>,
    /// The items of all groups, in each of them in ascending order.
    tails: Vec<u32>,
    /// The group of each item.
    group_of: Vec<u32>,
    /// Items that there are, steps and attributes.
    items: u32,
    steps: u32,
    attributes: u32,
}

/// Who asks for the item of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asks {
    User,
    Item,
    Attribute,
}

impl Sampler {
    /// The same sampler of [pairs](Sampler::pairwise) that draws the triples of relations of `items` items, too, each as often as a
    /// positive an epoch, all in one shuffled order; draws behind those of the interactions belong to the triples. These are the
    /// [positives](Relations::positives), whose head is an item, and the [attributes](Relations::attributes), which are the heads of
    /// the items that have them. Triples are in the order of their relation, with positives before attributes, then of their head
    /// and their tail. The negative of a triple is drawn by the rule of [`Sampler`] among all items but its head and those that are
    /// tails of the same head by the same relation.
    ///
    /// Column 0 holds users, column 1 items, column 2 negatives, column 3 heads that are items, the next attributes (it is not there
    /// where there are none) and the last relations, in the order of the triples. All but columns 1 and 2 have weights: 1 of who
    /// asks, and of the relation where that is no user; 0 of the others, which are any. It is what plans with
    /// [heads](crate::plan::PlanBuilder::head) learn from by a pairwise loss, such as [`Cfkg`](crate::models::Cfkg)'s.
    ///
    /// ```
    /// use pocketrec::data::*;
    /// let train = Interactions::from_columns((2, 3), &[0, 1], &[0, 1], &[])?;
    /// let known = Triples::from_keys([("0", "with", "1"), ("2", "kind", "tea")])?;
    /// let links = ItemLinks::from_keys(["0", "1", "2"].map(|key| (key, key)))?;
    /// let known = known.with_items(train.item_ids(), &links)?;
    /// let relations = Relations::of(&known)?.positives("with")?.attributes("kind")?;
    /// let mut batch = Batch::default();
    /// Sampler::pairwise(&train, 1, 42)?.with_relations(&relations, 3)?.fill(0, 0, 100, &mut batch);
    /// assert_eq!((batch.len(), batch.columns().len()), (2 + 2, 6));
    /// let asks = |column: usize| batch.column(column).weights.iter().sum::<f32>();
    /// assert_eq!([0, 3, 4, 5].map(asks), [2.0, 1.0, 1.0, 2.0]);
    /// let with = batch.column(3).weights.iter().position(|&weight| weight == 1.0).unwrap();
    /// assert_eq!([1, 2, 3].map(|column| batch.column(column).ids[with]), [1, 2, 0]); // 0 with 1 rather than 2
    /// # Ok::<(), pocketrec::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Id`] where a triple has an item that there is none of, [`Error::Config`] where the sampler draws no pairs, there are
    /// no triples, a head has all items by a relation, or an epoch would have more than 2^32 - 2 samples; [`Error::Memory`].
    pub fn with_relations(mut self, relations: &Relations, items: u32) -> Result<Self> {
        if !self.is_pairwise() || self.has_relations() {
            let reason =
                "typed relations stand beside pairs of a positive and a negative; begin with Sampler::pairwise";
            return Err(Error::config("relations", reason));
        }
        let typed = Typed::of(relations, items)?;
        let total = (self.positives.len() as u128 + typed.tails.len() as u128) * u128::from(self.epochs.negatives);
        let fits = u32::try_from(total).ok().filter(|&total| total < u32::MAX);
        self.epochs.samples = fits.ok_or_else(|| {
            let reason = format!("{total} samples with those of relations; an epoch has 4294967294 at most");
            Error::config("relations", reason)
        })?;
        self.typed = Some(typed);
        Ok(self)
    }

    /// Whether samples are of typed relations, too.
    pub fn has_relations(&self) -> bool {
        self.typed.is_some()
    }

    /// Columns of a batch.
    pub(super) fn columns(&self) -> usize {
        match &self.typed {
            Some(typed) => 5 + usize::from(typed.attributes > 0),
            None => 2 + usize::from(self.epochs.pairwise || self.has_list() || self.has_related()),
        }
    }

    /// Pairs of positives and of triples.
    pub(super) fn fill_typed(
        &self,
        typed: &Typed,
        epoch: u32,
        positions: Range<u32>,
        (order, rng): (&Permutation, Rng),
        batch: &mut Batch,
    ) {
        let len = positions.len();
        let mut draws = [0; PART];
        order.fill(positions.start, &mut draws[..len]);
        let interactions = self.positives.len() as u32;
        for &draw in &draws[..len] {
            let index = draw / self.epochs.negatives;
            let triple = index.checked_sub(interactions);
            let positive = match (triple, self.users.is_empty()) {
                (Some(_), _) => draw % interactions, // any
                (None, true) => index,
                (None, false) => self.positive::<true>(epoch, index),
            };
            let user = self.positives.user(positive);
            let (item, negative) = match triple {
                Some(triple) => (typed.tails[triple as usize], typed.negative(rng, draw, triple)),
                None => {
                    let first = scale(rng.at(draw.into())[0], self.positives.items());
                    let taken = self.positives.passes(user, first) && self.positives.contains(user, first);
                    let negative = match taken {
                        true => self.positives.draw_missing(rng, draw, user),
                        false => first,
                    };
                    (self.positives.item(positive), negative)
                }
            };
            let (asks, head, attribute, step) = typed.asks(triple, item, draw);
            push_typed(batch, [user, item, negative, head, attribute, step], asks);
        }
    }
}

impl Typed {
    fn of(relations: &Relations, items: u32) -> Result<Self> {
        let relations = relations.clone().used();
        let (steps, attributes) = relations.typed_counts();
        let count = relations.typed().count();
        let mut triples = Vec::new();
        memory::reserve(&mut triples, count, || format!("{count} triples"))?;
        triples.extend(relations.typed().map(|(head, step, tail)| (step, head, tail)));
        triples.sort_unstable();
        triples.dedup();
        if triples.is_empty() {
            let reason = "none of them is a positive or an attribute (Relations::positives, Relations::attributes)";
            return Err(Error::config("relations", reason));
        }
        let of_head = |head| match head {
            Head::Item(item) => item,
            Head::Attribute(_) => 0,
        };
        let ids = triples.iter().flat_map(|&(_, head, tail)| [of_head(head), tail]);
        if let Some(id) = ids.into_iter().find(|&id| id >= items) {
            return Err(Error::Id {
                column: "related item".into(),
                id: id.into(),
                rows: items.into(),
            });
        }
        let mut typed = Typed {
            groups: Vec::new(),
            tails: Vec::with_capacity(triples.len()),
            group_of: Vec::with_capacity(triples.len()),
            items,
            steps: steps as u32,
            attributes: attributes as u32,
        };
        for group in triples.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
            let (step, head, _) = group[0];
            typed.groups.push((step, head, typed.tails.len() as u32));
            let number = typed.groups.len() as u32 - 1;
            typed.tails.extend(group.iter().map(|triple| triple.2));
            typed.group_of.resize(typed.tails.len(), number);
            if typed.missing(number) == 0 {
                return Err(nothing_else(&relations, head, items));
            }
        }
        Ok(typed)
    }

    /// The items of a group, and the item that is its head.
    fn group(&self, group: u32) -> (&[u32], Option<u32>) {
        let (_, head, start) = self.groups[group as usize];
        let end = self
            .groups
            .get(group as usize + 1)
            .map_or(self.tails.len(), |next| next.2 as usize);
        let head = match head {
            Head::Item(item) => Some(item),
            Head::Attribute(_) => None,
        };
        (&self.tails[start as usize..end], head)
    }

    /// Items that do not belong to a group.
    fn missing(&self, group: u32) -> u32 {
        let (tails, head) = self.group(group);
        let beside = head.is_some_and(|head| tails.binary_search(&head).is_err());
        self.items - tails.len() as u32 - u32::from(beside)
    }

    /// An item that does not belong to the group of a triple.
    fn negative(&self, rng: Rng, draw: u32, triple: u32) -> u32 {
        let group = self.group_of[triple as usize];
        let (tails, head) = self.group(group);
        let is_free = |item: &u32| Some(*item) != head && tails.binary_search(item).is_err();
        for attempt in 0..ATTEMPTS {
            let drawn = rng
                .at(u64::from(draw) | attempt << 32)
                .map(|bits| scale(bits, self.items));
            if let Some(&item) = drawn.iter().find(|item| is_free(item)) {
                return item;
            }
        }
        let mut item = rng.below(u64::from(draw) | ATTEMPTS << 32, self.missing(group));
        // Each that belongs to it and is not above pushes it up by one; the head among them, in its place.
        let before = tails.partition_point(|&tail| head.is_some_and(|head| tail < head));
        let beside = head.filter(|head| tails.get(before) != Some(head));
        let taken = tails[..before].iter().chain(beside.as_ref()).chain(&tails[before..]);
        for &taken in taken {
            item += u32::from(taken <= item);
        }
        item
    }

    /// Who asks in a sample, and the ids of item, attribute and relation, of which those that do not ask are any.
    fn asks(&self, triple: Option<u32>, item: u32, draw: u32) -> (Asks, u32, u32, u32) {
        let attribute = draw.checked_rem(self.attributes).unwrap_or(0);
        let Some(triple) = triple else {
            return (Asks::User, item, attribute, draw % self.steps);
        };
        let (step, head, _) = self.groups[self.group_of[triple as usize] as usize];
        match head {
            Head::Item(head) => (Asks::Item, head, attribute, step),
            Head::Attribute(attribute) => (Asks::Attribute, item, attribute, step),
        }
    }
}

fn nothing_else(relations: &Relations, head: Head, items: u32) -> Error {
    let what = match head {
        Head::Item(item) => format!("the item {:?}", relations.item_ids().key(item).unwrap_or_default()),
        Head::Attribute(attribute) => format!("the attribute {:?}", relations.attribute_key(attribute)),
    };
    let reason = format!("{what} has all of the {items} items by a relation, which so says nothing: leave it out");
    Error::config("relations", reason)
}

/// Adds a pair of a user, an item, a negative, a head, an attribute and a relation, of which those that do not ask have the
/// weight 0. A batch without a column of attributes leaves them out.
pub(crate) fn push_typed(batch: &mut Batch, ids: [u32; 6], asks: Asks) {
    let [user, item, negative, head, _, relation] = ids;
    let has_attributes = batch.columns().len() == 6;
    match has_attributes {
        true => batch.push(&ids, 1.0),
        false => batch.push(&[user, item, negative, head, relation], 1.0),
    }
    let mut weigh = |column: usize, weight: bool| {
        let weights = batch.ids_and_weights_mut(column).1;
        weights.push(f32::from(u8::from(weight)));
    };
    weigh(0, asks == Asks::User);
    weigh(3, asks == Asks::Item);
    if has_attributes {
        weigh(4, asks == Asks::Attribute);
    }
    weigh(4 + usize::from(has_attributes), asks != Asks::User);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of eleven items 1 is the head and 0, 2, 3 and 9 are its tails: the others come, each about as often, and no other.
    #[test]
    fn negatives_are_what_does_not_belong_to_a_head() {
        let typed = Typed {
            groups: alloc::vec![(0, Head::Item(1), 0), (1, Head::Attribute(0), 4)],
            tails: alloc::vec![0, 2, 3, 9, 0, 1, 2, 4, 5, 6, 7, 8, 9, 10],
            group_of: alloc::vec![0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1],
            items: 11,
            steps: 2,
            attributes: 1,
        };
        assert_eq!((typed.missing(0), typed.missing(1)), (6, 1));
        let mut counts = [0; 11];
        (0..6000).for_each(|draw| counts[typed.negative(Rng::new(3), draw, 2) as usize] += 1);
        for (item, &count) in counts.iter().enumerate() {
            let belongs = [0, 1, 2, 3, 9].contains(&item);
            assert!(
                if belongs {
                    count == 0
                } else {
                    (850..1150).contains(&count)
                },
                "{counts:?}"
            );
        }
        // One item is left, which some draws find by its rank alone.
        assert!((0..1000).all(|draw| typed.negative(Rng::new(4), draw, 8) == 3));
    }
}
