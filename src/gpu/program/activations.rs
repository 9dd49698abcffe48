//! The buffers of a batch: activations, their gradients, and what sums over the batch need.

use crate::{
    Error, Result,
    gpu::{
        device::gpu::Gpu,
        memory::{buffers::STORAGE, layout::Columns},
        program::{
            inputs::Inputs,
            room::chunks_for,
            spaces::{Extent, PerSpace, SPACES, fits, larger},
        },
    },
    plan::{MAX_SEQUENCES, Plan, View},
};

/// Bytes that the slots of the dense gradients take at most.
const SLOT_BYTES: u64 = 64 << 20;
/// Slots at most: more would not make more workgroups than a large device runs at a time.
const MAX_SLOTS: u32 = 128;
/// Rows that a stage of batch normalisation keeps of its statistics.
pub(crate) const STATISTICS: u32 = 4;
/// Rows of a slot at least, and what it is a multiple of.
const MIN_SPLIT: u32 = 64;
const SPLIT_STEP: u32 = 16;

/// The buffers of batches up to a size.
pub(crate) struct Buffers {
    /// Rows of the longest slice.
    pub slice: PerSpace,
    /// Rows of the largest batch; 0 where nothing can be trained yet.
    pub batch: PerSpace,
    pub activations: Vec<wgpu::Buffer>,
    pub gradients: Vec<wgpu::Buffer>,
    /// Slots of the dense gradients.
    pub slots: wgpu::Buffer,
    /// Sums of the chunks of long segments.
    pub chunk_sums: wgpu::Buffer,
    /// Sums of the segments of columns that share a table.
    pub segment_sums: wgpu::Buffer,
    /// What a stage of batch normalisation sums over each slot, two rows a slot.
    pub norm_sums: wgpu::Buffer,
    /// The batch's statistics of each such stage, four rows.
    pub statistics: wgpu::Buffer,
    pub inputs: wgpu::Buffer,
}

impl Buffers {
    /// Of all of them.
    pub fn bytes(&self) -> u64 {
        let others = [
            &self.slots,
            &self.chunk_sums,
            &self.segment_sums,
            &self.norm_sums,
            &self.statistics,
            &self.inputs,
        ];
        let all = self.activations.iter().chain(&self.gradients).chain(others);
        all.map(wgpu::Buffer::size).sum()
    }
}

/// How a batch is cut up: a function of its size, plan and device alone, never of what ran before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cut {
    /// Rows of a slice at most, in any space.
    pub most: u32,
    /// Rows of the largest slice.
    pub slice: PerSpace,
    /// Rows of a slot.
    pub split: PerSpace,
    /// Slots of a slice.
    pub slots: u32,
}

/// What bounds a cut.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Rows of a slice at most, in any space.
    pub slice: u32,
    pub slots: u32,
    /// Whether a batch is one slice, as there are statistics of all its rows, or blocks that slices would cut.
    pub whole: bool,
}

impl Limits {
    pub fn new(gpu: &Gpu, plan: &Plan, columns: &Columns, dense_total: u32) -> Result<Self> {
        let widest = (0..columns.buffers()).map(|b| columns.stride(b)).max();
        let widest = widest.unwrap_or(1).max(1);
        let bindable =
            (gpu.max_binding() / (16 * u64::from(widest))).min(Inputs::most_rows(plan, columns, gpu.max_binding()));
        // A submit must end long before a watchdog takes it for a hang: about 0.1 s at a tenth of what such devices do.
        let work: u64 = match (gpu.is_software(), gpu.is_discrete()) {
            // Pages are drawn by the same device: a submit takes less than the time between two frames there.
            (true, _) if cfg!(target_family = "wasm") => 1 << 26,
            (true, _) => 1 << 30,
            (false, true) => 1 << 36,
            (false, false) => 1 << 33,
        };
        let block = columns
            .needs()
            .iter()
            .filter_map(|needs| needs.block)
            .max()
            .unwrap_or(1);
        // A sample of a block is compared with all of it.
        let together = block.min(1 << 16);
        let each = plan.batch_multiply_adds(together, &[1; MAX_SEQUENCES]) / together;
        let timely = work / (each as u64 + 1);
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
        // Slices of whole blocks, or one of all samples where that cannot be.
        let block = block as u64;
        let is_cut = (block > bindable || !plan.sequences().is_empty()) && block > 1;
        let slice = match is_cut {
            true => slice,
            false => (slice / block).max(1) * block,
        };
        Ok(Limits {
            slice: slice as u32,
            slots: (slots as u32).clamp(1, MAX_SLOTS),
            whole: is_cut || widths(columns).next().is_some(),
        })
    }

