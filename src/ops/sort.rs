//! Sort: a batch's samples in the order of their ids, and the segments of equal ids.
//!
//! With `ids` `[rows]`, `order` is the permutation of `0..rows` that sorts them, in which samples of one id keep their
//! order: `ids[order[i]] <= ids[order[i + 1]]`, and where they are equal `order[i] < order[i + 1]`. A segment is a run of
//! one id in it. [`row_update`](super::row_update) adds a segment's gradients in this order, so that one writer a row is
//! enough and the bits are the same every run.

use alloc::vec::Vec;

/// `[rows]`: positions in `ids`, stably sorted by id.
///
/// ```
/// use pocketrec::ops::sort;
/// assert_eq!(sort::order(&[5, 2, 5, 0]), [3, 1, 0, 2]);
/// ```
pub fn order(ids: &[u32]) -> Vec<u32> {
    let mut order: Vec<u32> = (0..ids.len() as u32).collect();
    order.sort_by_key(|&position| ids[position as usize]);
    order
}

/// `(id, start)` of each run of equal ids in `order`, which must be that of [`order`].
///
/// ```
/// use pocketrec::ops::sort;
/// let ids = [5, 2, 5, 0];
/// assert_eq!(sort::segments(&ids, &sort::order(&ids)), [(0, 0), (2, 1), (5, 2)]);
/// ```
pub fn segments(ids: &[u32], order: &[u32]) -> Vec<(u32, u32)> {
    let mut segments: Vec<(u32, u32)> = Vec::new();
    for (start, &position) in (0..).zip(order) {
        let id = ids[position as usize];
        if segments.last().is_none_or(|last| last.0 != id) {
            segments.push((id, start));
        }
    }
    segments
}
