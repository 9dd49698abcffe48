// What the shaders share that make a batch on the device: sampler, sort and segments. src/gpu/shaders/mod.rs puts it
// between prelude.wgsl and each of them.
//
// binding 3  read and write  the batch: what other shaders read at binding 1, in its layout (prelude.wgsl)
// binding 4  read and write  scratch, `draw.stride` words a column: positions, then counts (src/gpu/program/room.rs)
// binding 5  uniform         which samples the batch holds

struct Draw {
    samples: u32, // samples of the batch
    start: u32,   // where it begins in the epoch
    labels: u32,  // word of binding 3 where the labels begin
    stride: u32,  // words of binding 4 from one column to the next
    counts: u32,  // word of a column's scratch where its counts begin, behind the positions
    blocks: u32,  // blocks that the counts have room for
    sampled: u32, // samples of the epoch
    group: u32,   // samples that belong to one positive: itself and its negatives
    items: u32,
    low_bits: u32, // of the permutation's halves
    high_bits: u32,
    pad: u32,
    order_keys: vec4<u32>,
    rng_key: vec2<u32>,
}

@group(0) @binding(3) var<storage, read_write> words: array<u32>;
@group(0) @binding(5) var<uniform> draw: Draw;

/// Samples that a workgroup of 256 threads takes, 256 at a time.
const BLOCK = 4096u;
const ROUNDS = 16u;

/// Rounds in which a block has samples: the same for the whole workgroup.
fn rounds_of(block: u32) -> u32 {
    return min(ROUNDS, (draw.samples - block * BLOCK + THREADS - 1u) / THREADS);
}

/// A word about an id column (IDS, ORDER, ... of the prelude).
fn part(column: u32, word: u32) -> u32 {
    return words[HEADER + 8u * column + word];
}
