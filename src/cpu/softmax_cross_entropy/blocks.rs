//! The losses over lists, between a step's passes: their vectors, the tasks that their work is cut into, and what tiles fetch.
//!
//! Two losses are computed here: that whose candidates are those of a block of rows, and that with a list which all rows share.
//! The second is one block whose candidates are the list, and which has the rows' own beside it.
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
    ops::Similarity,
    plan::{Accumulate, Plan, Space, View},
};

/// Runs that the queries of all blocks are cut into at least, where there are as many: threads share them. Each has a sum of
/// its own, as large as the block's candidates.
const RUNS: usize = 8;
/// Tasks at most.
const TASKS: usize = 16;

/// A loss over lists, as its operation has it.
#[derive(Clone, Copy, Debug)]
pub(in crate::cpu) struct OverLists {
    pub query: View,
    /// The candidate of each query.
    pub own: View,
    /// Other candidates, of all queries.
    pub list: Option<View>,
    /// The ids of the own candidates, and of the list, where the same are left out.
    pub columns: [Option<usize>; 2],
    pub similarity: Similarity,
    pub temperature: f32,
    pub log_sum: f32,
    /// Rows whose own candidates are each other's; all where there is a list.
    pub block: usize,
    pub corrects: bool,
}

/// Where the vectors of a batch lie: those of a view from a row of the batch on, as many as lie together.
pub(in crate::cpu) type VectorsAt<'a> = &'a (dyn Fn(View, usize) -> (Rows<'a>, usize) + Sync);

/// How a batch is cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Cut {
    /// Rows of the batch, and of a block but the last.
    rows: usize,
    block: usize,
    /// Candidates of the list.
    list: Option<usize>,
    /// Candidates of a panel.
    columns: usize,
    /// Queries of a run, and runs of a block.
    run: usize,
    runs: usize,
    width: usize,
    stride: usize,
}

impl Cut {
    fn new(loss: &OverLists, rows: usize, list: usize) -> Self {
        let (width, block) = (loss.query.width, loss.block.min(rows).max(1));
        let runs = RUNS.div_ceil(rows.div_ceil(block).max(1));
        let run = block.div_ceil(runs).next_multiple_of(QUERIES).min(block);
        let list = loss.list.map(|_| list);
        Cut {
            rows,
            block,
            list,
            columns: COLUMNS.min(list.unwrap_or(block).max(1).next_multiple_of(16)),
            run,
            runs: block.div_ceil(run),
            width,
            stride: width.next_multiple_of(16),
        }
    }

    fn blocks(&self) -> usize {
        self.rows.div_ceil(self.block)
    }

    /// Rows of a block.
    fn block_rows(&self, block: usize) -> Range<usize> {
        block * self.block..((block + 1) * self.block).min(self.rows)
    }

    /// The candidates of a block among all.
    fn candidates(&self, block: usize) -> Range<usize> {
        match self.list {
            Some(list) => 0..list,
            None => self.block_rows(block),
        }
    }

    /// Panels of a whole block.
    fn panels(&self) -> usize {
        self.list.unwrap_or(self.block).div_ceil(self.columns)
    }

    /// Candidates of some panels of all blocks.
    fn of_panels(&self, panels: &Range<usize>) -> Range<usize> {
        let begin = |panel: usize| match panel < self.blocks() * self.panels() {
            true => {
                let candidates = self.candidates(panel / self.panels());
                (candidates.start + panel % self.panels() * self.columns).min(candidates.end)
            }
            false => self.list.unwrap_or(self.rows),
        };
        begin(panels.start)..begin(panels.end)
    }

    /// Rows of a run, of which there are `runs` a block.
    fn queries(&self, run: usize) -> Range<usize> {
        let rows = self.block_rows(run / self.runs);
        let first = (rows.start + run % self.runs * self.run).min(rows.end);
        first..(first + self.run).min(rows.end)
    }

    /// Floats of a run's sum.
    fn sum_len(&self) -> usize {
        self.list.unwrap_or(self.block).saturating_mul(self.stride)
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
        let of_rows = self.rows.saturating_mul(3 * self.stride + 5);
        let of_list = self.list.unwrap_or(0).saturating_mul(self.stride + 1);
        let panels = self.blocks().saturating_mul(self.panels()).saturating_mul(self.columns);
        let sums = self.blocks().saturating_mul(self.runs).saturating_mul(self.sum_len());
        let work = self.work_len().saturating_mul(threads);
        let of_panels = panels.saturating_mul(self.width + 1);
        let all = [of_list, of_panels, sums, work];
        all.into_iter().fold(of_rows, usize::saturating_add)
    }
}

/// Rows of a space in a batch.
fn rows_of(plan: &Plan, batch: &Batch, view: View) -> usize {
    match plan.space(view.buffer) {
        Space::Samples => batch.len(),
        Space::Nodes => 0, // no plan has such vectors of nodes
        Space::Steps(sequence) => batch.offsets(sequence).last().map_or(0, |&end| end as usize),
    }
}

impl OverLists {
    fn cut(&self, plan: &Plan, batch: &Batch) -> Cut {
        let list = self.list.map_or(0, |list| rows_of(plan, batch, list));
        Cut::new(self, rows_of(plan, batch, self.query), list)
    }

    /// Floats that a step on a batch works with.
    pub fn floats(&self, plan: &Plan, batch: &Batch, threads: usize) -> usize {
        self.cut(plan, batch).len(threads)
    }
}

/// The blocks of the present batch. Memory is kept.
#[derive(Default)]
pub(in crate::cpu) struct Blocks {
    cut: Cut,
    /// `[rows, stride]`: queries over the temperature, and own candidates, as they are compared; then the list.
    vectors: [AlignedVec; 3],
    /// `[rows]`: what they were multiplied by; nothing where they are compared as they are.
    inverses: [Vec<f32>; 3],
    /// `[blocks, panels, width, columns]` and `[blocks, panels, columns]`; see [`Block`].
    transposed: AlignedVec,
    offsets: Vec<f32>,
    /// The place of each row in the order of its column of ids; nothing where that is not read.
    places: Vec<u32>,
    /// `[rows]`: how much each counts, and the gradient of its own score, over the temperature, beside what the sums have.
    weights: Vec<f32>,
    own: Vec<f32>,
    /// `[rows, stride]`: the gradients of the queries' directions, without what the own scores add.
    d_queries: AlignedVec,
    /// `[blocks, runs, candidates, stride]`: those of the candidates.
    sums: AlignedVec,
    /// Of each run.
    losses: Vec<f64>,
    /// Of each thread.
    work: Vec<AlignedVec>,
}

/// Vectors of some rows to be copied.
struct Copies<'a> {
    rows: Range<usize>,
    vectors: &'a mut [f32],
    inverses: &'a mut [f32],
}

