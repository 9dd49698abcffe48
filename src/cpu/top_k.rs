//! Top-K: the best items of users by the product of their factors, for models that are two dense matrices.
//!
//! With `users` `[users, width]` and `items` `[items, width]`, the score of a user and an item is the dot product of their
//! rows; the order and what is left out are those of [`ops::top_k`](crate::ops::top_k). A score is added up in the order of
//! the columns, fused where the processor can. The search is the executor's own: blocks of users by blocks of items, and a
//! running threshold a user (`cpu/catalogue/search.rs`).

use alloc::{format, vec::Vec};
use core::ops::Range;

#[cfg(not(feature = "parallel"))]
use super::serial::Pool;
#[cfg(feature = "parallel")]
use super::threads::Pool;
use super::{
    Isa,
    catalogue::{ItemPanels, Scorer, top},
    simd::{Proof, Simd, dispatch},
};
use crate::{
    Error, Result,
    executor::{Best, Query},
};

/// Items' factors, packed once for any number of searches.
///
/// ```
/// use pocketrec::{cpu::{Isa, top_k::FactorSearch}, eval::Query};
/// let items = [1.0, 0.0, 0.0, 1.0, 0.5, 0.5]; // three items, two factors each
/// let users = [2.0, 1.0, 0.0, 3.0];
/// let mut search = FactorSearch::new(Isa::detect()?, 1, &items, 2)?;
/// let best = search.top(&users, &[Query { user: 1, known: &[1] }, Query { user: 0, known: &[] }], 2)?;
/// assert_eq!(best, [vec![(2, 1.5), (0, 0.0)], vec![(0, 2.0), (2, 1.5)]]);
/// # Ok::<(), pocketrec::Error>(())
/// ```
pub struct FactorSearch {
    panels: ItemPanels,
    proof: Proof,
    pool: Pool,
}

impl core::fmt::Debug for FactorSearch {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("FactorSearch")
            .field("items", &self.panels.items())
            .field("width", &self.panels.depth())
            .field("threads", &self.pool.threads())
            .finish_non_exhaustive()
    }
}

impl FactorSearch {
    /// Packs the factors of the items, `[items, width]`, row by row.
    ///
    /// # Errors
    /// [`Error::Device`] where the processor lacks the instruction set, or threads cannot be had; [`Error::Length`] where
    /// the factors are no whole rows, [`Error::Config`] where rows have no factor or there are more items than ids, and
    /// [`Error::Memory`] where there is not enough.
    pub fn new(isa: Isa, threads: usize, items: &[f32], width: usize) -> Result<Self> {
        let proof = Proof::new(isa)?;
        if threads == 0 || (threads > 1 && cfg!(not(feature = "parallel"))) {
            let reason = "threads: at least 1; more than 1 need the feature `parallel`";
            return Err(Error::Device(reason.into()));
        }
        let count = rows("factors of items", items, width)?;
        if u32::try_from(count).is_err() {
            let reason = format!("{count} are more than there are ids, of which there are {}", u32::MAX);
            return Err(Error::config("items", reason));
        }
        let row = |item: usize, to: &mut [f32]| to.copy_from_slice(&items[item * width..][..width]);
        let panels = dispatch!(proof, s => ItemPanels::new(s, count, width, row))?;
        let pool = Pool::new(threads).map_err(|e| Error::Device(format!("cannot start {threads} threads: {e}")))?;
        Ok(FactorSearch { panels, proof, pool })
    }

    /// Number of items.
    pub fn items(&self) -> usize {
        self.panels.items()
    }

    /// The `k` best items of each query's user without its known ones, best first, with their scores; of equal ones the
    /// lower item is first. `users` are the factors of all users, `[users, width]`, of which a query names a row. The same
    /// bits on any number of threads.
    ///
    /// # Errors
    /// [`Error::Length`] where the factors are no whole rows, [`Error::Id`] where a query's user has none, and
    /// [`Error::Config`] where known items are not in ascending order or a score is NaN.
    pub fn top(&mut self, users: &[f32], queries: &[Query<'_>], k: usize) -> Result<Vec<Best>> {
        let FactorSearch { panels, proof, pool } = self;
        let width = panels.depth();
        let count = rows("factors of users", users, width)?;
        for query in queries {
            query.check_known()?;
            if query.user as usize >= count {
                return Err(Error::Id {
                    column: "user".into(),
                    id: query.user.into(),
                    rows: count as u64,
                });
            }
        }
        let panels = &*panels;
        dispatch!(*proof, s => top(s, pool, queries, (panels.items(), k), |queries| {
            let row = |query: &Query<'_>| &users[query.user as usize * width..][..width];
            Factors {
                s,
                panels,
                users: queries.iter().flat_map(row).copied().collect(),
            }
        }))
    }
}

/// The number of rows that `floats` are.
fn rows(what: &str, floats: &[f32], width: usize) -> Result<usize> {
    if width == 0 {
        return Err(Error::config("width", "rows have no factor; give 1 or more"));
    }
    match floats.len() % width {
        0 => Ok(floats.len() / width),
        _ => Err(Error::Length {
            what: format!("{what}, rows of {width}"),
            expected: floats.len().next_multiple_of(width),
            got: floats.len(),
        }),
    }
}

/// The rows of some users.
struct Factors<'a, S> {
    s: S,
    panels: &'a ItemPanels,
    users: Vec<f32>,
}

impl<S: Simd> Scorer for Factors<'_, S> {
    fn score(&mut self, users: Range<usize>, items: Range<usize>, out: &mut [f32]) {
        let width = self.panels.depth();
        let users = &self.users[users.start * width..users.end * width];
        self.panels.product(self.s, users, items, out);
    }
}
