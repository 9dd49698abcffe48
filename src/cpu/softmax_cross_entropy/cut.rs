//! How the losses over lists cut their work.

use core::ops::Range;

use super::{COLUMNS, QUERIES};
use crate::{
    cpu::{linear::READ_AHEAD, rows::Rows},
    data::Batch,
    ops::Similarity,
    plan::{Plan, Space, View},
};

/// Runs that the queries of all blocks are cut into at least, where there are as many: threads share them. Each has a sum of
/// its own, as large as the block's candidates.
const RUNS: usize = 8;
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
pub(super) struct Cut {
    /// Rows of the batch, and of a block but the last.
    pub rows: usize,
    pub block: usize,
    /// Candidates of the list.
    pub list: Option<usize>,
    /// Candidates of a panel.
    pub columns: usize,
    /// Queries of a run, and runs of a block.
    pub run: usize,
    pub runs: usize,
    pub width: usize,
    pub stride: usize,
}

impl Cut {
    pub fn new(loss: &OverLists, rows: usize, list: usize) -> Self {
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

    pub fn blocks(&self) -> usize {
        self.rows.div_ceil(self.block)
    }

    /// Rows of a block.
    pub fn block_rows(&self, block: usize) -> Range<usize> {
        block * self.block..((block + 1) * self.block).min(self.rows)
    }

    /// The candidates of a block among all.
    pub fn candidates(&self, block: usize) -> Range<usize> {
        match self.list {
            Some(list) => 0..list,
            None => self.block_rows(block),
        }
    }

    /// Panels of a whole block.
    pub fn panels(&self) -> usize {
        self.list.unwrap_or(self.block).div_ceil(self.columns)
    }

    /// Candidates of some panels of all blocks.
    pub fn of_panels(&self, panels: &Range<usize>) -> Range<usize> {
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
    pub fn queries(&self, run: usize) -> Range<usize> {
        let rows = self.block_rows(run / self.runs);
        let first = (rows.start + run % self.runs * self.run).min(rows.end);
        first..(first + self.run).min(rows.end)
    }

    /// Floats of a run's sum.
    pub fn sum_len(&self) -> usize {
        self.list.unwrap_or(self.block).saturating_mul(self.stride)
    }

    /// Floats of the scores of some queries, their weighted vectors, and three numbers of each.
    pub fn work_len(&self) -> usize {
        let scores = self.panels().saturating_mul(QUERIES * self.columns);
        scores
            .saturating_add(QUERIES.saturating_mul(self.stride + 3))
            .saturating_add(READ_AHEAD)
    }

    /// Floats of everything, with `threads` threads.
    pub fn len(&self, threads: usize) -> usize {
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
pub(super) fn rows_of(plan: &Plan, batch: &Batch, view: View) -> usize {
    match plan.space(view.buffer) {
        Space::Samples => batch.len(),
        Space::Nodes => 0, // no plan has such vectors of nodes
        Space::Steps(sequence) => batch.offsets(sequence).last().map_or(0, |&end| end as usize),
    }
}

impl OverLists {
    pub(super) fn cut(&self, plan: &Plan, batch: &Batch) -> Cut {
        let list = self.list.map_or(0, |list| rows_of(plan, batch, list));
        Cut::new(self, rows_of(plan, batch, self.query), list)
    }

    /// Floats that a step on a batch works with.
    pub fn floats(&self, plan: &Plan, batch: &Batch, threads: usize) -> usize {
        self.cut(plan, batch).len(threads)
    }
}
