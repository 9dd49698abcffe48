//! Items as the right operand of the matrix product of users and items.

use alloc::format;
use core::ops::Range;

use crate::{
    Result,
    cpu::{
        aligned::AlignedVec,
        simd::{
            Simd, kernel,
            matmul::{Left, Panels, Shape, Start, multiply},
        },
    },
};

/// A row of floats an item, packed once: `[items / width, depth, width]`.
#[derive(Default)]
pub(crate) struct ItemPanels {
    items: usize,
    depth: usize,
    width: usize,
    data: AlignedVec,
}

impl ItemPanels {
    /// Ranges of items begin at a multiple of this: a whole panel of any instruction set.
    pub const ALIGN: usize = 64;

    /// Packs what `row` writes of each item, `depth` floats.
    ///
    /// # Errors
    /// [`Error::Memory`](crate::Error::Memory) where there is no room.
    pub fn new<S: Simd>(_: S, items: usize, depth: usize, mut row: impl FnMut(usize, &mut [f32])) -> Result<Self> {
        let width = S::TILE_ROWS.len() * S::LANES;
        let len = items.next_multiple_of(width).saturating_mul(depth);
        let mut data = AlignedVec::try_zeros(len, || format!("the factors of {items} items, packed"))?;
        let mut floats = alloc::vec![0.0; depth];
        for (panel, first) in data.chunks_exact_mut(width * depth).zip((0..items).step_by(width)) {
            for lane in 0..width.min(items - first) {
                row(first + lane, &mut floats);
                for (at, &x) in floats.iter().enumerate() {
                    panel[at * width + lane] = x;
                }
            }
        }
        Ok(ItemPanels {
            items,
            depth,
            width,
            data,
        })
    }

    /// Number of items.
    pub fn items(&self) -> usize {
        self.items
    }

    /// Floats of an item.
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// `out[u * range.len() + i]`: row `u` of `coefficients`, `[users, depth]`, times item `range.start + i`. A range
    /// begins at a multiple of [`ALIGN`](ItemPanels::ALIGN). Each is added up in the order of the depth, so that the bits
    /// depend neither on the range nor on the other users.
    pub fn product<S: Simd>(&self, s: S, coefficients: &[f32], range: Range<usize>, out: &mut [f32]) {
        let rows = coefficients.len() / self.depth.max(1);
        let first = range.start / self.width * self.width * self.depth;
        let panels = Panels {
            data: &self.data[first..],
            width: self.width,
            panel_stride: self.width * self.depth,
            depth_stride: self.width,
        };
        product(s, [rows, range.len(), self.depth], coefficients, panels, out);
    }
}

kernel! {
    /// `c = a b` with `[rows, columns, depth]`, `a` row-major.
    pub fn product<'a, S: Simd>(s: S, shape: [usize; 3], a: &'a [f32], b: Panels<'a>, c: &'a mut [f32]) {
        let [rows, columns, depth] = shape;
        let shape = Shape { rows, columns, depth };
        let a = Left {
            data: a,
            row_stride: depth,
            depth_stride: 1,
        };
        multiply(s, shape, a, b, Start::Zero, c, columns);
    }
}
