//! Embedding look-up: `output[r] = table[ids[r]]`; the specification is [`ops::gather`].
//!
//! The backward pass is no kernel of its own: a tile leaves the gradient of its rows in the batch-wide gradient,
//! and [`row_update`](super::row_update) sums the rows of equal ids. Where ids have weights, [`weigh`] multiplies both.

use super::{
    rows::RowsMut,
    simd::{InPieces, Simd, kernel, prefetch_row},
    table::{Table, copy_row},
    tile::{Memory, Operands, StageGradients, TileOp},
};
use crate::{ops, plan::StoredRows};

/// Rows that are asked for ahead of their use: a table is larger than the nearest caches. Asking 8 to 64 rows ahead beyond the
/// end of the tile gains nothing (0.96 to 1.05 of a step's rate by two threads of a Xeon).
const AHEAD: usize = 8;

kernel! {
    /// Copies row `ids[r]` of the table, `output.width` floats wide, into row `r`.
    ///
    /// # Panics
    /// Where an id lies outside the table, which the executor has checked.
    pub fn forward<'a, S: Simd>(s: S, table: &'a [f32], ids: &'a [u32], output: RowsMut<'a>) {
        let mut output = output;
        let width = output.width;
        for (r, &id) in ids.iter().enumerate() {
            if let Some(&ahead) = ids.get(r + AHEAD) {
                prefetch_row(table, ahead as usize * width, width);
            }
            let from = &table[id as usize * width..][..width];
            copy(s, from, output.row(r));
        }
    }
}

kernel! {
    /// The same from rows that are kept as halves or bytes; `exact` has those that are exact, in their order.
    ///
    /// # Panics
    /// As [`forward`].
    pub fn forward_stored<'a, S: Simd>(
        s: S,
        rows: &'a StoredRows,
        exact: &'a [f32],
        ids: &'a [u32],
        output: RowsMut<'a>,
    ) {
        let mut output = output;
        for (r, &id) in ids.iter().enumerate() {
            copy_row(s, rows, exact, id, output.row(r));
        }
    }
}

kernel! {
    /// Multiplies row `r` by `weights[r]`: what was looked up, and its gradient.
    ///
    /// # Panics
    /// Where there are fewer rows than weights.
    pub fn weigh<'a, S: Simd>(s: S, weights: &'a [f32], rows: RowsMut<'a>) {
        let mut rows = rows;
        for (r, &weight) in weights.iter().enumerate() {
            let weight = s.splat(weight);
            for slot in rows.row(r).pieces_mut(S::LANES) {
                s.store_partial(s.mul(weight, s.load_partial(slot)), slot);
            }
        }
    }
}

/// Vectors rather than `memcpy`, whose call costs more than the few vectors of a row.
#[inline(always)]
pub(super) fn copy<S: Simd>(s: S, from: &[f32], to: &mut [f32]) {
    let whole = from.len() - from.len() % S::LANES;
    let (from, from_tail) = from.split_at(whole);
    let (to, to_tail) = to.split_at_mut(whole);
    for (from, to) in from.whole_pieces(S::LANES).zip(to.whole_pieces_mut(S::LANES)) {
        s.store(s.load(from), to);
    }
    if !from_tail.is_empty() {
        s.store_partial(s.load_partial(from_tail), to_tail);
    }
}

impl TileOp for ops::Gather {
    type Workspace = ();

    fn forward<S: Simd>(&self, s: S, on: &Operands<'_>, _: Memory<'_, ()>, mut output: RowsMut<'_>) {
        let ids = on.tile.ids(self.column, on.space);
        match on.network.looked_up(self.table) {
            Table::Floats(table) => forward(s, table, ids, output.reborrow()),
            Table::Stored { rows, exact } => forward_stored(s, rows, exact, ids, output.reborrow()),
        }
        weigh(s, on.tile.weights(self.column, on.space), output);
    }

    fn backward<S: Simd>(&self, s: S, on: &Operands<'_>, _: Memory<'_, ()>, d: &mut StageGradients<'_, '_>) {
        // The gradient is in place already, in the batch-wide one, which the sparse update reads; but for weights.
        let weights = on.tile.weights(self.column, on.space);
        if !weights.is_empty() {
            weigh(s, weights, d.output.rows_mut());
        }
    }
}
