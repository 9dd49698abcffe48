//! The vectors of iALS, and how a history is scored by them.

use alloc::{format, vec::Vec};

use super::IalsConfig;
use crate::{
    Result,
    classical::method::{Method, Prepare},
    cpu::{
        ItemPanels, Rows, Workers, least_squares as solve,
        simd::{Proof, Simd, dispatch},
    },
    eval::TopK,
    explain::{Explanation, Reason},
    memory::{self, Need},
    rng::{Rng, streams},
};

/// What iALS has learnt.
pub struct Factors {
    pub(crate) config: IalsConfig,
    pub(crate) iterations: u32,
    /// The users' vectors in training, `[users, width]`: where the next iteration begins.
    pub(crate) users: Vec<f32>,
    /// The items' vectors, `[items, width]`.
    pub(crate) items: Vec<f32>,
    /// Items that training gave no vector, in ascending order: theirs come of features.
    pub(crate) placed: Vec<u32>,
    /// Items that there were when it was trained; those behind came with features.
    pub(crate) trained_items: usize,
    /// Floats of a row in memory.
    pub(crate) width: usize,
    /// Computed from the items' vectors, by `prepare`.
    serving: Serving,
}

/// What serving needs of the items' vectors.
struct Serving {
    proof: Proof,
    /// `unobserved * y^T y`, without the items that are placed.
    shared: Vec<f64>,
    packed: ItemPanels,
}

impl core::fmt::Debug for Factors {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Factors")
            .field("config", &self.config)
            .field("iterations", &self.iterations)
            .finish_non_exhaustive()
    }
}

impl Factors {
    /// Vectors before training: users' are zero, as the first iteration begins with them.
    pub(super) fn initial(config: IalsConfig, users: usize, items: usize) -> Result<Self> {
        let width = solve::padded(config.factors);
        check_memory(users, items, width)?;
        let (user_rows, mut item_rows) = (zeros(users, width)?, zeros(items, width)?);
        let rng = Rng::new(config.seed).stream(streams::INIT).stream(1);
        let std = config.init_std / libm::sqrtf(config.factors as f32);
        for (row, to) in (0u64..).zip(item_rows.chunks_exact_mut(width)) {
            let first = row * config.factors as u64;
            for (index, to) in (first..).zip(&mut to[..config.factors]) {
                *to = std * rng.normal(index);
            }
        }
        Ok(Self::of(config, 0, user_rows, item_rows))
    }

    /// Of vectors whose width is padded. `prepare` makes them ready to serve.
    fn of(config: IalsConfig, iterations: u32, users: Vec<f32>, items: Vec<f32>) -> Self {
        let width = solve::padded(config.factors);
        Factors {
            config,
            iterations,
            placed: Vec::new(),
            trained_items: items.len() / width,
            users,
            items,
            width,
            serving: Serving {
                proof: Proof::of_target(),
                shared: Vec::new(),
                packed: ItemPanels::default(),
            },
        }
    }

    /// Of vectors as they are in files.
    #[cfg(feature = "checkpoint")]
    pub(crate) fn of_rows(config: IalsConfig, iterations: u32, [users, items]: [&[f32]; 2]) -> Result<Self> {
        let (factors, width) = (config.factors, solve::padded(config.factors));
        check_memory(users.len() / factors, items.len() / factors, width)?;
        let widened = |rows: &[f32]| -> Result<Vec<f32>> {
            let mut wide = zeros(rows.len() / factors, width)?;
            for (to, row) in wide.chunks_exact_mut(width).zip(rows.chunks_exact(factors)) {
                to[..factors].copy_from_slice(row);
            }
            Ok(wide)
        };
        Ok(Self::of(config, iterations, widened(users)?, widened(items)?))
    }

    /// The items' vectors as a matrix.
    fn item_rows(&self) -> Rows<'_> {
        Rows {
            data: &self.items,
            stride: self.width,
            width: self.width,
        }
    }

    pub(super) fn item(&self, item: u32) -> &[f32] {
        &self.items[item as usize * self.width..][..self.width]
    }

    /// The L2 weight of a user's vector.
    fn l2(&self, observed: usize) -> f32 {
        l2(&self.config, observed, self.trained_items)
    }

    /// What users' systems share: of items as they were trained on, so that those which were placed since change no score of others.
    fn shared_of_items(&self, workers: &mut Workers) -> Result<Vec<f64>> {
        let (width, unobserved) = (self.width, self.config.unobserved);
        let trained = &self.items[..self.trained_items * width];
        let is_among = |item: &&u32| (**item as usize) < self.trained_items;
        let mut placed = self.placed.iter().take_while(is_among).peekable();
        if placed.peek().is_none() {
            return Ok(shared(workers, trained, width, unobserved));
        }
        let mut without = memory::copy(trained, || "vectors of the items".into())?;
        placed.for_each(|&item| without[item as usize * width..][..width].fill(0.0));
        Ok(shared(workers, &without, width, unobserved))
    }

    /// Solves for a right side by the system of a history.
    fn solve(&self, history: &[u32], right: &[f64]) -> Vec<f64> {
        let (serving, l2, items) = (&self.serving, self.l2(history.len()), self.item_rows());
        let mut solver = solve::Solver::new(self.width);
        dispatch!(serving.proof, s => {
            solver.factorise(s, items, &serving.shared, history, l2);
            solver.solve(s, items, &serving.shared, history, l2, right).to_vec()
        })
    }

    /// The vector of a history, as wide as all are in memory.
    pub(super) fn vector_of(&self, history: &[u32]) -> Vec<f32> {
        let mut right = alloc::vec![0.0; self.width];
        for &item in history {
            let row = self.item(item);
            right.iter_mut().zip(row).for_each(|(sum, &y)| *sum += f64::from(y));
        }
        self.solve(history, &right).iter().map(|&x| x as f32).collect()
    }
}

