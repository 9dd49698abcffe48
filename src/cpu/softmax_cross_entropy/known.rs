//! A loss against a list whose vectors are rows of a table: they are known before any tile is, so that a tile goes through the
//! loss and back at once, as with a loss of its own samples.
//!
//! ```text
//! before the tiles: the list's rows, as they are compared, and their panels      by tasks
//! each tile:        its queries against the list; the gradients of queries and own candidates to the tile,
//!                   those of the list into the partial's sum
//! behind the tiles: the sums of all partials, in their order, to the batch-wide gradient      by tasks
//! ```
//!
//! Kept from tile to tile are these sums alone, `[partials, list, stride]`; where the list is what other stages make of
//! something, all tiles' activations are kept instead and the loss is a pass of its own ([`Blocks::run`]).

use alloc::vec::Vec;
use core::ops::Range;

use super::{
    Blocks, OverLists,
    blocks::{TASKS, front, grow},
    cut::{Cut, VectorsAt, rows_of},
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
        source::Source,
        tile::{Operands, StageGradients, over_lists},
    },
    data::Batch,
    ops::Similarity,
    plan::{Accumulate, Plan, Stage, View},
};

/// Where the list of a loss is looked up.
#[derive(Clone, Copy, Debug)]
pub(in crate::cpu) struct KnownList {
    pub loss: OverLists,
    pub list: View,
    /// The look-up, which tiles leave out.
    pub stage: usize,
    pub table: usize,
    pub column: usize,
}

impl KnownList {
    /// That of a plan, if its list is rows of a table as they are, which the loss alone reads.
    pub fn of(plan: &Plan) -> Option<Self> {
        let (end, others) = plan.stages().split_last()?;
        let loss = over_lists(end)?;
        let list = loss.list?;
        let is_list = |view: &View| view.buffer == list.buffer;
        let is_read = others.iter().any(|stage| stage.inputs().iter().any(is_list));
        let is_whole = list.start == 0 && list.width == plan.buffers()[list.buffer];
        if is_read || !is_whole || [loss.query, loss.own].iter().any(is_list) {
            return None;
        }
        others.iter().enumerate().find_map(|(stage, op)| match op {
            Stage::Gather(gather) if gather.output == list && !plan.columns()[gather.column].weighted => {
                Some(KnownList {
                    loss,
                    list,
                    stage,
                    table: gather.table,
                    column: gather.column,
                })
            }
            _ => None,
        })
    }

    fn cut(&self, plan: &Plan, batch: &Batch) -> Cut {
        Cut::new(&self.loss, 1, rows_of(plan, batch, self.list))
    }

    /// Floats that a step on a batch works with, where threads have so many rows of queries in all.
    pub fn floats(&self, plan: &Plan, batch: &Batch, (partials, threads): (usize, usize), rows: usize) -> usize {
        let cut = self.cut(plan, batch);
        let sums = cut.sum_len().saturating_mul(partials);
        let of_rows = rows.saturating_mul(3 * cut.stride + 4);
        cut.len(threads).saturating_add(sums).saturating_add(of_rows)
    }
}

/// What a tile works with. Memory is kept.
#[derive(Clone, Default)]
pub(in crate::cpu) struct AgainstList {
    /// A row of vectors' width.
    pub row: AlignedVec,
    /// `[rows, stride]`: queries over the temperature, and own candidates, as they are compared.
    vectors: [AlignedVec; 2],
    inverses: [Vec<f32>; 2],
    weights: Vec<f32>,
    /// The gradients of the queries' directions, and of the own scores.
    d_queries: AlignedVec,
    own: Vec<f32>,
    work: AlignedVec,
}

/// Rows of the list, with the place of their gradients.
struct Delivery<'a> {
    rows: Range<usize>,
    to: &'a mut [f32],
}

impl Blocks {
    /// Gets the list of a batch ready.
    pub fn begin(
        &mut self,
        proof: Proof,
        pool: &mut Pool,
        known: &KnownList,
        (plan, batch): (&Plan, &Batch),
        partials: usize,
        read: VectorsAt<'_>,
    ) {
        let (cut, loss) = (known.cut(plan, batch), &known.loss);
        self.cut = cut;
        self.rows = rows_of(plan, batch, loss.query);
        self.work
            .resize_with(pool.threads().max(self.work.len()), AlignedVec::default);
        self.reserve_list(loss);
        grow(&mut self.sums, partials * cut.sum_len());
        self.copy(proof, pool, 2, known.list, 1.0, read);
        self.transpose(proof, pool, &[]);
    }

    /// Takes the memory of the partials' sums out, for tiles to write to; it is to be [put back](Blocks::put_sums).
    pub fn take_sums(&mut self) -> AlignedVec {
        core::mem::take(&mut self.sums)
    }

    pub fn put_sums(&mut self, sums: AlignedVec) {
        self.sums = sums;
    }

    /// Floats of a partial's sum.
    pub fn sum_len(&self) -> usize {
        self.cut.sum_len()
    }

