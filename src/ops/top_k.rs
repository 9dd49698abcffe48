//! Top-K: the best items of a catalogue.
//!
//! With `scores` `[items]`, the items in descending order of score, of which the first `k` are taken. Of equal scores the
//! lower item is first; -0 equals 0. NaN has no place in an order: scores must not be NaN.

use alloc::vec::Vec;

/// `(item, score)` of the `k` best that are not in `left_out`, best first.
///
/// ```
/// use pocketrec::ops::top_k;
/// let best = top_k::select(&[0.5, 2.0, 0.5, 1.0], &[1], 2);
/// assert_eq!(best, [(3, 1.0), (0, 0.5)]);
/// ```
pub fn select(scores: &[f64], left_out: &[u32], k: usize) -> Vec<(u32, f64)> {
    let scored = (0..).zip(scores.iter().copied());
    let mut best: Vec<(u32, f64)> = scored.filter(|(item, _)| !left_out.contains(item)).collect();
    best.sort_by(|a, b| b.1.partial_cmp(&a.1).expect("no score is NaN")); // stable: lower items stay first
    best.truncate(k);
    best
}
