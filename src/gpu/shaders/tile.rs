//! How a matrix product, or a recurrence, is dealt out to threads.

/// The tile of a matrix product: threads along its columns and rows, and the depth that is in workgroup memory at a
/// time. What a thread holds is fixed in the shader: 8 rows by 4 columns. Of a recurrence: threads of a sample, and samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tile {
    /// Threads along the columns.
    pub wx: u32,
    /// Threads along the rows.
    pub wy: u32,
    /// Of the inner dimension: in vec4s for `linear`, in samples for `linear_weight_gradient`. Units of a thread for `gru`.
    pub depth: u32,
}

impl Tile {
    /// All tiles of `linear`, wide to narrow: for whole batches, then for few rows.
    pub const LINEAR: [Tile; 10] = [
        Tile::new(16, 16, 4),
        Tile::new(8, 16, 4),
        Tile::new(4, 16, 4),
        Tile::new(2, 32, 2),
        Tile::new(1, 32, 2),
        Tile::new(16, 4, 4),
        Tile::new(8, 4, 4),
        Tile::new(4, 8, 4),
        Tile::new(2, 16, 4),
        Tile::new(1, 32, 2),
    ];

    /// All tiles of `linear_weight_gradient`.
    pub const WEIGHT_GRADIENT: [Tile; 6] = [
        Tile::new(16, 16, 16),
        Tile::new(32, 8, 16),
        Tile::new(32, 4, 16),
        Tile::new(32, 1, 16),
        Tile::new(8, 8, 16),
        Tile::new(8, 1, 16),
    ];

    /// All tiles of `gru`, narrow to wide. The widest takes all the workgroup memory that WebGPU promises.
    pub const GRU: [Tile; 7] = [
        Tile::new(16, 4, 1),
        Tile::new(32, 2, 1),
        Tile::new(64, 1, 1),
        Tile::new(128, 1, 1),
        Tile::new(256, 1, 1),
        Tile::new(256, 1, 2),
        Tile::new(256, 1, 4),
    ];

    const fn new(wx: u32, wy: u32, depth: u32) -> Self {
        Tile { wx, wy, depth }
    }

    /// The tile of `linear` for `columns` vec4s of output; `few` where there are too few rows for many tall tiles.
    pub fn linear(columns: u32, few: bool) -> Tile {
        let widths = if few { &Tile::LINEAR[5..] } else { &Tile::LINEAR[..5] };
        let wide_enough = widths.iter().rev().find(|tile| tile.wx >= columns);
        *wide_enough.unwrap_or(&widths[0])
    }

    /// The tile of `linear_weight_gradient` for a weight of so many vec4s of outputs and inputs.
    pub(crate) fn weight_gradient(outputs: u32, inputs: u32) -> Tile {
        let [square, flat, flatter, row, small, small_row] = Tile::WEIGHT_GRADIENT;
        match (outputs, inputs) {
            (0..=2, 0..=8) => small_row,
            (0..=2, _) => row,
            (_, 0..=8) => small,
            (3..=8, _) => flatter,
            (9..=16, _) => flat,
            _ => square,
        }
    }

    /// The tile of `gru` for states of so many vec4s; nothing where they are too wide for workgroup memory.
    pub(crate) fn gru(states: u32) -> Option<Tile> {
        let holds = |tile: &Tile| tile.wx * tile.depth / 4 >= states;
        Tile::GRU.into_iter().find(holds)
    }

    /// The values of the shader's `override` constants.
    pub fn constants(self) -> [(&'static str, f64); 3] {
        [
            ("WX", self.wx.into()),
            ("WY", self.wy.into()),
            ("DEPTH", self.depth.into()),
        ]
    }

    /// Rows of `linear`'s output that a workgroup makes.
    pub fn rows(self) -> u32 {
        8 * self.wy
    }
}