    /// Adds up what the partials have, and delivers the gradients of all rows of the list; `to` has `stride` floats a row and
    /// begins at the list's column.
    pub fn end(&mut self, proof: Proof, pool: &mut Pool, partials: usize, to: &mut [f32], stride: usize) {
        let (list, width) = (self.cut.list.unwrap_or(0), self.cut.width);
        let (mut work, mut rest) = (core::mem::take(&mut self.work), to);
        let mut tasks: [Option<Delivery<'_>>; TASKS] = [const { None }; TASKS];
        for (task, slot) in tasks.iter_mut().enumerate() {
            let rows = list * task / TASKS..list * (task + 1) / TASKS;
            let to = front(&mut rest, rows.len() * stride);
            *slot = Some(Delivery { rows, to });
        }
        let blocks = &*self;
        pool.for_each(&mut work, &mut tasks, |row, task| {
            let Some(Delivery { rows, to }) = task else { return };
            row.resize(width);
            for (index, to) in rows.clone().zip(to.chunks_mut(stride)) {
                dispatch!(proof, s => blocks.deliver_sums(s, partials, index, row, &mut to[..width]));
            }
        });
        self.work = work;
    }

    fn deliver_sums<S: Simd>(&self, s: S, partials: usize, index: usize, row: &mut [f32], to: &mut [f32]) {
        row.fill(0.0);
        for sum in self.sums.chunks_exact(self.cut.sum_len()).take(partials) {
            add(s, &sum[index * self.cut.stride..][..self.cut.width], row);
        }
        let (direction, inverse) = (self.direction(2, index), self.inverses[2].get(index).copied());
        normalise::backward_row(s, row, 1.0, direction, 1.0, inverse, to, Accumulate::Overwrite);
    }
}

/// Takes a tile's rows through the loss and back.
pub(in crate::cpu) fn against_list<S: Simd>(
    s: S,
    loss: &OverLists,
    on: &Operands<'_>,
    memory: &mut AgainstList,
    d: &mut StageGradients<'_, '_>,
) {
    let (Some(blocks), Source::Batch(batch)) = (on.network.blocks, on.tile.source) else {
        return;
    };
    let space = on.network.plan.space(loss.query.buffer);
    let all = on.tile.rows(space);
    let rows = all.len();
    let cut = Cut {
        rows,
        block: rows.max(1),
        run: rows.max(1),
        runs: 1,
        ..blocks.cut
    };
    if rows == 0 {
        if d.list_accumulate == Accumulate::Overwrite {
            d.list.fill(0.0);
        }
        return;
    }
    memory.reserve(cut, loss);
    memory.set_weights(on.tile.offsets(space), d.targets.weights);
    for (side, (view, scale)) in [(loss.query, 1.0 / loss.temperature), (loss.own, 1.0)]
        .into_iter()
        .enumerate()
    {
        let to = RowsMut {
            data: &mut memory.vectors[side],
            stride: cut.stride,
            width: cut.width,
        };
        normalise::forward(s, rows, on.activation(view), scale, &mut memory.inverses[side], to);
    }
    let [queries, own] = memory.vectors.each_ref().map(|vectors| &vectors[..]);
    let reads = Reads {
        cut,
        loss,
        batch,
        vectors: [queries, own, &blocks.vectors[2]],
        transposed: &blocks.transposed,
        offsets: &blocks.offsets,
        places: &[],
        weights: &memory.weights,
        first: all.start,
        share: 1.0 / blocks.rows as f32,
    };
    let to = RunGradients {
        queries: &mut memory.d_queries,
        own: &mut memory.own,
        sum: d.list,
        accumulate: d.list_accumulate,
    };
    let total = reads.run(s, 0, &mut memory.work, to);
    // A mean over rows, which counts for every sample.
    *d.loss += total / blocks.rows as f64 * batch.len() as f64;
    memory.deliver(s, loss, cut, d);
}

impl AgainstList {
    fn reserve(&mut self, cut: Cut, loss: &OverLists) {
        let takes_cosines = loss.similarity == Similarity::Cosine;
        let [queries, own] = &mut self.vectors;
        for rows in [queries, own, &mut self.d_queries] {
            grow(rows, cut.rows * cut.stride + READ_AHEAD);
        }
        for inverses in &mut self.inverses {
            inverses.resize(if takes_cosines { cut.rows } else { 0 }, 0.0);
        }
        grow(&mut self.work, cut.work_len());
        self.row.resize(cut.width);
        self.weights.resize(cut.rows, 1.0);
        self.own.resize(cut.rows, 0.0);
    }

    /// How much each row counts: as much as its sample.
    fn set_weights(&mut self, offsets: &[u32], weights: &[f32]) {
        match (offsets, weights) {
            (_, []) => self.weights.fill(1.0),
            ([], weights) => self.weights.copy_from_slice(weights),
            (offsets, weights) => {
                let mut rest = &mut self.weights[..];
                for (steps, &weight) in offsets.windows(2).zip(weights) {
                    front(&mut rest, (steps[1] - steps[0]) as usize).fill(weight);
                }
            }
        }
    }

    /// Delivers the gradients of queries and own candidates.
    fn deliver<S: Simd>(&mut self, s: S, loss: &OverLists, cut: Cut, d: &mut StageGradients<'_, '_>) {
        let scale = 1.0 / loss.temperature;
        let row = &mut self.row[..cut.width];
        for r in 0..cut.rows {
            let at = r * cut.stride..r * cut.stride + cut.width;
            let [query, own] = self.vectors.each_ref().map(|vectors| &vectors[at.clone()]);
            let [of_query, of_own] = self.inverses.each_ref().map(|inverses| inverses.get(r).copied());
            scaled(s, self.own[r], own, row);
            add(s, &self.d_queries[at], row);
            let mut to = d.inputs.of(loss.query);
            normalise::backward_row(s, row, scale, query, scale, of_query, to.row(r), d.accumulate[0]);
            scaled(s, self.own[r], query, row);
            let mut to = d.inputs.of(loss.own);
            normalise::backward_row(s, row, 1.0, own, 1.0, of_own, to.row(r), d.accumulate[1]);
        }
    }
}
