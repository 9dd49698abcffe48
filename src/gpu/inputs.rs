//! A batch as the shaders read it: one upload a step (`shaders/prelude.wgsl` has the layout).

use std::ops::Range;

use super::{
    maker::Room,
    spaces::{PerSpace, SPACES, Slice},
};
use crate::{
    data::{Batch, IdColumn, Segment},
    plan::{AdamConfig, Column, L2, Optimizer, Plan, Stage},
};

/// Words of the uniform part, and of each column's header.
pub(super) const HEADER: usize = 64;
pub(super) const COLUMN: usize = 8;
/// Samples of a segment that one thread adds up, at least; of longer ones, about the square root of their samples.
const CHUNK: usize = 32;

/// `Call` in `shaders/prelude.wgsl`: what changes from call to call.
#[derive(Clone, Copy, Debug, Default, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub(super) struct Call {
    pub spaces: [SpaceCall; SPACES],
    pub shares: [f32; SPACES],
    pub labels: u32,
    pub losses: u32,
    pub auxiliary: u32,
    pub slots: u32,
    pub numbers: u32,
    pub noise: u32,
    pub scale: f32,
    pub l2_dense: f32,
    pub l2_tables: f32,
    pub beta1: f32,
    pub beta2: f32,
    pub rate: f32,
    pub root: f32,
    pub epsilon: f32,
    pub l2_per_row: f32,
    pub held: u32,
    pub weights: u32,
}

/// What a call has of a space.
#[derive(Clone, Copy, Debug, Default, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub(super) struct SpaceCall {
    pub rows: u32,
    pub first: u32,
    pub split: u32,
    pub offsets: u32,
}

impl Call {
    /// The same call for a slice, whose slots add up `split` rows each.
    pub fn of(mut self, slice: Slice, split: PerSpace) -> Self {
        for (space, call) in self.spaces.iter_mut().enumerate() {
            *call = SpaceCall {
                rows: slice.rows[space],
                first: slice.first[space],
                split: split[space],
                ..*call
            };
        }
        self
    }

    /// The optimiser's part, at step `t`, counted from 1, of a batch of `samples`.
    pub fn optimizer(&mut self, optimizer: &Optimizer, l2: L2, t: u64, samples: usize) {
        self.l2_dense = l2.dense;
        self.l2_tables = l2.tables / samples as f32;
        self.l2_per_row = l2.per_row;
        self.scale = 1.0 / samples as f32;
        match *optimizer {
            Optimizer::Sgd { learning_rate } => self.rate = learning_rate,
            Optimizer::Adam(config) | Optimizer::LazyAdam(config) => {
                let AdamConfig {
                    learning_rate,
                    beta1,
                    beta2,
                    epsilon,
                } = config;
                let correction = |beta: f32| 1.0 - libm::pow(f64::from(beta), t as f64);
                (self.beta1, self.beta2, self.epsilon) = (beta1, beta2, epsilon);
                self.rate = (f64::from(learning_rate) / correction(beta1)) as f32;
                self.root = (1.0 / libm::sqrt(correction(beta2))) as f32;
            }
        }
    }
}

/// How much of a column a batch has.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ColumnWork {
    pub segments: u32,
    pub chunks: u32,
}

/// The words of a batch, in memory that is kept.
#[derive(Default)]
pub(super) struct Inputs {
    words: Vec<u32>,
    chunks: Vec<u32>,
    /// What each column has.
    pub work: Vec<ColumnWork>,
    labels: u32,
    /// Where the samples' weights begin; 0 where they have none.
    weights: u32,
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
    /// Words that a batch of `samples` takes at most.
    pub fn words_for(columns: usize, samples: usize) -> usize {
        HEADER + COLUMN * columns + samples + columns * (5 * samples + 3 + 2 * (samples / 16 + 1))
    }

    /// Words that a batch takes at most of a plan, with so many rows in each space.
    pub fn words_of(plan: &Plan, rows: PerSpace) -> usize {
        let samples = rows[0] as usize;
        let of_column = |space: usize| {
            let rows = rows[space] as usize;
            5 * rows + 3 + 2 * Self::chunks_for(rows)
        };
        let weights = |column: &Column| usize::from(column.weighted) * rows[column.space.index()] as usize;
        let columns = plan.columns().iter();
        let columns = columns.map(|column| of_column(column.space.index()) + weights(column));
        let features = plan.sequences().len() * (samples + 1) + plan.numerics() * samples + 2 * random(plan).count();
        HEADER + COLUMN * plan.columns().len() + 2 * samples + columns.sum::<usize>() + features
    }

    /// Rows of every space whose words surely fit so many bytes.
    pub fn most_rows(plan: &Plan, bytes: u64) -> u64 {
        const MANY: u32 = 1 << 12;
        let fixed = Self::words_of(plan, [0; SPACES]);
        let each = (Self::words_of(plan, [MANY; SPACES]) - fixed).div_ceil(MANY as usize);
        (bytes / 4).saturating_sub(fixed as u64) / each as u64
    }

    /// Chunks of a column at most.
    pub fn chunks_for(samples: usize) -> usize {
        samples / 16 + 1
    }

    /// Fills in a batch to train on, which must have been checked.
    pub fn set_batch(&mut self, plan: &Plan, batch: &Batch) {
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
        self.set_features(plan, batch, 0..batch.len());
        self.held = batch.holds_statistics().into();
        self.noise = self.words.len() as u32;
        for stage in random(plan) {
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
                chunks: Self::chunks_for(samples as usize) as u32,
            };
        }
        self.labels = room.labels();
    }

    fn begin(&mut self, columns: usize) {
        self.words.clear();
        self.words.resize(HEADER + COLUMN * columns, 0);
        self.work.clear();
        self.work.resize(columns, ColumnWork::default());
        (self.labels, self.weights) = (0, 0);
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
            numbers: self.numbers,
            noise: self.noise,
            held: self.held,
            ..call
        }
    }
}

/// The stages that draw random numbers, by index.
pub(super) fn random(plan: &Plan) -> impl Iterator<Item = u32> {
    let stages = plan.stages().iter().enumerate();
    let random = stages.filter(|(_, stage)| matches!(stage, Stage::Dropout(_)));
    random.map(|(index, _)| index as u32)
}
