//! What tells one classical model from another: how it scores items for a history.

use alloc::vec::Vec;

#[cfg(feature = "checkpoint")]
use crate::checkpoint::Stored;
use crate::{Result, cpu::Workers, eval::TopK, explain::Explanation};

/// What only the types of this folder have: they can be made ready and, with `std`, stored.
#[cfg(feature = "checkpoint")]
pub trait Sealed: Prepare + Stored {}
#[cfg(feature = "checkpoint")]
impl<M: Prepare + Stored> Sealed for M {}

/// What only the types of this folder have.
#[cfg(not(feature = "checkpoint"))]
pub trait Sealed: Prepare {}
#[cfg(not(feature = "checkpoint"))]
impl<M: Prepare> Sealed for M {}

/// What follows from what was learnt, and is not stored.
pub trait Prepare {
    /// Makes ready to score, once what was learnt has changed.
    ///
    /// # Errors
    /// [`Error::Memory`](crate::Error::Memory).
    fn prepare(&mut self, _workers: &mut Workers) -> Result<()> {
        Ok(())
    }
}

/// How a model scores items for a history: [`Walks`](super::Walks) or [`Factors`](super::Factors). [`Classical`](super::Classical) makes a recommender of it, and sees that every item it
/// is asked about is one of [`items`](Method::items), and histories ascend without repetitions.
pub trait Method: Sealed + Send + Sync {
    /// Its name, as in files: `rp3beta`.
    const NAME: &'static str;

    /// Number of items.
    fn items(&self) -> usize;

    /// The scores of all items for each of some histories: `scores` is `[histories, items]`. A score of 0 says that nothing speaks
    /// for an item: it is not recommended. `work` is memory that is kept between calls.
    fn score_all(&self, histories: &[&[u32]], scores: &mut [f32], work: &mut Vec<f64>);

    /// The scores of some items for a history: the same bits as [`score_all`](Method::score_all) has.
    fn score(&self, history: &[u32], items: &[u32]) -> Vec<f32>;

    /// What each item of the history gives to the score of `item`.
    fn explain(&self, history: &[u32], item: u32) -> Explanation;

    /// Offers the items that are like `item`, which is not one of them.
    fn similar(&self, item: u32, top: &mut TopK);
}
