//! Dot products of a sample's vector with its steps; the specification is [`ops::dot_steps`].
//!
//! `offsets` `[samples + 1]` are those of the batch; row 0 of keys and output is step `offsets[0]`. Two of the three passes are
//! those of [`attention`](super::attention), with the query in the place of its output's gradient; its query's gradient alone differs, as
//! others may have given some to it.

use super::{
    accumulate::begin,
    attention::{backward_values, backward_weights},
    rows::{Rows, RowsMut, steps},
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
        let mut d_query = d_query;
        for (r, (first, end)) in steps(offsets).enumerate() {
            for (k, slot) in d_query.row(r).chunks_mut(S::LANES).enumerate() {
                let columns = k * S::LANES..k * S::LANES + slot.len();
                let mut sum = begin(s, slot, accumulate);
                for t in first..end {
                    let key = s.load_partial(&key.row(t)[columns.clone()]);
                    sum = s.mul_add(s.splat(d_output.row(t)[0]), key, sum);
                }
                s.store_partial(sum, slot);
            }
        }
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
