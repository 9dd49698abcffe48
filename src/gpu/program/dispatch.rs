//! A plan as dispatches: one pipeline, one bind group and one rule for the number of workgroups each.

use crate::{
    Result,
    gpu::{
        device::gpu::Gpu,
        program::{
            draft::{Cost, Draft, Reads},
            grid::{Grid, Work},
            profile::Timer,
        },
        shaders::tile::Tile,
    },
};

/// Alignment of uniforms in their buffer, WebGPU's default.
const UNIFORM: usize = 256;
/// Workgroups from which on a matrix product keeps a device busy; below, its tiles are made smaller.
const BUSY: u32 = 256;

/// A dispatch.
pub(crate) struct Dispatch {
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
pub(crate) fn build(gpu: &Gpu, inputs: &wgpu::Buffer, drafts: Vec<Draft<'_>>) -> Result<Vec<Dispatch>> {
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
pub(crate) fn record(
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
