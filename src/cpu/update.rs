//! The second phase of a step, cut into tasks: dense parameters, and runs of tables' rows.

use alloc::vec::Vec;
use core::ops::Range;

use super::{
    adam::{Slots, Update, dense_update},
    aligned::AlignedVec,
    executor::{LastLayer, LastProduct},
    packed::Packed,
    prepare::TableSource,
    propagate,
    row_update::{self, RowSource, RowStep, TableRows},
    rows::Rows,
    simd::Simd,
    tile::Values,
};
use crate::{
    data::{Batch, IdColumn},
    plan::{L2, MAX_GATHERS},
};

/// A piece of the update phase; pieces touch disjoint floats.
pub(super) enum UpdateTask<'a> {
    /// A weight or bias, whole, and its packing for the next step.
    Dense {
        slots: Slots<'a>,
        packed: &'a mut Packed,
        /// Where its gradient begins in a partial.
        offset: usize,
    },
    /// A run of a table's rows, and where their gradients come from.
    Rows {
        table: TableRows<'a>,
        sources: &'a [TableSource],
    },
    /// A run of the rows of a table that is propagated, whose first node this is.
    Propagated { table: TableRows<'a>, first: usize },
}

/// What all tasks of an update read.
#[derive(Clone, Copy)]
pub(super) struct UpdateContext<'a> {
    pub batch: &'a Batch,
    pub partials: &'a [&'a [f32]],
    /// The batch-wide gradient of each space, and its row stride.
    pub row_gradients: &'a [AlignedVec],
    pub row_gradient_strides: &'a [usize],
    pub update: Update,
    pub l2: L2,
    /// Whether rows outside the batch move too.
    pub every_row: bool,
    /// Whether several threads have written gradients.
    pub shared: bool,
    /// What is left of the way back of tables that are propagated.
    pub last_product: Option<LastProduct<'a>>,
}

impl UpdateTask<'_> {
    /// `work` is memory to work with.
    pub fn run<S: Simd>(&mut self, s: S, context: UpdateContext<'_>, work: &mut AlignedVec) {
        match self {
            UpdateTask::Dense { slots, packed, offset } => {
                let len = slots.value.len();
                let (update, l2) = (context.update, context.l2.dense);
                dense_update(s, update, l2, slots.part(0, len), context.partials, *offset);
                packed.pack(s, slots.value);
            }
            UpdateTask::Rows { table, sources } => {
                let step = context.row_step();
                let rows = table.first..table.first + table.slots.value.len() / table.width;
                let source = |source: &TableSource| context.row_source(source, &rows, table.width);
                if let [only] = sources {
                    let RowSource {
                        column,
                        segments,
                        gradients,
                    } = source(only);
                    if context.every_row {
                        row_update::every(s, step, column, segments, gradients, table.reborrow());
                    } else {
                        row_update::sparse(s, step, column, segments, gradients, table.reborrow());
                    }
                } else {
                    let mut list: [Option<RowSource<'_>>; MAX_GATHERS] = [const { None }; MAX_GATHERS];
                    for (slot, of_table) in list.iter_mut().zip(*sources) {
                        *slot = Some(source(of_table));
                    }
                    row_update::merged(s, step, list, context.every_row, table.reborrow());
                }
            }
            UpdateTask::Propagated { .. } if cfg!(not(feature = "graphs")) => {} // there is none
            UpdateTask::Propagated { table, first } => {
                let Some(LastProduct { graph, picked, from }) = context.last_product else {
                    return;
                };
                let table = table.reborrow();
                if work.len() < table.width {
                    work.resize(table.width);
                }
                let (step, row) = (context.row_step(), &mut work[..table.width]);
                match from {
                    LastLayer::F32(from) => {
                        propagate::backward_and_update(s, graph, *first, picked, from, step, table, row);
                    }
                    LastLayer::F16(from) => {
                        propagate::backward_and_update(s, graph, *first, picked, from, step, table, row);
                    }
                }
            }
        }
    }
}

impl<'a> UpdateContext<'a> {
    pub fn samples(&self) -> usize {
        self.batch.len()
    }

    fn row_step(&self) -> RowStep {
        RowStep {
            update: self.update,
            per_sample: self.l2.tables / self.batch.len() as f32,
            per_row: self.l2.per_row,
            shared: self.shared,
        }
    }

    /// The segments of a source that pick one of `rows`.
    pub fn row_source(&self, source: &TableSource, rows: &Range<usize>, width: usize) -> RowSource<'a> {
        let column = self.batch.column(source.column);
        RowSource {
            column,
            segments: segments_before(column, rows.start)..segments_before(column, rows.end),
            gradients: Rows {
                data: &self.row_gradients[source.space][source.gradient..],
                stride: self.row_gradient_strides[source.space],
                width,
            },
        }
    }
}

/// Number of segments whose row is below `row`.
fn segments_before(column: &IdColumn, row: usize) -> usize {
    column.segments.partition_point(|segment| (segment.row as usize) < row)
}

/// A tensor's floats, to be updated.
pub(super) fn slots(tensor: &mut Values) -> Slots<'_> {
    Slots {
        value: &mut tensor.value,
        m: &mut tensor.m,
        v: &mut tensor.v,
    }
}

/// Cuts a table of `rows` rows into `pieces` tasks of about equal work: ids where only their rows move, else rows.
pub(super) fn push_table<'a>(
    tasks: &mut Vec<UpdateTask<'a>>,
    mut slots: Slots<'a>,
    [rows, width]: [usize; 2],
    sources: &'a [TableSource],
    context: UpdateContext<'_>,
    pieces: usize,
) {
    // The column with the most ids says where to cut.
    let columns = sources.iter().map(|source| context.batch.column(source.column));
    let Some(column) = columns.max_by_key(|column| column.ids.len()) else {
        return;
    };
    let mut first = 0;
    for piece in 1..=pieces {
        let end = if piece == pieces {
            rows
        } else if context.every_row {
            rows * piece / pieces
        } else {
            let id = column.ids.len() * piece / pieces;
            let segment = column.segments.partition_point(|segment| (segment.start as usize) < id);
            column
                .segments
                .get(segment)
                .map_or(rows, |segment| segment.row as usize)
        };
        if first < end {
            let table = TableRows {
                slots: slots.split_off((end - first) * width),
                first,
                width,
            };
            tasks.push(UpdateTask::Rows { table, sources });
        }
        first = end;
    }
}

/// Cuts a table that is propagated into tasks: runs of its nodes, the first of which is `first`.
pub(super) fn push_propagated<'a>(
    tasks: &mut Vec<UpdateTask<'a>>,
    mut slots: Slots<'a>,
    width: usize,
    first: usize,
    runs: impl Iterator<Item = Range<usize>>,
) {
    for run in runs {
        let table = TableRows {
            slots: slots.split_off(run.len() * width),
            first: run.start - first,
            width,
        };
        tasks.push(UpdateTask::Propagated { table, first });
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
