//! A batch as the shaders read it: one upload a step (`shaders/prelude.wgsl` has the layout).

use std::ops::Range;

use crate::{
    data::{Batch, IdColumn, Segment},
    gpu::memory::layout::Columns,
    gpu::program::{
        call::Call,
        grid::ColumnWork,
        room::{COLUMN, HEADER, Room, chunks_for},
        spaces::{PerSpace, SPACES, Slice},
    },
    plan::{Column, Plan},
};

/// Samples of a segment that one thread adds up, at least; of longer ones, about the square root of their samples.
const CHUNK: usize = 32;

/// The words of a batch, in memory that is kept.
#[derive(Default)]
pub(crate) struct Inputs {
    words: Vec<u32>,
    chunks: Vec<u32>,
    /// What each column has.
    pub work: Vec<ColumnWork>,
    labels: u32,
    /// Where the samples' weights begin; 0 where they have none.
    weights: u32,
    /// Where the logarithms of the candidates' probabilities begin; 0 where there are none.
    log_q: u32,
    /// Where the offsets of each space's sequence begin.
    offsets: PerSpace,
    /// 1 / pairs of neighbouring steps of each space's sequence.
    shares: [f32; SPACES],
    numbers: u32,
    noise: u32,
    /// 1 where running statistics are held.
    held: u32,
}

impl Inputs {
    /// Words that a batch takes at most of a plan, with so many rows in each space.
    pub fn words_of(plan: &Plan, columns: &Columns, rows: PerSpace) -> usize {
        let samples = rows[0] as usize;
        let of_column = |space: usize| {
            let rows = rows[space] as usize;
            5 * rows + 3 + 2 * chunks_for(rows)
        };
        let weights = |column: &Column| usize::from(column.weighted) * rows[column.space.index()] as usize;
        let ids = plan.columns().iter();
        let ids = ids.map(|column| of_column(column.space.index()) + weights(column));
        let features =
            plan.sequences().len() * (samples + 1) + plan.numerics() * samples + 2 * columns.random().count();
        let of_samples = 2 + usize::from(plan.wants_log_q()); // labels, weights, log q
        HEADER + COLUMN * plan.columns().len() + of_samples * samples + ids.sum::<usize>() + features
    }

    /// Rows of every space whose words surely fit so many bytes.
    pub fn most_rows(plan: &Plan, columns: &Columns, bytes: u64) -> u64 {
        const MANY: u32 = 1 << 12;
        let fixed = Self::words_of(plan, columns, [0; SPACES]);
        let each = (Self::words_of(plan, columns, [MANY; SPACES]) - fixed).div_ceil(MANY as usize);
        (bytes / 4).saturating_sub(fixed as u64) / each as u64
    }

    /// Fills in a batch to train on, which must have been checked.
    pub fn set_batch(&mut self, plan: &Plan, columns: &Columns, batch: &Batch) {
        self.begin(batch.columns().len());
        for (index, column) in batch.columns().iter().enumerate() {
            let ids = self.part(&column.ids);
            let order = self.part(&column.order);
            self.header(index, [ids, order]);
            self.set_weights(index, &column.weights);
            self.set_segments(index, column);
        }
        self.labels = self.part(bytemuck::cast_slice(batch.labels()));
        if !batch.weights().is_empty() {
            self.weights = self.part(bytemuck::cast_slice(batch.weights()));
        }
        if !batch.log_q().is_empty() {
            self.log_q = self.part(bytemuck::cast_slice(batch.log_q()));
        }
        self.set_features(plan, batch, 0..batch.len());
        self.held = batch.holds_statistics().into();
        self.noise = self.words.len() as u32;
        for stage in columns.random() {
            self.words.extend_from_slice(&batch.noise().stream(stage).key());
        }
    }

    /// Fills in samples of a batch to score.
    pub fn set_scored(&mut self, plan: &Plan, batch: &Batch, slice: Slice) {
        self.begin(batch.columns().len());
        let rows = |space: usize| {
            let first = slice.first[space] as usize;
            first..first + slice.rows[space] as usize
        };
        for (index, (column, of_plan)) in batch.columns().iter().zip(plan.columns()).enumerate() {
            let rows = rows(of_plan.space.index());
            let at = self.part(&column.ids[rows.clone()]);
            self.header(index, [at, 0]);
            self.set_weights(index, column.weights.get(rows).unwrap_or_default());
        }
        self.set_features(plan, batch, rows(0));
    }

