//! Tiles of the models that shapes are named after: as many samples as the executor takes, and their histories.

use pocketrec::rng::Rng;

use super::clicks::{HISTORY, lengths};

/// Samples of a tile.
pub const TILE: usize = 64;

/// Where the steps of a tile's samples begin.
pub struct Histories {
    /// `[TILE + 1]`.
    pub offsets: Vec<u32>,
}

impl Histories {
    /// Of at most 20 steps, 17.9 on average.
    pub fn new() -> Self {
        let mut end = 0;
        let ends = lengths(Rng::new(1), HISTORY, TILE).map(|length| {
            end += length as u32;
            end
        });
        let offsets = [0].into_iter().chain(ends).collect();
        Histories { offsets }
    }

    /// Steps of all samples.
    pub fn steps(&self) -> usize {
        self.offsets[TILE] as usize
    }

    /// Samples that have steps.
    pub fn samples(&self) -> usize {
        self.offsets.windows(2).filter(|pair| pair[0] < pair[1]).count()
    }

    /// Steps that have one before them.
    pub fn pairs(&self) -> usize {
        self.steps() - self.samples()
    }
}

/// An item with its genre: the model and the width of what it sees of a step.
pub const ITEMS: [(&str, usize); 2] = [("din16", 32), ("din64", 128)];

/// A layer's output that something elementwise follows.
#[derive(Clone, Copy)]
pub struct Hidden {
    pub name: &'static str,
    /// Of a tile: samples, or steps.
    pub rows: usize,
    pub width: usize,
}

impl Hidden {
    /// Floats.
    pub fn len(&self) -> usize {
        self.rows * self.width
    }
}

/// The hidden layers of DIN: those of its network, and that of its attention, which has a row a step.
pub fn din_layers() -> [Hidden; 3] {
    let hidden = |name, rows, width| Hidden { name, rows, width };
    [
        hidden("din/dnn.0", TILE, 512),
        hidden("din/dnn.1", TILE, 64),
        hidden("din/attention", Histories::new().steps(), 64),
    ]
}

/// A hidden layer of DeepFM on Frappe, as published: with batch normalisation.
pub const FRAPPE: Hidden = Hidden {
    name: "frappe/dnn",
    rows: TILE,
    width: 400,
};
