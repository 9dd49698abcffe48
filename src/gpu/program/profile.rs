//! The time of each dispatch of a step, from the device's own clock.

use crate::{
    Error, Result,
    executor::StageTime,
    gpu::{device::gpu::Gpu, memory::buffers::Readback},
};

/// Queries of a set at most, WebGPU's own bound.
const QUERIES: u32 = 4096;

/// Times dispatches.
pub(crate) struct Timer {
    set: wgpu::QuerySet,
    ticks: wgpu::Buffer,
    stages: Vec<StageTime>,
    full: bool,
}

impl Timer {
    pub fn new(gpu: &Gpu) -> Result<Self> {
        if !gpu.device().features().contains(wgpu::Features::TIMESTAMP_QUERY) {
            return Err(Error::Device(format!("{} cannot take the time of shaders", gpu.name())));
        }
        let usage = wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC;
        Ok(Timer {
            set: gpu.device().create_query_set(&wgpu::QuerySetDescriptor {
                label: None,
                ty: wgpu::QueryType::Timestamp,
                count: QUERIES,
            }),
            ticks: gpu.buffer("times", 8 * u64::from(QUERIES), usage)?,
            stages: Vec::new(),
            full: false,
        })
    }

    /// Records one dispatch in a pass of its own; gives whether it did anything.
    pub fn pass(
        &mut self,
        encoder: &mut wgpu::CommandEncoder,
        name: &str,
        (flops, bytes): (f64, f64),
        dispatch: impl FnOnce(&mut wgpu::ComputePass<'_>) -> bool,
    ) -> bool {
        let first = 2 * self.stages.len() as u32;
        self.full |= first + 2 > QUERIES;
        let writes = wgpu::ComputePassTimestampWrites {
            query_set: &self.set,
            beginning_of_pass_write_index: Some(first),
            end_of_pass_write_index: Some(first + 1),
        };
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor {
            label: Some(name),
            timestamp_writes: (!self.full).then_some(writes),
        });
        let some = dispatch(&mut pass);
        if !self.full {
            self.stages.push(StageTime {
                name: name.to_string(),
                count: 1,
                seconds: 0.0,
                flops,
                bytes,
            });
        }
        some
    }

    /// What they took, once the device is done.
    pub async fn times(mut self, gpu: &Gpu, readback: &mut Readback) -> Result<Vec<StageTime>> {
        if self.full {
            let most = QUERIES / 2;
            return Err(Error::Device(format!(
                "a profile has {most} dispatches at most: give a smaller batch"
            )));
        }
        let count = 2 * self.stages.len() as u32;
        let mut encoder = gpu.device().create_command_encoder(&Default::default());
        encoder.resolve_query_set(&self.set, 0..count, &self.ticks, 0);
        let period = f64::from(gpu.queue().get_timestamp_period()) * 1e-9;
        let stages = &mut self.stages;
        let take = &mut |_: usize, words: &[f32]| {
            let tick = |i: usize| u64::from(words[2 * i].to_bits()) | u64::from(words[2 * i + 1].to_bits()) << 32;
            for (index, stage) in stages.iter_mut().enumerate() {
                stage.seconds = tick(2 * index + 1).saturating_sub(tick(2 * index)) as f64 * period;
            }
        };
        let words = 2 * count as usize;
        readback.read_after(gpu, encoder, (&self.ticks, 0), words, take).await?;
        self.stages
            .retain(|stage| stage.seconds > 0.0 || stage.flops + stage.bytes > 0.0);
        Ok(self.stages)
    }
}
