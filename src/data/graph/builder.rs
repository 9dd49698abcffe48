//! Builds a graph of its edges.

use alloc::{format, vec::Vec};

use super::Graph;
use crate::{
    Error, Result,
    data::{Interactions, interactions::zeroed},
    memory,
};

/// An edge of a [`Graph`], which goes both ways.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Edge {
    /// The nodes that it joins: users by their number, items by theirs and the number of users.
    pub ends: [u32; 2],
    /// How much it counts beside others, before it is normalised: 1 for an interaction.
    pub weight: f32,
}

/// Collects the edges of a [`Graph`]: interactions, and any others.
///
/// ```
/// use pocketrec::data::{Edge, GraphBuilder, Interactions};
/// let data = Interactions::from_pairs(&[(0, 0), (0, 1), (1, 1)])?;
/// let graph = GraphBuilder::new([2, 2]);
/// // Items 0 and 1 are bought together.
/// let related = Edge { ends: [0, 1].map(|item| graph.item(item)), weight: 0.5 };
/// let graph = graph.interactions(&data)?.edges(&[related])?.build()?;
/// let (neighbours, weights) = graph.of_node(2); // item 0: user 0, and item 1
/// assert_eq!(neighbours, [0, 3]);
/// assert_eq!(weights[1], (0.5 / (1.5f64 * 2.5).sqrt()) as f32);
/// # Ok::<(), pocketrec::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct GraphBuilder {
    counts: [u32; 2],
    edges: Vec<Edge>,
}

impl GraphBuilder {
    /// No edges yet, among so many users and items.
    pub fn new(counts: [u32; 2]) -> Self {
        GraphBuilder {
            counts,
            edges: Vec::new(),
        }
    }

    /// The node of an item.
    pub fn item(&self, item: u32) -> u32 {
        self.counts[0].saturating_add(item)
    }

    /// Adds an edge of weight 1 for each interaction.
    ///
    /// # Errors
    /// [`Error::Config`] where there are more users or items than the graph has, [`Error::Memory`].
    pub fn interactions(self, data: &Interactions) -> Result<Self> {
        let sides = [
            ("users", data.users(), self.counts[0]),
            ("items", data.items(), self.counts[1]),
        ];
        if let Some((what, there, nodes)) = sides.into_iter().find(|(_, there, nodes)| there > nodes) {
            let reason = format!("the interactions are of {there} {what}, the graph has {nodes}");
            return Err(Error::config("graph", reason));
        }
        self.pairs(data.len(), data.iter())
    }

    /// Adds an edge of weight 1 for each of `count` pairs of a user and an item.
    ///
    /// # Errors
    /// [`Error::Id`] where there is no such user or item, [`Error::Memory`].
    pub fn pairs(mut self, count: usize, pairs: impl Iterator<Item = (u32, u32)>) -> Result<Self> {
        memory::reserve(&mut self.edges, count, || format!("{count} edges"))?;
        let counts = self.counts;
        for (user, item) in pairs {
            for (column, id, rows) in [("user", user, counts[0]), ("item", item, counts[1])] {
                if id >= rows {
                    return Err(outside(column, id, rows.into()));
                }
            }
            self.edges.push(Edge {
                ends: [user, counts[0] + item],
                weight: 1.0,
            });
        }
        Ok(self)
    }

    /// Adds edges between any two nodes.
    ///
    /// # Errors
    /// [`Error::Id`] where an end is no node, [`Error::Config`] where both ends are the same, or a weight is not a finite
    /// number above 0; [`Error::Memory`].
    pub fn edges(mut self, edges: &[Edge]) -> Result<Self> {
        let nodes = u64::from(self.counts[0]) + u64::from(self.counts[1]);
        for (index, Edge { ends: [a, b], weight }) in edges.iter().enumerate() {
            if let Some(&node) = [a, b].into_iter().find(|&&node| u64::from(node) >= nodes) {
                return Err(outside(format!("edges[{index}]: node"), node, nodes));
            }
            let refuse = |reason| Err(Error::config(format!("edges[{index}]"), reason));
            if a == b {
                return refuse(format!(
                    "both ends are node {a}: leave it out, a node is not its own neighbour"
                ));
            }
            if !(*weight > 0.0 && weight.is_finite()) {
                return refuse(format!("its weight is {weight}; give a finite number above 0"));
            }
        }
        memory::reserve(&mut self.edges, edges.len(), || format!("{} edges", edges.len()))?;
        self.edges.extend_from_slice(edges);
        Ok(self)
    }

