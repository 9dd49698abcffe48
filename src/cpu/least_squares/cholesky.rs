//! Exact solutions: a row's matrix is formed, factorised and solved in `f32`, and what is left over is worked off in `f64`.
//!
//! The factor is upper triangular, `A = U^T U`, and takes the matrix's place row by row: a row's multiples are taken from those below as
//! whole vectors. What lies left of the diagonal is zero, so that the triangular solutions work by whole vectors too.

use alloc::{vec, vec::Vec};

use super::{add_scaled, dot};
use crate::cpu::{
    aligned::AlignedVec,
    rows::Rows,
    simd::{
        Simd, kernel,
        matmul::{Left, Panels, Shape, Start, multiply},
    },
};

/// Rows of the table that are gathered at once.
const GATHERED: usize = 64;
/// Rounds of working off the residual: the first leaves about 1e-11 of it, and the second sees to matrices that are nearly singular.
const ROUNDS: usize = 2;

/// Memory for one solution after the other.
pub(crate) struct Solver {
    width: usize,
    /// The matrix `[width, width]`, then its factor.
    matrix: AlignedVec,
    gathered: AlignedVec,
    right: AlignedVec,
    solution: Vec<f64>,
}

impl Solver {
    /// For rows of that width.
    pub fn new(width: usize) -> Self {
        Solver {
            width,
            matrix: AlignedVec::zeros(width * width),
            gathered: AlignedVec::zeros(GATHERED * width),
            right: AlignedVec::zeros(width),
            solution: vec![0.0; width],
        }
    }

    /// Forms and factorises the matrix of a row: `shared + l2 I + sum over ids y_i y_i^T`.
    pub fn factorise<S: Simd>(&mut self, s: S, y: Rows<'_>, shared: &[f64], ids: &[u32], l2: f32) {
        let to = self.matrix.iter_mut();
        to.zip(shared).for_each(|(to, &from)| *to = from as f32);
        self.matrix.iter_mut().step_by(self.width + 1).for_each(|d| *d += l2);
        factorise(s, y, ids, &mut self.matrix, &mut self.gathered);
    }

    /// Solves for a right side by what was factorised, to about the precision of `f64`.
    pub fn solve<S: Simd>(&mut self, s: S, y: Rows<'_>, shared: &[f64], ids: &[u32], l2: f32, right: &[f64]) -> &[f64] {
        self.solution.fill(0.0);
        let mut left = right.to_vec();
        for round in 0..=ROUNDS {
            self.right
                .iter_mut()
                .zip(&left)
                .for_each(|(to, &from)| *to = from as f32);
            triangles(s, &self.matrix, &mut self.right);
            for (sum, &part) in self.solution.iter_mut().zip(&self.right[..]) {
                *sum += f64::from(part);
            }
            if round < ROUNDS {
                left.copy_from_slice(right);
                subtract(y, shared, ids, f64::from(l2), &self.solution, &mut left);
            }
        }
        &self.solution
    }

    /// Forms a row's matrix and solves for its own right side, in `f32` alone, as is enough within an iteration.
    pub fn solve_roughly<S: Simd>(&mut self, s: S, y: Rows<'_>, shared: &[f64], ids: &[u32], l2: f32, x: &mut [f32]) {
        self.factorise(s, y, shared, ids, l2);
        x.fill(0.0);
        for &id in ids {
            x.iter_mut().zip(y.row(id as usize)).for_each(|(sum, y)| *sum += y);
        }
        triangles(s, &self.matrix, x);
    }
}

/// `left -= (shared + l2 I + sum over ids y_i y_i^T) x`.
fn subtract(y: Rows<'_>, shared: &[f64], ids: &[u32], l2: f64, x: &[f64], left: &mut [f64]) {
    for ((left, row), &own) in left.iter_mut().zip(shared.chunks_exact(x.len())).zip(x) {
        *left -= l2 * own + row.iter().zip(x).map(|(a, b)| a * b).sum::<f64>();
    }
    for &id in ids {
        let row = y.row(id as usize);
        let product: f64 = row.iter().zip(x).map(|(&a, b)| f64::from(a) * b).sum();
        left.iter_mut()
            .zip(row)
            .for_each(|(left, &a)| *left -= product * f64::from(a));
    }
}

