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
use crate::view::{Space, View};

/// Edges of one node: its neighbours and the weight of each.
pub type Edges<'a> = (&'a [u32], &'a [f32]);

/// The mean of two tables' rows and of what reaches them over one to `layers` edges.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Propagate {
    /// Two tables of one width.
    pub tables: [usize; 2],
    /// How far a row reaches, at least 1.
    pub layers: usize,
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
        write!(f, "{first} and {second} over {} layers", self.layers)
    }
}

impl Specification for Propagate {
    fn forward(&self, on: &dyn Context) -> Vec<f64> {
        let nodes = self.tables.map(|table| on.value(table)).concat();
        forward(&nodes, self.output.width, self.layers, |node| on.neighbours(node))
    }

    fn backward(&self, on: &dyn Context, d_output: &[f64], d_params: &mut [Vec<f64>]) -> Vec<Vec<f64>> {
        // The matrix is symmetric: what goes forward goes back.
        let gradient = forward(d_output, self.output.width, self.layers, |node| on.neighbours(node));
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
/// use pocketrec::ops::propagate;
/// // Node 0 is joined to 1 and 2, by weights of a half and a quarter.
/// let edges = [(vec![1, 2], vec![0.5, 0.25]), (vec![0], vec![0.5]), (vec![0], vec![0.25])];
/// let of_node = |node: usize| (&edges[node].0[..], &edges[node].1[..]);
/// assert_eq!(propagate::forward(&[4.0, 8.0, 16.0], 1, 1, of_node), [(4.0 + 8.0) / 2.0, (8.0 + 2.0) / 2.0, (16.0 + 1.0) / 2.0]);
/// // The second layer: 0.5 * 2 + 0.25 * 1 reach node 0 from what its neighbours had of it.
/// assert_eq!(propagate::forward(&[4.0, 8.0, 16.0], 1, 2, of_node)[0], (4.0 + 8.0 + 1.25) / 3.0);
/// ```
pub fn forward<'a>(nodes: &[f64], width: usize, layers: usize, of_node: impl Fn(usize) -> Edges<'a>) -> Vec<f64> {
    let (mut layer, mut sum) = (nodes.to_vec(), nodes.to_vec());
    for _ in 0..layers {
        layer = product(&layer, width, &of_node);
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
/// use pocketrec::ops::propagate;
/// let edges = [(vec![1, 2], vec![0.5, 0.25]), (vec![0], vec![0.5]), (vec![0], vec![0.25])];
/// let of_node = |node: usize| (&edges[node].0[..], &edges[node].1[..]);
/// let sent = propagate::sent(&[4.0, 8.0, 16.0], 1, 2, of_node);
/// let output = propagate::forward(&[4.0, 8.0, 16.0], 1, 2, of_node);
/// assert_eq!(sent, [(4.0 + 8.0) / 3.0, (8.0 + 2.0) / 3.0, (16.0 + 1.0) / 3.0]);
/// assert!((output[0] - (4.0 / 3.0 + 0.5 * sent[1] + 0.25 * sent[2])).abs() < 1e-12);
/// ```
pub fn sent<'a>(nodes: &[f64], width: usize, layers: usize, of_node: impl Fn(usize) -> Edges<'a>) -> Vec<f64> {
    let before = layers.saturating_sub(1);
    let (of_mean, of_all) = ((before + 1) as f64, (layers + 1) as f64);
    let means = forward(nodes, width, before, of_node);
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
