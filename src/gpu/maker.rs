//! Batches that are made on the device: samples drawn from positives, ids sorted, segments and chunks found.
//!
//! What is made lies in the words of a batch as [`Inputs`] packs them, but that each part begins where the largest batch
//! has it: no shader that reads a batch sees a difference.

use core::iter::repeat_n;

use bytemuck::{Pod, Zeroable};

use super::{
    Gpu,
    buffers::{STORAGE, upload},
    inputs::{COLUMN, HEADER, Inputs},
    pipelines::Shader,
    program::{Dispatch, Draft, Grid, Reads, build},
};
use crate::{
    Result,
    data::{Epochs, Sampler},
};

/// Samples that a workgroup of sort and segments takes.
pub(super) const BLOCK: u32 = 4096;
/// Values of a digit of the sort.
const DIGITS: u64 = 256;

/// `Draw` in `shaders/batch.wgsl`.
#[derive(Clone, Copy, Debug, Default, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Draw {
    samples: u32,
    start: u32,
    labels: u32,
    stride: u32,
    counts: u32,
    blocks: u32,
    sampled: u32,
    group: u32,
    items: u32,
    low_bits: u32,
    high_bits: u32,
    pad: u32,
    order_keys: [u32; 4],
    rng_key: [u32; 2],
    pad2: [u32; 2],
}

/// `Sort` in `shaders/sort.wgsl`.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct SortShape {
    shift: u32,
    first: u32,
    target: u32,
    pad: u32,
}

/// Room for batches of up to `capacity` samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Room {
    pub columns: usize,
    pub capacity: u32,
}

impl Room {
    /// Words of the batch.
    pub fn words(self) -> u64 {
        Inputs::words_for(self.columns, self.capacity as usize) as u64
    }

    /// Where a column's ids, order, segments and chunks begin.
    fn parts(self, column: usize) -> [u32; 4] {
        let samples = self.capacity as usize;
        let chunks = 2 * Inputs::chunks_for(samples);
        let first = HEADER + COLUMN * self.columns + column * (2 * samples + 3 * (samples + 1) + chunks);
        let segments = first + 2 * samples;
        [first, first + samples, segments, segments + 3 * (samples + 1)].map(|word| word as u32)
    }

    /// Where the labels begin.
    pub fn labels(self) -> u32 {
        self.parts(self.columns)[0]
    }

    /// The words of a column's header, without the numbers of segments and chunks, which the device finds.
    pub fn header(self, column: usize) -> [u32; COLUMN] {
        let [ids, order, segments, chunks] = self.parts(column);
        [ids, order, segments, 0, chunks, 0, 0, 0]
    }

    fn blocks(self) -> u32 {
        self.capacity.div_ceil(BLOCK).max(1)
    }

    /// Words of scratch, a column: positions, a count a digit and block, and a sum a digit.
    fn stride(self) -> u64 {
        u64::from(self.capacity) + DIGITS * u64::from(self.blocks()) + DIGITS
    }

    /// Bytes of scratch.
    pub fn scratch(self) -> u64 {
        4 * self.columns as u64 * self.stride()
    }

    /// The uniform of a batch of `samples` samples.
    pub fn draw(self, samples: u32) -> Draw {
        Draw {
            samples,
            labels: self.labels(),
            stride: self.stride() as u32,
            counts: self.capacity,
            blocks: self.blocks(),
            ..Draw::default()
        }
    }
}

