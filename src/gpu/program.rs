//! A plan as dispatches: one pipeline, one bind group and one rule for the number of workgroups each.

use bytemuck::{NoUninit, Pod, Zeroable};

use super::{
    Gpu,
    inputs::ColumnWork,
    pipelines::{Shader, Tile},
    profile::Timer,
    spaces::PerSpace,
};
use crate::{Result, plan::MAX_GATHERS};

/// Alignment of uniforms in their buffer, WebGPU's default.
const UNIFORM: usize = 256;
/// Workgroups along one dimension at most, WebGPU's default.
const MAX_GROUPS: u32 = 65_535;
/// Threads of a workgroup of an elementwise shader.
const THREADS: u64 = 256;
/// Workgroups from which on a matrix product keeps a device busy; below, its tiles are made smaller.
const BUSY: u32 = 256;

/// `View` in `shaders/prelude.wgsl`.
#[derive(Clone, Copy, Debug, Default, Pod, Zeroable)]
#[repr(C)]
pub(super) struct ViewShape {
    pub first: u32,
    pub stride: u32,
    pub width: u32,
    pub space: u32,
}

impl ViewShape {
    /// Index of the space that the rows are of.
    pub fn space(self) -> usize {
        self.space as usize / 2
    }
}

/// How much there is to do in a slice.
#[derive(Clone, Copy, Debug)]
pub(super) struct Work<'a> {
    pub rows: PerSpace,
    /// Slots of the dense gradients.
    pub slots: u32,
    pub columns: &'a [ColumnWork],
}

/// Id columns that share a table.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sources {
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
#[derive(Clone, Copy, Debug)]
pub(super) enum Grid {
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

/// What a dispatch does for each unit of its grid: a row, a segment, a chunk, a thread or a workgroup.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Cost {
    pub flops: u64,
    /// Bytes of buffers that must be read and written, each once.
    pub bytes: u64,
    /// The space whose rows are the units, where they are not those of the grid: samples that go along their steps.
    pub space: Option<usize>,
}

/// A dispatch before its buffers are bound.
pub(super) struct Draft<'a> {
    shader: Shader,
    entry: &'static str,
    name: String,
    cost: Cost,
    tile: Option<Tile>,
    grid: Grid,
    reads: Reads,
    shape: Vec<u8>,
    buffers: Vec<(u32, &'a wgpu::Buffer)>,
    /// A second form for few samples.
    few: Option<(Tile, Grid)>,
}

impl<'a> Draft<'a> {
    /// A dispatch of an entry point, with its uniform and its buffers by binding number.
    pub fn new<T: NoUninit>(
        shader: Shader,
        entry: &'static str,
        grid: Grid,
        reads: Reads,
        shape: &T,
        buffers: Vec<(u32, &'a wgpu::Buffer)>,
    ) -> Self {
        Draft {
            name: format!("{} {entry}", shader.name()),
            shader,
            entry,
            cost: Cost::default(),
            tile: None,
            grid,
            reads,
            shape: bytemuck::bytes_of(shape).to_vec(),
            buffers,
            few: None,
        }
    }

    /// Says what it is applied to.
    pub fn of(mut self, what: String) -> Self {
        self.name = format!("{} {what}", self.name);
        self
    }

    /// What a unit of the grid costs.
    pub fn cost(mut self, flops: u64, bytes: u64) -> Self {
        self.cost = Cost {
            flops,
            bytes,
            space: None,
        };
        self
    }

    /// What a row of `view` costs.
    pub fn cost_a_row(mut self, view: ViewShape, flops: u64, bytes: u64) -> Self {
        self.cost = Cost {
            flops,
            bytes,
            space: Some(view.space()),
        };
        self
    }

    pub fn tile(mut self, tile: Tile) -> Self {
        self.tile = Some(tile);
        self
    }

    /// The form for few samples.
    pub fn few(mut self, tile: Tile, grid: Grid) -> Self {
        self.few = Some((tile, grid));
        self
    }
}

/// Which of the common bindings an entry point uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reads {
    Nothing,
    Call,
    Batch,
    CallAndBatch,
}

/// A dispatch.
pub(super) struct Dispatch {
    name: String,
    cost: Cost,
    pipeline: wgpu::ComputePipeline,
    group: wgpu::BindGroup,
    grid: Grid,
    few: Option<Box<Dispatch>>,
}

