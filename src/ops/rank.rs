//! Rank: where an item stands among the others by its score.
//!
//! With `scores` `[items]`, the number of items that score better than the target, and of others that score the same:
//! its rank is `better` counted from 0, plus any of `0..=ties` (`eval::Rank`, which gives each equal weight). Scores must
//! not be NaN.

/// `(better, ties)` of item `target` among the items that are not in `left_out`; the target itself counts as neither.
///
/// ```
/// use pocketrec::ops::rank;
/// assert_eq!(rank::count(&[0.5, 2.0, 0.5, 1.0], 2, &[3]), (1, 1));
/// ```
pub fn count(scores: &[f64], target: u32, left_out: &[u32]) -> (u64, u64) {
    let (mut better, mut ties) = (0, 0);
    for (item, &score) in (0..).zip(scores) {
        if item != target && !left_out.contains(&item) {
            better += u64::from(score > scores[target as usize]);
            ties += u64::from(score == scores[target as usize]);
        }
    }
    (better, ties)
}
