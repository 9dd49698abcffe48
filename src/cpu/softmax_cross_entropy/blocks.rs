//! The losses over lists, between a step's passes: their vectors, the tasks that their work is cut into, and what tiles fetch.
//!
//! Two losses are computed here: that whose candidates are those of a block of rows, and that with a list which all rows share.
//! The second is one block whose candidates are the list, and which has the rows' own beside it; of a list that is
//! [known](super::KnownList) before the tiles, what is here is the list alone.
//!
//! All is cut by plan and batch alone. A run is some queries of a block, with a sum of its own of the gradients of the block's
//! candidates; a task is a run or several, one behind the other.

use alloc::vec::Vec;
use core::ops::Range;

use super::{
    Block,
    cut::{Cut, OverLists, VectorsAt},
    reads::{Reads, RunGradients, add, scaled},
};
#[cfg(not(feature = "parallel"))]
use crate::cpu::serial::Pool;
#[cfg(feature = "parallel")]
use crate::cpu::threads::Pool;
use crate::{
    cpu::{
        aligned::AlignedVec,
        linear::READ_AHEAD,
        normalise,
        rows::RowsMut,
        simd::{Proof, Simd, dispatch},
    },
    data::Batch,
    ops::Similarity,
    plan::{Accumulate, Plan, Space, View},
};

/// Tasks at most.
pub(super) const TASKS: usize = 16;

/// The blocks of the present batch. Memory is kept.
#[derive(Default)]
pub(in crate::cpu) struct Blocks {
    pub(super) cut: Cut,
    /// Rows of the batch that a [known list](super::KnownList) is for.
    pub(super) rows: usize,
    /// `[rows, stride]`: queries over the temperature, and own candidates, as they are compared; then the list.
    pub(super) vectors: [AlignedVec; 3],
    /// `[rows]`: what they were multiplied by; nothing where they are compared as they are.
    pub(super) inverses: [Vec<f32>; 3],
    /// `[blocks, panels, width, columns]` and `[blocks, panels, columns]`; see [`Block`].
    pub(super) transposed: AlignedVec,
    pub(super) offsets: Vec<f32>,
    /// The place of each row in the order of its column of ids; nothing where that is not read.
    places: Vec<u32>,
    /// `[rows]`: how much each counts, and the gradient of its own score, over the temperature, beside what the sums have.
    weights: Vec<f32>,
    own: Vec<f32>,
    /// `[rows, stride]`: the gradients of the queries' directions, without what the own scores add.
    d_queries: AlignedVec,
    /// `[blocks, runs, candidates, stride]`: those of the candidates; of a known list `[partials, list, stride]`.
    pub(super) sums: AlignedVec,
    /// Of each run.
    losses: Vec<f64>,
    /// Of each thread.
    pub(super) work: Vec<AlignedVec>,
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

    /// Makes room for some vectors of a side.
    fn reserve_side(&mut self, side: usize, rows: usize, loss: &OverLists) {
        let takes_cosines = loss.similarity == Similarity::Cosine;
        grow(&mut self.vectors[side], rows * self.cut.stride + READ_AHEAD);
        self.inverses[side].resize(if takes_cosines { rows } else { 0 }, 0.0);
    }

    /// Makes room for the panels of all candidates.
    fn reserve_panels(&mut self) {
        let (cut, panels) = (self.cut, self.cut.blocks() * self.cut.panels());
        grow(&mut self.transposed, panels * cut.width * cut.columns + READ_AHEAD);
        self.offsets.resize(panels * cut.columns, 0.0);
    }

    /// Makes room for a list.
    pub(super) fn reserve_list(&mut self, loss: &OverLists) {
        self.reserve_side(2, self.cut.list.unwrap_or(0), loss);
        self.reserve_panels();
    }

    fn reserve(&mut self, cut: Cut, loss: &OverLists, threads: usize) {
        self.cut = cut;
        (0..2).for_each(|side| self.reserve_side(side, cut.rows, loss));
        self.reserve_list(loss);
        grow(&mut self.d_queries, cut.rows * cut.stride + READ_AHEAD);
        grow(&mut self.sums, cut.blocks() * cut.runs * cut.sum_len());
        self.losses.resize(cut.blocks() * cut.runs, 0.0);
        self.places.resize(cut.rows, 0);
        self.weights.resize(cut.rows, 0.0);
        self.own.resize(cut.rows, 0.0);
        self.work.resize_with(threads.max(self.work.len()), AlignedVec::default);
        self.work.iter_mut().for_each(|work| grow(work, cut.work_len()));
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
    pub(super) fn copy(
        &mut self,
        proof: Proof,
        pool: &mut Pool,
        side: usize,
        view: View,
        scale: f32,
        read: VectorsAt<'_>,
    ) {
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
    pub(super) fn transpose(&mut self, proof: Proof, pool: &mut Pool, log_q: &[f32]) {
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
            first: 0,
            share: 1.0 / cut.rows as f32,
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
                    accumulate: Accumulate::Overwrite,
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
    pub(super) fn direction(&self, side: usize, index: usize) -> &[f32] {
        &self.vectors[side][index * self.cut.stride..][..self.cut.width]
    }
}

/// Takes the first `len` off a slice, or what there is.
pub(in crate::cpu) fn front<'a, T>(rest: &mut &'a mut [T], len: usize) -> &'a mut [T] {
    let len = len.min(rest.len());
    let (front, back) = core::mem::take(rest).split_at_mut(len);
    *rest = back;
    front
}

/// Makes a buffer so long at least.
pub(super) fn grow(floats: &mut AlignedVec, len: usize) {
    if floats.len() < len {
        floats.resize(len);
    }
}
