//! Where the parts of a batch lie that the device makes.

use crate::gpu::shapes::uniform;

/// Words of the uniform part, and of each column's header.
pub(crate) const HEADER: usize = 64;
pub(crate) const COLUMN: usize = 8;
/// Samples that a workgroup of sort and segments takes.
pub(crate) const SORT_BLOCK: u32 = 4096;
/// Values of a digit of the sort.
pub(crate) const DIGITS: u64 = 256;

uniform! {
    pub(crate) struct Draw as Draw {
        pub samples: u32,
        pub start: u32,
        pub labels: u32,
        pub stride: u32,
        pub counts: u32,
        pub blocks: u32,
        pub sampled: u32,
        pub group: u32,
        pub items: u32,
        pub low_bits: u32,
        pub high_bits: u32,
        pub pad: u32,
        pub order_keys: [u32; 4],
        pub rng_key: [u32; 2],
        pub pad2: [u32; 2],
    }
}

/// Room for batches of up to `capacity` samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Room {
    pub columns: usize,
    pub capacity: u32,
}

impl Room {
    /// Words of the batch.
    pub fn words(self) -> u64 {
        words_for(self.columns, self.capacity as usize) as u64
    }

    /// Where a column's ids, order, segments and chunks begin.
    pub fn parts(self, column: usize) -> [u32; 4] {
        let samples = self.capacity as usize;
        let chunks = 2 * chunks_for(samples);
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

    pub fn blocks(self) -> u32 {
        self.capacity.div_ceil(SORT_BLOCK).max(1)
    }

    /// Words of scratch, a column: positions, a count a digit and block, and a sum a digit.
    pub fn stride(self) -> u64 {
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

/// Words that a batch of `samples` takes at most.
pub(crate) fn words_for(columns: usize, samples: usize) -> usize {
    HEADER + COLUMN * columns + samples + columns * (5 * samples + 3 + 2 * (samples / 16 + 1))
}

/// Chunks of a column at most.
pub(crate) fn chunks_for(samples: usize) -> usize {
    samples / 16 + 1
}
