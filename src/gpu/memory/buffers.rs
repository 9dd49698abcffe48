//! Copies between host and device.

use crate::{Error, Result, gpu::device::gpu::Gpu};

/// Bytes of a copy at most: what the driver has to hold besides stays small.
pub(crate) const PIECE: u64 = 16 << 20;

/// Usages of a buffer that shaders read or write and that can be copied either way.
pub(crate) const STORAGE: wgpu::BufferUsages = wgpu::BufferUsages::STORAGE
    .union(wgpu::BufferUsages::COPY_SRC)
    .union(wgpu::BufferUsages::COPY_DST);

/// Writes floats to a buffer, from float `first` on.
pub(crate) fn upload(gpu: &Gpu, buffer: &wgpu::Buffer, first: usize, values: &[f32]) -> Result<()> {
    let piece = (PIECE / 4) as usize;
    for (index, values) in values.chunks(piece).enumerate() {
        let offset = 4 * (first + index * piece) as u64;
        gpu.queue().write_buffer(buffer, offset, bytemuck::cast_slice(values));
        if values.len() == piece {
            let submission = gpu.queue().submit([]);
            gpu.wait(submission)?;
        }
    }
    gpu.check()
}

/// Memory that the device copies to and the host reads.
#[derive(Default)]
pub(crate) struct Readback {
    staging: Option<wgpu::Buffer>,
}

impl Readback {
    /// Reads `len` floats of a buffer from float `first` on, piece by piece: `take` gets each piece with the number of
    /// floats before it.
    pub fn read(
        &mut self,
        gpu: &Gpu,
        buffer: &wgpu::Buffer,
        first: usize,
        len: usize,
        take: &mut dyn FnMut(usize, &[f32]),
    ) -> Result<()> {
        let piece = (PIECE / 4) as usize;
        for begin in (0..len).step_by(piece) {
            let count = piece.min(len - begin);
            let encoder = gpu.device().create_command_encoder(&Default::default());
            self.read_after(gpu, encoder, buffer, first + begin, count, &mut |values| {
                take(begin, values)
            })?;
        }
        Ok(())
    }

    /// Submits what `encoder` holds and reads one piece of a buffer after it.
    pub fn read_after(
        &mut self,
        gpu: &Gpu,
        mut encoder: wgpu::CommandEncoder,
        buffer: &wgpu::Buffer,
        first: usize,
        count: usize,
        take: &mut dyn FnMut(&[f32]),
    ) -> Result<()> {
        let bytes = 4 * count as u64;
        let staging = self.staging(gpu, bytes)?;
        encoder.copy_buffer_to_buffer(buffer, 4 * first as u64, staging, 0, bytes);
        let submission = gpu.queue().submit([encoder.finish()]);
        gpu.check()?;
        let slice = staging.slice(..bytes);
        slice.map_async(wgpu::MapMode::Read, |_| {}); // whether it worked, the mapped range says
        let waited = gpu.wait(submission);
        let refused = |error| Error::Device(format!("{}: memory cannot be read back: {error}", gpu.name()));
        let result = waited.and_then(|()| {
            let view = slice.get_mapped_range().map_err(refused)?;
            take(bytemuck::cast_slice(&view));
            Ok(())
        });
        staging.unmap();
        result
    }

    fn staging(&mut self, gpu: &Gpu, bytes: u64) -> Result<&wgpu::Buffer> {
        if self.staging.as_ref().is_some_and(|staging| staging.size() < bytes) {
            self.staging = None;
        }
        if self.staging.is_none() {
            let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
            let size = bytes.next_power_of_two().clamp(1 << 16, PIECE);
            self.staging = Some(gpu.buffer("readback", size, usage)?);
        }
        self.staging
            .as_ref()
            .ok_or_else(|| Error::Device("no memory to read back".into()))
    }
}
