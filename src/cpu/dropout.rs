//! Dropout of a tile's rows; the specification is [`ops::dropout`].
//!
//! The mask is drawn anew in the backward pass: drawing costs less than memory for it would.
//!
//! Tried and lost: drawing for 64 values of a row at a time, with a block more where a row begins within one, left a
//! vector and a lone block: 1.4 times the time.

use super::{
    accumulate::deliver_float,
    rows::{Rows, RowsMut},
    simd::{InPieces, Simd, kernel},
    tile::{Memory, Operands, StageGradients, TileOp},
};
use crate::{
    ops::{self, dropout},
    plan::Accumulate,
    rng::Rng,
};

/// Values whose random numbers are drawn together: full vectors of every instruction set, several at a time.
const DRAWN: usize = 256;
/// Values that a block of random bits serves.
const BLOCK: usize = 4;

/// What decides which values are kept.
#[derive(Clone, Copy, Debug)]
pub struct Mask {
    /// The stream of the step and the stage.
    pub rng: Rng,
    /// The probability of being left out.
    pub rate: f32,
    /// Number of the tile's first row in the batch.
    pub first_row: usize,
}

kernel! {
    /// `output (+)= input / (1 - rate)` where the mask keeps a value, else 0: forward, and backward for gradients.
    ///
    /// # Panics
    /// Where an operand has fewer than `rows` rows or another width.
    pub fn apply<'a, S: Simd>(s: S, rows: usize, mask: Mask, input: Rows<'a>, output: RowsMut<'a>, accumulate: Accumulate) {
        let _ = s;
        let mut output = output;
        let threshold = dropout::threshold(mask.rate);
        let scale = dropout::scale(threshold) as f32;
        // Values are numbered on from row to row, and so are the draws.
        let mut number = (mask.first_row as u64).wrapping_mul(input.width as u64);
        let mut drawn = draw(mask.rng, number / DRAWN as u64);
        for r in 0..rows {
            let (mut from, mut to) = (input.row(r), output.row(r));
            while !from.is_empty() {
                let at = number as usize % DRAWN;
                let len = from.len().min(DRAWN - at);
                keep(&drawn[at..at + len], threshold, scale, &from[..len], &mut to[..len], accumulate);
                (from, to) = (&from[len..], &mut to[len..]);
                number += len as u64;
                if at + len == DRAWN {
                    drawn = draw(mask.rng, number / DRAWN as u64);
                }
            }
        }
    }
}

#[inline(always)]
fn keep(drawn: &[u16], threshold: u16, scale: f32, from: &[f32], to: &mut [f32], accumulate: Accumulate) {
    for ((&x, y), &number) in from.elements().zip(to.elements_mut()).zip(drawn.elements()) {
        let x = if number >= threshold { x * scale } else { 0.0 };
        deliver_float(x, y, accumulate);
    }
}

/// The 16 bits of each value from number `DRAWN * part` on. The blocks are computed side by side in vectors.
#[inline(always)]
fn draw(rng: Rng, part: u64) -> [u16; DRAWN] {
    let first = part * (DRAWN / BLOCK) as u64;
    let (mut low, mut high) = ([0; DRAWN / BLOCK], [0; DRAWN / BLOCK]);
    for (block, (low, high)) in low.elements_mut().zip(high.elements_mut()).enumerate() {
        [*low, *high] = rng.at(first + block as u64);
    }
    let mut numbers = [0; DRAWN];
    for (values, (low, high)) in numbers.whole_pieces_mut(BLOCK).zip(low.elements().zip(high.elements())) {
        values.copy_from_slice(&[*low as u16, (low >> 16) as u16, *high as u16, (high >> 16) as u16]);
    }
    numbers
}

impl TileOp for ops::Dropout {
    type Workspace = ();

    fn forward<S: Simd>(&self, s: S, on: &Operands<'_>, _: Memory<'_, ()>, output: RowsMut<'_>) {
        let x = on.activation(self.input);
        apply(s, on.rows, mask(on, self.rate), x, output, Accumulate::Overwrite);
    }

    fn backward<S: Simd>(&self, s: S, on: &Operands<'_>, _: Memory<'_, ()>, d: &mut StageGradients<'_, '_>) {
        let (dy, dx) = (d.output.rows(), d.inputs.of(self.input));
        apply(s, on.rows, mask(on, self.rate), dy, dx, d.accumulate[0]);
    }
}

/// The mask of a tile; one that keeps everything in use.
fn mask(on: &Operands<'_>, rate: f32) -> Mask {
    match on.noise() {
        Some(rng) => Mask {
            rng,
            rate,
            first_row: on.first_row(),
        },
        None => Mask {
            rng: Rng::default(),
            rate: 0.0,
            first_row: 0,
        },
    }
}
