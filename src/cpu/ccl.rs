//! The cosine contrastive loss of a tile's pairs with their gradients; the specification is [`ops::ccl`].

use super::{
    pair_loss,
    rows::{Rows, RowsMut},
    simd::{Simd, kernel},
    tile::{Memory, Operands, StageGradients, TileOp},
};
use crate::ops;

kernel! {
    /// Writes `-scale` to the gradient of each item's cosine and `factor * scale` to that of its negative's where this is above
    /// `margin`, else 0, both times the sample's weight where there are `weights`; returns the sum of the losses of `rows`
    /// samples, unscaled.
    ///
    /// # Panics
    /// Where an operand has fewer than `rows` rows, or there are weights but fewer.
    pub fn forward_backward<'a, S: Simd>(
        s: S,
        rows: usize,
        logits: [Rows<'a>; 2],
        margin: f32,
        factor: f32,
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
            let (x, y, weight) = (items.row(r)[0], negatives.row(r)[0], weights.get(r).copied().unwrap_or(1.0));
            let above = y - margin;
            let of_negative = if above > 0.0 { factor * (scale * weight) } else { 0.0 };
            (d_items.row(r)[0], *d_negative) = (-(scale * weight), of_negative);
            // In this order a NaN stays one.
            let loss = (1.0 - x) + factor * if above <= 0.0 { 0.0 } else { above };
            total += f64::from(loss) * f64::from(weight);
        }
        total
    }
}

impl TileOp for ops::Ccl {
    type Workspace = ();

    fn forward<S: Simd>(&self, _: S, _: &Operands<'_>, _: Memory<'_, ()>, _: RowsMut<'_>) {
        // A loss writes nothing: the backward pass computes it.
    }

    fn backward<S: Simd>(&self, s: S, on: &Operands<'_>, _: Memory<'_, ()>, d: &mut StageGradients<'_, '_>) {
        let scale = d.targets.scale;
        pair_loss::in_chunks(self.logits, on, d, |rows, logits, weights, d_items, d_negatives| {
            forward_backward(
                s,
                rows,
                logits,
                self.margin,
                self.weight,
                weights,
                scale,
                d_items,
                d_negatives,
            )
        });
    }
}