/// Panels of candidates to be made.
struct Transposes<'a> {
    panels: Range<usize>,
    transposed: &'a mut [f32],
    offsets: &'a mut [f32],
}

/// Runs of queries.
struct Runs<'a> {
    runs: Range<usize>,
    d_queries: &'a mut [f32],
    sums: &'a mut [f32],
    own: &'a mut [f32],
    losses: &'a mut [f64],
}

impl Blocks {
    /// Computes the loss of all blocks, and of its gradients what does not come from the own scores. Gives the sum of the
    /// losses, as if every row were a sample.
    pub fn run(
        &mut self,
        proof: Proof,
        pool: &mut Pool,
        loss: &OverLists,
        (plan, batch): (&Plan, &Batch),
        read: VectorsAt<'_>,
    ) -> f64 {
        self.reserve(loss.cut(plan, batch), loss, pool.threads());
        if let ([Some(column), _], None) = (loss.columns, loss.list) {
            let order = &batch.column(column).order;
            (0..)
                .zip(order)
                .for_each(|(place, &row)| self.places[row as usize] = place);
        }
        self.set_weights(plan.space(loss.query.buffer), batch);
        let scales = [1.0 / loss.temperature, 1.0, 1.0];
        let views = [Some(loss.query), Some(loss.own), loss.list];
        for (side, (view, scale)) in views.into_iter().zip(scales).enumerate() {
            if let Some(view) = view {
                self.copy(proof, pool, side, view, scale, read);
            }
        }
        self.transpose(proof, pool, if loss.corrects { batch.log_q() } else { &[] });
        self.run_all(proof, pool, loss, batch);
        self.losses.iter().sum()
    }

