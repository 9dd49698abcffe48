//! Batch normalisation of a tile's rows without its [affine part](super::affine); the specification is
//! [`ops::batch_norm`](crate::ops::batch_norm).
//!
//! Statistics of a batch are merged from those of its tiles, in the tiles' order: mean and sum of squares about it
//! (Chan, Golub and LeVeque, *Algorithms for Computing the Sample Variance*, 1983), so that no large sums of squares
//! cancel. Within a tile, values are taken relative to its first row.

mod tile;

use alloc::{vec, vec::Vec};
use core::ops::Range;

use super::{
    accumulate::deliver,
    rows::{Rows, RowsMut},
    simd::{InPieces, Simd, kernel},
};
use crate::plan::Accumulate;

/// Mean and variance of every column.
#[derive(Clone, Copy, Debug)]
pub struct Statistics<'a> {
    /// `[width]`.
    pub mean: &'a [f32],
    /// `[width]`.
    pub variance: &'a [f32],
    /// Added to the variance.
    pub epsilon: f32,
}

kernel! {
    /// `output = (input - mean) / sqrt(variance + epsilon)`.
    ///
    /// # Panics
    /// Where an operand has fewer than `rows` rows or another width.
    pub fn forward<'a, S: Simd>(s: S, rows: usize, input: Rows<'a>, statistics: Statistics<'a>, output: RowsMut<'a>) {
        let mut output = output;
        let Statistics { mean, variance, epsilon } = statistics;
        for (k, (mean, variance)) in mean.pieces(S::LANES).zip(variance.pieces(S::LANES)).enumerate() {
            let columns = k * S::LANES..k * S::LANES + mean.len();
            let (mean, scale) = (s.load_partial(mean), scale(s, variance, epsilon));
            for r in 0..rows {
                let x = s.load_partial(&input.row(r)[columns.clone()]);
                s.store_partial(s.mul(s.sub(x, mean), scale), &mut output.row(r)[columns.clone()]);
            }
        }
    }
}

/// `1 / sqrt(variance + epsilon)` of a vector's columns.
#[inline(always)]
fn scale<S: Simd>(s: S, variance: &[f32], epsilon: f32) -> S::F32 {
    let variance = s.add(s.load_partial(variance), s.splat(epsilon));
    s.div(s.splat(1.0), s.sqrt(variance))
}

kernel! {
    /// Gradient of the input: `d_input (+)= (d_output - means[0] - output * means[1]) / sqrt(variance + epsilon)`, with
    /// the batch's means of `d_output` and of `d_output * output`, each `[width]`, one behind the other; without `means`
    /// where the statistics are not the batch's.
    ///
    /// # Panics
    /// As [`forward`].
    pub fn backward<'a, S: Simd>(
        s: S,
        rows: usize,
        output: Rows<'a>,
        statistics: Statistics<'a>,
        means: &'a [f32],
        d_output: Rows<'a>,
        d_input: RowsMut<'a>,
        accumulate: Accumulate,
    ) {
        let mut d_input = d_input;
        let (mean, slope) = means.split_at(means.len() / 2);
        for (k, variance) in statistics.variance.pieces(S::LANES).enumerate() {
            let columns = k * S::LANES..k * S::LANES + variance.len();
            let scale = scale(s, variance, statistics.epsilon);
            let (mean, slope) = (columns_of(s, mean, columns.clone()), columns_of(s, slope, columns.clone()));
            for r in 0..rows {
                let y = s.load_partial(&output.row(r)[columns.clone()]);
                let g = s.sub(s.load_partial(&d_output.row(r)[columns.clone()]), mean);
                let d = s.mul(s.sub(g, s.mul(y, slope)), scale);
                deliver(s, d, &mut d_input.row(r)[columns.clone()], accumulate);
            }
        }
    }
}

/// A vector's columns of means, or zero where there are no means.
#[inline(always)]
fn columns_of<S: Simd>(s: S, means: &[f32], columns: Range<usize>) -> S::F32 {
    match means {
        [] => s.splat(0.0),
        _ => s.load_partial(&means[columns]),
    }
}

kernel! {
    /// The tile's mean of every column, and behind them the sums of squares about it: `sums` is `[2 width]`.
    ///
    /// # Panics
    /// Where `input` has fewer than `rows` rows.
    pub fn moments<'a, S: Simd>(s: S, rows: usize, input: Rows<'a>, sums: &'a mut [f32]) {
        if rows == 0 {
            return sums.fill(0.0);
        }
        let (means, squares) = sums.split_at_mut(input.width);
        let share = s.splat(1.0 / rows as f32);
        for (k, (mean, squares)) in means.pieces_mut(S::LANES).zip(squares.pieces_mut(S::LANES)).enumerate() {
            let columns = k * S::LANES..k * S::LANES + mean.len();
            let first = s.load_partial(&input.row(0)[columns.clone()]);
            let mut sum = s.splat(0.0);
            for r in 1..rows {
                sum = s.add(sum, s.sub(s.load_partial(&input.row(r)[columns.clone()]), first));
            }
            let centre = s.mul_add(sum, share, first);
            let mut square = s.splat(0.0);
            for r in 0..rows {
                let d = s.sub(s.load_partial(&input.row(r)[columns.clone()]), centre);
                square = s.mul_add(d, d, square);
            }
            s.store_partial(centre, mean);
            s.store_partial(square, squares);
        }
    }
}

