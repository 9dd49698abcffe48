//! Sparse update of a table: the rows of equal ids are summed and the optimiser is applied at once; the
//! specification is [`ops::row_update`](crate::ops::row_update).
//!
//! There is one writer a row and its samples are added in the batch's order, so the bits depend neither on the
//! number of threads nor on how rows are shared out among them. The gradient of the table is never stored.
//!
//! Tried and lost: both moments of a row side by side, two places of memory a row instead of three. At 20 M interactions
//! updates of `paper8b16k` take 18 % less, those of `paper8` as much as before, and `paper8` under dense Adam makes 0.62 of
//! the rate, since runs of absent rows break up into rows of half a vector.

use core::ops::Range;

use super::{
    adam::{Gradient, Slots, Update, update},
    rows::Rows,
    simd::{Simd, kernel, prefetch_row},
};
use crate::{data::IdColumn, plan::MAX_GATHERS};

/// Rows that are asked for ahead of their update. On cold tables 8 are no better (94 % of random rows read and written, where
/// 4 give 99 %); medians of six runs that differ by half.
const AHEAD: usize = 4;

/// Samples whose gradients are asked for ahead of their sum: 2 to 9 % of a step of NeuMF by two threads of a Xeon in batches of
/// 256 and 1,024, 10 % of `nvidia64`'s, nothing in batches of 16,384; 6 % of `paper8`'s under dense Adam, 4 and 5 % of `dien16`'s
/// and `din16`'s with the rows that several columns pick, and 2 % lost of `deepfm16`'s. One thread, which has written them all,
/// loses 3 to 7 % and does not ask. Asking for those of one sample a row gains as much, but loses 5 % in batches of 16,384;
/// asking for the rows by `prefetchw`, as they are to be written, is worth nothing.
const SAMPLES_AHEAD: usize = 8;

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
    /// The same rows, borrowed for a shorter time.
    pub fn reborrow(&mut self) -> TableRows<'_> {
        let len = self.slots.value.len();
        TableRows {
            slots: self.slots.part(0, len),
            first: self.first,
            width: self.width,
        }
    }
}

/// How a table moves. A row's gradient gains `per_row` times the row, and `per_sample` times it for each sample that
/// picks it.
#[derive(Clone, Copy, Debug)]
pub struct RowStep {
    /// The optimiser's step.
    pub update: Update,
    /// The L2 weight over the batch's size.
    pub per_sample: f32,
    /// The L2 weight of a row, however many samples pick it.
    pub per_row: f32,
    /// Whether other threads have written gradients, so that it pays to ask for them ahead.
    pub shared: bool,
}

impl RowStep {
    /// The L2 weight of a row that so many samples pick.
    pub(super) fn l2(self, samples: usize) -> f32 {
        self.per_sample * samples as f32 + self.per_row
    }
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
            ask_for_rows(column, segment + AHEAD, &table);
            ask_for_gradients(step, column, segment, gradients);
            let row = column.segments[segment].row as usize - table.first;
            let slots = table.slots.part(row * table.width, table.width);
            update_row(s, step, column.samples(segment), gradients, slots);
        }
    }
}

kernel! {
    /// Updates every row of the piece: those that no segment picks have no gradient but their L2 term, yet their moments
    /// decay and they move on with them.
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
            ask_for_gradients(step, column, segment, gradients);
            let row = column.segments[segment].row as usize - table.first;
            update(s, step.update, table.slots.part(next * width, (row - next) * width), DecayAlone(step.per_row));
            let slots = table.slots.part(row * width, width);
            update_row(s, step, column.samples(segment), gradients, slots);
            next = row + 1;
        }
        let rest = table.slots.value.len() - next * width;
        update(s, step.update, table.slots.part(next * width, rest), DecayAlone(step.per_row));
    }
}

/// Asks for the row of a segment, if there is one.
#[inline(always)]
fn ask_for_rows(column: &IdColumn, segment: usize, table: &TableRows<'_>) {
    if let Some(segment) = column.segments.get(segment) {
        let start = (segment.row as usize - table.first) * table.width;
        for floats in [&*table.slots.value, &*table.slots.m, &*table.slots.v] {
            prefetch_row(floats, start, table.width);
        }
    }
}

