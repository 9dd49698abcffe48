//! The stages of the backward pass; those of the forward pass are the [operations](crate::ops) themselves.

use alloc::vec::Vec;

use super::Accumulate;

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
