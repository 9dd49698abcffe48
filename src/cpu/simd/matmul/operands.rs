//! What a matrix product reads and writes: operands with their strides, and sizes.

use crate::{
    cpu::{rows::Rows, simd::Simd},
    view::Accumulate,
};

/// The left operand: element (row, p) is at `row * row_stride + p * depth_stride`.
#[derive(Clone, Copy)]
pub(crate) struct Left<'a> {
    pub data: &'a [f32],
    pub row_stride: usize,
    pub depth_stride: usize,
}

impl<'a> Left<'a> {
    /// Rows as they are.
    #[inline(always)]
    pub fn by_row(x: Rows<'a>) -> Self {
        Left {
            data: x.data,
            row_stride: x.stride,
            depth_stride: 1,
        }
    }

    /// Rows transposed: the product is a sum over them.
    #[inline(always)]
    pub fn by_column(x: Rows<'a>) -> Self {
        Left {
            data: x.data,
            row_stride: 1,
            depth_stride: x.stride,
        }
    }
}

/// The right operand: panel `j`'s vectors of depth step `p` begin at `j * panel_stride + p * depth_stride`.
#[derive(Clone, Copy)]
pub(crate) struct Panels<'a> {
    pub data: &'a [f32],
    /// Columns of a panel: whole vectors, at most as many as there are `TILE_ROWS`.
    pub width: usize,
    pub panel_stride: usize,
    pub depth_stride: usize,
}

impl<'a> Panels<'a> {
    /// Rows as they are, in a product that is a sum over them.
    #[inline(always)]
    pub fn of_rows<S: Simd>(_: S, x: Rows<'a>) -> Self {
        let width = panel_width::<S>(x.width);
        Panels {
            data: x.data,
            width,
            panel_stride: width,
            depth_stride: x.stride,
        }
    }
}

/// What the sum begins from.
#[derive(Clone, Copy)]
pub(crate) enum Start<'a> {
    /// Zero.
    Zero,
    /// What C holds.
    Output,
    /// A row vector, as wide as C.
    Bias(&'a [f32]),
}

impl From<Accumulate> for Start<'_> {
    #[inline(always)]
    fn from(accumulate: Accumulate) -> Self {
        match accumulate {
            Accumulate::Overwrite => Start::Zero,
            Accumulate::Add => Start::Output,
        }
    }
}

/// Sizes of a product: C is `rows x columns`.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    pub rows: usize,
    pub columns: usize,
    pub depth: usize,
}

/// Width of the panels of a C that is `columns` wide: as few panels as can be, and of those the narrowest.
pub(crate) fn panel_width<S: Simd>(columns: usize) -> usize {
    let (vectors, most) = (columns.div_ceil(S::LANES).max(1), S::TILE_ROWS.len());
    let each = match vectors {
        few if few <= most => few,
        many => many.div_ceil(many.div_ceil(most)),
    };
    each * S::LANES
}

/// `i * i_stride + j * j_stride`, or what no slice is long enough for: a caller's stride may be any number.
#[inline(always)]
pub(in crate::cpu::simd) fn position(i: usize, i_stride: usize, j: usize, j_stride: usize) -> usize {
    i.saturating_mul(i_stride).saturating_add(j.saturating_mul(j_stride))
}
