//! BPR of a tile's logits with their gradients; the specification is [`ops::bpr`].
//!
//! The difference of the logits goes through the vectors of [`sigmoid_cross_entropy`](super::sigmoid_cross_entropy) with the
//! label 1: the same bits as that loss has on a logit which is the difference.

use super::{
    rows::{Rows, RowsMut},
    sigmoid_cross_entropy::{CHUNK, lanes},
    simd::{InPieces, Simd, kernel},
    tile::{Memory, Operands, StageGradients, Targets, TileOp},
};
use crate::ops;

kernel! {
    /// Writes `(sigmoid(item - negative) - 1) * scale`, times the sample's weight where there are `weights`, to the gradient of
    /// each item's logit, whose opposite is that of the negative's; returns the sum of the losses of `rows` samples, unscaled.
    ///
    /// # Panics
    /// Where an operand has fewer than `rows` rows, or there are weights but fewer.
    pub fn forward_backward<'a, S: Simd>(
        s: S,
        rows: usize,
        logits: [Rows<'a>; 2],
        weights: &'a [f32],
        scale: f32,
        d_items: RowsMut<'a>,
    ) -> f64 {
        assert!(weights.is_empty() || weights.len() >= rows);
        let [items, negatives] = logits;
        let mut d_items = d_items;
        let mut total = 0.0;
        for first in (0..rows).step_by(CHUNK) {
            let count = CHUNK.min(rows - first);
            let mut x = [0.0; CHUNK];
            for (r, x) in x[..count].iter_mut().enumerate() {
                *x = items.row(first + r)[0] - negatives.row(first + r)[0];
            }
            let mut losses = [0.0; CHUNK];
            let mut lane = 0;
            while lane < CHUNK {
                let (loss, gradient) = lanes(s, s.load(x.part(lane, S::LANES)), s.splat(1.0));
                s.store(loss, losses.part_mut(lane, S::LANES));
                s.store(s.mul(gradient, s.splat(scale)), x.part_mut(lane, S::LANES));
                lane += S::LANES;
            }
            for r in 0..count {
                let weight = weights.get(first + r).copied().unwrap_or(1.0);
                d_items.row(first + r)[0] = x[r] * weight;
                total += f64::from(losses[r]) * f64::from(weight);
            }
        }
        total
    }
}

impl TileOp for ops::Bpr {
    type Workspace = ();

    fn forward<S: Simd>(&self, _: S, _: &Operands<'_>, _: Memory<'_, ()>, _: RowsMut<'_>) {
        // A loss writes nothing: the backward pass computes it.
    }

    fn backward<S: Simd>(&self, s: S, on: &Operands<'_>, _: Memory<'_, ()>, d: &mut StageGradients<'_, '_>) {
        let Targets { weights, scale, .. } = d.targets;
        let ([item, negative], logits) = (self.logits, self.logits.map(|view| on.activation(view)));
        // The tile's share of a mean over the batch's samples.
        *d.loss += forward_backward(s, on.rows, logits, weights, scale, d.inputs.of(item));
        for r in 0..on.rows {
            let gradient = d.inputs.of(item).row(r)[0];
            d.inputs.of(negative).row(r)[0] = -gradient;
        }
    }
}
