//! The blocks of a batch: their vectors, the tasks that their work is cut into, and what tiles fetch of it.
//!
//! All is cut by plan and batch alone. A run is some queries of a block, with a sum of its own of the gradients of the block's
//! candidates; a task is a run or several, one behind the other.

use alloc::vec::Vec;
use core::ops::Range;

use super::{Block, COLUMNS, LEFT_OUT, QUERIES, exponentials, products, scores};
#[cfg(not(feature = "parallel"))]
use crate::cpu::serial::Pool;
#[cfg(feature = "parallel")]
use crate::cpu::threads::Pool;
use crate::{
    cpu::{
        aligned::AlignedVec,
        linear::READ_AHEAD,
        normalise,
        rows::{Rows, RowsMut},
        simd::{Proof, Simd, dispatch, kernel},
    },
    data::Batch,
    ops::{Similarity, SoftmaxCrossEntropy, Stage},
    plan::{Accumulate, View},
};

/// Runs that the queries of all blocks are cut into at least, where there are as many: threads share them. Each has a sum of
/// its own, as large as the block's candidates.
const RUNS: usize = 8;
/// Tasks at most.
const TASKS: usize = 16;

/// Where the vectors of a batch lie: those of a view on tile `t`.
#[derive(Clone, Copy)]
pub(in crate::cpu) struct VectorRows<'a> {
    pub of_tile: &'a (dyn Fn(View, usize) -> Rows<'a> + Sync),
    pub tile_rows: usize,
}

/// How a batch is cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Cut {
    /// Samples of the batch, and of a block but the last.
    rows: usize,
    block: usize,
    /// Candidates of a panel.
    columns: usize,
    /// Queries of a run, and runs of a block.
    run: usize,
    runs: usize,
    width: usize,
    stride: usize,
}

impl Cut {
    fn new(loss: &SoftmaxCrossEntropy, rows: usize) -> Self {
        let (width, block) = (loss.vectors[0].width, loss.block.min(rows).max(1));
        let runs = RUNS.div_ceil(rows.div_ceil(block));
        let run = block.div_ceil(runs).next_multiple_of(QUERIES).min(block);
        Cut {
            rows,
            block,
            columns: COLUMNS.min(block.next_multiple_of(16)),
            run,
            runs: block.div_ceil(run),
            width,
            stride: width.next_multiple_of(16),
        }
    }

    fn blocks(&self) -> usize {
        self.rows.div_ceil(self.block)
    }

    /// Samples of a block.
    fn samples(&self, block: usize) -> Range<usize> {
        block * self.block..((block + 1) * self.block).min(self.rows)
    }

    /// Panels of a whole block.
    fn panels(&self) -> usize {
        self.block.div_ceil(self.columns)
    }

    /// Samples of a run, of which there are `runs` a block.
    fn queries(&self, run: usize) -> Range<usize> {
        let samples = self.samples(run / self.runs);
        let first = (samples.start + run % self.runs * self.run).min(samples.end);
        first..(first + self.run).min(samples.end)
    }

    /// Floats of a run's sum.
    fn sum_len(&self) -> usize {
        self.block.saturating_mul(self.stride)
    }

    /// Floats of the scores of some queries, their weighted vectors, and three numbers of each.
    fn work_len(&self) -> usize {
        let scores = self.panels().saturating_mul(QUERIES * self.columns);
        scores
            .saturating_add(QUERIES.saturating_mul(self.stride + 3))
            .saturating_add(READ_AHEAD)
    }

    /// Floats of everything, with `threads` threads.
    fn len(&self, threads: usize) -> usize {
        let of_rows = self.rows.saturating_mul(3 * self.stride + 3);
        let panels = self.blocks().saturating_mul(self.panels()).saturating_mul(self.columns);
        let sums = self.blocks().saturating_mul(self.runs).saturating_mul(self.sum_len());
        let work = self.work_len().saturating_mul(threads);
        let of_panels = panels.saturating_mul(self.width + 1);
        of_rows
            .saturating_add(of_panels)
            .saturating_add(sums)
            .saturating_add(work)
    }
}

/// Floats that the loss of a step on so many samples works with; nothing where it is not over lists.
pub(in crate::cpu) fn blocks_len(loss: &Stage, rows: usize, threads: usize) -> Option<usize> {
    match loss {
        Stage::SoftmaxCrossEntropy(loss) => Some(Cut::new(loss, rows).len(threads)),
        _ => None,
    }
}

