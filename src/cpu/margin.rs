//! The loss of a tile's pairs up to a margin, with their gradients; the specification is [`ops::margin`].

use super::{
    rows::{Rows, RowsMut},
    simd::{Simd, kernel},
    tile::{Memory, Operands, StageGradients, Targets, TileOp},
};
use crate::ops;

/// Samples whose negatives' gradients lie on the stack.
const CHUNK: usize = 64;

kernel! {
    /// Writes `-scale` to the gradient of each item's logit, times the sample's weight where there are `weights`, and the
    /// opposite to its negative's, where the two are less than `margin` apart, else 0; returns the sum of the losses of `rows`
    /// samples, unscaled.
    ///
    /// # Panics
    /// Where an operand has fewer than `rows` rows, or there are weights but fewer.
    pub fn forward_backward<'a, S: Simd>(
        s: S,
        rows: usize,
        logits: [Rows<'a>; 2],
        margin: f32,
        weights: &'a [f32],
        scale: f32,
        d_items: RowsMut<'a>,
        d_negatives: &'a mut [f32],
    ) -> f64 {
        let _ = s; // two numbers a sample: nothing for vectors
        assert!(weights.is_empty() || weights.len() >= rows);
        let [items, negatives] = logits;
        let (mut d_items, mut total) = (d_items, 0.0);
        for (r, d_negative) in d_negatives[..rows].iter_mut().enumerate() {
            let apart = items.row(r)[0] - negatives.row(r)[0];
            let (short, weight) = (margin - apart, weights.get(r).copied().unwrap_or(1.0));
            let gradient = if short > 0.0 { scale * weight } else { 0.0 };
            (d_items.row(r)[0], *d_negative) = (-gradient, gradient);
            // In this order a NaN stays one.
            total += f64::from(if short <= 0.0 { 0.0 } else { short }) * f64::from(weight);
        }
        total
    }
}

impl TileOp for ops::Margin {
    type Workspace = ();

    fn forward<S: Simd>(&self, _: S, _: &Operands<'_>, _: Memory<'_, ()>, _: RowsMut<'_>) {
        // A loss writes nothing: the backward pass computes it.
    }

    fn backward<S: Simd>(&self, s: S, on: &Operands<'_>, _: Memory<'_, ()>, d: &mut StageGradients<'_, '_>) {
        let Targets { weights, scale, .. } = d.targets;
        let ([item, negative], logits) = (self.logits, self.logits.map(|view| on.activation(view)));
        // The two gradients may lie in one buffer.
        let mut d_negatives = [0.0; CHUNK];
        for first in (0..on.rows).step_by(CHUNK) {
            let rows = CHUNK.min(on.rows - first);
            let (logits, weights) = (
                logits.map(|rows| rows.from_row(first)),
                weights.get(first..).unwrap_or_default(),
            );
            let d_items = d.inputs.of(item);
            let d_items = RowsMut {
                data: &mut d_items.data[first * d_items.stride..],
                ..d_items
            };
            *d.loss += forward_backward(s, rows, logits, self.margin, weights, scale, d_items, &mut d_negatives);
            for (r, &gradient) in d_negatives[..rows].iter().enumerate() {
                d.inputs.of(negative).row(first + r)[0] = gradient;
            }
        }
    }
}
