//! Pairs of related items that are positives as the interactions are.

use alloc::{format, vec::Vec};
use core::ops::Range;

use super::{Sampler, part::PART};
use crate::{Error, Result, data::Batch, rng::Permutation};

impl Sampler {
    /// The same sampler of [positives](Sampler::of_positives) that draws pairs (head, tail) of `items` items, too, each once an
    /// epoch, all in one shuffled order; draws behind those of the interactions belong to the pairs in their order.
    ///
    /// Column 0 holds users, column 1 items, and column 2 heads. Those of the first and the last have weights, of which one
    /// is 1 and the other 0: of an interaction that of the head, which is the item itself then, and of a pair that of the
    /// user, who is any. It is what plans with a [`head`](crate::plan::PlanBuilder::head) learn from.
    ///
    /// ```
    /// use pocketrec::data::{Batch, Interactions, Sampler};
    /// let train = Interactions::from_pairs(&[(0, 0), (1, 1)])?;
    /// let mut batch = Batch::default();
    /// Sampler::of_positives(&train, false, 42)?.with_related(vec![(1, 0)], 2)?.fill(0, 0, 100, &mut batch);
    /// let at = batch.column(2).weights.iter().position(|&weight| weight == 1.0).unwrap();
    /// assert_eq!((batch.len(), batch.column(2).ids[at], batch.column(1).ids[at]), (3, 1, 0));
    /// assert_eq!(batch.column(0).weights.iter().sum::<f32>(), 2.0);
    /// # Ok::<(), pocketrec::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Id`] where a pair has an item that there is none of, [`Error::Config`] where the sampler is another, there are
    /// no pairs, or an epoch would have more than 2^32 - 2 samples; [`Error::Memory`].
    pub fn with_related(mut self, pairs: Vec<(u32, u32)>, items: u32) -> Result<Self> {
        if self.epochs.negatives > 0 || self.has_list() || self.has_related() {
            let reason = "the sampler draws something else beside positives; begin with Sampler::of_positives";
            return Err(Error::config("related", reason));
        }
        if pairs.is_empty() {
            return Err(Error::config("related", "there are no pairs of related items"));
        }
        if let Some(id) = pairs
            .iter()
            .flat_map(|&(head, tail)| [head, tail])
            .find(|&id| id >= items)
        {
            return Err(Error::Id {
                column: "related item".into(),
                id: id.into(),
                rows: items.into(),
            });
        }
        let total = self.epochs.samples as usize + pairs.len();
        self.epochs.samples = u32::try_from(total)
            .ok()
            .filter(|&total| total < u32::MAX)
            .ok_or_else(|| {
                let reason = format!("{total} positives with the related items; an epoch has 4294967294 at most");
                Error::config("related", reason)
            })?;
        self.related = pairs;
        if self.has_log_q() {
            self.log_q = self.shares()?;
        }
        Ok(self)
    }

    /// Whether samples are of related items, too.
    pub fn has_related(&self) -> bool {
        !self.related.is_empty()
    }

    /// Positives and pairs of related items.
    pub(super) fn fill_related(&self, epoch: u32, positions: Range<u32>, order: &Permutation, batch: &mut Batch) {
        let len = positions.len();
        let mut draws = [0; PART];
        order.fill(positions.start, &mut draws[..len]);
        let interactions = self.positives.len() as u32;
        for &draw in &draws[..len] {
            let pair = draw.checked_sub(interactions).map(|at| self.related[at as usize]);
            let positive = match (pair.is_some(), self.users.is_empty()) {
                (true, _) => draw % interactions, // any
                (_, true) => draw,
                (_, false) => self.positive::<true>(epoch, draw),
            };
            let user = self.positives.user(positive);
            match pair {
                Some((head, tail)) => push_related(batch, [user, tail, head], true),
                None => {
                    let item = self.positives.item(positive);
                    push_related(batch, [user, item, item], false);
                }
            }
        }
    }
}

/// Adds a positive of a user, an item and a head: of the head, where they are related items, else of the user; the other has
/// the weight 0.
pub(crate) fn push_related(batch: &mut Batch, ids: [u32; 3], of_head: bool) {
    batch.push(&ids, 1.0);
    let of_head = f32::from(u8::from(of_head));
    for (column, weight) in [(0, 1.0 - of_head), (2, of_head)] {
        batch.ids_and_weights_mut(column).1.push(weight);
    }
}