/// Asks for the gradients of as many samples as the segment has, `SAMPLES_AHEAD` behind its own: of two threads each finds
/// half of them in the other's cache.
#[inline(always)]
fn ask_for_gradients(step: RowStep, column: &IdColumn, segment: usize, gradients: Rows<'_>) {
    if !step.shared {
        return;
    }
    let start = column.segments[segment].start as usize + SAMPLES_AHEAD;
    let ahead = column.order.get(start..).unwrap_or_default();
    for &sample in ahead.iter().take(column.samples(segment).len()) {
        prefetch_row(gradients.data, sample as usize * gradients.stride, gradients.width);
    }
}

/// A column that picks rows of a table.
#[derive(Clone, Debug)]
pub struct RowSource<'a> {
    /// The ids.
    pub column: &'a IdColumn,
    /// The segments whose rows are in the piece.
    pub segments: Range<usize>,
    /// The gradients, one row an id of the column.
    pub gradients: Rows<'a>,
}

kernel! {
    /// Updates the rows of a piece of a table that several columns pick from: those that any of them picks, or every
    /// one. A row's gradients are added up source by source.
    ///
    /// # Panics
    /// As [`sparse`].
    pub fn merged<'a, S: Simd>(
        s: S,
        step: RowStep,
        sources: [Option<RowSource<'a>>; MAX_GATHERS],
        every: bool,
        table: TableRows<'a>,
    ) {
        let (mut sources, mut table) = (sources, table);
        let width = table.width;
        let mut next = 0;
        while let Some(row) = sources.iter().flatten().filter_map(RowSource::row).min() {
            let mut samples = [(&[][..], None); MAX_GATHERS];
            for (samples, source) in samples.iter_mut().zip(&mut sources) {
                if let Some(source) = source && source.row() == Some(row) {
                    let segment = source.segments.start;
                    if !every {
                        ask_for_rows(source.column, segment + AHEAD, &table);
                    }
                    ask_for_gradients(step, source.column, segment, source.gradients);
                    *samples = (source.column.samples(segment), Some(source.gradients));
                    source.segments.start += 1;
                }
            }
            let row = row as usize - table.first;
            if every {
                update(s, step.update, table.slots.part(next * width, (row - next) * width), DecayAlone(step.per_row));
                next = row + 1;
            }
            let count: usize = samples.iter().map(|(samples, _)| samples.len()).sum();
            let gradient = SumOfSources {
                sources: &samples,
                l2: step.l2(count),
            };
            update(s, step.update, table.slots.part(row * width, width), gradient);
        }
        if every {
            let rest = table.slots.value.len() - next * width;
            update(s, step.update, table.slots.part(next * width, rest), DecayAlone(step.per_row));
        }
    }
}

impl RowSource<'_> {
    /// The row of the first segment that is left.
    pub(super) fn row(&self) -> Option<u32> {
        (!self.segments.is_empty()).then(|| self.column.segments[self.segments.start].row)
    }
}

/// The gradient of a row that several columns pick: the samples of each in their order, and the L2 term.
struct SumOfSources<'a> {
    sources: &'a [(&'a [u32], Option<Rows<'a>>)],
    l2: f32,
}

impl<S: Simd> Gradient<S> for SumOfSources<'_> {
    #[inline(always)]
    fn lanes(&self, s: S, range: Range<usize>, value: S::F32) -> S::F32 {
        let mut sum = s.mul(s.splat(self.l2), value);
        for (samples, gradients) in self.sources {
            let Some(gradients) = gradients else { continue };
            for &sample in *samples {
                let start = sample as usize * gradients.stride + range.start;
                sum = s.add(sum, s.load_partial(&gradients.data[start..][..range.len()]));
            }
        }
        sum
    }
}

/// The gradient of rows that no sample picks: their L2 term.
struct DecayAlone(f32);

impl<S: Simd> Gradient<S> for DecayAlone {
    #[inline(always)]
    fn lanes(&self, s: S, _: Range<usize>, value: S::F32) -> S::F32 {
        s.mul(s.splat(self.0), value)
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
        l2: step.l2(samples.len()),
    };
    update(s, step.update, slots, gradient);
}