/// The blocks of the present batch. Memory is kept.
#[derive(Default)]
pub(in crate::cpu) struct Blocks {
    cut: Cut,
    /// `[rows, stride]`: queries over the temperature, and candidates, as they are compared.
    vectors: [AlignedVec; 2],
    /// `[rows]`: what they were multiplied by; nothing where they are compared as they are.
    inverses: [Vec<f32>; 2],
    /// `[blocks, panels, width, columns]` and `[blocks, panels, columns]`; see [`Block`].
    transposed: AlignedVec,
    offsets: Vec<f32>,
    /// The place of each sample in the order of the column of ids; nothing where that is not read.
    places: Vec<u32>,
    /// `[rows, stride]`: the gradients of the queries' directions, without what the samples' own scores add.
    d_queries: AlignedVec,
    /// `[blocks, runs, block, stride]`: those of the candidates.
    sums: AlignedVec,
    /// Of each run.
    losses: Vec<f64>,
    /// Of each thread.
    work: Vec<AlignedVec>,
}

/// Vectors of some panels to be made ready.
struct Ready<'a> {
    /// Panels of all blocks.
    panels: Range<usize>,
    vectors: [&'a mut [f32]; 2],
    inverses: [&'a mut [f32]; 2],
    transposed: &'a mut [f32],
    offsets: &'a mut [f32],
}

/// Runs of queries.
struct Runs<'a> {
    runs: Range<usize>,
    d_queries: &'a mut [f32],
    sums: &'a mut [f32],
    losses: &'a mut [f64],
}

impl Blocks {
    /// Computes the loss of all blocks, and of its gradients what does not come from the samples' own scores.
    pub fn run(
        &mut self,
        proof: Proof,
        pool: &mut Pool,
        loss: &SoftmaxCrossEntropy,
        batch: &Batch,
        read: VectorRows<'_>,
    ) {
        self.reserve(Cut::new(loss, batch.len()), loss, pool.threads());
        if let Some(column) = loss.column {
            let order = &batch.column(column).order;
            (0..)
                .zip(order)
                .for_each(|(place, &sample)| self.places[sample as usize] = place);
        }
        self.make_ready(proof, pool, loss, batch, read);
        self.run_all(proof, pool, loss, batch);
    }

    /// The sum of the losses, after [`run`](Blocks::run).
    pub fn loss(&self) -> f64 {
        self.losses.iter().sum()
    }

    fn reserve(&mut self, cut: Cut, loss: &SoftmaxCrossEntropy, threads: usize) {
        let grow = |floats: &mut AlignedVec, len: usize| {
            if floats.len() < len {
                floats.resize(len);
            }
        };
        let (panels, floats) = (cut.blocks() * cut.panels(), cut.rows * cut.stride + READ_AHEAD);
        self.vectors.iter_mut().for_each(|vectors| grow(vectors, floats));
        grow(&mut self.d_queries, floats);
        grow(&mut self.transposed, panels * cut.width * cut.columns + READ_AHEAD);
        grow(&mut self.sums, cut.blocks() * cut.runs * cut.sum_len());
        self.offsets.resize(panels * cut.columns, 0.0);
        self.losses.resize(cut.blocks() * cut.runs, 0.0);
        let takes_cosines = loss.similarity == Similarity::Cosine;
        self.inverses
            .iter_mut()
            .for_each(|all| all.resize(if takes_cosines { cut.rows } else { 0 }, 0.0));
        self.places.resize(if loss.column.is_some() { cut.rows } else { 0 }, 0);
        self.work.resize_with(threads.max(self.work.len()), AlignedVec::default);
        self.work.iter_mut().for_each(|work| grow(work, cut.work_len()));
        self.cut = cut;
    }

