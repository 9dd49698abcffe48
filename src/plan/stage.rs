//! The stages of the backward pass; those of the forward pass are the [operations](crate::ops) themselves.

use alloc::vec::Vec;

/// How a backward stage delivers the gradient of one of its inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accumulate {
    /// The first to write: overwrites.
    Overwrite,
    /// A later one: adds.
    Add,
}

/// One stage of the backward pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backward {
    /// Index of the forward stage.
    pub stage: usize,
    /// How the gradient of each of [`Stage::inputs`](super::Stage::inputs) is delivered.
    pub accumulate: Vec<Accumulate>,
    /// How those of its dense parameters are: it adds where a layer is applied more than once.
    pub params: Accumulate,
}