    /// Offsets of sequences, counted from the first of these samples, and numeric features.
    fn set_features(&mut self, plan: &Plan, batch: &Batch, samples: Range<usize>) {
        for sequence in 0..batch.sequences() {
            let offsets = &batch.offsets(sequence)[samples.start..=samples.end];
            let first = offsets[0];
            let steps = offsets.windows(2).map(|pair| u64::from(pair[1] - pair[0]));
            let pairs: u64 = steps.map(|steps| steps.saturating_sub(1)).sum();
            self.shares[1 + sequence] = 1.0 / pairs.max(1) as f32;
            self.offsets[1 + sequence] = self.words.len() as u32;
            self.words.extend(offsets.iter().map(|offset| offset - first));
        }
        let width = plan.numerics();
        let numbers = &batch.numeric()[samples.start * width..samples.end * width];
        self.numbers = self.part(bytemuck::cast_slice(numbers));
    }

    /// Fills in ids to score, column by column.
    pub fn set_ids<'a>(&mut self, columns: impl ExactSizeIterator<Item = &'a [u32]>) {
        self.begin(columns.len());
        for (index, ids) in columns.enumerate() {
            let at = self.part(ids);
            self.header(index, [at, 0]);
        }
    }

    /// Fills in the header alone, of a batch of `samples` that the device makes where `room` has its parts. How many
    /// segments and chunks there are, only the device knows: `work` has what there can be with tables of `rows` rows.
    pub fn set_made<const N: usize>(&mut self, room: Room, samples: u32, rows: [usize; N]) {
        self.begin(N);
        for (index, rows) in rows.into_iter().enumerate() {
            let at = HEADER + COLUMN * index;
            self.words[at..at + COLUMN].copy_from_slice(&room.header(index));
            self.work[index] = ColumnWork {
                segments: samples.min(u32::try_from(rows).unwrap_or(u32::MAX)),
                chunks: chunks_for(samples as usize) as u32,
            };
        }
        self.labels = room.labels();
    }

    fn begin(&mut self, columns: usize) {
        self.words.clear();
        self.words.resize(HEADER + COLUMN * columns, 0);
        self.work.clear();
        self.work.resize(columns, ColumnWork::default());
        (self.labels, self.weights, self.log_q) = (0, 0, 0);
        (self.offsets, self.numbers, self.noise) = ([0; SPACES], 0, 0);
        self.held = 0;
        self.shares = [0.0; SPACES];
    }

    /// Appends words; gives where they begin.
    fn part(&mut self, words: &[u32]) -> u32 {
        let at = self.words.len() as u32;
        self.words.extend_from_slice(words);
        at
    }

    fn header(&mut self, column: usize, [ids, order]: [u32; 2]) {
        let at = HEADER + COLUMN * column;
        self.words[at..at + 2].copy_from_slice(&[ids, order]);
    }

    /// The weights of a column's ids, if they have any.
    fn set_weights(&mut self, column: usize, weights: &[f32]) {
        if !weights.is_empty() {
            self.words[HEADER + COLUMN * column + 6] = self.part(bytemuck::cast_slice(weights));
        }
    }

    /// The segments, with long ones cut into chunks.
    fn set_segments(&mut self, index: usize, column: &IdColumn) {
        let segments = self.words.len();
        self.chunks.clear();
        for (segment, &Segment { row, start }) in column.segments.iter().enumerate() {
            self.words
                .extend_from_slice(&[row, start, self.chunks.len() as u32 / 2]);
            let samples = column.samples(segment).len();
            if samples > CHUNK {
                let each = CHUNK.max(samples.isqrt());
                let (start, end) = (start as usize, start as usize + samples);
                for begin in (start..end).step_by(each) {
                    self.chunks
                        .extend_from_slice(&[begin as u32, end.min(begin + each) as u32]);
                }
            }
        }
        let count = self.chunks.len() as u32 / 2;
        self.words
            .extend_from_slice(&[u32::MAX, column.order.len() as u32, count]);
        let chunks = self.words.len();
        self.words.extend_from_slice(&self.chunks);
        let work = ColumnWork {
            segments: column.segments.len() as u32,
            chunks: count,
        };
        let at = HEADER + COLUMN * index + 2;
        self.words[at..at + 4].copy_from_slice(&[segments as u32, work.segments, chunks as u32, count]);
        self.work[index] = work;
    }

    /// The whole upload of a first slice.
    pub fn bytes(&mut self, call: Call) -> &[u8] {
        let call = self.complete(call);
        self.words[..size_of::<Call>() / 4].copy_from_slice(bytemuck::cast_slice(&[call]));
        bytemuck::cast_slice(&self.words)
    }

    /// The call of a later slice of the same batch.
    pub fn complete(&self, mut call: Call) -> Call {
        for (call, &offsets) in call.spaces.iter_mut().zip(&self.offsets) {
            call.offsets = offsets;
        }
        Call {
            shares: self.shares,
            labels: self.labels,
            weights: self.weights,
            log_q: self.log_q,
            numbers: self.numbers,
            noise: self.noise,
            held: self.held,
            ..call
        }
    }
}
