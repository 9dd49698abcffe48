//! Batches that are made on the device: samples drawn from positives, ids sorted, segments and chunks found.
//!
//! What is made lies in the words of a batch as [`Inputs`] packs them, but that each part begins where the largest batch
//! has it: no shader that reads a batch sees a difference.

use crate::gpu::shapes::uniform;
use crate::{
    Result,
    gpu::{
        device::gpu::Gpu,
        memory::buffers::STORAGE,
        program::{
            dispatch::{Dispatch, build},
            draft::{Draft, Reads},
            grid::Grid,
            room::{Draw, Room, SORT_BLOCK},
        },
        sampling::positives::Positives,
        shaders::{Shader, shader},
    },
};

/// Samples drawn from positives.
const SAMPLER: Shader = shader!("sampler", "batch", "threefry", "sampler");
/// Samples in the order of their ids.
const SORT: Shader = shader!("sort", "batch", "scan", "sort");
/// Runs of equal ids in that order.
const SEGMENTS: Shader = shader!("segments", "batch", "scan", "segments");

/// All that are dispatched from here.
pub(crate) const SHADERS: &[Shader] = &[SAMPLER, SORT, SEGMENTS];

/// Values of a digit of the sort.
const DIGITS: u64 = 256;

uniform! {
    pub(crate) struct SortShape as Sort {
        shift: u32,
        first: u32,
        to_order: u32,
        pad: u32,
    }
}

/// The dispatches that make a batch in a buffer of words.
pub(crate) struct Maker {
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
            let draft = Draft::new(SAMPLER, "sample", Grid::SAMPLES, Reads::Nothing, &(), buffers);
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
        rows: SORT_BLOCK,
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
            to_order: (passes - 1 - pass).is_multiple_of(2).into(),
            pad: 0,
        };
        let all = || vec![(3, words), (4, scratch), (5, draw)];
        let draft = |entry| Draft::new(SORT, entry, blocks(room), Reads::Nothing, &shape, all());
        drafts.push(draft("histogram").cost(0, 8 * columns));
        let buffers = vec![(4, scratch), (5, draw)];
        let grid = Grid::Groups(DIGITS * columns);
        let scan = Draft::new(SORT, "scan_blocks", grid, Reads::Nothing, &(), buffers);
        drafts.push(scan.cost(0, 8 * u64::from(room.blocks())));
        drafts.push(draft("scatter").cost(0, 12 * columns));
    }
}

fn segments<'a>([words, scratch, draw]: [&'a wgpu::Buffer; 3], room: Room, drafts: &mut Vec<Draft<'a>>) {
    let columns = room.columns as u64;
    for (entry, bytes) in [("count_heads", 8), ("find", 20), ("count_chunks", 4), ("cut", 8)] {
        let buffers = vec![(3, words), (4, scratch), (5, draw)];
        let draft = Draft::new(SEGMENTS, entry, blocks(room), Reads::Nothing, &(), buffers);
        drafts.push(draft.cost(0, bytes * columns));
    }
}
