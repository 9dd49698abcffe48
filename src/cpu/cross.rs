//! A cross layer on a tile's rows; the specification is [`ops::cross`].
//!
//! ```text
//! u = mapped W^T + b          the product and packing of `linear`, kept for the backward pass
//! output = x0 * u + x         one pass over vectors
//!
//! delta = d * x0, d_x0 = d * u, d_x = d              one pass over vectors
//! d_W = delta^T mapped, d_b, d_mapped = delta W      the products of `linear`
//! ```
//!
//! `u` and `delta` lie beside the tile's activations, `[rows, padded(width)]`, and stay in cache: forming `u` again would
//! cost a third product.

use alloc::{vec, vec::Vec};

use super::{
    accumulate::{deliver_product, deliver_row},
    aligned::AlignedVec,
    linear::{self, PackedWeight, READ_AHEAD, WeightGradient},
    rows::{Rows, RowsMut},
    simd::{InPieces, Simd, kernel},
    tile::{Memory, Operands, Packing, StageGradients, TileOp},
};
use crate::{
    ops,
    plan::{Accumulate, Activation, padded},
};

kernel! {
    /// `u = mapped weight^T + bias` and `output = x0 * u + x`.
    ///
    /// # Panics
    /// Where an operand has fewer than `rows` rows or another width.
    pub fn forward<'a, S: Simd>(
        s: S,
        rows: usize,
        x0: Rows<'a>,
        x: Rows<'a>,
        mapped: Rows<'a>,
        weight: &'a PackedWeight,
        bias: &'a [f32],
        u: RowsMut<'a>,
        output: RowsMut<'a>,
    ) {
        let (mut u, mut output) = (u, output);
        linear::forward(s, rows, mapped, weight, bias, Activation::Identity, u.reborrow());
        for r in 0..rows {
            let factors = x0.row(r).pieces(S::LANES).zip(u.row(r).pieces(S::LANES));
            let terms = x.row(r).pieces(S::LANES).zip(output.row(r).pieces_mut(S::LANES));
            for ((x0, u), (x, slot)) in factors.zip(terms) {
                let sum = s.mul_add(s.load_partial(x0), s.load_partial(u), s.load_partial(x));
                s.store_partial(sum, slot);
            }
        }
    }
}

kernel! {
    /// The gradient of the product, from `d_output`: that of `x0`, and `delta`, that of `u`.
    ///
    /// # Panics
    /// As [`forward`].
    pub fn product_gradient<'a, S: Simd>(
        s: S,
        rows: usize,
        x0: Rows<'a>,
        u: Rows<'a>,
        d_output: Rows<'a>,
        delta: RowsMut<'a>,
        d_x0: RowsMut<'a>,
        accumulate: Accumulate,
    ) {
        let (mut delta, mut d_x0) = (delta, d_x0);
        for r in 0..rows {
            let factors = x0.row(r).pieces(S::LANES).zip(u.row(r).pieces(S::LANES));
            let slots = delta.row(r).pieces_mut(S::LANES).zip(d_x0.row(r).pieces_mut(S::LANES));
            for (d, ((x0, u), (delta, d_x0))) in d_output.row(r).pieces(S::LANES).zip(factors.zip(slots)) {
                let d = s.load_partial(d);
                s.store_partial(s.mul(d, s.load_partial(x0)), delta);
                deliver_product(s, d, s.load_partial(u), d_x0, accumulate);
            }
        }
    }
}

/// What a tile keeps from the forward to the backward pass.
#[derive(Clone, Default)]
pub(super) struct Workspace {
    u: AlignedVec,
    delta: AlignedVec,
}

/// Makes room for rows of these columns: whole vectors may be read behind the last.
fn room(values: &mut AlignedVec, rows: usize, width: usize) -> RowsMut<'_> {
    let stride = padded(width);
    let needed = rows * stride + READ_AHEAD;
    if values.len() < needed {
        values.resize(needed);
    }
    let data = &mut values[..];
    RowsMut { data, stride, width }
}

impl TileOp for ops::Cross {
    type Workspace = Workspace;

    fn forward<S: Simd>(&self, s: S, on: &Operands<'_>, memory: Memory<'_, Workspace>, output: RowsMut<'_>) {
        let [x0, x, mapped] = self.inputs.map(|view| on.activation(view));
        let (weight, bias) = (&on.network.packed[self.weight].layer, on.network.value(self.bias));
        let u = room(&mut memory.workspace.u, on.rows, self.output.width);
        forward(s, on.rows, x0, x, mapped, weight, bias, u, output);
    }

    fn backward<S: Simd>(
        &self,
        s: S,
        on: &Operands<'_>,
        memory: Memory<'_, Workspace>,
        d: &mut StageGradients<'_, '_>,
    ) {
        let ([x0, x, mapped], rows) = (self.inputs, on.rows);
        let Workspace { u, delta } = memory.workspace;
        let (u, mut delta) = (room(u, rows, self.output.width), room(delta, rows, self.output.width));
        let u = u.as_rows();
        let (dy, of_x0) = (d.output.rows(), on.activation(x0));
        product_gradient(
            s,
            rows,
            of_x0,
            u,
            dy,
            delta.reborrow(),
            d.inputs.of(x0),
            d.accumulate[0],
        );
        let mut d_x = d.inputs.of(x);
        for r in 0..rows {
            deliver_row(dy.row(r), d_x.row(r), d.accumulate[1]);
        }
        let weight = &on.network.packed[self.weight].layer;
        let gradient: WeightGradient<'_> = d.params.of_layer(self.weight, Some(self.bias));
        let (of_mapped, d_mapped, identity) = (on.activation(mapped), d.inputs.of(mapped), Activation::Identity);
        linear::backward(
            s,
            rows,
            of_mapped,
            weight,
            u,
            identity,
            delta,
            gradient,
            d_mapped,
            d.accumulate[2],
        );
    }

    fn packings(&self) -> Vec<(usize, Packing)> {
        let (outputs, inputs) = (self.output.width, self.inputs[2].width);
        vec![(self.weight, Packing::Layer { outputs, inputs })]
    }
}
