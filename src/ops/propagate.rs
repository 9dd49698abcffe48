//! Propagate: the rows of two whole tables reach one another along the edges of a graph.
//!
//! Nodes are the rows of both tables, those of the second behind those of the first: `E0` `[nodes, width]`. With the weights
//! `A` of the graph's edges, symmetric and [normalised](crate::data::Graph),
//!
//! ```text
//! E(k) = A E(k-1)                                k = 1..=layers
//! output = (E0 + E1 + ... + E(layers)) / (layers + 1)
//! ```
//!
//! (He, Deng, Wang, Li, Zhang, Wang, *LightGCN: Simplifying and Powering Graph Convolution Network for Recommendation*, SIGIR
//! 2020, equations 7, 8 and 4 with equal weights). There are no other parameters than the tables.
//!
//! Where layers are kept in [halves](Storage::F16), a training step rounds what is sent over edges to these: the second factor
//! of each product, of the first too. `E0` itself, the last layer and the mean are not, and nothing is where samples are scored.
//! Backward likewise, and since gradients of a batch's mean are too small for halves, they are kept times a
//! [power of two](scale_of) that makes them those of its sum or more. The gradient of rounding is taken for 1.
//!
//! Backward: `A` is its own transpose, so the gradient `D` of the output goes the same way back, and the gradient of `E0` is
//! `(D + A D + ... + A^layers D) / (layers + 1)`. It is of all rows, of which those that no sample picks are most.
//!
//! The graph is no part of a plan but data: an executor is given one by
//! [`set_graph`](crate::executor::set_graph). Executors compute only the rows that are needed: of the last layer forward those
//! that the batch picks, and of the first product backward the edges from them.

use alloc::{vec, vec::Vec};
use core::fmt;

use super::{
    op::{Names, Op, Role, Spaces},
    specification::{Context, Specification, add},
};
use half::f16;

use crate::view::{Space, Storage, View};

/// Edges of one node: its neighbours and the weight of each.
pub type Edges<'a> = (&'a [u32], &'a [f32]);

/// The mean of two tables' rows and of what reaches them over one to `layers` edges.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Propagate {
    /// Two tables of one width.
    pub tables: [usize; 2],
    /// How far a row reaches, at least 1.
    pub layers: usize,
    /// What layers are kept as in training.
    pub storage: Storage,
    /// As wide as the tables, with a row for each of both: [`Space::Nodes`].
    pub output: View,
}

impl Propagate {
    /// Whether a table is the first or the second of those that are propagated.
    pub fn side(&self, table: usize) -> Option<usize> {
        self.tables.iter().position(|&own| own == table)
    }
}

impl Op for Propagate {
    fn name(&self) -> &'static str {
        "propagate"
    }

    fn inputs(&self) -> &[View] {
        &[]
    }

    fn params(&self) -> Vec<usize> {
        Vec::new()
    }

    fn output(&self) -> Option<View> {
        Some(self.output)
    }

    fn role(&self) -> Role {
        Role::Tables { tables: self.tables }
    }

    fn spaces(&self, _space_of: &dyn Fn(View) -> Space) -> Spaces {
        Spaces::One(Space::Nodes)
    }

    /// One a float and layer, which the mean takes; how many edges there are, a plan does not know.
    fn multiply_adds(&self, rows: &dyn Fn(View) -> usize) -> usize {
        let floats = rows(self.output).saturating_mul(self.output.width);
        floats.saturating_mul(self.layers)
    }

    fn describe(&self, names: &dyn Names, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, second] = self.tables.map(|table| names.param(table));
        let of_halves = match self.storage {
            Storage::F32 => "",
            Storage::F16 => " of halves",
        };
        write!(f, "{first} and {second} over {} layers{of_halves}", self.layers)
    }
}

impl Specification for Propagate {
    fn forward(&self, on: &dyn Context) -> Vec<f64> {
        let nodes = self.tables.map(|table| on.value(table)).concat();
        let storage = if on.is_training() { self.storage } else { Storage::F32 };
        forward(&nodes, self.output.width, self.layers, storage, |node| {
            on.neighbours(node)
        })
    }

    fn backward(&self, on: &dyn Context, d_output: &[f64], d_params: &mut [Vec<f64>]) -> Vec<Vec<f64>> {
        // The matrix is symmetric: what goes forward goes back.
        let count = (self.layers + 1) as f64;
        let scale = scale_of(on.labels().len());
        let own: Vec<f64> = d_output.iter().map(|d| d / count).collect();
        let mut gradient = own.clone();
        for product_of in 0..self.layers {
            if product_of > 0 {
                round(&mut gradient, self.storage, scale);
            }
            gradient = product(&gradient, self.output.width, |node| on.neighbours(node));
            add(&mut gradient, &own);
        }
        let (first, second) = gradient.split_at(on.value(self.tables[0]).len());
        for (table, gradient) in self.tables.into_iter().zip([first, second]) {
            add(&mut d_params[table], gradient);
        }
        Vec::new()
    }
}

