//! Dot products of a sample's vector with its steps; the specification is [`ops::dot_steps`].
//!
//! `offsets` `[samples + 1]` are those of the batch; row 0 of keys and output is step `offsets[0]`. The three passes are those of
//! [`attention`](super::attention) in other places: products are its weights' gradients, with the query for its output's
//! gradient, and the query's gradient is its sum.

use super::{
    attention::{backward_values, backward_weights, sum_steps},
    rows::{Rows, RowsMut},
    simd::{Simd, kernel},
    tile::{Memory, Operands, StageGradients, TileOp},
};
use crate::{ops, plan::Accumulate};

kernel! {
    /// Writes the product of each step's key with its sample's query.
    ///
    /// # Panics
    /// Where an operand has fewer rows than the offsets say, these descend, or the output has no column.
    pub fn forward<'a, S: Simd>(s: S, offsets: &'a [u32], query: Rows<'a>, key: Rows<'a>, output: RowsMut<'a>) {
        backward_weights(s, offsets, key, query, output, Accumulate::Overwrite);
    }
}

kernel! {
    /// Gradient of the query: `d_query (+)= sum over the steps of d_output * key`.
    ///
    /// # Panics
    /// As [`forward`].
    pub fn backward_query<'a, S: Simd>(
        s: S,
        offsets: &'a [u32],
        d_output: Rows<'a>,
        key: Rows<'a>,
        d_query: RowsMut<'a>,
        accumulate: Accumulate,
    ) {
        sum_steps(s, offsets, d_output, key, d_query, accumulate);
    }
}

kernel! {
    /// Gradient of every step's key: `d_key (+)= d_output * query`.
    ///
    /// # Panics
    /// As [`forward`].
    pub fn backward_key<'a, S: Simd>(
        s: S,
        offsets: &'a [u32],
        d_output: Rows<'a>,
        query: Rows<'a>,
        d_key: RowsMut<'a>,
        accumulate: Accumulate,
    ) {
        backward_values(s, offsets, d_output, query, d_key, accumulate);
    }
}

impl TileOp for ops::DotSteps {
    type Workspace = ();

    fn forward<S: Simd>(&self, s: S, on: &Operands<'_>, _: Memory<'_, ()>, output: RowsMut<'_>) {
        let [query, key] = self.inputs.map(|view| on.activation(view));
        forward(s, on.offsets(self.inputs[1]), query, key, output);
    }

    fn backward<S: Simd>(&self, s: S, on: &Operands<'_>, _: Memory<'_, ()>, d: &mut StageGradients<'_, '_>) {
        let ([query, key], dy) = (self.inputs, d.output.rows());
        let offsets = on.offsets(key);
        let (q, k) = (on.activation(query), on.activation(key));
        backward_query(s, offsets, dy, k, d.inputs.of(query), d.accumulate[0]);
        backward_key(s, offsets, dy, q, d.inputs.of(key), d.accumulate[1]);
    }
}
