//! What made-up data is drawn with.

use pocketrec::rng::Rng;

/// Draws items without replacement with probabilities proportional to the exponentials of their scores, in the order of drawing:
/// the largest of score + Gumbel noise (Yellott, 1977).
pub fn drawn(scores: impl Iterator<Item = (u32, f32)>, rng: Rng) -> Vec<u32> {
    let keyed = scores.map(|(item, score)| {
        let uniform = rng.uniform(item.into()).max(f32::MIN_POSITIVE);
        (score - (-uniform.ln()).ln(), item)
    });
    let mut keyed: Vec<(f32, u32)> = keyed.collect();
    keyed.sort_by(|a, b| b.0.total_cmp(&a.0));
    keyed.into_iter().map(|keyed| keyed.1).collect()
}