impl Dispatch {
    /// The form for so much work: the second, where the first would leave a device idle.
    fn form(&self, work: Work<'_>) -> &Dispatch {
        let [x, y, z] = self.grid.groups(work);
        match &self.few {
            Some(few) if x * y * z < BUSY => few,
            _ => self,
        }
    }

    /// Whether there was anything to do.
    fn record(&self, pass: &mut wgpu::ComputePass<'_>, work: Work<'_>) -> bool {
        let [x, y, z] = self.grid.groups(work);
        let some = x > 0 && y > 0 && z > 0;
        if some {
            pass.set_pipeline(&self.pipeline);
            pass.set_bind_group(0, &self.group, &[]);
            pass.dispatch_workgroups(x, y, z);
        }
        some
    }
}

/// Builds dispatches of drafts, whose uniforms share one buffer.
pub(super) fn build(gpu: &Gpu, inputs: &wgpu::Buffer, drafts: Vec<Draft<'_>>) -> Result<Vec<Dispatch>> {
    let mut uniforms = vec![0u8; UNIFORM * drafts.len().max(1)];
    for (draft, to) in drafts.iter().zip(uniforms.chunks_mut(UNIFORM)) {
        to[..draft.shape.len()].copy_from_slice(&draft.shape);
    }
    let buffer = gpu.buffer(
        "shapes",
        uniforms.len() as u64,
        wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
    )?;
    gpu.queue().write_buffer(&buffer, 0, &uniforms);
    let dispatches = drafts.iter().enumerate().map(|(index, draft)| {
        let shape = wgpu::BufferBinding {
            buffer: &buffer,
            offset: (UNIFORM * index) as u64,
            size: wgpu::BufferSize::new(draft.shape.len() as u64),
        };
        let one = |tile, grid| bind(gpu, inputs, &shape, draft, tile, grid);
        Dispatch {
            few: draft.few.map(|(tile, grid)| Box::new(one(Some(tile), grid))),
            ..one(draft.tile, draft.grid)
        }
    });
    let dispatches = dispatches.collect();
    gpu.check()?;
    Ok(dispatches)
}

fn bind(
    gpu: &Gpu,
    inputs: &wgpu::Buffer,
    shape: &wgpu::BufferBinding<'_>,
    draft: &Draft<'_>,
    tile: Option<Tile>,
    grid: Grid,
) -> Dispatch {
    let pipeline = gpu.pipelines().get(gpu.device(), draft.shader, draft.entry, tile);
    let mut bindings = Vec::with_capacity(9);
    if matches!(draft.reads, Reads::Call | Reads::CallAndBatch) {
        let call = wgpu::BufferBinding {
            size: wgpu::BufferSize::new(UNIFORM as u64),
            ..inputs.as_entire_buffer_binding()
        };
        bindings.push((0, call));
    }
    if matches!(draft.reads, Reads::Batch | Reads::CallAndBatch) {
        bindings.push((1, inputs.as_entire_buffer_binding()));
    }
    if !draft.shape.is_empty() {
        bindings.push((2, shape.clone()));
    }
    bindings.extend(
        draft
            .buffers
            .iter()
            .map(|(n, buffer)| (*n, buffer.as_entire_buffer_binding())),
    );
    let group = gpu.bind_group(draft.entry, &pipeline.get_bind_group_layout(0), &bindings);
    Dispatch {
        name: draft.name.clone(),
        cost: draft.cost,
        pipeline,
        group,
        grid,
        few: None,
    }
}

/// Records dispatches; gives how many there were. With a timer each has a pass of its own and is timed.
pub(super) fn record(
    encoder: &mut wgpu::CommandEncoder,
    lists: &[&[Dispatch]],
    work: Work<'_>,
    timer: Option<&mut Timer>,
) -> u64 {
    let forms = lists
        .iter()
        .flat_map(|list| list.iter())
        .map(|dispatch| dispatch.form(work));
    let mut count = 0;
    match timer {
        None => {
            let mut pass = encoder.begin_compute_pass(&Default::default());
            forms.for_each(|form| count += u64::from(form.record(&mut pass, work)));
        }
        Some(timer) => forms.for_each(|form| {
            let rows = form.cost.space.map(|space| u64::from(work.rows[space]));
            let units = rows.unwrap_or_else(|| form.grid.units(work)) as f64;
            let work_of = (form.cost.flops as f64 * units, form.cost.bytes as f64 * units);
            let timed = |pass: &mut wgpu::ComputePass<'_>| form.record(pass, work);
            count += u64::from(timer.pass(encoder, &form.name, work_of, timed));
        }),
    }
    count
}
