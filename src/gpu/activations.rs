//! The buffers of a batch: activations, their gradients, and what sums over the batch need.

use super::{Gpu, buffers::STORAGE, inputs::Inputs, layout::Columns};
use crate::{
    Error, Result,
    plan::{Plan, Stage},
};

/// Bytes that the slots of the dense gradients take at most.
const SLOT_BYTES: u64 = 64 << 20;
/// Slots at most: more would not make more workgroups than a large device runs at a time.
const MAX_SLOTS: u32 = 128;
/// Samples of a slot at least, and what it is a multiple of.
const MIN_SPLIT: u32 = 64;
const SPLIT_STEP: u32 = 16;

/// The buffers of batches up to a size.
pub(super) struct Buffers {
    /// Samples of the longest slice.
    pub slice: u32,
    /// Samples of the largest batch; 0 where nothing can be trained yet.
    pub batch: u32,
    pub activations: Vec<wgpu::Buffer>,
    pub gradients: Vec<wgpu::Buffer>,
    /// Slots of the dense gradients.
    pub slots: wgpu::Buffer,
    /// Sums of the chunks of long segments.
    pub chunk_sums: wgpu::Buffer,
    pub inputs: wgpu::Buffer,
}

/// How a batch is cut up: a function of its size, plan and device alone, never of what ran before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cut {
    /// Samples of a slice, but for the last.
    pub slice: u32,
    /// Samples of a slot.
    pub split: u32,
    /// Slots of the first slice.
    pub slots: u32,
}

/// What bounds a cut.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Samples of a slice at most.
    pub slice: u32,
    pub slots: u32,
}

impl Limits {
    pub fn new(gpu: &Gpu, plan: &Plan, columns: &Columns, dense_total: u32) -> Result<Self> {
        let widest = (0..plan.buffers().len())
            .map(|b| columns.stride(b))
            .max()
            .unwrap_or(1)
            .max(1);
        let bindable = (gpu.max_binding() / (16 * u64::from(widest)))
            .min(Inputs::most_samples(plan.columns().len(), gpu.max_binding()));
        // A submit must end long before a watchdog takes it for a hang: about 0.1 s at a tenth of what such devices do.
        let work: u64 = match (gpu.is_software(), gpu.is_discrete()) {
            (true, _) => 1 << 30,
            (false, true) => 1 << 36,
            (false, false) => 1 << 33,
        };
        let timely = work / (plan.multiply_adds() as u64 + 1);
        let slice = match gpu.options().slice_rows {
            Some(rows) => u64::from(rows).min(bindable),
            None => (timely.clamp(1 << 10, 1 << 20) / 256 * 256).min(bindable),
        };
        if slice == 0 {
            let (bytes, most) = (16 * widest, gpu.max_binding());
            return Err(Error::Device(format!(
                "one sample takes {bytes} bytes; {} binds {most} at most",
                gpu.name()
            )));
        }
        let slots = SLOT_BYTES.min(gpu.max_binding()) / (16 * u64::from(dense_total));
        Ok(Limits {
            slice: slice as u32,
            slots: (slots as u32).clamp(1, MAX_SLOTS),
        })
    }

    pub fn cut(self, samples: u32) -> Cut {
        let slice = samples.min(self.slice).max(1);
        let split = slice.div_ceil(self.slots).max(MIN_SPLIT).next_multiple_of(SPLIT_STEP);
        Cut {
            slice: self.slice,
            split,
            slots: slice.div_ceil(split),
        }
    }
}

/// Bytes of the buffers of batches up to a size.
pub(super) struct Sizes {
    activations: Vec<u64>,
    gradients: Vec<u64>,
    slots: u64,
    chunk_sums: u64,
    inputs: u64,
}

