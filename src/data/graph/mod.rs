//! The graph of users and items: who is reached from whom, and how much comes over.
//!
//! Users and items are *nodes* of one numbering: user `u` is node `u`, and item `i` node `users + i`. An edge goes both
//! ways and has a weight: 1 for an interaction, and what the caller says for a relation of two items. The weights are
//! normalised by both ends once all edges are there: with `d_a`, the sum of the weights of `a`'s edges, an edge of weight `w`
//! between `a` and `b` becomes `w / sqrt(d_a d_b)`. That is `D^-1/2 A D^-1/2` of He et al. (*LightGCN*, SIGIR 2020,
//! equation 8), which is symmetric and so its own transpose.

mod builder;
mod knowledge;
mod related;
mod relations;
mod triples;

use alloc::{format, vec::Vec};

pub use builder::{Edge, GraphBuilder};
pub use knowledge::Knowledge;
#[cfg(feature = "checkpoint")]
pub(crate) use knowledge::MOST as MOST_NEIGHBOURS;
pub(crate) use knowledge::columns as neighbour_columns;
pub(crate) use related::RelatedTo;
pub(crate) use relations::Head;
#[cfg(feature = "checkpoint")]
pub(crate) use relations::Relation;
pub use relations::Relations;
pub(in crate::data) use triples::TripleCollector;
pub use triples::{ItemLinks, TripleReport, Triples};

use crate::{Error, Result, data::Interactions, memory};

/// A symmetric sparse matrix over all users and items: for each node its neighbours, in ascending order, and the weight of
/// each.
///
/// ```
/// use pocketrec::data::{Graph, Interactions};
/// let graph = Graph::of(&Interactions::from_pairs(&[(0, 0), (0, 1), (1, 1)])?)?;
/// assert_eq!((graph.users(), graph.items(), graph.edges()), (2, 2, 3));
/// // User 0 has two items, which have one user and two: 1 / sqrt(2 * 1) and 1 / sqrt(2 * 2).
/// let (neighbours, weights) = graph.of_node(0);
/// assert_eq!((neighbours, weights), (&[2, 3][..], &[0.5f32.sqrt(), 0.5][..]));
/// assert_eq!(graph.of_node(3).0, [0, 1]); // item 1
/// # Ok::<(), pocketrec::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Graph {
    /// Users and items.
    counts: [u32; 2],
    /// Those of node `n` are `offsets[n]..offsets[n + 1]`.
    offsets: Vec<usize>,
    neighbours: Vec<u32>,
    weights: Vec<f32>,
}

impl Graph {
    /// The graph of interactions, each an edge of weight 1.
    ///
    /// # Errors
    /// Those of [`GraphBuilder::build`].
    pub fn of(data: &Interactions) -> Result<Self> {
        GraphBuilder::new([data.users(), data.items()])
            .interactions(data)?
            .build()
    }

    /// Number of users: the first nodes.
    pub fn users(&self) -> u32 {
        self.counts[0]
    }

    /// Number of items: the nodes behind the users.
    pub fn items(&self) -> u32 {
        self.counts[1]
    }

    /// Number of users and items together.
    pub fn nodes(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Number of edges. Each stands in the lists of both its ends.
    pub fn edges(&self) -> usize {
        self.neighbours.len() / 2
    }

    /// The neighbours of a node in ascending order, and the weight of the edge to each; none of a node that is not there.
    pub fn of_node(&self, node: usize) -> (&[u32], &[f32]) {
        match self.offsets.get(node..).unwrap_or_default() {
            [start, end, ..] => (&self.neighbours[*start..*end], &self.weights[*start..*end]),
            _ => (&[], &[]),
        }
    }

    /// Where each node's neighbours begin in all of them, and the last one's end: `nodes + 1` places.
    pub fn offsets(&self) -> &[usize] {
        &self.offsets
    }

    /// The neighbours of all nodes, one node behind the other.
    pub fn neighbours(&self) -> &[u32] {
        &self.neighbours
    }

    /// The weights of the edges to them.
    pub fn weights(&self) -> &[f32] {
        &self.weights
    }

    /// Bytes that a graph of so many nodes and edges takes: 16 an edge (a number and a weight at both ends) and the size of
    /// an address a node. Building it takes three times as much for a while.
    ///
    /// ```
    /// use pocketrec::data::Graph;
    /// // Gowalla: 29,858 users, 40,981 items and 810,128 interactions.
    /// assert_eq!(Graph::bytes(29_858 + 40_981, 810_128) >> 20, 12);
    /// ```
    pub fn bytes(nodes: usize, edges: usize) -> u64 {
        let of_edges = memory::bytes_of::<[u32; 4]>(edges);
        of_edges.saturating_add(memory::bytes_of::<usize>(nodes.saturating_add(1)))
    }

    /// The same graph among more users and items, the new ones without edges: what tables that have grown want.
    ///
    /// # Errors
    /// [`Error::Config`] where that is fewer than there are, or more than 2^32 - 1 together; [`Error::Memory`].
    pub fn with_nodes(&self, counts: [u32; 2]) -> Result<Self> {
        let [users, items] = self.counts;
        if counts[0] < users || counts[1] < items {
            let reason =
                format!("{counts:?} users and items asked for, {users} and {items} are there: none can be taken away");
            return Err(Error::config("graph", reason));
        }
        let nodes = builder::nodes_of(counts)?;
        memory::check(Self::bytes(nodes, self.edges()), || format!("a graph of {nodes} nodes"))?;
        let mut offsets = Vec::with_capacity(nodes + 1);
        let last = |count: u32| self.offsets[count as usize];
        offsets.extend_from_slice(&self.offsets[..users as usize]);
        offsets.resize(counts[0] as usize, last(users));
        offsets.extend_from_slice(&self.offsets[users as usize..self.nodes()]);
        offsets.resize(nodes + 1, self.neighbours.len());
        let by = counts[0] - users;
        let moved = |&node: &u32| if node < users { node } else { node + by };
        Ok(Graph {
            counts,
            offsets,
            neighbours: self.neighbours.iter().map(moved).collect(),
            weights: self.weights.clone(),
        })
    }
}