    /// Rows of the longest slice of a batch of so many, where its steps are spread evenly.
    pub fn longest(self, rows: PerSpace) -> PerSpace {
        rows.map(|rows| if self.whole { rows } else { rows.min(self.slice) })
    }

    pub fn cut(self, extent: Extent<'_>) -> Cut {
        let most = if self.whole { u32::MAX } else { self.slice };
        let slice = extent
            .slices(most)
            .fold([0; SPACES], |largest, slice| larger(largest, slice.rows));
        // All layers have as many slots, whatever the space of their rows.
        let rows = slice.into_iter().max().unwrap_or(0).max(1);
        let split = |rows: u32, slots: u32| rows.div_ceil(slots).max(MIN_SPLIT).next_multiple_of(SPLIT_STEP);
        let slots = rows.div_ceil(split(rows, self.slots));
        Cut {
            most,
            slice,
            split: slice.map(|rows| split(rows, slots)),
            slots,
        }
    }
}

/// Bytes of the buffers of batches up to a size.
pub(crate) struct Sizes {
    activations: Vec<u64>,
    gradients: Vec<u64>,
    slots: u64,
    chunk_sums: u64,
    segment_sums: u64,
    norm_sums: u64,
    statistics: u64,
    inputs: u64,
}

impl Sizes {
    /// For batches and slices of so many rows.
    ///
    /// # Errors
    /// [`Error::Device`] where a buffer cannot be bound, with the sizes.
    pub fn new(
        gpu: &Gpu,
        plan: &Plan,
        columns: &Columns,
        limits: Limits,
        (slice, batch): (PerSpace, PerSpace),
        dense_total: u32,
    ) -> Result<Self> {
        check_batch_size(gpu, plan, columns, batch)?;
        let row = |buffer: usize| 16 * u64::from(columns.stride(buffer));
        let rows = |buffer: usize| match (columns.space(buffer), columns.is_gathered(buffer)) {
            (space, true) => batch[space],
            (space, false) => of_space(slice, space).min(of_space(batch, space)),
        };
        let buffers = 0..columns.buffers();
        // Smaller batches can have more slots than the largest, if their rows a slot are fewer.
        let longest = batch.into_iter().max().unwrap_or(0);
        let slots = limits.slots.min(longest.div_ceil(MIN_SPLIT));
        let rows_of_batch = |column: usize| u64::from(batch[plan.columns()[column].space.index()]);
        let chunk_sums = gathers(plan).map(|(column, width)| {
            let chunks = chunks_for(rows_of_batch(column) as usize) as u64;
            chunks * 16 * u64::from(columns.range(width).width)
        });
        let is_propagated = |table| {
            plan.propagation()
                .is_some_and(|propagate| propagate.side(table).is_some())
        };
        let shared = (0..plan.params().len()).filter(|&table| plan.gathers(table).count() > 1 || is_propagated(table));
        let segment_sums = shared.map(|table| {
            let of_column = |(column, output)| rows_of_batch(column) * 16 * u64::from(columns.range(output).width);
            plan.gathers(table).map(of_column).sum()
        });
        let is_trained = longest > 0;
        let words = Inputs::words_of(plan, columns, larger(slice, batch));
        let sizes = Sizes {
            activations: buffers
                .clone()
                .map(|buffer| u64::from(of_space(slice, columns.space(buffer))) * row(buffer))
                .collect(),
            gradients: buffers.map(|buffer| u64::from(rows(buffer)) * row(buffer)).collect(),
            slots: u64::from(slots) * 16 * u64::from(dense_total),
            chunk_sums: chunk_sums.max().filter(|_| is_trained).unwrap_or(0),
            segment_sums: segment_sums.max().unwrap_or(0),
            norm_sums: 2 * u64::from(slots) * 16 * widths(columns).max().map_or(0, u64::from),
            statistics: u64::from(STATISTICS) * 16 * widths(columns).map(u64::from).sum::<u64>(),
            inputs: 4 * words as u64,
        };
        sizes.check(gpu, slice)?;
        Ok(sizes)
    }