    fn reserve(&mut self, cut: Cut, loss: &OverLists, threads: usize) {
        let grow = |floats: &mut AlignedVec, len: usize| {
            if floats.len() < len {
                floats.resize(len);
            }
        };
        let (panels, rows) = (cut.blocks() * cut.panels(), [cut.rows, cut.rows, cut.list.unwrap_or(0)]);
        let takes_cosines = loss.similarity == Similarity::Cosine;
        for (side, rows) in rows.into_iter().enumerate() {
            grow(&mut self.vectors[side], rows * cut.stride + READ_AHEAD);
            self.inverses[side].resize(if takes_cosines { rows } else { 0 }, 0.0);
        }
        grow(&mut self.d_queries, cut.rows * cut.stride + READ_AHEAD);
        grow(&mut self.transposed, panels * cut.width * cut.columns + READ_AHEAD);
        grow(&mut self.sums, cut.blocks() * cut.runs * cut.sum_len());
        self.offsets.resize(panels * cut.columns, 0.0);
        self.losses.resize(cut.blocks() * cut.runs, 0.0);
        self.places.resize(cut.rows, 0);
        self.weights.resize(cut.rows, 0.0);
        self.own.resize(cut.rows, 0.0);
        self.work.resize_with(threads.max(self.work.len()), AlignedVec::default);
        self.work.iter_mut().for_each(|work| grow(work, cut.work_len()));
        self.cut = cut;
    }

    /// How much each row counts: as much as its sample.
    fn set_weights(&mut self, space: Space, batch: &Batch) {
        self.weights.fill(1.0);
        match (space, batch.weights()) {
            (_, []) | (Space::Nodes, _) => {}
            (Space::Samples, weights) => self.weights.copy_from_slice(weights),
            (Space::Steps(sequence), weights) => {
                for (steps, &weight) in batch.offsets(sequence).windows(2).zip(weights) {
                    self.weights[steps[0] as usize..steps[1] as usize].fill(weight);
                }
            }
        }
    }