    /// Copies the vectors out of the tiles, as they are compared.
    fn make_ready(
        &mut self,
        proof: Proof,
        pool: &mut Pool,
        loss: &SoftmaxCrossEntropy,
        batch: &Batch,
        read: VectorRows<'_>,
    ) {
        let cut = self.cut;
        let panels = cut.blocks() * cut.panels();
        let mut tasks: [Option<Ready<'_>>; TASKS] = [const { None }; TASKS];
        let mut vectors = self.vectors.each_mut().map(|vectors| &mut vectors[..]);
        let mut inverses = self.inverses.each_mut().map(|inverses| &mut inverses[..]);
        let (mut transposed, mut offsets) = (&mut self.transposed[..], &mut self.offsets[..]);
        for (task, slot) in tasks.iter_mut().enumerate() {
            let panels = panels * task / TASKS..panels * (task + 1) / TASKS;
            let rows = panel_samples(&cut, &panels).len();
            let floats = panels.len() * cut.columns;
            *slot = Some(Ready {
                vectors: vectors.each_mut().map(|all| front(all, rows * cut.stride)),
                inverses: inverses.each_mut().map(|all| front(all, rows)),
                transposed: front(&mut transposed, floats * cut.width),
                offsets: front(&mut offsets, floats),
                panels,
            });
        }
        pool.for_each(&mut self.work, &mut tasks, |_, task| {
            if let Some(task) = task {
                dispatch!(proof, s => make_ready(s, &cut, loss, batch.log_q(), read, task));
            }
        });
    }

    fn run_all(&mut self, proof: Proof, pool: &mut Pool, loss: &SoftmaxCrossEntropy, batch: &Batch) {
        let cut = self.cut;
        let all = cut.blocks() * cut.runs;
        let mut tasks: [Option<Runs<'_>>; TASKS] = [const { None }; TASKS];
        let (mut d_queries, mut sums) = (&mut self.d_queries[..], &mut self.sums[..]);
        let mut losses = &mut self.losses[..];
        for (task, slot) in tasks.iter_mut().enumerate() {
            let runs = all * task / TASKS..all * (task + 1) / TASKS;
            let rows: usize = runs.clone().map(|run| cut.queries(run).len()).sum();
            *slot = Some(Runs {
                d_queries: front(&mut d_queries, rows * cut.stride),
                sums: front(&mut sums, runs.len() * cut.sum_len()),
                losses: front(&mut losses, runs.len()),
                runs,
            });
        }
        let reads = Reads {
            cut,
            loss,
            batch,
            vectors: self.vectors.each_ref().map(|vectors| &vectors[..]),
            transposed: &self.transposed,
            offsets: &self.offsets,
            places: &self.places,
        };
        pool.for_each(&mut self.work, &mut tasks, |work, task| {
            let Some(Runs {
                runs,
                d_queries,
                sums,
                losses,
            }) = task
            else {
                return;
            };
            let (mut d_queries, mut sums) = (&mut **d_queries, &mut **sums);
            for (run, loss) in runs.clone().zip(losses.iter_mut()) {
                let of_run = front(&mut d_queries, cut.queries(run).len() * cut.stride);
                let sum = front(&mut sums, cut.sum_len());
                *loss = dispatch!(proof, s => reads.run(s, run, work, of_run, sum));
            }
        });
    }

    /// Delivers the gradient of a sample's query, where `share` is the sample's in the mean. `row` is as wide as it is.
    #[allow(clippy::too_many_arguments)] // operands with their shapes
    pub fn deliver_query<S: Simd>(
        &self,
        s: S,
        loss: &SoftmaxCrossEntropy,
        sample: usize,
        share: f32,
        row: &mut [f32],
        to: &mut [f32],
        accumulate: Accumulate,
    ) {
        let (scale, [query, candidate]) = (1.0 / loss.temperature, self.directions(sample));
        subtract(s, share, candidate, row);
        add(s, &self.d_queries[sample * self.cut.stride..][..self.cut.width], row);
        let inverse = self.inverses[0].get(sample).copied();
        normalise::backward_row(s, row, scale, query, scale, inverse, to, accumulate);
    }

    /// [`deliver_query`](Blocks::deliver_query) of its candidate.
    pub fn deliver_candidate<S: Simd>(
        &self,
        s: S,
        sample: usize,
        share: f32,
        row: &mut [f32],
        to: &mut [f32],
        accumulate: Accumulate,
    ) {
        let (cut, [query, candidate]) = (&self.cut, self.directions(sample));
        let (block, within) = (sample / cut.block, sample % cut.block);
        subtract(s, share, query, row);
        for run in block * cut.runs..(block + 1) * cut.runs {
            if !cut.queries(run).is_empty() {
                add(
                    s,
                    &self.sums[run * cut.sum_len() + within * cut.stride..][..cut.width],
                    row,
                );
            }
        }
        let inverse = self.inverses[1].get(sample).copied();
        normalise::backward_row(s, row, 1.0, candidate, 1.0, inverse, to, accumulate);
    }

    /// A sample's query and candidate as they are compared.
    fn directions(&self, sample: usize) -> [&[f32]; 2] {
        let Cut { stride, width, .. } = self.cut;
        self.vectors.each_ref().map(|all| &all[sample * stride..][..width])
    }
}

kernel! {
    pub fn subtract<'a, S: Simd>(s: S, share: f32, other: &'a [f32], row: &'a mut [f32]) {
        for (x, to) in other.chunks(S::LANES).zip(row.chunks_mut(S::LANES)) {
            s.store_partial(s.mul(s.splat(-share), s.load_partial(x)), to);
        }
    }
}

kernel! {
    pub fn add<'a, S: Simd>(s: S, term: &'a [f32], row: &'a mut [f32]) {
        for (x, to) in term.chunks(S::LANES).zip(row.chunks_mut(S::LANES)) {
            let sum = s.add(s.load_partial(to), s.load_partial(x));
            s.store_partial(sum, to);
        }
    }
}

