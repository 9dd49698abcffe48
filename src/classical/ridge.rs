//! Ridge regression from features to vectors: where an item belongs that nobody has, by what is known of it.
//!
//! With a row of `X` for each item that has a vector, 1 where it has a feature and in a last column that all have, and the vectors
//! as the rows of `V`, the coefficients minimise `|X B - V|^2 + ridge |B|^2`; another item's vector is the sum of its features' rows
//! of `B`. The normal equations
//!
//! ```text
//! (X^T X + ridge I) B = X^T V
//! ```
//!
//! are solved by conjugate gradients, scaled by the diagonal, for each column of `V` apart but for as many of them at once as make a
//! pass over the lists of features worth it. `X^T X` is never formed: of 11,000 features it would have a gigabyte. What is added up
//! in which order depends on no thread.

use alloc::{format, vec::Vec};

use crate::{
    Error, Result,
    cpu::Workers,
    data::Features,
    memory::{self, Need},
};

/// Columns that are solved for together.
const BLOCK: usize = 32;
/// A residual is small at this share of the right side.
const TOLERANCE: f64 = 1e-7;
/// Steps at most: where there are more to make, `ridge` is too small for the features.
const STEPS: u32 = 1000;

/// What became of items that were placed by their features.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct PlacedItems {
    /// Items that had a vector from training, which the regression was fitted on.
    pub fitted: usize,
    /// Items that got one by their features.
    pub placed: usize,
    /// Of these, how many came with this call.
    pub new: usize,
    /// Items that training gave no vector and that have no features: they stay as they are.
    pub without_features: usize,
    /// The share of the variance of the fitted vectors that the features explain, R squared: 1 where they say all, 0 where the mean of
    /// all vectors says as much, and 0 where the vectors do not vary. It is of the items that were fitted on, so it is higher
    /// than what holds for others.
    pub explained: f64,
}

/// What a regression gives.
pub(super) struct Predicted {
    /// Vectors of the rows that were asked for, one behind the other.
    pub vectors: Vec<f32>,
    /// R squared.
    pub explained: f64,
}

/// The values of a block of columns.
type Wide = [f64; BLOCK];

/// The regression's data.
pub(super) struct Ridge<'a> {
    pub features: &'a Features,
    /// Rows of the features, with their vectors; all of these are as wide.
    pub known: &'a [(u32, &'a [f32])],
    pub ridge: f32,
}

/// Refuses a weight that leaves nothing, or no solution.
pub(super) fn check_ridge(ridge: f32) -> Result<()> {
    match (1e-4..=1e9).contains(&ridge) {
        true => Ok(()),
        false => {
            let reason = format!("{ridge} is not in 0.0001..=1e9; 10 is usual");
            Err(Error::config("ridge", reason))
        }
    }
}

/// A block of columns, and what came of it.
struct Task {
    first: usize,
    solved: Result<Solved>,
}

#[derive(Default)]
struct Solved {
    rows: Vec<[f32; BLOCK]>,
    /// Sums of squares: what is left, and what there was about the mean.
    left: f64,
    total: f64,
}