kernel! {
    /// Adds `y_i y_i^T` to a matrix for every id, and factorises it.
    pub fn factorise<'a, S: Simd>(s: S, y: Rows<'a>, ids: &'a [u32], matrix: &'a mut [f32], gathered: &'a mut [f32]) {
        let width = y.width;
        for ids in ids.chunks(GATHERED) {
            for (to, &id) in gathered.chunks_exact_mut(width).zip(ids) {
                to.copy_from_slice(y.row(id as usize));
            }
            let rows = Rows { data: gathered, stride: width, width };
            let shape = Shape { rows: width, columns: width, depth: ids.len() };
            let (left, right) = (Left::by_column(rows), Panels::of_rows(s, rows));
            multiply(s, shape, left, right, Start::Output, matrix, width);
        }
        for k in 0..width {
            let (above, below) = matrix.split_at_mut((k + 1) * width);
            let row = &mut above[k * width..];
            let start = k / S::LANES * S::LANES;
            let scale = 1.0 / libm::sqrtf(row[k]);
            row[..k].fill(0.0);
            let by = s.splat(scale);
            for lanes in row[start..].chunks_exact_mut(S::LANES) {
                s.store(s.mul(by, s.load(lanes)), lanes);
            }
            for (i, below) in (k + 1..).zip(below.chunks_exact_mut(width)) {
                let start = i / S::LANES * S::LANES;
                add_scaled(s, -row[i], &row[start..], &mut below[start..]);
            }
        }
    }
}

kernel! {
    /// `x = (U^T U)^-1 x`.
    pub fn triangles<'a, S: Simd>(s: S, factor: &'a [f32], x: &'a mut [f32]) {
        let width = x.len();
        for (k, row) in factor.chunks_exact(width).enumerate() {
            let start = k / S::LANES * S::LANES;
            let own = x[k] / row[k];
            add_scaled(s, -own, &row[start..], &mut x[start..]);
            x[k] = own;
        }
        for (k, row) in factor.chunks_exact(width).enumerate().rev() {
            let start = k / S::LANES * S::LANES;
            let own = core::mem::take(&mut x[k]);
            x[k] = (own - dot(s, &row[start..], &x[start..])) / row[k];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cpu::{
            Isa,
            simd::{Proof, dispatch},
        },
        rng::Rng,
    };

    /// The product of matrix and solution is the right side, on every instruction set and for all numbers of ids.
    #[test]
    fn solutions_solve() {
        for isa in Isa::available() {
            for (width, ids) in [(16, 0), (16, 1), (32, 7), (64, 64), (64, 130), (96, 5)] {
                let rng = Rng::new(width as u64 + ids);
                let data: Vec<f32> = (0..150 * width as u64).map(|i| rng.normal(i)).collect();
                let y = Rows {
                    data: &data,
                    stride: width,
                    width,
                };
                let ids: Vec<u32> = (0..ids).map(|i| rng.below(i + (1 << 32), 150)).collect();
                let mut shared = vec![0.0; width * width];
                for row in data.chunks_exact(width) {
                    for (i, &a) in row.iter().enumerate() {
                        for (j, &b) in row.iter().enumerate() {
                            shared[i * width + j] += 0.01 * f64::from(a) * f64::from(b);
                        }
                    }
                }
                let right: Vec<f64> = (0..width).map(|k| k as f64 - 3.0).collect();
                let mut solver = Solver::new(width);
                let mut left = right.clone();
                dispatch!(Proof::new(isa).unwrap(), s => {
                    solver.factorise(s, y, &shared, &ids, 0.1);
                    let x = solver.solve(s, y, &shared, &ids, 0.1, &right).to_vec();
                    subtract(y, &shared, &ids, f64::from(0.1f32), &x, &mut left);
                });
                let largest = left.iter().fold(0.0, |largest: f64, left| largest.max(left.abs()));
                assert!(largest < 1e-9 * width as f64, "{isa}, {width}: {largest}");
            }
        }
    }
}