    /// Copies vectors out of the tiles, as they are compared.
    fn copy(&mut self, proof: Proof, pool: &mut Pool, side: usize, view: View, scale: f32, read: VectorsAt<'_>) {
        let cut = self.cut;
        let all = if side == 2 { cut.list.unwrap_or(0) } else { cut.rows };
        let (mut vectors, mut inverses) = (&mut self.vectors[side][..], &mut self.inverses[side][..]);
        let mut tasks: [Option<Copies<'_>>; TASKS] = [const { None }; TASKS];
        for (task, slot) in tasks.iter_mut().enumerate() {
            let rows = all * task / TASKS..all * (task + 1) / TASKS;
            *slot = Some(Copies {
                vectors: front(&mut vectors, rows.len() * cut.stride),
                inverses: front(&mut inverses, rows.len()),
                rows,
            });
        }
        pool.for_each(&mut self.work, &mut tasks, |_, task| {
            let Some(Copies {
                rows,
                vectors,
                inverses,
            }) = task
            else {
                return;
            };
            let mut done = 0;
            while done < rows.len() {
                let (from, together) = read(view, rows.start + done);
                let count = together.min(rows.len() - done);
                let to = RowsMut {
                    data: &mut vectors[done * cut.stride..],
                    stride: cut.stride,
                    width: cut.width,
                };
                let inverses = inverses.get_mut(done..done + count).unwrap_or_default();
                dispatch!(proof, s => normalise::forward(s, count, from, scale, inverses, to));
                done += count;
            }
        });
    }

    /// Makes the panels of candidates.
    fn transpose(&mut self, proof: Proof, pool: &mut Pool, log_q: &[f32]) {
        let cut = self.cut;
        let candidates = &self.vectors[if cut.list.is_some() { 2 } else { 1 }][..];
        let (mut transposed, mut offsets) = (&mut self.transposed[..], &mut self.offsets[..]);
        let mut tasks: [Option<Transposes<'_>>; TASKS] = [const { None }; TASKS];
        let panels = cut.blocks() * cut.panels();
        for (task, slot) in tasks.iter_mut().enumerate() {
            let panels = panels * task / TASKS..panels * (task + 1) / TASKS;
            let floats = panels.len() * cut.columns;
            *slot = Some(Transposes {
                transposed: front(&mut transposed, floats * cut.width),
                offsets: front(&mut offsets, floats),
                panels,
            });
        }
        let _ = proof; // moves floats one by one
        pool.for_each(&mut self.work, &mut tasks, |_, task| {
            let Some(Transposes {
                panels,
                transposed,
                offsets,
            }) = task
            else {
                return;
            };
            let of_panels = transposed
                .chunks_mut(cut.width * cut.columns)
                .zip(offsets.chunks_mut(cut.columns));
            for (panel, (transposed, offsets)) in panels.clone().zip(of_panels) {
                let rows = cut.of_panels(&(panel..panel + 1));
                for (k, offset) in offsets.iter_mut().enumerate() {
                    let is_there = k < rows.len();
                    *offset = match is_there {
                        true => log_q.get(rows.start + k).map_or(0.0, |log_q| -log_q),
                        false => Block::NONE,
                    };
                    for c in 0..cut.width {
                        let x = if is_there {
                            candidates[(rows.start + k) * cut.stride + c]
                        } else {
                            0.0
                        };
                        transposed[c * cut.columns + k] = x;
                    }
                }
            }
        });
    }

    fn run_all(&mut self, proof: Proof, pool: &mut Pool, loss: &OverLists, batch: &Batch) {
        let cut = self.cut;
        let all = cut.blocks() * cut.runs;
        let mut tasks: [Option<Runs<'_>>; TASKS] = [const { None }; TASKS];
        let (mut d_queries, mut sums) = (&mut self.d_queries[..], &mut self.sums[..]);
        let (mut losses, mut own) = (&mut self.losses[..], &mut self.own[..]);
        for (task, slot) in tasks.iter_mut().enumerate() {
            let runs = all * task / TASKS..all * (task + 1) / TASKS;
            let rows: usize = runs.clone().map(|run| cut.queries(run).len()).sum();
            *slot = Some(Runs {
                d_queries: front(&mut d_queries, rows * cut.stride),
                sums: front(&mut sums, runs.len() * cut.sum_len()),
                own: front(&mut own, rows),
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
            weights: &self.weights,
        };
        pool.for_each(&mut self.work, &mut tasks, |work, task| {
            let Some(Runs {
                runs,
                d_queries,
                sums,
                own,
                losses,
            }) = task
            else {
                return;
            };
            let (mut d_queries, mut sums, mut own) = (&mut **d_queries, &mut **sums, &mut **own);
            for (run, loss) in runs.clone().zip(losses.iter_mut()) {
                let rows = cut.queries(run).len();
                let to = RunGradients {
                    queries: front(&mut d_queries, rows * cut.stride),
                    own: front(&mut own, rows),
                    sum: front(&mut sums, cut.sum_len()),
                };
                *loss = dispatch!(proof, s => reads.run(s, run, work, to));
            }
        });
    }

    /// Delivers the gradient of a row's query. `row` is as wide as it is.
    pub fn deliver_query<S: Simd>(
        &self,
        s: S,
        temperature: f32,
        index: usize,
        row: &mut [f32],
        to: &mut [f32],
        accumulate: Accumulate,
    ) {
        let (scale, [query, own]) = (1.0 / temperature, [0, 1].map(|side| self.direction(side, index)));
        scaled(s, self.own[index], own, row);
        add(s, &self.d_queries[index * self.cut.stride..][..self.cut.width], row);
        let inverse = self.inverses[0].get(index).copied();
        normalise::backward_row(s, row, scale, query, scale, inverse, to, accumulate);
    }

    /// That of its own candidate.
    pub fn deliver_own<S: Simd>(&self, s: S, index: usize, row: &mut [f32], to: &mut [f32], accumulate: Accumulate) {
        scaled(s, self.own[index], self.direction(0, index), row);
        if self.cut.list.is_none() {
            self.add_sums(s, index / self.cut.block, index % self.cut.block, row);
        }
        let inverse = self.inverses[1].get(index).copied();
        normalise::backward_row(s, row, 1.0, self.direction(1, index), 1.0, inverse, to, accumulate);
    }

    /// That of a row of the list.
    pub fn deliver_listed<S: Simd>(&self, s: S, index: usize, row: &mut [f32], to: &mut [f32], accumulate: Accumulate) {
        row.fill(0.0);
        if self.cut.rows > 0 {
            self.add_sums(s, 0, index, row);
        }
        let inverse = self.inverses[2].get(index).copied();
        normalise::backward_row(s, row, 1.0, self.direction(2, index), 1.0, inverse, to, accumulate);
    }

    /// Adds what the runs of a block have of one of its candidates.
    fn add_sums<S: Simd>(&self, s: S, block: usize, candidate: usize, row: &mut [f32]) {
        let cut = &self.cut;
        for run in block * cut.runs..(block + 1) * cut.runs {
            if !cut.queries(run).is_empty() {
                add(
                    s,
                    &self.sums[run * cut.sum_len() + candidate * cut.stride..][..cut.width],
                    row,
                );
            }
        }
    }

    /// A vector as it is compared.
    fn direction(&self, side: usize, index: usize) -> &[f32] {
        &self.vectors[side][index * self.cut.stride..][..self.cut.width]
    }
}

/// Takes the first `len` off a slice, or what there is.
fn front<'a, T>(rest: &mut &'a mut [T], len: usize) -> &'a mut [T] {
    let len = len.min(rest.len());
    let (front, back) = core::mem::take(rest).split_at_mut(len);
    *rest = back;
    front
}

/// What runs read.
struct Reads<'a> {
    cut: Cut,
    loss: &'a OverLists,
    batch: &'a Batch,
    vectors: [&'a [f32]; 3],
    transposed: &'a [f32],
    offsets: &'a [f32],
    places: &'a [u32],
    weights: &'a [f32],
}

/// Where a run leaves gradients.
struct RunGradients<'a> {
    queries: &'a mut [f32],
    own: &'a mut [f32],
    sum: &'a mut [f32],
}

impl<'a> Reads<'a> {
    /// Vectors from one on.
    fn rows(&self, side: usize, first: usize) -> Rows<'a> {
        Rows {
            data: &self.vectors[side][first * self.cut.stride..],
            stride: self.cut.stride,
            width: self.cut.width,
        }
    }

    /// The block of a run.
    fn block(&self, block: usize) -> Block<'a> {
        let (cut, candidates) = (&self.cut, self.cut.candidates(block));
        let first_panel = block * cut.panels() * cut.columns;
        Block {
            queries: self.rows(0, cut.block_rows(block).start),
            candidates: self.rows(if cut.list.is_some() { 2 } else { 1 }, candidates.start),
            transposed: &self.transposed[first_panel * cut.width..],
            offsets: &self.offsets[first_panel..],
            len: candidates.len(),
            columns: cut.columns,
        }
    }

