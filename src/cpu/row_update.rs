//! Sparse update of a table: the rows of equal ids are summed and the optimiser is applied at once; the
//! specification is [`ops::row_update`](crate::ops::row_update).
//!
//! There is one writer a row and its samples are added in the batch's order, so the bits depend neither on the
//! number of threads nor on how rows are shared out among them. The gradient of the table is never stored.

use core::ops::Range;

use super::{
    adam::{Gradient, Slots, Update, update},
    rows::Rows,
    simd::{Simd, kernel, prefetch_row},
};
use crate::data::IdColumn;

/// Rows that are asked for ahead of their update.
const AHEAD: usize = 4;

/// A piece of a table: consecutive rows, `width` floats each.
#[derive(Debug)]
pub struct TableRows<'a> {
    /// The floats, from those of row `first` on.
    pub slots: Slots<'a>,
    /// The first row.
    pub first: usize,
    /// Floats in a row.
    pub width: usize,
}

impl TableRows<'_> {
    /// The same rows, lent for a shorter time.
    pub fn reborrow(&mut self) -> TableRows<'_> {
        let len = self.slots.value.len();
        TableRows {
            slots: self.slots.part(0, len),
            first: self.first,
            width: self.width,
        }
    }
}

/// How a table is regularised: `per_sample` times the row is added to its gradient for each sample that picks it.
#[derive(Clone, Copy, Debug)]
pub struct RowStep {
    /// The optimiser's step.
    pub update: Update,
    /// The L2 weight over the batch's size.
    pub per_sample: f32,
}

kernel! {
    /// Updates the rows that `segments` of the column pick. `gradients` has one row a sample of the batch.
    ///
    /// # Panics
    /// Where a row is not in the piece, or a sample not in the batch.
    pub fn sparse<'a, S: Simd>(
        s: S,
        step: RowStep,
        column: &'a IdColumn,
        segments: Range<usize>,
        gradients: Rows<'a>,
        table: TableRows<'a>,
    ) {
        let mut table = table;
        for segment in segments {
            if let Some(ahead) = column.segments.get(segment + AHEAD) {
                let row = ahead.row as usize - table.first;
                for floats in [&*table.slots.value, &*table.slots.m, &*table.slots.v] {
                    prefetch_row(floats, row, table.width);
                }
            }
            let row = column.segments[segment].row as usize - table.first;
            let slots = table.slots.part(row * table.width, table.width);
            update_row(s, step, column.samples(segment), gradients, slots);
        }
    }
}

kernel! {
    /// Updates every row of the piece: those that no segment picks have a gradient of zero, yet their moments decay
    /// and they move on with them.
    ///
    /// # Panics
    /// As [`sparse`].
    pub fn every<'a, S: Simd>(
        s: S,
        step: RowStep,
        column: &'a IdColumn,
        segments: Range<usize>,
        gradients: Rows<'a>,
        table: TableRows<'a>,
    ) {
        let mut table = table;
        let width = table.width;
        let mut next = 0;
        for segment in segments {
            let row = column.segments[segment].row as usize - table.first;
            update(s, step.update, table.slots.part(next * width, (row - next) * width), NoGradient);
            let slots = table.slots.part(row * width, width);
            update_row(s, step, column.samples(segment), gradients, slots);
            next = row + 1;
        }
        let rest = table.slots.value.len() - next * width;
        update(s, step.update, table.slots.part(next * width, rest), NoGradient);
    }
}

/// The gradient of a row that no sample picks.
struct NoGradient;

impl<S: Simd> Gradient<S> for NoGradient {
    #[inline(always)]
    fn lanes(&self, s: S, _: Range<usize>, _: S::F32) -> S::F32 {
        s.splat(0.0)
    }
}

/// The gradient of a row: its samples' in their order, and the L2 term.
struct SumOfSamples<'a> {
    samples: &'a [u32],
    gradients: Rows<'a>,
    l2: f32,
}

impl<S: Simd> Gradient<S> for SumOfSamples<'_> {
    #[inline(always)]
    fn lanes(&self, s: S, range: Range<usize>, value: S::F32) -> S::F32 {
        let mut sum = s.mul(s.splat(self.l2), value);
        for &sample in self.samples {
            let start = sample as usize * self.gradients.stride + range.start;
            sum = s.add(sum, s.load_partial(&self.gradients.data[start..][..range.len()]));
        }
        sum
    }
}

#[inline(always)]
fn update_row<S: Simd>(s: S, step: RowStep, samples: &[u32], gradients: Rows<'_>, slots: Slots<'_>) {
    let gradient = SumOfSamples {
        samples,
        gradients,
        l2: step.per_sample * samples.len() as f32,
    };
    update(s, step.update, slots, gradient);
}
