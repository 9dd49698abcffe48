//! Copies between host and device.

use crate::{
    Error, Result,
    gpu::device::{
        gpu::Gpu,
        signal::{Signal, Submitted},
    },
};

/// Bytes of a copy at most: what the driver has to hold besides stays small.
pub(crate) const PIECE: u64 = 16 << 20;

/// Usages of a buffer that shaders read or write and that can be copied either way.
pub(crate) const STORAGE: wgpu::BufferUsages = wgpu::BufferUsages::STORAGE
    .union(wgpu::BufferUsages::COPY_SRC)
    .union(wgpu::BufferUsages::COPY_DST);

/// Writes floats to a buffer, from float `first` on. Only what is longer than a piece has to be waited for.
pub(crate) async fn upload(gpu: &Gpu, buffer: &wgpu::Buffer, first: usize, values: &[f32]) -> Result<()> {
    let piece = (PIECE / 4) as usize;
    for (index, values) in values.chunks(piece).enumerate() {
        let offset = 4 * (first + index * piece) as u64;
        gpu.queue().write_buffer(buffer, offset, bytemuck::cast_slice(values));
        if values.len() == piece {
            let written = gpu.submit([]);
            gpu.done(&written).await?;
        }
    }
    gpu.check()
}

/// Takes pieces of what is read, each with the number of floats before it.
pub(crate) type Take<'a> = dyn FnMut(usize, &[f32]) + Send + 'a;

/// Memory that the device copies to and the host reads.
#[derive(Default)]
pub(crate) struct Readback {
    staging: Option<wgpu::Buffer>,
}

impl Readback {
    /// Reads `len` floats of a buffer from float `first` on, piece by piece.
    pub async fn read(
        &mut self,
        gpu: &Gpu,
        buffer: &wgpu::Buffer,
        first: usize,
        len: usize,
        take: &mut Take<'_>,
    ) -> Result<()> {
        let piece = (PIECE / 4) as usize;
        for begin in (0..len).step_by(piece) {
            let count = piece.min(len - begin);
            let encoder = gpu.device().create_command_encoder(&Default::default());
            self.read_after(gpu, encoder, (buffer, first + begin), count, &mut |_, values| {
                take(begin, values)
            })
            .await?;
        }
        Ok(())
    }

    /// Reads ranges of a buffer at once, each from a float on and so many floats; gives them one behind the other where they are
    /// no more than a piece, and range by range else.
    pub async fn read_ranges(
        &mut self,
        gpu: &Gpu,
        buffer: &wgpu::Buffer,
        ranges: [(usize, usize); 2],
        take: &mut Take<'_>,
    ) -> Result<()> {
        let [(_, before), (_, after)] = ranges;
        if 4 * (before + after) as u64 > PIECE {
            self.read(gpu, buffer, ranges[0].0, before, take).await?;
            let behind = &mut |first: usize, values: &[f32]| take(before + first, values);
            return self.read(gpu, buffer, ranges[1].0, after, behind).await;
        }
        let bytes = 4 * (before + after) as u64;
        if bytes == 0 {
            return Ok(());
        }
        let staging = self.staging(gpu, bytes)?.clone();
        let mut encoder = gpu.device().create_command_encoder(&Default::default());
        for ((first, len), to) in ranges.into_iter().zip([0, before]).filter(|((_, len), _)| *len > 0) {
            let [from, to, bytes] = [first, to, len].map(|floats| 4 * floats as u64);
            encoder.copy_buffer_to_buffer(buffer, from, &staging, to, bytes);
        }
        let copied = Mapped::after(gpu, encoder, staging, bytes)?;
        copied.done(gpu).await?;
        copied.take(gpu, |values| take(0, values))
    }

    /// Submits what `encoder` holds and reads one piece of a buffer after it, `count` floats from `first` on.
    pub async fn read_after(
        &mut self,
        gpu: &Gpu,
        mut encoder: wgpu::CommandEncoder,
        (buffer, first): (&wgpu::Buffer, usize),
        count: usize,
        take: &mut Take<'_>,
    ) -> Result<()> {
        let bytes = 4 * count as u64;
        let staging = self.staging(gpu, bytes)?;
        encoder.copy_buffer_to_buffer(buffer, 4 * first as u64, staging, 0, bytes);
        let copied = Mapped::after(gpu, encoder, staging.clone(), bytes)?;
        copied.done(gpu).await?;
        copied.take(gpu, |values| take(0, values))
    }

    fn staging(&mut self, gpu: &Gpu, bytes: u64) -> Result<&wgpu::Buffer> {
        if self.staging.as_ref().is_some_and(|staging| staging.size() < bytes) {
            self.staging = None;
        }
        if self.staging.is_none() {
            self.staging = Some(staging(gpu, bytes.next_power_of_two().clamp(1 << 16, PIECE))?);
        }
        self.staging
            .as_ref()
            .ok_or_else(|| Error::Device("no memory to read back".into()))
    }
}

/// Memory of a size that the device can copy to and the host can read.
pub(crate) fn staging(gpu: &Gpu, bytes: u64) -> Result<wgpu::Buffer> {
    let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
    gpu.buffer("readback", bytes, usage)
}

/// A copy that is under way to the host. Where it is dropped, its memory is free for the next one.
pub(crate) struct Mapped {
    staging: wgpu::Buffer,
    bytes: u64,
    submitted: Submitted,
}

impl Mapped {
    /// Submits what copies `bytes` bytes to `staging`.
    pub fn after(gpu: &Gpu, encoder: wgpu::CommandEncoder, staging: wgpu::Buffer, bytes: u64) -> Result<Self> {
        let (index, signal) = (gpu.queue().submit([encoder.finish()]), Signal::default());
        gpu.check()?;
        gpu.count_read();
        let mapped = signal.clone();
        // Whether it worked, the mapped range says.
        staging.map_async(wgpu::MapMode::Read, ..bytes, move |_| mapped.give());
        let submitted = Submitted::new(index, signal);
        Ok(Mapped {
            staging,
            bytes,
            submitted,
        })
    }

    /// Whether it is known to be there.
    pub fn is_done(&self) -> bool {
        self.submitted.is_done()
    }

    /// Ready when it is there.
    pub async fn done(&self, gpu: &Gpu) -> Result<()> {
        gpu.done(&self.submitted).await
    }

    /// Hands out what was copied, which must be [there](Mapped::done).
    pub fn take(&self, gpu: &Gpu, take: impl FnOnce(&[f32])) -> Result<()> {
        let refused = |error| Error::Device(format!("{}: memory cannot be read back: {error}", gpu.name()));
        let view = self.staging.slice(..self.bytes).get_mapped_range().map_err(refused)?;
        take(bytemuck::cast_slice(&view));
        Ok(())
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        self.staging.unmap();
    }
}
