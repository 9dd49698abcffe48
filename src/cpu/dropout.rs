//! Dropout of a tile's rows; the specification is [`ops::dropout`](crate::ops::dropout).
//!
//! The mask is drawn anew in the backward pass: drawing costs less than memory for it would.

use super::{
    flow::deliver_float,
    rows::{Rows, RowsMut},
    simd::{Simd, kernel},
};
use crate::{ops::dropout, plan::Flow, rng::Rng};

/// Values whose random numbers are drawn together.
const PART: usize = 64;
/// Random bits of a block, in values.
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
    pub fn apply<'a, S: Simd>(s: S, rows: usize, mask: Mask, input: Rows<'a>, output: RowsMut<'a>, flow: Flow) {
        let _ = s;
        let mut output = output;
        let threshold = dropout::threshold(mask.rate);
        let scale = dropout::scale(threshold) as f32;
        for r in 0..rows {
            let first = (mask.first_row + r) as u64 * input.width as u64;
            let parts = input.row(r).chunks(PART).zip(output.row(r).chunks_mut(PART));
            for (part, (from, to)) in parts.enumerate() {
                let begin = first + (part * PART) as u64;
                let numbers = &draw(mask.rng, begin / BLOCK as u64)[begin as usize % BLOCK..];
                for ((&x, y), &number) in from.iter().zip(to).zip(numbers) {
                    let x = if number >= threshold { x * scale } else { 0.0 };
                    deliver_float(x, y, flow);
                }
            }
        }
    }
}

/// The 16 bits of each value of the blocks from `first` on; one block more than a part has, since a part may begin
/// within one. The blocks are computed side by side in vectors.
#[inline(always)]
fn draw(rng: Rng, first: u64) -> [u16; PART + BLOCK] {
    let (mut low, mut high) = ([0; PART / BLOCK + 1], [0; PART / BLOCK + 1]);
    for (block, (low, high)) in (first..).zip(low.iter_mut().zip(&mut high)) {
        [*low, *high] = rng.at(block);
    }
    let mut numbers = [0; PART + BLOCK];
    for (values, (low, high)) in numbers.chunks_exact_mut(BLOCK).zip(low.iter().zip(&high)) {
        values.copy_from_slice(&[*low as u16, (low >> 16) as u16, *high as u16, (high >> 16) as u16]);
    }
    numbers
}