impl Sizes {
    /// For batches of `batch` samples and slices of `slice`.
    ///
    /// # Errors
    /// [`Error::Device`] where a buffer cannot be bound, with the sizes.
    pub fn new(
        gpu: &Gpu,
        plan: &Plan,
        columns: &Columns,
        limits: Limits,
        (slice, batch): (u32, u32),
        dense_total: u32,
    ) -> Result<Self> {
        check_batch_size(gpu, plan, columns, batch)?;
        let gathers = |stage: &Stage| match stage {
            Stage::Gather { output, .. } => Some(*output),
            _ => None,
        };
        let gathered = |buffer: usize| {
            plan.stages()
                .iter()
                .filter_map(gathers)
                .any(|view| view.buffer == buffer)
        };
        let row = |buffer: usize| 16 * u64::from(columns.stride(buffer));
        let rows = |buffer: usize| match batch {
            0 => 0,
            _ if gathered(buffer) => batch,
            _ => slice.min(batch),
        };
        let buffers = 0..plan.buffers().len();
        // Smaller batches can have more slots than the largest, if their samples a slot are fewer.
        let slots = match batch {
            0 => 0,
            _ => limits.slots.min(batch.div_ceil(MIN_SPLIT)),
        };
        let widest = plan
            .stages()
            .iter()
            .filter_map(gathers)
            .map(|view| columns.range(view).width);
        let chunks = match batch {
            0 => 0,
            _ => Inputs::chunks_for(batch as usize) as u64,
        };
        let words = Inputs::words_for(plan.columns().len(), batch.max(slice) as usize);
        Ok(Sizes {
            activations: buffers.clone().map(|buffer| u64::from(slice) * row(buffer)).collect(),
            gradients: buffers.map(|buffer| u64::from(rows(buffer)) * row(buffer)).collect(),
            slots: u64::from(slots) * 16 * u64::from(dense_total),
            chunk_sums: chunks * 16 * u64::from(widest.max().unwrap_or(1)),
            inputs: 4 * words as u64,
        })
    }

    /// Bytes of all of them, as they are allocated.
    pub fn total(&self) -> u64 {
        let all = self.activations.iter().chain(&self.gradients);
        let all = all.chain([&self.slots, &self.chunk_sums, &self.inputs]);
        all.map(|&bytes| Gpu::allocated(bytes)).sum()
    }
}

impl Buffers {
    /// Buffers for batches of `batch` samples and slices of `slice`, whose sizes are `sizes`.
    ///
    /// # Errors
    /// [`Error::Device`] where they do not fit.
    pub fn new(gpu: &Gpu, (slice, batch): (u32, u32), sizes: &Sizes) -> Result<Self> {
        let all = |label: &str, sizes: &[u64]| -> Result<Vec<wgpu::Buffer>> {
            sizes.iter().map(|&bytes| gpu.buffer(label, bytes, STORAGE)).collect()
        };
        Ok(Buffers {
            slice,
            batch,
            activations: all("activations", &sizes.activations)?,
            gradients: all("gradients of activations", &sizes.gradients)?,
            slots: gpu.buffer("slots of gradients", sizes.slots, STORAGE)?,
            chunk_sums: gpu.buffer("sums of chunks", sizes.chunk_sums, STORAGE)?,
            inputs: gpu.buffer("batch", sizes.inputs, STORAGE | wgpu::BufferUsages::UNIFORM)?,
        })
    }

    /// Whether a batch and its slices find room.
    pub fn hold(&self, slice: u32, batch: u32) -> bool {
        slice <= self.slice && batch <= self.batch
    }
}

/// The gradients of picked rows are kept for the whole batch.
fn check_batch_size(gpu: &Gpu, plan: &Plan, columns: &Columns, batch: u32) -> Result<()> {
    let rows = plan.stages().iter().filter_map(|stage| match stage {
        Stage::Gather { output, .. } => Some(columns.stride(output.buffer)),
        _ => None,
    });
    let widest = 16 * u64::from(rows.max().unwrap_or(1));
    let words = 4 * Inputs::words_for(plan.columns().len(), 1 << 16) as u64 / (1 << 16);
    let most = gpu.max_binding() / widest.max(words + 1);
    match u64::from(batch) <= most {
        true => Ok(()),
        false => Err(Error::Device(format!(
            "a batch of {batch} samples takes {} bytes in a buffer; {} binds {} at most, so give batches of {most} at most",
            u64::from(batch) * widest,
            gpu.name(),
            gpu.max_binding(),
        ))),
    }
}