/// `[nodes, width]`: the mean of `nodes`, of the same shape, and of what reaches each over one to `layers` edges.
///
/// ```
/// use pocketrec::{ops::propagate, plan::Storage::{F16, F32}};
/// // Node 0 is joined to 1 and 2, by weights of a half and a quarter.
/// let edges = [(vec![1, 2], vec![0.5, 0.25]), (vec![0], vec![0.5]), (vec![0], vec![0.25])];
/// let of_node = |node: usize| (&edges[node].0[..], &edges[node].1[..]);
/// assert_eq!(propagate::forward(&[4.0, 8.0, 16.0], 1, 1, F32, of_node), [(4.0 + 8.0) / 2.0, (8.0 + 2.0) / 2.0, (16.0 + 1.0) / 2.0]);
/// // The second layer: 0.5 * 2 + 0.25 * 1 reach node 0 from what its neighbours had of it.
/// assert_eq!(propagate::forward(&[4.0, 8.0, 16.0], 1, 2, F32, of_node)[0], (4.0 + 8.0 + 1.25) / 3.0);
/// // In halves, whose next number behind 2,048 is 2,050, node 1 sends 2,048, but keeps what it has.
/// assert_eq!(propagate::forward(&[4.0, 2049.0, 0.0], 1, 1, F16, of_node), [(4.0 + 1024.0) / 2.0, (2049.0 + 2.0) / 2.0, 0.5]);
/// ```
pub fn forward<'a>(
    nodes: &[f64],
    width: usize,
    layers: usize,
    storage: Storage,
    of_node: impl Fn(usize) -> Edges<'a>,
) -> Vec<f64> {
    let (mut layer, mut sum) = (nodes.to_vec(), nodes.to_vec());
    for index in 1..=layers {
        round(&mut layer, storage, 1.0);
        layer = product(&layer, width, &of_node);
        if index < layers {
            round(&mut layer, storage, 1.0); // so it is kept
        }
        add(&mut sum, &layer);
    }
    let count = (layers + 1) as f64;
    sum.into_iter().map(|x| x / count).collect()
}

/// `[nodes, width]`: what each node sends over an edge of weight 1, so that the [output](forward) is a sum over edges,
///
/// ```text
/// output[a] = E0[a] / (layers + 1) + sum over edges (a, b, weight) of weight * sent[b]
/// sent = (E0 + E1 + ... + E(layers - 1)) / (layers + 1)
/// ```
///
/// ```
/// use pocketrec::{ops::propagate, plan::Storage::F32};
/// let edges = [(vec![1, 2], vec![0.5, 0.25]), (vec![0], vec![0.5]), (vec![0], vec![0.25])];
/// let of_node = |node: usize| (&edges[node].0[..], &edges[node].1[..]);
/// let sent = propagate::sent(&[4.0, 8.0, 16.0], 1, 2, of_node);
/// let output = propagate::forward(&[4.0, 8.0, 16.0], 1, 2, F32, of_node);
/// assert_eq!(sent, [(4.0 + 8.0) / 3.0, (8.0 + 2.0) / 3.0, (16.0 + 1.0) / 3.0]);
/// assert!((output[0] - (4.0 / 3.0 + 0.5 * sent[1] + 0.25 * sent[2])).abs() < 1e-12);
/// ```
pub fn sent<'a>(nodes: &[f64], width: usize, layers: usize, of_node: impl Fn(usize) -> Edges<'a>) -> Vec<f64> {
    let before = layers.saturating_sub(1);
    let (of_mean, of_all) = ((before + 1) as f64, (layers + 1) as f64);
    let means = forward(nodes, width, before, Storage::F32, of_node);
    means.into_iter().map(|x| x * of_mean / of_all).collect()
}

/// `[nodes, width]`: of each node the sum of its neighbours' rows by the weights of the edges.
pub fn product<'a>(nodes: &[f64], width: usize, of_node: impl Fn(usize) -> Edges<'a>) -> Vec<f64> {
    let mut sums = vec![0.0; nodes.len()];
    for (node, sum) in sums.chunks_exact_mut(width).enumerate() {
        let (neighbours, weights) = of_node(node);
        for (&neighbour, &weight) in neighbours.iter().zip(weights) {
            let row = &nodes[neighbour as usize * width..][..width];
            row.iter()
                .zip(&mut *sum)
                .for_each(|(x, sum)| *sum += f64::from(weight) * x);
        }
    }
    sums
}

/// What the gradients of a batch of so many samples are kept times, in halves: the next power of two.
pub fn scale_of(samples: usize) -> f64 {
    samples.next_power_of_two() as f64
}

/// Rounds what is kept times `scale`.
fn round(row: &mut [f64], storage: Storage, scale: f64) {
    match storage {
        Storage::F32 => (),
        Storage::F16 => row
            .iter_mut()
            .for_each(|x| *x = f16::from_f64_const(*x * scale).to_f64_const() / scale),
    }
}
