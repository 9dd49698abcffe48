//! Tables, cut into shards of rows where they are larger than a binding.

use crate::{
    Result,
    gpu::{
        device::gpu::Gpu,
        memory::{buffers::STORAGE, layout::matrix::Matrix},
    },
};

/// A value with its moments, which are there once an optimiser has needed them.
pub(crate) struct Slots {
    pub value: wgpu::Buffer,
    pub moments: Option<[wgpu::Buffer; 2]>,
}

impl Slots {
    pub fn new(gpu: &Gpu, label: &str, bytes: u64, moments: bool) -> Result<Self> {
        let mut slots = Slots {
            value: gpu.buffer(label, bytes, STORAGE)?,
            moments: None,
        };
        if moments {
            slots.add_moments(gpu, label)?;
        }
        Ok(slots)
    }

    pub fn add_moments(&mut self, gpu: &Gpu, label: &str) -> Result<()> {
        if self.moments.is_none() {
            let bytes = self.value.size();
            let moment = || gpu.buffer(&format!("a moment of {label}"), bytes, STORAGE);
            self.moments = Some([moment()?, moment()?]);
        }
        Ok(())
    }

    /// Value, first and second moment.
    pub fn part(&self, part: usize) -> Option<&wgpu::Buffer> {
        match part {
            0 => Some(&self.value),
            _ => self.moments.as_ref().map(|moments| &moments[part - 1]),
        }
    }
}

/// Rows of a table.
pub(crate) struct Shard {
    pub first: u32,
    /// Rows that there is room for.
    pub capacity: u32,
    pub slots: Slots,
}

/// A table.
pub(crate) struct Table {
    pub vocabulary: usize,
    pub shards: Vec<Shard>,
}

/// What a table is to become longer by: made whole before the table changes, so that nothing is lost where memory is short.
pub(crate) struct Growth {
    /// Shards that stay.
    keep: usize,
    shards: Vec<Shard>,
}

impl Table {
    /// Rows that there is room for.
    pub fn capacity(&self) -> usize {
        let last = self.shards.last();
        last.map_or(0, |shard| shard.first as usize + shard.capacity as usize)
    }

    /// Makes room for `capacity` rows, which must be more than there is room for: a longer shard for the last, with a copy
    /// of what that holds, and more behind it where they are larger than a binding.
    ///
    /// # Errors
    /// [`Error::Device`](crate::Error::Device) where there is no memory; the table is as it was.
    pub async fn growth(
        &self,
        gpu: &Gpu,
        name: &str,
        matrix: &Matrix,
        capacity: usize,
        moments: bool,
    ) -> Result<Growth> {
        let row_bytes = 16 * u64::from(matrix.stride);
        // A row fits: what does not was refused before.
        let most = (gpu.max_binding() / row_bytes).min(u32::MAX.into()) as u32;
        let replaced = self.shards.last().filter(|last| last.capacity < most);
        let mut first = replaced.map_or(self.capacity(), |last| last.first as usize);
        let mut shards = Vec::new();
        while first < capacity {
            let rows = (capacity - first).min(most as usize) as u32;
            shards.push(Shard {
                first: first as u32,
                capacity: rows,
                slots: Slots::new(gpu, name, u64::from(rows) * row_bytes, moments)?,
            });
            first += rows as usize;
        }
        if let (Some(old), Some(new)) = (replaced, shards.first()) {
            copy_slots(gpu, &old.slots, &new.slots).await?;
        }
        Ok(Growth {
            keep: self.shards.len() - usize::from(replaced.is_some()),
            shards,
        })
    }

    /// Takes what was made.
    pub fn grow(&mut self, growth: Growth) {
        self.shards.truncate(growth.keep);
        self.shards.extend(growth.shards);
    }
}

async fn copy_slots(gpu: &Gpu, from: &Slots, to: &Slots) -> Result<()> {
    let mut encoder = gpu.device().create_command_encoder(&Default::default());
    for part in 0..3 {
        if let (Some(from), Some(to)) = (from.part(part), to.part(part)) {
            encoder.copy_buffer_to_buffer(from, 0, to, 0, from.size());
        }
    }
    let copied = gpu.submit([encoder.finish()]);
    gpu.done(&copied).await
}