    /// Checks that every buffer can be bound, of slices of so many rows.
    fn check(&self, gpu: &Gpu, slice: PerSpace) -> Result<()> {
        let (most, name) = (gpu.max_binding(), gpu.name());
        match self.all().max() {
            Some(largest) if largest > most => Err(Error::Device(format!(
                "{} samples with {} steps take {largest} bytes in a buffer; {name} binds {most} at most: give smaller \
                 batches or shorter sequences",
                slice[0],
                steps_of(slice)
            ))),
            _ => Ok(()),
        }
    }

    fn all(&self) -> impl Iterator<Item = u64> {
        let all = self.activations.iter().chain(&self.gradients);
        let sums = [&self.slots, &self.chunk_sums, &self.segment_sums, &self.norm_sums];
        let all = all.chain(sums).chain([&self.statistics, &self.inputs]);
        all.map(|&bytes| Gpu::allocated(bytes))
    }

    /// Bytes of all of them, as they are allocated.
    pub fn total(&self) -> u64 {
        self.all().sum()
    }
}

impl Buffers {
    /// Buffers for batches and slices of so many rows, whose sizes are `sizes`.
    ///
    /// # Errors
    /// [`Error::Device`] where they do not fit.
    pub fn new(gpu: &Gpu, (slice, batch): (PerSpace, PerSpace), sizes: &Sizes) -> Result<Self> {
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
            segment_sums: gpu.buffer("sums of segments", sizes.segment_sums, STORAGE)?,
            norm_sums: gpu.buffer("sums of columns", sizes.norm_sums, STORAGE)?,
            statistics: gpu.buffer("statistics of columns", sizes.statistics, STORAGE)?,
            inputs: gpu.buffer("batch", sizes.inputs, STORAGE | wgpu::BufferUsages::UNIFORM)?,
        })
    }

    /// Whether a batch and its slices find room.
    pub fn hold(&self, slice: PerSpace, batch: PerSpace) -> bool {
        fits(slice, self.slice) && fits(batch, self.batch)
    }

    /// Samples that there is room for.
    pub fn samples(&self) -> u32 {
        self.batch[0].max(self.slice[0])
    }
}

/// The rows of a space; none of nodes, which are no part of a batch.
fn of_space(rows: PerSpace, space: usize) -> u32 {
    rows.get(space).copied().unwrap_or(0)
}

/// The id column and the output of each look-up.
fn gathers(plan: &Plan) -> impl Iterator<Item = (usize, View)> {
    (0..plan.params().len()).flat_map(|table| plan.gathers(table))
}

/// vec4s of a row of each stage that takes statistics of the batch.
fn widths(columns: &Columns) -> impl Iterator<Item = u32> {
    columns.statistics().map(|(_, width)| width)
}

/// The gradients of picked rows, and the words of the batch, are kept for the whole batch.
fn check_batch_size(gpu: &Gpu, plan: &Plan, columns: &Columns, batch: PerSpace) -> Result<()> {
    let most = gpu.max_binding();
    let gradients = gathers(plan).map(|(_, output)| {
        let space = columns.space(output.buffer);
        16 * u64::from(columns.stride(output.buffer)) * u64::from(batch[space])
    });
    let words = 4 * Inputs::words_of(plan, columns, batch) as u64;
    let bytes = gradients.max().unwrap_or(0).max(words);
    if bytes <= most {
        return Ok(());
    }
    let (samples, name) = (batch[0], gpu.name());
    let of_steps = match steps_of(batch) {
        0 => String::new(),
        steps => format!(" with {steps} steps"),
    };
    let fit = u64::from(samples) * most / bytes;
    Err(Error::Device(format!(
        "a batch of {samples} samples{of_steps} takes {bytes} bytes in a buffer; {name} binds {most} at most, so give \
         batches of about {fit}"
    )))
}

/// Steps of all sequences.
fn steps_of(rows: PerSpace) -> u64 {
    rows[1..].iter().copied().map(u64::from).sum()
}
