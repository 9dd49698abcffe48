//! A table packed for products with all of its rows.

use crate::cpu::{
    aligned::AlignedVec,
    rows::Rows,
    simd::{
        Simd, kernel,
        matmul::{Left, Panels, Shape, Start, matmul},
    },
};

/// Rows of a table, packed as the right operand of `x y^T`.
#[derive(Default)]
pub(crate) struct Items {
    rows: usize,
    depth: usize,
    /// Rows of a panel.
    width: usize,
    /// `[rows / width, depth, width]`; rows that are not there are zero.
    panels: AlignedVec,
}

impl Items {
    /// Packs all rows.
    pub fn new<S: Simd>(_: S, y: Rows<'_>) -> Self {
        let (rows, depth) = (y.data.len() / y.width, y.width);
        let width = S::TILE_ROWS.len() * S::LANES;
        let mut panels = AlignedVec::zeros(rows.next_multiple_of(width) * depth);
        for (row, panel) in (0..rows).step_by(width).zip(panels.chunks_exact_mut(width * depth)) {
            for lane in 0..width.min(rows - row) {
                let from = y.row(row + lane);
                let to = panel[lane..].iter_mut().step_by(width);
                to.zip(from).for_each(|(to, &from)| *to = from);
            }
        }
        Items {
            rows,
            depth,
            width,
            panels,
        }
    }

    /// `out[x, row] = x . y`: for each row of `x`, its products with all rows of the table. A product's bits do not depend on which
    /// others are computed with it.
    pub fn multiply<S: Simd>(&self, s: S, x: &[f32], out: &mut [f32]) {
        if self.rows > 0 {
            product(s, self, x, out);
        }
    }
}

kernel! {
    /// [`Items::multiply`].
    pub fn product<'a, S: Simd>(s: S, items: &'a Items, x: &'a [f32], out: &'a mut [f32]) {
        let Items { rows, depth, width, ref panels } = *items;
        let shape = Shape { rows: x.len() / depth, columns: rows, depth };
        let x = Rows { data: x, stride: depth, width: depth };
        let panels = Panels { data: panels, width, panel_stride: width * depth, depth_stride: width };
        matmul(s, shape, Left::by_row(x), panels, Start::Zero, false, out, rows);
    }
}