/// What a sampler draws from, on the device.
pub(super) struct Positives {
    users: wgpu::Buffer,
    items: wgpu::Buffer,
    offsets: wgpu::Buffer,
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
    pub fn new(gpu: &Gpu, sampler: &Sampler) -> Result<Self> {
        let (offsets, items) = sampler.positives().parts();
        let counts = offsets.windows(2).map(|begin| begin[1] - begin[0]);
        let users: Vec<u32> = (0..)
            .zip(counts)
            .flat_map(|(user, count)| repeat_n(user, count))
            .collect();
        let offsets: Vec<u32> = offsets.iter().map(|&offset| offset as u32).collect(); // there are less than 2^32
        let copy = |label: &str, words: &[u32]| {
            let buffer = gpu.buffer(label, 4 * words.len() as u64, STORAGE)?;
            upload(gpu, &buffer, 0, bytemuck::cast_slice(words)).map(|()| buffer)
        };
        Ok(Positives {
            users: copy("users of positives", &users)?,
            items: copy("items of positives", items)?,
            offsets: copy("where the positives of each user begin", &offsets)?,
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

/// The dispatches that make a batch in a buffer of words.
pub(super) struct Maker {
    pub room: Room,
    draw: wgpu::Buffer,
    pub dispatches: Vec<Dispatch>,
}

impl Maker {
    /// For columns whose tables have `rows` rows each. With `positives` the samples are drawn, else ids and labels are
    /// those in `words`.
    ///
    /// # Errors
    /// [`Error::Device`](crate::Error::Device) where the scratch does not fit.
    pub fn new(
        gpu: &Gpu,
        words: &wgpu::Buffer,
        room: Room,
        rows: &[usize],
        positives: Option<&Positives>,
    ) -> Result<Self> {
        let scratch = gpu.buffer("scratch of a sort", room.scratch(), STORAGE)?;
        let usage = wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST;
        let draw = gpu.buffer("samples of a batch", size_of::<Draw>() as u64, usage)?;
        let mut drafts = Vec::new();
        if let Some(positives) = positives {
            let buffers = vec![
                (3, words),
                (5, &draw),
                (6, &positives.users),
                (7, &positives.items),
                (8, &positives.offsets),
            ];
            let draft = Draft::new(Shader::Sampler, "sample", Grid::SAMPLES, Reads::Nothing, &(), buffers);
            drafts.push(draft.cost(0, 24));
        }
        let bound = [words, &scratch, &draw];
        let largest = rows.iter().max().map_or(0, |rows| rows.saturating_sub(1)) as u32;
        sort(bound, room, largest, &mut drafts);
        segments(bound, room, &mut drafts);
        Ok(Maker {
            dispatches: build(gpu, words, drafts)?,
            room,
            draw,
        })
    }

    /// Says which samples the batch holds; gives the bytes that were uploaded.
    pub fn set(&self, gpu: &Gpu, draw: Draw) -> u64 {
        gpu.queue().write_buffer(&self.draw, 0, bytemuck::bytes_of(&draw));
        size_of::<Draw>() as u64
    }
}

/// A tile of samples by each of the columns.
fn blocks(room: Room) -> Grid {
    Grid::Tiles {
        space: 0,
        rows: BLOCK,
        columns: room.columns as u32,
    }
}

/// A pass for each byte of the largest id; one at least, so that the order is written.
fn sort<'a>([words, scratch, draw]: [&'a wgpu::Buffer; 3], room: Room, largest: u32, drafts: &mut Vec<Draft<'a>>) {
    let passes = (32 - largest.leading_zeros()).div_ceil(8).max(1);
    let columns = room.columns as u64;
    for pass in 0..passes {
        let shape = SortShape {
            shift: 8 * pass,
            first: (pass == 0).into(),
            target: (passes - 1 - pass).is_multiple_of(2).into(),
            pad: 0,
        };
        let all = || vec![(3, words), (4, scratch), (5, draw)];
        let draft = |entry| Draft::new(Shader::Sort, entry, blocks(room), Reads::Nothing, &shape, all());
        drafts.push(draft("histogram").cost(0, 8 * columns));
        let buffers = vec![(4, scratch), (5, draw)];
        let grid = Grid::Groups(DIGITS * columns);
        let scan = Draft::new(Shader::Sort, "scan_blocks", grid, Reads::Nothing, &(), buffers);
        drafts.push(scan.cost(0, 8 * u64::from(room.blocks())));
        drafts.push(draft("scatter").cost(0, 12 * columns));
    }
}

fn segments<'a>([words, scratch, draw]: [&'a wgpu::Buffer; 3], room: Room, drafts: &mut Vec<Draft<'a>>) {
    let columns = room.columns as u64;
    for (entry, bytes) in [("count_heads", 8), ("find", 20), ("count_chunks", 4), ("cut", 8)] {
        let buffers = vec![(3, words), (4, scratch), (5, draw)];
        let draft = Draft::new(Shader::Segments, entry, blocks(room), Reads::Nothing, &(), buffers);
        drafts.push(draft.cost(0, bytes * columns));
    }
}