    /// Runs the queries of a run; gives their loss.
    fn run<S: Simd>(&self, s: S, run: usize, work: &mut [f32], to: RunGradients<'_>) -> f64 {
        let (cut, all) = (&self.cut, self.cut.queries(run));
        let (block, begin) = (self.block(run / cut.runs), cut.block_rows(run / cut.runs).start);
        let (numbers, work) = work.split_at_mut(3 * QUERIES);
        let (weighted, work) = work.split_at_mut(QUERIES * cut.stride);
        let [largest, sums, own] = numbers.as_chunks_mut::<QUERIES>().0 else {
            return 0.0;
        };
        let (mut total, mut accumulate) = (0.0, Accumulate::Overwrite);
        for first in all.clone().step_by(QUERIES) {
            let rows = QUERIES.min(all.end - first);
            scores(s, &block, first - begin, rows, work);
            self.take_out(s, &block, begin, first, rows, work, own);
            // The own exponent is among the scores, or it is beside them.
            largest[..rows].fill(f32::MIN);
            if cut.list.is_some() {
                largest[..rows].copy_from_slice(&own[..rows]);
            }
            exponentials(
                s,
                [rows, cut.columns, block.len.div_ceil(cut.columns)],
                work,
                largest,
                sums,
            );
            for r in 0..rows {
                let at = first - all.start + r;
                total += self.finish_row(first + r, own[r], largest[r], &mut sums[r], &mut to.own[at]);
                let query = block.queries.row(first - begin + r);
                scaled(s, sums[r], query, &mut weighted[r * cut.stride..][..cut.width]);
            }
            let weighted = Rows {
                data: weighted,
                stride: cut.stride,
                width: cut.width,
            };
            let of_queries = &mut to.queries[(first - all.start) * cut.stride..];
            let [mut to_queries, mut to_sum] = [&mut *of_queries, &mut *to.sum].map(|data| RowsMut {
                data,
                stride: cut.stride,
                width: cut.width,
            });
            products(
                s,
                &block,
                rows,
                work,
                weighted,
                &mut to_queries,
                &mut to_sum,
                accumulate,
            );
            for (r, factor) in sums[..rows].iter().enumerate() {
                scale_in_place(s, *factor, &mut of_queries[r * cut.stride..][..cut.width]);
            }
            accumulate = Accumulate::Add;
        }
        total
    }

