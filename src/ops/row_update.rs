//! Row update: the gradient of a table, kept for the rows that a batch picks.
//!
//! A batch of `rows` samples picks table rows by `ids` `[rows]`, many of them more than once. With the gradient of
//! the picked rows `row_gradients` `[rows, width]`, the gradient of table row `r` is the segment sum
//! `sum over { s : ids[s] == r } of row_gradients[s, ..]`. All other rows have gradient zero, so the gradient is
//! returned as a map from picked rows to their sums: what sparse training of embeddings updates (Abadi et al.,
//! *TensorFlow*, OSDI 2016, section 4.2; `torch.nn.Embedding(sparse=True)`, coalesced).
//!
//! Samples are added in ascending order of `s`, first to last. Executors may add in another fixed order.

use alloc::{collections::BTreeMap, vec, vec::Vec};

/// The segment sums, `[width]` each, by table row in ascending order.
///
/// ```
/// use pocketrec::ops::row_update;
/// let sums = row_update::sum_by_id(&[7, 3, 7], &[1.0, 2.0, 10.0, 20.0, 100.0, 200.0], 2);
/// assert_eq!(sums.into_iter().collect::<Vec<_>>(), [(3, vec![10.0, 20.0]), (7, vec![101.0, 202.0])]);
/// ```
pub fn sum_by_id(ids: &[u32], row_gradients: &[f64], width: usize) -> BTreeMap<u32, Vec<f64>> {
    let mut sums = BTreeMap::new();
    for (s, &id) in ids.iter().enumerate() {
        let sum = sums.entry(id).or_insert_with(|| vec![0.0; width]);
        for (i, sum) in sum.iter_mut().enumerate() {
            *sum += row_gradients[s * width + i];
        }
    }
    sums
}

/// How many samples pick each row, by table row in ascending order; rows that none picks are left out.
///
/// ```
/// use pocketrec::ops::row_update;
/// assert_eq!(row_update::counts(&[7, 3, 7]).into_iter().collect::<Vec<_>>(), [(3, 1), (7, 2)]);
/// ```
pub fn counts(ids: &[u32]) -> BTreeMap<u32, usize> {
    let mut counts = BTreeMap::new();
    for &id in ids {
        *counts.entry(id).or_insert(0) += 1;
    }
    counts
}
