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

/// Makes room for `capacity` rows of which `rows` are needed: the last shard is made longer, or more are added.
pub(crate) fn grow_table(
    gpu: &Gpu,
    name: &str,
    matrix: &Matrix,
    table: &mut Table,
    rows: usize,
    capacity: usize,
    moments: bool,
) -> Result<()> {
    let row_bytes = 16 * u64::from(matrix.stride);
    // A row fits: `memory` has refused what does not.
    let most = (gpu.max_binding() / row_bytes).min(u32::MAX.into()) as u32;
    let mut shards = Vec::new();
    let mut first = 0u32;
    // The last shard is copied to a longer one; nothing of the table changes before all buffers are there.
    let keep = table.shards.len().saturating_sub(1);
    if let Some(last) = table.shards.last() {
        first = last.first;
    }
    let whole = table.shards.last().is_some_and(|last| last.capacity == most);
    if whole {
        first += most;
    }
    while (first as usize) < capacity.max(rows) {
        let rows = (capacity - first as usize).min(most as usize) as u32;
        shards.push(Shard {
            first,
            capacity: rows,
            slots: Slots::new(gpu, name, u64::from(rows) * row_bytes, moments)?,
        });
        first += rows;
    }
    if let (Some(old), Some(new), false) = (table.shards.last(), shards.first(), whole) {
        copy_slots(gpu, &old.slots, &new.slots)?;
    }
    if !whole {
        table.shards.truncate(keep);
    }
    table.shards.append(&mut shards);
    Ok(())
}

fn copy_slots(gpu: &Gpu, from: &Slots, to: &Slots) -> Result<()> {
    let mut encoder = gpu.device().create_command_encoder(&Default::default());
    for part in 0..3 {
        if let (Some(from), Some(to)) = (from.part(part), to.part(part)) {
            encoder.copy_buffer_to_buffer(from, 0, to, 0, from.size());
        }
    }
    let submission = gpu.queue().submit([encoder.finish()]);
    gpu.wait(submission)
}
