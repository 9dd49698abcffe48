//! Rows of a tile at length 1; the specification is [`ops::normalise`].

use alloc::vec::Vec;

use super::{
    accumulate::deliver,
    rows::{Rows, RowsMut},
    simd::{InPieces, Simd, kernel},
    tile::{Memory, Operands, StageGradients, TileOp},
};
use crate::{
    ops::{self, normalise::SHORTEST},
    plan::Accumulate,
};

kernel! {
    /// `output = scale * input`, of rows that are brought to length 1 where `inverses` asks for what they were multiplied by for
    /// that.
    ///
    /// # Panics
    /// Where an operand has fewer rows, or there are inverses but fewer.
    pub fn forward<'a, S: Simd>(
        s: S,
        rows: usize,
        input: Rows<'a>,
        scale: f32,
        inverses: &'a mut [f32],
        output: RowsMut<'a>,
    ) {
        let mut output = output;
        assert!(inverses.is_empty() || inverses.len() >= rows);
        for r in 0..rows {
            let (from, mut factor) = (input.row(r), scale);
            if let Some(inverse) = inverses.get_mut(r) {
                let mut squares = s.splat(0.0);
                for x in from.pieces(S::LANES) {
                    let x = s.load_partial(x);
                    squares = s.mul_add(x, x, squares);
                }
                *inverse = 1.0 / libm::sqrtf(s.reduce_sum(squares)).max(SHORTEST);
                factor *= *inverse;
            }
            for (x, to) in from.pieces(S::LANES).zip(output.row(r).pieces_mut(S::LANES)) {
                s.store_partial(s.mul(s.load_partial(x), s.splat(factor)), to);
            }
        }
    }
}

kernel! {
    /// Delivers the gradient of a vector from that of its direction, `sum * scale`: as it is, or of one that was brought to
    /// length 1 by `inverse`, without what lies along the direction, and times `inverse`. Over `stretch` the direction has
    /// length 1 then.
    ///
    /// # Panics
    /// Where they differ in length.
    pub fn backward_row<'a, S: Simd>(
        s: S,
        sum: &'a [f32],
        scale: f32,
        direction: &'a [f32],
        stretch: f32,
        inverse: Option<f32>,
        to: &'a mut [f32],
        accumulate: Accumulate,
    ) {
        assert!(sum.len() == to.len() && direction.len() == to.len());
        let (mut along, mut factor) = (0.0, scale);
        if let Some(inverse) = inverse {
            factor *= inverse;
            // A vector too short to have a direction was multiplied by a constant.
            if inverse < 1.0 / SHORTEST {
                let mut dot = s.splat(0.0);
                for (d, x) in sum.pieces(S::LANES).zip(direction.pieces(S::LANES)) {
                    dot = s.mul_add(s.load_partial(d), s.load_partial(x), dot);
                }
                along = s.reduce_sum(dot) / (stretch * stretch);
            }
        }
        let (along, factor) = (s.splat(-along), s.splat(factor));
        let rows = sum.pieces(S::LANES).zip(direction.pieces(S::LANES)).zip(to.pieces_mut(S::LANES));
        for ((d, x), to) in rows {
            let across = s.mul_add(along, s.load_partial(x), s.load_partial(d));
            deliver(s, s.mul(across, factor), to, accumulate);
        }
    }
}

impl TileOp for ops::Normalise {
    /// What each row was multiplied by.
    type Workspace = Vec<f32>;

    fn forward<S: Simd>(&self, s: S, on: &Operands<'_>, memory: Memory<'_, Vec<f32>>, output: RowsMut<'_>) {
        memory.workspace.resize(on.rows, 0.0);
        forward(s, on.rows, on.activation(self.input), 1.0, memory.workspace, output);
    }

    fn backward<S: Simd>(&self, s: S, on: &Operands<'_>, memory: Memory<'_, Vec<f32>>, d: &mut StageGradients<'_, '_>) {
        let (y, dy) = (on.activation(self.output), d.output.rows());
        let mut dx = d.inputs.of(self.input);
        for (r, &inverse) in memory.workspace.iter().enumerate().take(on.rows) {
            backward_row(
                s,
                dy.row(r),
                1.0,
                y.row(r),
                1.0,
                Some(inverse),
                dx.row(r),
                d.accumulate[0],
            );
        }
    }
}
