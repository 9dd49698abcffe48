//! Numeric features of a tile's samples, copied into their columns; the specification is
//! [`ops::numeric`].

use super::{
    rows::RowsMut,
    simd::Simd,
    tile::{Memory, Operands, StageGradients, TileOp},
};
use crate::ops;

impl TileOp for ops::Numeric {
    type Workspace = ();

    fn forward<S: Simd>(&self, _: S, on: &Operands<'_>, _: Memory<'_, ()>, mut output: RowsMut<'_>) {
        let from = on.tile.numeric(self.first, output.width, on.network.plan.numerics());
        for r in 0..on.rows {
            output.row(r).copy_from_slice(from.row(r));
        }
    }

    fn backward<S: Simd>(&self, _: S, _: &Operands<'_>, _: Memory<'_, ()>, _: &mut StageGradients<'_, '_>) {
        // There is nothing to learn.
    }
}
