//! The auxiliary loss of a tile's histories with its gradient; the specification is
//! [`ops::auxiliary`], whose `step_loss` takes logits along all steps as this does.

use super::{
    accumulate::deliver_float,
    rows::{Rows, RowsMut, steps},
    sigmoid_cross_entropy::{CHUNK, lanes},
    simd::{InPieces, Simd, kernel},
    tile::{Memory, Operands, StageGradients, TileOp},
};
use crate::{ops, plan::Accumulate};

kernel! {
    /// The cross-entropy of one of the two kinds of logits: `label` is 1 of the clicked and 0 of the negative. Writes,
    /// or adds, `(sigmoid(logit) - label) * scale` at each step that has one behind it and 0 at the others, and returns
    /// the sum of the losses, unscaled. `offsets` `[samples + 1]` are those of the batch; row 0 is step `offsets[0]`.
    ///
    /// # Panics
    /// Where an operand has fewer rows than the offsets say, or these descend.
    pub fn forward_backward<'a, S: Simd>(
        s: S,
        offsets: &'a [u32],
        logits: Rows<'a>,
        label: f32,
        scale: f32,
        gradients: RowsMut<'a>,
        accumulate: Accumulate,
    ) -> f64 {
        pass(s, offsets, logits, label, (scale, None), gradients, accumulate)
    }
}

kernel! {
    /// [`forward_backward`] of samples with weights `[samples]`, which gradients and losses are multiplied by.
    ///
    /// # Panics
    /// As [`forward_backward`], and where there is not a weight a sample.
    pub fn forward_backward_weighted<'a, S: Simd>(
        s: S,
        offsets: &'a [u32],
        logits: Rows<'a>,
        label: f32,
        weights: &'a [f32],
        scale: f32,
        gradients: RowsMut<'a>,
        accumulate: Accumulate,
    ) -> f64 {
        assert_eq!(weights.len(), offsets.len().saturating_sub(1));
        pass(s, offsets, logits, label, (scale, Some(weights)), gradients, accumulate)
    }
}

/// Both, by whether there are weights, which is known where this is inlined.
#[inline(always)]
fn pass<S: Simd>(
    s: S,
    offsets: &[u32],
    logits: Rows<'_>,
    label: f32,
    (scale, weights): (f32, Option<&[f32]>),
    mut gradients: RowsMut<'_>,
    accumulate: Accumulate,
) -> f64 {
    let mut total = 0.0;
    for (sample, (mut first, end)) in steps(offsets).enumerate() {
        if first == end {
            continue;
        }
        let last = end - 1;
        if accumulate == Accumulate::Overwrite {
            gradients.row(last)[0] = 0.0;
        }
        let weight = weights.map(|weights| weights[sample]);
        let scale = weight.map_or(scale, |weight| scale * weight);
        while first < last {
            let rows = first..last.min(first + CHUNK);
            let (mut x, mut losses) = ([0.0; CHUNK], [0.0; CHUNK]);
            for (x, r) in x.iter_mut().zip(rows.clone()) {
                *x = logits.row(r)[0];
            }
            for (x, losses) in x.whole_pieces_mut(S::LANES).zip(losses.whole_pieces_mut(S::LANES)) {
                let (loss, gradient) = lanes(s, s.load(x), s.splat(label));
                s.store(loss, losses);
                s.store(s.mul(gradient, s.splat(scale)), x);
            }
            for (r, (x, loss)) in rows.clone().zip(x.into_iter().zip(losses)) {
                deliver_float(x, &mut gradients.row(r)[0], accumulate);
                let loss = f64::from(loss);
                total += weight.map_or(loss, |weight| loss * f64::from(weight));
            }
            first = rows.end;
        }
    }
    total
}

impl TileOp for ops::Auxiliary {
    type Workspace = ();

    fn forward<S: Simd>(&self, _: S, _: &Operands<'_>, _: Memory<'_, ()>, _: RowsMut<'_>) {
        // A loss writes nothing: the backward pass computes it.
    }

    fn backward<S: Simd>(&self, s: S, on: &Operands<'_>, _: Memory<'_, ()>, d: &mut StageGradients<'_, '_>) {
        let space = on.network.plan.space(self.logits[0].buffer);
        let (offsets, of_samples) = (on.offsets(self.logits[0]), d.targets.weights);
        let scale = d.targets.pair_scales[space.index() - 1];
        for ((&view, &accumulate), label) in self.logits.iter().zip(d.accumulate).zip([1.0, 0.0]) {
            let (x, dx, scaled) = (on.activation(view), d.inputs.of(view), self.weight * scale);
            let sum = match of_samples.is_empty() {
                true => forward_backward(s, offsets, x, label, scaled, dx, accumulate),
                false => forward_backward_weighted(s, offsets, x, label, of_samples, scaled, dx, accumulate),
            };
            // The tile's share of a mean over the batch's pairs.
            *d.auxiliary += sum * f64::from(scale);
        }
    }
}