    /// The loss of a row. Its sum of exponentials becomes what they are multiplied by in gradients.
    fn finish_row(&self, row: usize, own: f32, largest: f32, sum: &mut f32, of_own: &mut f32) -> f64 {
        let (weight, log_weight) = (self.weights[row], self.loss.log_sum);
        let share = weight * (1.0 / self.cut.rows as f32);
        let of_list = self.cut.list.map(|_| libm::expf(own - largest));
        let all = *sum + of_list.unwrap_or(0.0);
        let log_q = if self.loss.corrects {
            self.batch.log_q()[row]
        } else {
            0.0
        };
        let log_sum = f64::from(largest) + libm::log(all.into());
        *sum = log_weight * share / all;
        *of_own = of_list.map_or(0.0, |e| e * *sum) - share;
        (f64::from(log_weight) * log_sum - (f64::from(own) + f64::from(log_q))) * f64::from(weight)
    }

    /// Keeps the own exponents, and takes those of candidates with the same id out of the scores.
    #[allow(clippy::too_many_arguments)] // operands with their shapes
    fn take_out<S: Simd>(
        &self,
        s: S,
        block: &Block<'_>,
        begin: usize,
        first: usize,
        rows: usize,
        scores: &mut [f32],
        own: &mut [f32],
    ) {
        let columns = block.columns;
        let place = |r: usize, candidate: usize| (candidate / columns * rows + r) * columns + candidate % columns;
        let of_block = begin..begin + block.len;
        for (r, own) in own[..rows].iter_mut().enumerate() {
            let row = first + r;
            if self.cut.list.is_some() {
                *own = dot(s, self.rows(0, row).row(0), self.rows(1, row).row(0));
                let [Some(of_own), Some(of_list)] = self.loss.columns else {
                    continue;
                };
                let (id, list) = (self.batch.column(of_own).ids[row], self.batch.column(of_list));
                if let Ok(segment) = list.segments.binary_search_by_key(&id, |segment| segment.row) {
                    let same = list.samples(segment).iter();
                    same.for_each(|&other| scores[place(r, other as usize)] = LEFT_OUT);
                }
                continue;
            }
            *own = scores[place(r, row - begin)];
            let Some(column) = self.loss.columns[0].map(|column| self.batch.column(column)) else {
                continue;
            };
            // Equal ids lie side by side in the column's order, in that of the batch.
            let at = self.places[row] as usize;
            let is_same =
                |&&other: &&u32| column.ids[other as usize] == column.ids[row] && of_block.contains(&(other as usize));
            let before = column.order[..at].iter().rev().take_while(is_same);
            for &other in before.chain(column.order[at + 1..].iter().take_while(is_same)) {
                scores[place(r, other as usize - begin)] = LEFT_OUT;
            }
        }
    }
}

kernel! {
    pub fn dot<'a, S: Simd>(s: S, a: &'a [f32], b: &'a [f32]) -> f32 {
        let mut sum = s.splat(0.0);
        for (a, b) in a.chunks(S::LANES).zip(b.chunks(S::LANES)) {
            sum = s.mul_add(s.load_partial(a), s.load_partial(b), sum);
        }
        s.reduce_sum(sum)
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

kernel! {
    pub fn scaled<'a, S: Simd>(s: S, factor: f32, from: &'a [f32], to: &'a mut [f32]) {
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