/// Takes the first `len` off a slice, or what there is.
fn front<'a, T>(rest: &mut &'a mut [T], len: usize) -> &'a mut [T] {
    let len = len.min(rest.len());
    let (front, back) = core::mem::take(rest).split_at_mut(len);
    *rest = back;
    front
}

/// The samples of some panels of all blocks.
fn panel_samples(cut: &Cut, panels: &Range<usize>) -> Range<usize> {
    let begin = |panel: usize| {
        let samples = cut.samples(panel / cut.panels());
        (samples.start + panel % cut.panels() * cut.columns)
            .min(samples.end)
            .min(cut.rows)
    };
    begin(panels.start)..begin(panels.end)
}

fn make_ready<S: Simd>(
    s: S,
    cut: &Cut,
    loss: &SoftmaxCrossEntropy,
    log_q: &[f32],
    read: VectorRows<'_>,
    task: &mut Ready<'_>,
) {
    let first = panel_samples(cut, &task.panels).start;
    let scales = [1.0 / loss.temperature, 1.0];
    for (index, panel) in task.panels.clone().enumerate() {
        let samples = panel_samples(cut, &(panel..panel + 1));
        let at = samples.start - first;
        for side in 0..2 {
            let mut done = 0;
            while done < samples.len() {
                let (tile, row) = (
                    (samples.start + done) / read.tile_rows,
                    (samples.start + done) % read.tile_rows,
                );
                let count = (samples.len() - done).min(read.tile_rows - row);
                let vectors = (read.of_tile)(loss.vectors[side], tile).from_row(row);
                let inverses = task.inverses[side]
                    .get_mut(at + done..at + done + count)
                    .unwrap_or_default();
                let to = RowsMut {
                    data: &mut task.vectors[side][(at + done) * cut.stride..],
                    stride: cut.stride,
                    width: cut.width,
                };
                normalise::forward(s, count, vectors, scales[side], inverses, to);
                done += count;
            }
        }
        let transposed = &mut task.transposed[index * cut.width * cut.columns..][..cut.width * cut.columns];
        let offsets = &mut task.offsets[index * cut.columns..][..cut.columns];
        for (k, offset) in offsets.iter_mut().enumerate() {
            let is_there = k < samples.len();
            *offset = match is_there {
                true if loss.corrects => -log_q[samples.start + k],
                true => 0.0,
                false => Block::NONE,
            };
            for c in 0..cut.width {
                let there = if is_there {
                    task.vectors[1][(at + k) * cut.stride + c]
                } else {
                    0.0
                };
                transposed[c * cut.columns + k] = there;
            }
        }
    }
}

/// What runs read.
struct Reads<'a> {
    cut: Cut,
    loss: &'a SoftmaxCrossEntropy,
    batch: &'a Batch,
    vectors: [&'a [f32]; 2],
    transposed: &'a [f32],
    offsets: &'a [f32],
    places: &'a [u32],
}

