//! Conjugate gradients, a tile of rows at a time.
//!
//! Takács, Pilászy, Tikk: *Applications of the Conjugate Gradient Method for Implicit Feedback Collaborative Filtering*, RecSys
//! 2011. From the solution of the iteration before, few steps are as good as an exact solution, and cost a small part of it.

use super::{add_scaled, dot, fold_rows};
use crate::cpu::{
    aligned::AlignedVec,
    rows::Rows,
    simd::{
        Simd, kernel,
        matmul::{Left, Panels, Shape, Start, multiply},
    },
};

/// Rows that are multiplied by the shared matrix together.
pub(super) const TILE: usize = 48;

/// A squared residual that is as good as none: what divides by it would be noise.
const NOTHING: f32 = 1e-20;

/// What a thread keeps between tiles: residuals, directions, and products of these.
pub(crate) struct Memory {
    residual: AlignedVec,
    direction: AlignedVec,
    product: AlignedVec,
}

impl Memory {
    /// For rows of that width.
    pub fn new(width: usize) -> Self {
        let tile = || AlignedVec::zeros(TILE * width);
        Memory {
            residual: tile(),
            direction: tile(),
            product: tile(),
        }
    }
}

kernel! {
    /// Some steps of conjugate gradients for each row of `x`, from where it is. `ids(r)` are those of row `r`, and its L2 weight;
    /// `shared` is `B [width, width]`. Rows without ids become zero.
    pub fn descend<'a, S: Simd>(
        s: S,
        y: Rows<'a>,
        shared: &'a [f32],
        ids: &'a (dyn Fn(usize) -> (&'a [u32], f32) + 'a),
        steps: u32,
        x: &'a mut [f32],
        memory: &'a mut Memory,
    ) {
        let tile = TILE * y.width;
        for (index, x) in x.chunks_mut(tile).enumerate() {
            let first = index * TILE;
            descend_tile(s, y, shared, &|row| ids(first + row), steps, x, memory);
        }
    }
}

#[inline(always)]
fn descend_tile<'a, S: Simd>(
    s: S,
    y: Rows<'_>,
    shared: &[f32],
    ids: &dyn Fn(usize) -> (&'a [u32], f32),
    steps: u32,
    x: &mut [f32],
    memory: &mut Memory,
) {
    let width = y.width;
    let rows = x.len() / width;
    let Memory {
        residual,
        direction,
        product,
    } = memory;
    let mut squares = [0.0; TILE];
    multiply_shared(s, shared, width, x, product);
    for (row, square) in squares[..rows].iter_mut().enumerate() {
        let at = row * width..(row + 1) * width;
        let (ids, l2) = ids(row);
        let (x, r) = (&mut x[at.clone()], &mut residual[at.clone()]);
        if ids.is_empty() {
            x.fill(0.0);
            r.fill(0.0);
            direction[at].fill(0.0);
            continue;
        }
        r.fill(0.0);
        add_scaled(s, -1.0, &product[at.clone()], r);
        add_scaled(s, -l2, x, r);
        fold_rows(s, y, ids, 1.0, -1.0, x, r);
        direction[at].copy_from_slice(r);
        *square = dot(s, r, r);
    }
    for _ in 0..steps {
        multiply_shared(s, shared, width, &direction[..rows * width], product);
        for (row, last) in squares[..rows].iter_mut().enumerate() {
            if *last <= NOTHING {
                continue;
            }
            let at = row * width..(row + 1) * width;
            let (ids, l2) = ids(row);
            let (p, ap) = (&mut direction[at.clone()], &mut product[at.clone()]);
            add_scaled(s, l2, p, ap);
            fold_rows(s, y, ids, 0.0, 1.0, p, ap);
            let step = *last / dot(s, p, ap);
            add_scaled(s, step, p, &mut x[at.clone()]);
            let r = &mut residual[at];
            add_scaled(s, -step, ap, r);
            let square = dot(s, r, r);
            turn(s, r, square / *last, p);
            *last = square;
        }
    }
}

/// `product = rows * shared`.
#[inline(always)]
fn multiply_shared<S: Simd>(s: S, shared: &[f32], width: usize, rows: &[f32], product: &mut [f32]) {
    let matrix = |data| Rows {
        data,
        stride: width,
        width,
    };
    let shape = Shape {
        rows: rows.len() / width,
        columns: width,
        depth: width,
    };
    let panels = Panels::of_rows(s, matrix(shared));
    multiply(
        s,
        shape,
        Left::by_row(matrix(rows)),
        panels,
        Start::Zero,
        product,
        width,
    );
}

/// `direction = residual + factor * direction`.
#[inline(always)]
fn turn<S: Simd>(s: S, residual: &[f32], factor: f32, direction: &mut [f32]) {
    let factor = s.splat(factor);
    for (p, r) in direction
        .chunks_exact_mut(S::LANES)
        .zip(residual.chunks_exact(S::LANES))
    {
        s.store(s.mul_add(factor, s.load(p), s.load(r)), p);
    }
}
