//! What losses of pairs of logits have in common on a tile.

use super::{
    rows::{Rows, RowsMut},
    tile::{Operands, StageGradients},
};
use crate::plan::View;

/// Samples whose negatives' gradients lie on the stack.
const CHUNK: usize = 64;

/// Adds up a loss of an item's logit and its negative's, `[item, negative]`, some samples at a time: of so many rows with their
/// logits and weights, the loss writes the gradients of the items' logits to a view, those of the negatives' to a slice. The
/// two may lie in one buffer.
pub(super) fn in_chunks(
    [item, negative]: [View; 2],
    on: &Operands<'_>,
    d: &mut StageGradients<'_, '_>,
    mut loss: impl FnMut(usize, [Rows<'_>; 2], &[f32], RowsMut<'_>, &mut [f32]) -> f64,
) {
    let (logits, weights) = ([item, negative].map(|view| on.activation(view)), d.targets.weights);
    let mut d_negatives = [0.0; CHUNK];
    for first in (0..on.rows).step_by(CHUNK) {
        let rows = CHUNK.min(on.rows - first);
        let logits = logits.map(|rows| rows.from_row(first));
        let weights = weights.get(first..).unwrap_or_default();
        let d_items = d.inputs.of(item);
        let d_items = RowsMut {
            data: &mut d_items.data[first * d_items.stride..],
            ..d_items
        };
        *d.loss += loss(rows, logits, weights, d_items, &mut d_negatives);
        for (r, &gradient) in d_negatives[..rows].iter().enumerate() {
            d.inputs.of(negative).row(first + r)[0] = gradient;
        }
    }
}