impl Ridge<'_> {
    /// The vectors of rows that have none, each `width` wide as the known ones.
    ///
    /// # Errors
    /// [`Error::Config`] where there is no solution within so many steps; [`Error::Memory`].
    pub fn predict(&self, workers: &mut Workers, wanted: &[u32], width: usize) -> Result<Predicted> {
        let columns = self.columns();
        let mut need = Need::new("placing items by features");
        let at_once = workers.threads().min(width.div_ceil(BLOCK));
        need.add("coefficients", memory::bytes_of::<[Wide; 4]>(columns * at_once));
        need.add("vectors", memory::bytes_of::<f32>(2 * wanted.len() * width));
        need.check()?;
        let task = |first| Task {
            first,
            solved: Ok(Solved::default()),
        };
        let mut tasks: Vec<Task> = (0..width).step_by(BLOCK).map(task).collect();
        workers.for_each(
            || (),
            &mut tasks,
            |(), task| {
                task.solved = self.solve_block(task.first, wanted);
            },
        );
        let what = || format!("vectors of {} items", wanted.len());
        let mut vectors = memory::zeroed(wanted.len() * width, what)?;
        let (mut left, mut total) = (0.0, 0.0);
        for task in tasks {
            let solved = task.solved?;
            let own = task.first..width.min(task.first + BLOCK);
            for (row, to) in solved.rows.iter().zip(vectors.chunks_exact_mut(width)) {
                to[own.clone()].copy_from_slice(&row[..own.len()]);
            }
            left += solved.left;
            total += solved.total;
        }
        let explained = if total > 0.0 { 1.0 - left / total } else { 0.0 };
        Ok(Predicted { vectors, explained })
    }

    /// Columns of `X`.
    fn columns(&self) -> usize {
        self.features.features() as usize + 1
    }

    /// Where a row of `X` has ones.
    fn of(&self, row: u32) -> impl Iterator<Item = usize> {
        let features = self.features.of(row).iter().map(|&feature| feature as usize);
        features.chain([self.columns() - 1])
    }

    /// A row of `X` times a matrix.
    fn product(&self, row: u32, matrix: &[Wide]) -> Wide {
        let mut sum = [0.0; BLOCK];
        self.of(row)
            .for_each(|column| add_scaled(&mut sum, 1.0, &matrix[column]));
        sum
    }

    fn solve_block(&self, first: usize, wanted: &[u32]) -> Result<Solved> {
        let coefficients = self.solve(self.right_side(first)?)?;
        let (mut left, mut total) = (0.0, 0.0);
        let mean = self.mean(first);
        for &(row, vector) in self.known {
            let (vector, predicted) = (block_of(vector, first), self.product(row, &coefficients));
            left += distance(&vector, &predicted);
            total += distance(&vector, &mean);
        }
        let rows = wanted.iter();
        let rows = rows.map(|&row| self.product(row, &coefficients).map(|x| x as f32));
        Ok(Solved {
            rows: rows.collect(),
            left,
            total,
        })
    }

    /// `X^T V` of a block of columns.
    fn right_side(&self, first: usize) -> Result<Vec<Wide>> {
        let mut right = self.zeros()?;
        for &(row, vector) in self.known {
            let vector = block_of(vector, first);
            self.of(row)
                .for_each(|column| add_scaled(&mut right[column], 1.0, &vector));
        }
        Ok(right)
    }

    fn mean(&self, first: usize) -> Wide {
        let mut sum = [0.0; BLOCK];
        for (_, vector) in self.known {
            add_scaled(&mut sum, 1.0, &block_of(vector, first));
        }
        sum.map(|sum| sum / self.known.len().max(1) as f64)
    }

    /// The inverse of the matrix' diagonal.
    fn scales(&self) -> Result<Vec<f64>> {
        let mut scales = memory::zeroed(self.columns(), || "counts of features".into())?;
        for &(row, _) in self.known {
            self.of(row).for_each(|column| scales[column] += 1.0);
        }
        for scale in &mut scales {
            *scale = 1.0 / (*scale + f64::from(self.ridge));
        }
        Ok(scales)
    }

    /// `(X^T X + ridge I) p`, in one pass over the lists.
    fn multiply(&self, p: &[Wide], to: &mut [Wide]) {
        for (to, p) in to.iter_mut().zip(p) {
            *to = p.map(|p| f64::from(self.ridge) * p);
        }
        for &(row, _) in self.known {
            let sum = self.product(row, p);
            self.of(row).for_each(|column| add_scaled(&mut to[column], 1.0, &sum));
        }
    }

    /// Conjugate gradients from zero, each column by steps of its own.
    fn solve(&self, right: Vec<Wide>) -> Result<Vec<Wide>> {
        let scales = self.scales()?;
        let (mut x, mut p, mut product) = (self.zeros()?, self.zeros()?, self.zeros()?);
        let mut residual = right;
        let small = squares(&residual).map(|square| square * TOLERANCE * TOLERANCE);
        turn(&mut p, [0.0; BLOCK], &residual, &scales);
        let mut last = dot(&residual, &p);
        for _ in 0..STEPS {
            let now = squares(&residual);
            if now.iter().zip(&small).all(|(now, small)| now <= small) {
                return Ok(x);
            }
            self.multiply(&p, &mut product);
            let step = ratio(&last, &dot(&p, &product));
            add_columns(&mut x, step, &p);
            add_columns(&mut residual, step.map(|step| -step), &product);
            let square = scaled_squares(&residual, &scales);
            turn(&mut p, ratio(&square, &last), &residual, &scales);
            last = square;
        }
        let (ridge, items) = (self.ridge, self.known.len());
        let reason = format!(
            "{ridge}: no solution for {items} items and {} features in {STEPS} steps; take more",
            self.columns() - 1
        );
        Err(Error::config("ridge", reason))
    }

    fn zeros(&self) -> Result<Vec<Wide>> {
        memory::zeroed(self.columns(), || {
            format!("coefficients of {} features", self.columns())
        })
    }
}

/// The columns of a vector from `first` on, and zeros behind its end.
fn block_of(vector: &[f32], first: usize) -> Wide {
    let mut block = [0.0; BLOCK];
    let own = vector.get(first..).unwrap_or_default();
    block.iter_mut().zip(own).for_each(|(to, &x)| *to = f64::from(x));
    block
}

fn add_scaled(to: &mut Wide, factor: f64, from: &Wide) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to += factor * from);
}

fn distance(a: &Wide, b: &Wide) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

/// Each column by a factor of its own.
fn add_columns(to: &mut [Wide], factors: Wide, from: &[Wide]) {
    for (to, from) in to.iter_mut().zip(from) {
        for ((to, from), factor) in to.iter_mut().zip(from).zip(factors) {
            *to += factor * from;
        }
    }
}

fn dot(a: &[Wide], b: &[Wide]) -> Wide {
    let mut sums = [0.0; BLOCK];
    for (a, b) in a.iter().zip(b) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    sums
}

fn squares(a: &[Wide]) -> Wide {
    dot(a, a)
}

fn scaled_squares(a: &[Wide], scales: &[f64]) -> Wide {
    let mut sums = [0.0; BLOCK];
    for (a, scale) in a.iter().zip(scales) {
        for (sum, a) in sums.iter_mut().zip(a) {
            *sum += scale * a * a;
        }
    }
    sums
}

/// The next direction: the scaled residual and so much of the last one.
fn turn(p: &mut [Wide], factors: Wide, residual: &[Wide], scales: &[f64]) {
    for ((p, residual), scale) in p.iter_mut().zip(residual).zip(scales) {
        for ((p, residual), factor) in p.iter_mut().zip(residual).zip(factors) {
            *p = scale * residual + factor * *p;
        }
    }
}

/// Zero where there is nothing left to divide.
fn ratio(a: &Wide, b: &Wide) -> Wide {
    core::array::from_fn(|column| if b[column] > 0.0 { a[column] / b[column] } else { 0.0 })
}