    /// The graph. Weights of edges that join the same two nodes are added up, then all are normalised. The same edges in the
    /// same order give the same bits.
    ///
    /// # Errors
    /// [`Error::Config`] where there are more than 2^32 - 1 nodes; [`Error::Memory`] where there is not enough
    /// ([`Graph::bytes`]).
    pub fn build(self) -> Result<Graph> {
        let nodes = nodes_of(self.counts)?;
        let count = self.edges.len();
        memory::check(Graph::bytes(nodes, count).saturating_mul(3), || {
            format!("a graph of {count} edges")
        })?;
        let mut offsets = zeroed(nodes + 1)?;
        for node in self.edges.iter().flat_map(|edge| edge.ends) {
            offsets[node as usize + 1] += 1;
        }
        for node in 0..nodes {
            offsets[node + 1] += offsets[node];
        }
        let mut next = offsets.clone();
        let mut lists: Vec<(u32, f32)> = memory::zeroed(2 * count, || format!("{count} edges"))?;
        for Edge { ends: [a, b], weight } in self.edges {
            for (node, other) in [(a, b), (b, a)] {
                lists[next[node as usize]] = (other, weight);
                next[node as usize] += 1;
            }
        }
        Ok(normalised(self.counts, offsets, lists))
    }
}

/// Sorts each node's list, adds repeated edges up, and normalises.
fn normalised(counts: [u32; 2], mut offsets: Vec<usize>, mut lists: Vec<(u32, f32)>) -> Graph {
    let nodes = offsets.len() - 1;
    let (mut neighbours, mut weights) = (Vec::with_capacity(lists.len()), Vec::with_capacity(lists.len()));
    let mut degrees = Vec::with_capacity(nodes);
    let mut start = 0;
    for node in 0..nodes {
        let list = &mut lists[start..offsets[node + 1]];
        start = offsets[node + 1];
        offsets[node] = neighbours.len();
        // Stable, so that both ends add the weights of a repeated edge up in one order.
        list.sort_by_key(|&(neighbour, _)| neighbour);
        let mut degree = 0.0;
        for same in list.chunk_by(|a, b| a.0 == b.0) {
            let weight: f64 = same.iter().map(|&(_, weight)| f64::from(weight)).sum();
            neighbours.push(same[0].0);
            weights.push(weight);
            degree += weight;
        }
        degrees.push(degree);
    }
    offsets[nodes] = neighbours.len();
    let of_node = |node: usize| offsets[node]..offsets[node + 1];
    let normalise = |(node, place): (usize, usize)| {
        let other = neighbours[place] as usize;
        // Smaller end first, so that both ends round alike.
        let [a, b] = [node.min(other), node.max(other)].map(|end| degrees[end]);
        (weights[place] / libm::sqrt(a * b)) as f32
    };
    let places = (0..nodes).flat_map(|node| of_node(node).map(move |place| (node, place)));
    Graph {
        counts,
        weights: places.map(normalise).collect(),
        offsets,
        neighbours,
    }
}

/// The number of nodes.
pub(super) fn nodes_of([users, items]: [u32; 2]) -> Result<usize> {
    match users.checked_add(items) {
        Some(nodes) if nodes < u32::MAX => Ok(nodes as usize),
        _ => {
            let reason = format!("{users} users and {items} items; nodes are numbered below 4294967295");
            Err(Error::config("graph", reason))
        }
    }
}

fn outside(column: impl Into<alloc::string::String>, id: u32, rows: u64) -> Error {
    Error::Id {
        column: column.into(),
        id: id.into(),
        rows,
    }
}
