//! Sigmoid cross-entropy of a tile's logits with its gradient; the specification is
//! [`ops::sigmoid_cross_entropy`].
//!
//! With z = e^-|x|, which never overflows: loss = max(x, 0) - x y + ln(1 + z), and sigmoid(x) is 1 / (1 + z) for
//! positive x and z / (1 + z) otherwise. Logits lie one a row, so they are brought together in vectors first.
//!
//! A gradient below 2^-64 becomes 0: what layers and optimiser make of smaller ones are subnormal numbers, which some
//! processors are slow at; see [`adam`](super::adam).

use super::{
    math::{exp_nonpositive, ln_1p_unit, sigmoid_of},
    rows::{Rows, RowsMut},
    simd::{InPieces, Simd, kernel},
    tile::{Memory, Operands, StageGradients, Targets, TileOp},
};
use crate::ops;

/// 2^-40: gradients are multiples of 2^-63.
const GRADIENT_FLOOR: f32 = f32::from_bits((127 - 40) << 23);

/// Rows gathered at a time: at least a vector of any instruction set.
pub(super) const CHUNK: usize = 16;

kernel! {
    /// Writes `(sigmoid(logit) - label) * scale` and returns the sum of the losses, unscaled.
    ///
    /// # Panics
    /// Where `logits` or `gradients` have fewer rows than there are labels.
    pub fn forward_backward<'a, S: Simd>(
        s: S,
        logits: Rows<'a>,
        labels: &'a [f32],
        scale: f32,
        gradients: RowsMut<'a>,
    ) -> f64 {
        pass(s, logits, labels, None, scale, gradients)
    }
}

kernel! {
    /// [`forward_backward`] of samples with weights: writes `(sigmoid(logit) - label) * scale * weight` and returns the sum
    /// of the losses times their weights, unscaled. Weights all 1 give the bits of none.
    ///
    /// # Panics
    /// As [`forward_backward`], and where there is not a weight a label.
    pub fn forward_backward_weighted<'a, S: Simd>(
        s: S,
        logits: Rows<'a>,
        labels: &'a [f32],
        weights: &'a [f32],
        scale: f32,
        gradients: RowsMut<'a>,
    ) -> f64 {
        assert_eq!(weights.len(), labels.len());
        pass(s, logits, labels, Some(weights), scale, gradients)
    }
}

/// Both, by whether there are weights, which is known where this is inlined.
#[inline(always)]
fn pass<S: Simd>(
    s: S,
    logits: Rows<'_>,
    labels: &[f32],
    weights: Option<&[f32]>,
    scale: f32,
    mut gradients: RowsMut<'_>,
) -> f64 {
    let mut total = 0.0;
    for (chunk, labels) in labels.pieces(CHUNK).enumerate() {
        let first = chunk * CHUNK;
        let (mut x, mut y) = ([0.0; CHUNK], [0.0; CHUNK]);
        for r in 0..labels.len() {
            (x[r], y[r]) = (logits.row(first + r)[0], labels[r]);
        }
        let mut losses = [0.0; CHUNK];
        let mut lane = 0;
        while lane < CHUNK {
            let (loss, gradient) = lanes(s, s.load(&x[lane..]), s.load(&y[lane..]));
            s.store(loss, &mut losses[lane..]);
            s.store(s.mul(gradient, s.splat(scale)), &mut x[lane..]);
            lane += S::LANES;
        }
        for r in 0..labels.len() {
            let (mut gradient, mut loss) = (x[r], f64::from(losses[r]));
            if let Some(weights) = weights {
                let weight = weights[first + r];
                (gradient, loss) = (gradient * weight, loss * f64::from(weight));
            }
            gradients.row(first + r)[0] = gradient;
            total += loss;
        }
    }
    total
}

/// Loss and gradient by vectors.
#[inline(always)]
pub(super) fn lanes<S: Simd>(s: S, x: S::F32, y: S::F32) -> (S::F32, S::F32) {
    let zero = s.splat(0.0);
    let negative = s.sub(zero, x);
    // Not max(x, -x): a NaN must stay one.
    let nonpositive = s.select_gt(x, zero, negative, x);
    let z = exp_nonpositive(s, nonpositive);
    let sigmoid = sigmoid_of(s, x, z);
    let positive_part = s.max(zero, x);
    let loss = s.add(s.sub(positive_part, s.mul(x, y)), ln_1p_unit(s, z));
    let floor = s.splat(GRADIENT_FLOOR);
    (loss, s.sub(s.add(s.sub(sigmoid, y), floor), floor))
}

impl TileOp for ops::SigmoidCrossEntropy {
    type Workspace = ();

    fn forward<S: Simd>(&self, _: S, _: &Operands<'_>, _: Memory<'_, ()>, _: RowsMut<'_>) {
        // A loss writes nothing: the backward pass computes it.
    }

    fn backward<S: Simd>(&self, s: S, on: &Operands<'_>, _: Memory<'_, ()>, d: &mut StageGradients<'_, '_>) {
        let Targets {
            labels, weights, scale, ..
        } = d.targets;
        let (logits, dx) = (on.activation(self.logit), d.inputs.of(self.logit));
        // The tile's share of a mean over the batch's samples.
        *d.loss += match weights.is_empty() {
            true => forward_backward(s, logits, labels, scale, dx),
            false => forward_backward_weighted(s, logits, labels, weights, scale, dx),
        };
    }
}