impl Prepare for Factors {
    fn prepare(&mut self, workers: &mut Workers) -> Result<()> {
        let proof = workers.proof;
        self.serving = Serving {
            proof,
            shared: self.shared_of_items(workers)?,
            packed: packed(proof, &self.items, self.width)?,
        };
        Ok(())
    }
}

impl Method for Factors {
    const NAME: &'static str = "ials";

    fn items(&self) -> usize {
        self.items.len() / self.width
    }

    fn score_all(&self, histories: &[&[u32]], scores: &mut [f32], _: &mut Vec<f64>) {
        let vectors: Vec<f32> = histories.iter().flat_map(|history| self.vector_of(history)).collect();
        let (packed, items) = (&self.serving.packed, 0..self.items());
        dispatch!(self.serving.proof, s => packed.product(s, &vectors, items, scores));
    }

    fn score(&self, history: &[u32], items: &[u32]) -> Vec<f32> {
        let vector = self.vector_of(history);
        let product = |&item: &u32| {
            // Added up in the order of the columns, as where all items are scored.
            let columns = vector.iter().zip(self.item(item));
            dispatch!(self.serving.proof, s => columns.fold(0.0, |sum, (&x, &y)| fused(s, x, y, sum)))
        };
        items.iter().map(product).collect()
    }

    fn explain(&self, history: &[u32], item: u32) -> Explanation {
        let right: Vec<f64> = self.item(item).iter().map(|&y| f64::from(y)).collect();
        let weights = self.solve(history, &right);
        let reason = |&item: &u32| Reason {
            item,
            contribution: dot(self.item(item), &weights) as f32,
        };
        let score = self.score(history, &[item])[0];
        Explanation::new(score, history.iter().map(reason).collect(), 0.0)
    }

    fn similar(&self, item: u32, top: &mut TopK) {
        let own: Vec<f64> = self.item(item).iter().map(|&y| f64::from(y)).collect();
        let square = dot(self.item(item), &own);
        for (other, row) in (0..).zip(self.items.chunks_exact(self.width)) {
            if other != item {
                let other_square: f64 = row.iter().map(|&y| f64::from(y) * f64::from(y)).sum();
                // NaN where either is zero, as of items that nobody has, and then it is not kept.
                let cosine = dot(row, &own) / (libm::sqrt(square) * libm::sqrt(other_square));
                top.offer(other, cosine as f32);
            }
        }
    }
}

fn zeros(rows: usize, width: usize) -> Result<Vec<f32>> {
    memory::zeroed(rows.saturating_mul(width), || format!("vectors of {rows} rows"))
}

/// `a * b + c`, rounded as in the lanes of vectors.
fn fused<S: Simd>(s: S, a: f32, b: f32, c: f32) -> f32 {
    let mut lanes = [0.0; 16];
    s.store(s.mul_add(s.splat(a), s.splat(b), s.splat(c)), &mut lanes);
    lanes[0]
}

fn dot(a: &[f32], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(&a, b)| f64::from(a) * b).sum()
}

/// The items' vectors, packed for products with all of them.
fn packed(proof: Proof, items: &[f32], width: usize) -> Result<ItemPanels> {
    let row = |item: usize, to: &mut [f32]| to.copy_from_slice(&items[item * width..][..width]);
    dispatch!(proof, s => ItemPanels::new(s, items.len() / width, width, row))
}

/// `unobserved * y^T y`.
pub(super) fn shared(workers: &mut Workers, y: &[f32], width: usize, unobserved: f32) -> Vec<f64> {
    let mut gram = solve::gram(workers, y, width);
    gram.iter_mut().for_each(|sum| *sum *= f64::from(unobserved));
    gram
}

/// The L2 weight of a row with so many observations, of `others` that there could be.
pub(super) fn l2(config: &IalsConfig, observed: usize, others: usize) -> f32 {
    let all = observed as f64 + f64::from(config.unobserved) * others as f64;
    (f64::from(config.l2) * libm::pow(all, f64::from(config.l2_exponent))) as f32
}

/// Refuses what does not fit, before any of it is made.
fn check_memory(users: usize, items: usize, width: usize) -> Result<()> {
    let mut need = Need::new("the vectors");
    let bytes = |rows: usize| memory::bytes_of::<f32>(rows.saturating_mul(width));
    need.add("users", bytes(users));
    need.add("items", bytes(items).saturating_mul(2));
    need.check()
}
