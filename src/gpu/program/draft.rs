//! A dispatch before its buffers are bound: what the operations hand over.

use crate::gpu::{
    program::grid::Grid,
    shaders::{Shader, tile::Tile},
    shapes::{Uniform, ViewShape},
};

/// What a dispatch does for each unit of its grid: a row, a segment, a chunk, a thread or a workgroup.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cost {
    pub flops: u64,
    /// Bytes of buffers that must be read and written, each once.
    pub bytes: u64,
    /// The space whose rows are the units, where they are not those of the grid: samples that go along their steps.
    pub space: Option<usize>,
}

/// A dispatch before its buffers are bound.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Draft<'a> {
    pub shader: Shader,
    pub entry: &'static str,
    pub name: String,
    pub cost: Cost,
    pub tile: Option<Tile>,
    pub grid: Grid,
    pub reads: Reads,
    pub shape: Vec<u8>,
    pub buffers: Vec<(u32, &'a wgpu::Buffer)>,
    /// A second form for few samples.
    pub few: Option<(Tile, Grid)>,
}

impl<'a> Draft<'a> {
    /// A dispatch of an entry point, with its uniform and its buffers by binding number.
    pub fn new<T: Uniform>(
        shader: Shader,
        entry: &'static str,
        grid: Grid,
        reads: Reads,
        shape: &T,
        buffers: Vec<(u32, &'a wgpu::Buffer)>,
    ) -> Self {
        debug_assert!(
            shader.has_uniform(T::LAYOUT.name),
            "{shader:?} has another uniform than {:?}",
            T::LAYOUT
        );
        Draft {
            name: format!("{} {entry}", shader.name()),
            shader,
            entry,
            cost: Cost::default(),
            tile: None,
            grid,
            reads,
            shape: bytemuck::bytes_of(shape).to_vec(),
            buffers,
            few: None,
        }
    }

    /// Says what it is applied to.
    pub fn of(mut self, what: String) -> Self {
        self.name = format!("{} {what}", self.name);
        self
    }

    /// What a unit of the grid costs.
    pub fn cost(mut self, flops: u64, bytes: u64) -> Self {
        self.cost = Cost {
            flops,
            bytes,
            space: None,
        };
        self
    }

    /// What a row of `view` costs.
    pub fn cost_a_row(mut self, view: ViewShape, flops: u64, bytes: u64) -> Self {
        self.cost = Cost {
            flops,
            bytes,
            space: Some(view.space()),
        };
        self
    }

    pub fn tile(mut self, tile: Tile) -> Self {
        self.tile = Some(tile);
        self
    }

    /// The form for few samples.
    pub fn few(mut self, tile: Tile, grid: Grid) -> Self {
        self.few = Some((tile, grid));
        self
    }
}

/// Which of the common bindings an entry point uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reads {
    Nothing,
    Call,
    Batch,
    CallAndBatch,
}
