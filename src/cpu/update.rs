//! The second phase of a step, cut into tasks: dense parameters, and runs of tables' rows.

use alloc::vec::Vec;
use core::ops::Range;

use super::{
    adam::{Slots, Update, dense_update},
    linear::PackedWeight,
    row_update::{self, RowStep, TableRows},
    rows::Rows,
    simd::Simd,
    tile::Values,
};
use crate::{
    data::{Batch, IdColumn},
    plan::L2,
};

/// A piece of the update phase; pieces touch disjoint floats.
pub(super) enum UpdateTask<'a> {
    /// A weight or bias, whole, and its packing for the next step.
    Dense {
        slots: Slots<'a>,
        packed: &'a mut PackedWeight,
        /// Where its gradient begins in a partial.
        offset: usize,
    },
    /// A run of a table's rows with the segments that pick them.
    Rows {
        table: TableRows<'a>,
        column: usize,
        segments: Range<usize>,
        /// The table's first column in the batch-wide gradient.
        gradient: usize,
    },
}

/// What all tasks of an update read.
#[derive(Clone, Copy)]
pub(super) struct UpdateContext<'a> {
    pub batch: &'a Batch,
    pub partials: &'a [&'a [f32]],
    pub row_gradients: &'a [f32],
    pub row_gradient_stride: usize,
    pub update: Update,
    pub l2: L2,
    /// Whether rows outside the batch move too.
    pub every_row: bool,
}

impl UpdateTask<'_> {
    pub fn run<S: Simd>(&mut self, s: S, context: UpdateContext<'_>) {
        match self {
            UpdateTask::Dense { slots, packed, offset } => {
                let len = slots.value.len();
                let (update, l2) = (context.update, context.l2.dense);
                dense_update(s, update, l2, slots.part(0, len), context.partials, *offset);
                if !packed.is_empty() {
                    packed.pack(s, slots.value);
                }
            }
            UpdateTask::Rows {
                table,
                column,
                segments,
                gradient,
            } => {
                let gradients = Rows {
                    data: &context.row_gradients[*gradient..],
                    stride: context.row_gradient_stride,
                    width: table.width,
                };
                let step = RowStep {
                    update: context.update,
                    per_sample: context.l2.tables / context.batch.len() as f32,
                };
                let column = context.batch.column(*column);
                if context.every_row {
                    row_update::every(s, step, column, segments.clone(), gradients, table.reborrow());
                } else {
                    row_update::sparse(s, step, column, segments.clone(), gradients, table.reborrow());
                }
            }
        }
    }
}

/// A tensor's floats, to be updated.
pub(super) fn slots(tensor: &mut Values) -> Slots<'_> {
    Slots {
        value: &mut tensor.value,
        m: &mut tensor.m,
        v: &mut tensor.v,
    }
}

/// A table of an update, before it is cut.
pub(super) struct Table<'a> {
    pub rows: usize,
    pub width: usize,
    pub column: usize,
    pub gradient: usize,
    pub ids: &'a IdColumn,
}

/// Cuts a table into `pieces` tasks of about equal work: samples where only their rows move, else rows.
pub(super) fn push_table<'a>(
    tasks: &mut Vec<UpdateTask<'a>>,
    mut slots: Slots<'a>,
    table: &Table<'_>,
    pieces: usize,
    every_row: bool,
) {
    let segments = &table.ids.segments;
    let (mut first, mut begin) = (0, 0);
    for piece in 1..=pieces {
        let (end_row, end) = if piece == pieces {
            (table.rows, segments.len())
        } else if every_row {
            let row = table.rows * piece / pieces;
            (row, segments.partition_point(|segment| (segment.row as usize) < row))
        } else {
            let sample = table.ids.ids.len() * piece / pieces;
            let end = segments.partition_point(|segment| (segment.start as usize) < sample);
            (
                segments.get(end).map_or(table.rows, |segment| segment.row as usize),
                end,
            )
        };
        let piece = TableRows {
            slots: slots.split_off((end_row - first) * table.width),
            first,
            width: table.width,
        };
        if begin < end || (every_row && first < end_row) {
            tasks.push(UpdateTask::Rows {
                table: piece,
                column: table.column,
                segments: begin..end,
                gradient: table.gradient,
            });
        }
        (first, begin) = (end_row, end);
    }
}

/// The memory of a list of tasks, kept from step to step although their lifetimes differ.
#[derive(Default)]
pub(super) struct TaskMemory(Vec<UpdateTask<'static>>);

impl TaskMemory {
    /// An empty list in the memory.
    pub fn take<'a>(&mut self) -> Vec<UpdateTask<'a>> {
        recycle(core::mem::take(&mut self.0))
    }

    /// Takes the memory back.
    pub fn put(&mut self, tasks: Vec<UpdateTask<'_>>) {
        self.0 = recycle(tasks);
    }
}

/// Collecting an emptied vector's iterator into the same layout reuses its allocation.
fn recycle<'a, 'b>(mut tasks: Vec<UpdateTask<'a>>) -> Vec<UpdateTask<'b>> {
    tasks.clear();
    tasks.into_iter().map_while(|_| None).collect()
}
