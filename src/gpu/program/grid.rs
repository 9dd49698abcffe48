//! How many workgroups a dispatch takes, as a rule that the size of a batch is put into.

use crate::{
    gpu::{program::spaces::PerSpace, shapes::ViewShape},
    plan::MAX_GATHERS,
};

/// Workgroups along one dimension at most, WebGPU's default.
const MAX_GROUPS: u32 = 65_535;
/// Threads of a workgroup of an elementwise shader.
const THREADS: u64 = 256;

/// How much of a column a batch has.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ColumnWork {
    pub segments: u32,
    pub chunks: u32,
}

/// How much there is to do in a slice.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Work<'a> {
    pub rows: PerSpace,
    /// Slots of the dense gradients.
    pub slots: u32,
    pub columns: &'a [ColumnWork],
}

/// Id columns that share a table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sources {
    columns: [u32; MAX_GATHERS],
    count: usize,
}

impl Sources {
    pub fn new(columns: impl Iterator<Item = usize>) -> Self {
        let mut sources = Sources::default();
        for (slot, column) in sources.columns.iter_mut().zip(columns) {
            *slot = column as u32;
            sources.count += 1;
        }
        sources
    }

    pub fn columns(&self) -> &[u32] {
        &self.columns[..self.count]
    }

    /// The numbers, and behind them what is not one of them.
    pub fn padded(&self) -> [u32; MAX_GATHERS] {
        self.columns
    }
}

/// How many workgroups a dispatch takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grid {
    /// So many threads a row of a space.
    Rows { space: usize, threads: u32 },
    /// So many threads a segment of a column.
    Segments { column: usize, threads: u32 },
    /// So many threads a segment of any of the columns.
    AllSegments { sources: Sources, threads: u32 },
    /// So many threads a chunk of a column.
    Chunks { column: usize, threads: u32 },
    /// A workgroup for so many samples.
    SampleGroups(u32),
    /// So many threads.
    Threads(u64),
    /// So many workgroups.
    Groups(u64),
    /// A tile of so many rows of a space by each of so many tiles of columns.
    Tiles { space: usize, rows: u32, columns: u32 },
    /// So many tiles, in each slot of a space's rows.
    Slots { space: usize, x: u32, y: u32 },
}

impl Grid {
    /// A thread a sample.
    pub const SAMPLES: Grid = Grid::Rows { space: 0, threads: 1 };

    /// A thread for every vec4 of a view.
    pub fn elements(view: ViewShape) -> Grid {
        Grid::Rows {
            space: view.space(),
            threads: view.width,
        }
    }

    /// A workgroup for every slot and 16 vec4s of a view's columns, as `shaders/column_sums.wgsl` has it.
    pub fn column_sums(view: ViewShape) -> Grid {
        Grid::Slots {
            space: view.space(),
            x: view.width.div_ceil(16),
            y: 1,
        }
    }

    /// Units of work: rows, segments, chunks, threads or workgroups.
    pub fn units(self, work: Work<'_>) -> u64 {
        match self {
            Grid::Rows { space, .. } | Grid::Tiles { space, .. } | Grid::Slots { space, .. } => work.rows[space].into(),
            Grid::SampleGroups(_) => work.rows[0].into(),
            Grid::AllSegments { sources, .. } => all_segments(work, sources),
            Grid::Segments { column, .. } => work.columns[column].segments.into(),
            Grid::Chunks { column, .. } => work.columns[column].chunks.into(),
            Grid::Threads(count) | Grid::Groups(count) => count,
        }
    }

    /// Workgroups along x, y and z; one of them is 0 where there is nothing to do.
    pub fn groups(self, work: Work<'_>) -> [u32; 3] {
        let threads = |threads: u64| flat(threads.div_ceil(THREADS));
        match self {
            Grid::Rows { space, threads: each } => threads(u64::from(work.rows[space]) * u64::from(each)),
            Grid::AllSegments { sources, threads: each } => threads(all_segments(work, sources) * u64::from(each)),
            Grid::Segments { column, threads: each } => {
                threads(u64::from(work.columns[column].segments) * u64::from(each))
            }
            Grid::Chunks { column, threads: each } => threads(u64::from(work.columns[column].chunks) * u64::from(each)),
            Grid::SampleGroups(each) => flat(work.rows[0].div_ceil(each).into()),
            Grid::Threads(count) => threads(count),
            Grid::Groups(count) => flat(count),
            Grid::Tiles { space, rows, columns } => [columns, work.rows[space].div_ceil(rows), 1],
            Grid::Slots { x, y, .. } => [x, y, work.slots],
        }
    }
}

fn all_segments(work: Work<'_>, sources: Sources) -> u64 {
    let segments = |&column: &u32| u64::from(work.columns[column as usize].segments);
    sources.columns().iter().map(segments).sum()
}

/// Deals workgroups out along x, then y.
fn flat(groups: u64) -> [u32; 3] {
    let x = groups.min(MAX_GROUPS.into());
    [x as u32, groups.div_ceil(x.max(1)) as u32, 1]
}
