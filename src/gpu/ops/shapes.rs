//! The uniforms of the shaders, field by field as they declare them.

use bytemuck::{Pod, Zeroable};

use crate::gpu::program::shapes::ViewShape;

/// `Gather` in `shaders/gather.wgsl`.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct GatherShape {
    pub output: ViewShape,
    pub column: u32,
    pub first: u32,
    pub rows: u32,
    pub pad: u32,
}

/// `Linear` in `shaders/linear.wgsl`.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct LinearShape {
    pub a: ViewShape,
    pub c: ViewShape,
    pub mask: ViewShape,
    pub inner: u32,
    pub matrix: u32,
    pub bias: u32,
    pub activation: u32,
    pub add: u32,
    pub mask_first: u32,
    pub mask_end: u32,
    pub ones: u32,
}

/// `WeightGradient` in `shaders/linear_weight_gradient.wgsl`.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct WeightGradientShape {
    pub delta: ViewShape,
    pub x: ViewShape,
    pub matrix: u32,
    pub total: u32,
    pub bias: u32,
    pub add: u32,
    pub stride: u32,
    pub pad: [u32; 3],
}

/// `Product` in `shaders/product.wgsl`.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct ProductShape {
    pub left: ViewShape,
    pub right: ViewShape,
    pub output: ViewShape,
    pub add: u32,
    pub pad: [u32; 3],
}

/// `Sum` in `shaders/sum.wgsl`.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct SumShape {
    pub input: ViewShape,
    pub output: ViewShape,
    pub width: u32,
    pub bias: u32,
    pub total: u32,
    pub add: u32,
}

/// `Table` in `shaders/row_update.wgsl`.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct TableShape {
    pub gradient: ViewShape,
    pub width: u32,
    pub column: u32,
    pub first: u32,
    pub rows: u32,
    pub sources: u32,
    pub place: u32,
    pub pad: [u32; 2],
    pub columns: [u32; 8],
}

/// `Dense` in `shaders/dense_update.wgsl`.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct DenseShape {
    pub total: u32,
    pub layers: u32,
    pub pad: [u32; 2],
}