kernel! {
    /// The tile's sums of `d_output`, and behind them those of `d_output * output`: `sums` is `[2 width]`.
    ///
    /// # Panics
    /// Where an operand has fewer than `rows` rows.
    pub fn gradient_sums<'a, S: Simd>(s: S, rows: usize, output: Rows<'a>, d_output: Rows<'a>, sums: &'a mut [f32]) {
        let (plain, weighted) = sums.split_at_mut(output.width);
        for (k, (plain, weighted)) in plain.pieces_mut(S::LANES).zip(weighted.pieces_mut(S::LANES)).enumerate() {
            let columns = k * S::LANES..k * S::LANES + plain.len();
            let (mut sum, mut slope) = (s.splat(0.0), s.splat(0.0));
            for r in 0..rows {
                let d = s.load_partial(&d_output.row(r)[columns.clone()]);
                sum = s.add(sum, d);
                slope = s.mul_add(d, s.load_partial(&output.row(r)[columns.clone()]), slope);
            }
            s.store_partial(sum, plain);
            s.store_partial(slope, weighted);
        }
    }
}

/// What a batch's tiles add up to.
#[derive(Clone, Debug, Default)]
pub(super) struct BatchStatistics {
    pub mean: Vec<f32>,
    pub variance: Vec<f32>,
    /// Means of the output's gradient, then of its product with the output.
    pub gradient_means: Vec<f32>,
    rows: usize,
    /// While tiles are merged: two numbers a column.
    merged: Vec<[f64; 2]>,
}

impl BatchStatistics {
    pub fn new(width: usize) -> Self {
        BatchStatistics {
            mean: vec![0.0; width],
            variance: vec![0.0; width],
            gradient_means: vec![0.0; 2 * width],
            rows: 0,
            merged: vec![[0.0; 2]; width],
        }
    }

    /// From each tile's rows and [`moments`], in order.
    pub fn set_moments<'a>(&mut self, tiles: impl Iterator<Item = (usize, &'a [f32])>) {
        self.merged.fill([0.0; 2]);
        self.rows = 0;
        for (rows, sums) in tiles.filter(|(rows, _)| *rows > 0) {
            let (before, all) = (self.rows as f64, (self.rows + rows) as f64);
            self.rows += rows;
            let (means, squares) = sums.split_at(self.mean.len());
            for (([mean, square], &tile_mean), &tile_square) in self.merged.iter_mut().zip(means).zip(squares) {
                let between = f64::from(tile_mean) - *mean;
                *mean += between * rows as f64 / all;
                *square += f64::from(tile_square) + between * between * before * rows as f64 / all;
            }
        }
        let rows = self.rows.max(1) as f64;
        for ((mean, variance), merged) in self.mean.iter_mut().zip(&mut self.variance).zip(&self.merged) {
            (*mean, *variance) = (merged[0] as f32, (merged[1] / rows) as f32);
        }
    }

    /// From each tile's [`gradient_sums`], in order.
    pub fn set_gradients<'a>(&mut self, tiles: impl Iterator<Item = &'a [f32]>) {
        self.merged.fill([0.0; 2]);
        let width = self.mean.len();
        for sums in tiles {
            for (i, merged) in self.merged.iter_mut().enumerate() {
                merged[0] += f64::from(sums[i]);
                merged[1] += f64::from(sums[width + i]);
            }
        }
        let rows = self.rows.max(1) as f64;
        let (mean, slope) = self.gradient_means.split_at_mut(width);
        for ((mean, slope), merged) in mean.iter_mut().zip(slope).zip(&self.merged) {
            (*mean, *slope) = ((merged[0] / rows) as f32, (merged[1] / rows) as f32);
        }
    }

    /// Moves running statistics towards the batch's, whose variance counts divided by `rows - 1`; of no rows, not at
    /// all.
    pub fn update_running(&self, momentum: f32, mean: &mut [f32], variance: &mut [f32]) {
        if self.rows == 0 {
            return;
        }
        let follow = |running: &mut f32, batch: f64| {
            let momentum = f64::from(momentum);
            *running = ((1.0 - momentum) * f64::from(*running) + momentum * batch) as f32;
        };
        let divisor = (self.rows - 1).max(1) as f64;
        for ((mean, variance), merged) in mean.iter_mut().zip(variance).zip(&self.merged) {
            follow(mean, merged[0]);
            follow(variance, merged[1] / divisor);
        }
    }
}