impl Reads<'_> {
    /// Runs the queries of a run; gives their loss.
    fn run<S: Simd>(&self, s: S, run: usize, work: &mut [f32], d_queries: &mut [f32], sum: &mut [f32]) -> f64 {
        let (cut, samples) = (&self.cut, self.cut.samples(run / self.cut.runs));
        let [queries, candidates] = self.vectors.map(|all| Rows {
            data: &all[samples.start * cut.stride..],
            stride: cut.stride,
            width: cut.width,
        });
        let panel = run / cut.runs * cut.panels() * cut.columns;
        let block = Block {
            queries,
            candidates,
            transposed: &self.transposed[panel * cut.width..],
            offsets: &self.offsets[panel..],
            len: samples.len(),
            columns: cut.columns,
        };
        let (numbers, work) = work.split_at_mut(3 * QUERIES);
        let (weighted, work) = work.split_at_mut(QUERIES * cut.stride);
        let [largest, sums, own] = numbers.as_chunks_mut::<QUERIES>().0 else {
            return 0.0;
        };
        let (all, mut total, mut accumulate) = (cut.queries(run), 0.0, Accumulate::Overwrite);
        for first in all.clone().step_by(QUERIES) {
            let rows = QUERIES.min(all.end - first);
            let first_of_block = first - samples.start;
            scores(s, &block, first_of_block, rows, work);
            self.take_out(&block, &samples, first, rows, work, own);
            exponentials(
                s,
                [rows, cut.columns, block.len.div_ceil(cut.columns)],
                work,
                largest,
                sums,
            );
            for r in 0..rows {
                let (weight, share) = self.share(first + r);
                let log_q = if self.loss.corrects {
                    self.batch.log_q()[first + r]
                } else {
                    0.0
                };
                let log_sum = f64::from(largest[r]) + libm::log(sums[r].into());
                let loss = f64::from(self.loss.log_sum) * log_sum - (f64::from(own[r]) + f64::from(log_q));
                total += loss * f64::from(weight);
                sums[r] = self.loss.log_sum * share / sums[r];
                let to = &mut weighted[r * cut.stride..][..cut.width];
                scale(s, sums[r], block.queries.row(first_of_block + r), to);
            }
            let of_queries = &mut d_queries[(first - all.start) * cut.stride..];
            let rows_of = |data| RowsMut {
                data,
                stride: cut.stride,
                width: cut.width,
            };
            let weighted = Rows {
                data: weighted,
                stride: cut.stride,
                width: cut.width,
            };
            let (mut to, mut of_candidates) = (rows_of(&mut *of_queries), rows_of(&mut *sum));
            products(s, &block, rows, work, weighted, &mut to, &mut of_candidates, accumulate);
            for (r, factor) in sums[..rows].iter().enumerate() {
                scale_in_place(s, *factor, &mut of_queries[r * cut.stride..][..cut.width]);
            }
            accumulate = Accumulate::Add;
        }
        total
    }

    /// The weight of a sample, and its share in the mean.
    fn share(&self, sample: usize) -> (f32, f32) {
        let weight = self.batch.weights().get(sample).copied().unwrap_or(1.0);
        (weight, weight * (1.0 / self.cut.rows as f32))
    }

    /// Keeps the samples' own exponents, and takes those of other samples with the same id out of the scores.
    fn take_out(
        &self,
        block: &Block<'_>,
        samples: &Range<usize>,
        first: usize,
        rows: usize,
        scores: &mut [f32],
        own: &mut [f32],
    ) {
        let columns = block.columns;
        let place = |r: usize, sample: usize| {
            let candidate = sample - samples.start;
            (candidate / columns * rows + r) * columns + candidate % columns
        };
        for r in 0..rows {
            own[r] = scores[place(r, first + r)];
            let Some(column) = self.loss.column.map(|column| self.batch.column(column)) else {
                continue;
            };
            // Equal ids lie side by side in the column's order, in that of the batch.
            let at = self.places[first + r] as usize;
            let is_same = |&&other: &&u32| {
                column.ids[other as usize] == column.ids[first + r] && samples.contains(&(other as usize))
            };
            let before = column.order[..at].iter().rev().take_while(is_same);
            for &other in before.chain(column.order[at + 1..].iter().take_while(is_same)) {
                scores[place(r, other as usize)] = LEFT_OUT;
            }
        }
    }
}

kernel! {
    pub fn scale<'a, S: Simd>(s: S, factor: f32, from: &'a [f32], to: &'a mut [f32]) {
        for (x, to) in from.chunks(S::LANES).zip(to.chunks_mut(S::LANES)) {
            s.store_partial(s.mul(s.splat(factor), s.load_partial(x)), to);
        }
    }
}

kernel! {
    pub fn scale_in_place<'a, S: Simd>(s: S, factor: f32, row: &'a mut [f32]) {
        for x in row.chunks_mut(S::LANES) {
            s.store_partial(s.mul(s.splat(factor), s.load_partial(x)), x);
        }
    }
}
