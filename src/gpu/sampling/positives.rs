//! The positives that samples are drawn from, on the device.

use core::iter::repeat_n;

use crate::{
    Result,
    data::{Epochs, Sampler},
    gpu::{
        device::gpu::Gpu,
        memory::buffers::{STORAGE, upload},
        program::room::{Draw, Room},
    },
};

/// What a sampler draws from, on the device.
pub(crate) struct Positives {
    pub users: wgpu::Buffer,
    pub items: wgpu::Buffer,
    pub offsets: wgpu::Buffer,
    epochs: Epochs,
    item_count: u32,
}

impl Positives {
    /// Bytes of the largest of its buffers, and of all.
    pub fn bytes(sampler: &Sampler) -> [u64; 2] {
        let positives = 4 * sampler.positives().len() as u64;
        let offsets = 4 * (u64::from(sampler.positives().users()) + 1);
        [positives.max(offsets), 2 * positives + offsets]
    }

    /// Copies what `sampler` draws from to the device.
    ///
    /// # Errors
    /// [`Error::Device`](crate::Error::Device) where it does not fit or the device is lost.
    pub async fn new(gpu: &Gpu, sampler: &Sampler) -> Result<Self> {
        let (offsets, items) = sampler.positives().parts();
        let counts = offsets.windows(2).map(|begin| begin[1] - begin[0]);
        let users: Vec<u32> = (0..)
            .zip(counts)
            .flat_map(|(user, count)| repeat_n(user, count))
            .collect();
        let offsets: Vec<u32> = offsets.iter().map(|&offset| offset as u32).collect(); // there are less than 2^32
        Ok(Positives {
            users: copy(gpu, "users of positives", &users).await?,
            items: copy(gpu, "items of positives", items).await?,
            offsets: copy(gpu, "where the positives of each user begin", &offsets).await?,
            epochs: sampler.epochs(),
            item_count: sampler.positives().items(),
        })
    }

    /// Samples of an epoch.
    pub fn sampled(&self) -> u32 {
        self.epochs.samples
    }

    /// How many of `count` samples from `start` on the epoch has.
    pub fn count(&self, start: u64, count: usize) -> u32 {
        let left = u64::from(self.epochs.samples).saturating_sub(start);
        left.min(count as u64) as u32
    }

    /// The uniform of samples of an epoch from `start` on, which `room` has place for.
    pub fn draw(&self, room: Room, epoch: u32, start: u32, samples: u32) -> Draw {
        let (order, rng) = self.epochs.of(epoch);
        let ([low_bits, high_bits], order_keys) = order.parts();
        Draw {
            start,
            sampled: self.epochs.samples,
            group: self.epochs.negatives + 1,
            items: self.item_count,
            low_bits,
            high_bits,
            order_keys,
            rng_key: rng.key(),
            ..room.draw(samples)
        }
    }
}

/// A buffer that holds these words.
async fn copy(gpu: &Gpu, label: &str, words: &[u32]) -> Result<wgpu::Buffer> {
    let buffer = gpu.buffer(label, 4 * words.len() as u64, STORAGE)?;
    upload(gpu, &buffer, 0, bytemuck::cast_slice(words)).await?;
    Ok(buffer)
}
