//! Products of a graph's sparse matrix with rows of nodes; the specification is [`ops::propagate`].
//!
//! ```text
//! for node in nodes:
//!     to[node, ..] = sum over (neighbour, weight) of node, in ascending order: weight * from[neighbour, ..]
//! ```
//!
//! Rows lie in two tables, the second one's numbers behind the first one's, unpadded: `[nodes, width]`. A row of sums stays in
//! registers while the node's edges are gone through: 64 columns are 4 vectors of AVX-512 or 8 of AVX2. There is one writer a
//! row and one order of its edges, so that neither threads nor how nodes are shared out among them change a bit.
//!
//! What the batch does not need is not computed. Forward, [`means_of`] makes the last layer for the picked nodes alone.
//! Backward, only picked nodes have a gradient at first: [`backward`] goes through all edges, but reads the rows of those that
//! lead to such a node alone, which it finds by a table of places.
//!
//! Layers that are kept may be of halves ([`Stored`]): a product reads half the bytes then. Sums are always in `f32`.

mod rows;

use core::ops::Range;

pub(in crate::cpu) use rows::NOT_PICKED;
use rows::Part;
pub use rows::{Layers, NodeRows, Picked};

use super::{
    adam::{Gradient, update},
    row_update::{RowSource, RowStep, TableRows},
    rows::RowsMut,
    simd::{InPieces, Simd, Stored, kernel, unrolled},
    tile::{Memory, Operands, StageGradients, TileOp},
};
use crate::{data::Graph, ops, plan::MAX_GATHERS};

/// Edges whose rows are asked for ahead of their use: tables of Gowalla's size lie in the last cache. With 8 a product takes
/// 4 to 10 % longer, with 32 up to 10 % longer, and asking for the second cache alone takes 30 to 50 % more.
const AHEAD: usize = 16;
/// Edges that are looked through together for those to picked nodes.
const PART: usize = 128;

kernel! {
    /// The sums of `nodes`, into as many rows of `to`; those of halves are made in `sums`, which has a row's floats then.
    ///
    /// # Panics
    /// Where a node or a row is not there, or `to` has other than as many rows.
    pub fn product<'a, S: Simd, E: Stored>(
        s: S,
        graph: &'a Graph,
        nodes: Range<usize>,
        from: NodeRows<'a, E>,
        to: &'a mut [E],
        sums: &'a mut [f32],
    ) {
        assert_eq!(to.len() / from.width, nodes.len());
        for (node, to) in nodes.zip(to.whole_pieces_mut(from.width)) {
            sum_neighbours(s, graph, node, from, E::sums(to, sums));
            E::take_over(s, sums, to);
        }
    }
}

kernel! {
    /// The rows of `nodes` as they are kept, into as many of `to`.
    ///
    /// # Panics
    /// As [`product`].
    pub fn copy<'a, S: Simd, E: Stored>(s: S, nodes: Range<usize>, from: NodeRows<'a>, to: &'a mut [E]) {
        for (node, to) in nodes.zip(to.whole_pieces_mut(from.width)) {
            E::take_over(s, from.columns(node as u32, 0..from.width), to);
        }
    }
}

kernel! {
    /// The means of all layers, of the nodes from `first` on: of those that are there, and one more that is computed here from
    /// the last of these. `to` has a row for each.
    ///
    /// # Panics
    /// As [`product`].
    pub fn means<'a, S: Simd, E: Stored>(
        s: S,
        graph: &'a Graph,
        first: usize,
        layers: Layers<'a, E>,
        to: &'a mut [f32],
    ) {
        for (node, to) in (first..).zip(to.whole_pieces_mut(layers.own.width)) {
            mean(s, graph, node, layers, to);
        }
    }
}

kernel! {
    /// [`means`] of some nodes, in ascending order: `to` begins with the row of the first and has all rows up to the last.
    ///
    /// # Panics
    /// As [`product`].
    pub fn means_of<'a, S: Simd, E: Stored>(
        s: S,
        graph: &'a Graph,
        nodes: &'a [u32],
        layers: Layers<'a, E>,
        to: &'a mut [f32],
    ) {
        let (width, first) = (layers.own.width, nodes.first().copied().unwrap_or(0));
        for &node in nodes {
            let to = &mut to[(node - first) as usize * width..][..width];
            mean(s, graph, node as usize, layers, to);
        }
    }
}

kernel! {
    /// Adds up the gradients of each picked row, all samples of all columns that pick it, times `scale`: rows come in
    /// ascending order, into as many rows of `to`. `counts` gets the numbers of samples.
    ///
    /// # Panics
    /// Where there are more rows than `to` has.
    pub fn picked_gradients<'a, S: Simd>(
        s: S,
        sources: [Option<RowSource<'a>>; MAX_GATHERS],
        scale: f32,
        width: usize,
        to: &'a mut [f32],
        counts: &'a mut [u32],
    ) {
        let mut sources = sources;
        let mut places = to.chunks_exact_mut(width).zip(counts);
        while let Some(row) = sources.iter().flatten().filter_map(RowSource::row).min() {
            let (to, count) = places.next().expect("as many rows as are picked");
            to.fill(0.0);
            *count = 0;
            for source in sources.iter_mut().flatten().filter(|source| source.row() == Some(row)) {
                let samples = source.column.samples(source.segments.start);
                source.segments.start += 1;
                *count += samples.len() as u32;
                for &sample in samples {
                    let gradient = &source.gradients.data[sample as usize * source.gradients.stride..][..width];
                    for (to, from) in to.pieces_mut(S::LANES).zip(gradient.pieces(S::LANES)) {
                        s.store_partial(s.add(s.load_partial(to), s.load_partial(from)), to);
                    }
                }
            }
            for to in to.pieces_mut(S::LANES) {
                s.store_partial(s.mul(s.splat(scale), s.load_partial(to)), to);
            }
        }
    }
}

kernel! {
    /// A product of the way back, of `nodes` into as many rows of `to`: the node's own gradient, where it is picked, and the
    /// sum of its neighbours' rows, of `from` or, at first, of the picked ones. `sums` is as in [`product`].
    ///
    /// # Panics
    /// As [`product`].
    pub fn backward<'a, S: Simd, E: Stored>(
        s: S,
        graph: &'a Graph,
        nodes: Range<usize>,
        picked: Picked<'a>,
        from: Option<NodeRows<'a, E>>,
        to: &'a mut [E],
        sums: &'a mut [f32],
    ) {
        for (node, to) in nodes.zip(to.whole_pieces_mut(picked.width)) {
            gradient(s, graph, node, picked, from, E::sums(to, sums));
            E::take_over(s, sums, to);
        }
    }
}

kernel! {
    /// The last product of the way back, and the optimiser at once: the gradient of a table's row is never stored but in
    /// `row`, which is as long. The nodes of the table's rows begin at `first`.
    ///
    /// # Panics
    /// As [`product`].
    pub fn backward_and_update<'a, S: Simd, E: Stored>(
        s: S,
        graph: &'a Graph,
        first: usize,
        picked: Picked<'a>,
        from: Option<NodeRows<'a, E>>,
        step: RowStep,
        table: TableRows<'a>,
        row: &'a mut [f32],
    ) {
        let (mut table, width) = (table, picked.width);
        let rows = table.slots.value.len() / width;
        let node = first + table.first;
        for index in 0..rows {
            gradient(s, graph, node + index, picked, from, row);
            let place = picked.places[node + index];
            let samples = if place == NOT_PICKED { 0 } else { picked.counts[place as usize] };
            let gradient = OfRow { row, scale: 1.0 / picked.scale, l2: step.l2(samples as usize) };
            update(s, step.update, table.slots.part(index * width, width), gradient);
        }
    }
}

/// A row's gradient, and its L2 term.
struct OfRow<'a> {
    row: &'a [f32],
    /// What takes the scale of gradients off again: a power of two, so that no bit of them changes.
    scale: f32,
    l2: f32,
}

impl<S: Simd> Gradient<S> for OfRow<'_> {
    #[inline(always)]
    fn lanes(&self, s: S, range: Range<usize>, value: S::F32) -> S::F32 {
        let row = s.mul(s.splat(self.scale), s.load_partial(&self.row[range]));
        s.mul_add(s.splat(self.l2), value, row)
    }
}

#[inline(always)]
fn mean<S: Simd, E: Stored>(s: S, graph: &Graph, node: usize, layers: Layers<'_, E>, to: &mut [f32]) {
    let Layers { own, first, others } = layers;
    sum_neighbours(s, graph, node, others.last().copied().unwrap_or(first), to);
    let scale = s.splat(1.0 / (others.len() + 2) as f32);
    for (index, to) in to.pieces_mut(S::LANES).enumerate() {
        let columns = index * S::LANES..index * S::LANES + to.len();
        let mut sum = s.load_partial(own.columns(node as u32, columns.clone()));
        for layer in others {
            sum = s.add(sum, E::load(s, layer.columns(node as u32, columns.clone())));
        }
        let sum = s.add(sum, s.load_partial(to));
        s.store_partial(s.mul(sum, scale), to);
    }
}

#[inline(always)]
fn gradient<S: Simd, E: Stored>(
    s: S,
    graph: &Graph,
    node: usize,
    picked: Picked<'_>,
    from: Option<NodeRows<'_, E>>,
    to: &mut [f32],
) {
    match from {
        Some(from) => sum_neighbours(s, graph, node, from, to),
        None => sum_picked_neighbours(s, graph, node, picked, to),
    }
    if let Some(own) = picked.row(node) {
        for (to, own) in to.pieces_mut(S::LANES).zip(own.pieces(S::LANES)) {
            s.store_partial(s.add(s.load_partial(to), s.load_partial(own)), to);
        }
    }
}

/// Neighbours come in ascending order: first those of the first table, then those of the second. Most nodes have neighbours
/// in one of them alone.
#[inline(always)]
fn sum_neighbours<S: Simd, E: Stored>(s: S, graph: &Graph, node: usize, from: NodeRows<'_, E>, to: &mut [f32]) {
    to.fill(0.0);
    let range = graph.offsets()[node]..graph.offsets()[node + 1];
    let (mut ids, mut weights) = (&graph.neighbours()[range.start..], &graph.weights()[range]);
    let split = from.split();
    for side in 0..2 {
        let count = match weights.len() {
            0 => return,
            count if side == 1 || ids[count - 1] < split => count,
            count => ids[..count].partition_point(|&id| id < split),
        };
        sum_rows(s, ids, &weights[..count], from.part(side), to);
        (ids, weights) = (&ids[count..], &weights[count..]);
    }
}

/// The same over neighbours that are picked. Which are is found without branches, part by part: of random ones every third
/// branch would be mispredicted.
#[inline(always)]
fn sum_picked_neighbours<S: Simd>(s: S, graph: &Graph, node: usize, picked: Picked<'_>, to: &mut [f32]) {
    to.fill(0.0);
    let range = graph.offsets()[node]..graph.offsets()[node + 1];
    let (neighbours, weights) = (&graph.neighbours()[range.clone()], &graph.weights()[range]);
    let (mut places, mut of_places) = ([0; PART], [0.0; PART]);
    for (neighbours, weights) in neighbours.pieces(PART).zip(weights.pieces(PART)) {
        let mut count = 0;
        for (&neighbour, &weight) in neighbours.elements().zip(weights.elements()) {
            let place = picked.places[neighbour as usize];
            (places[count], of_places[count]) = (place, weight);
            count += usize::from(place != NOT_PICKED);
        }
        if count > 0 {
            sum_rows(s, &places[..count], &of_places[..count], picked.table(), to);
        }
    }
}

/// `to += sum of weights[i] * from[ids[i]]`; ids behind those that have weights come next.
#[inline(always)]
fn sum_rows<S: Simd, E: Stored>(s: S, ids: &[u32], weights: &[f32], from: Part<'_, E>, to: &mut [f32]) {
    let (width, mut start) = (to.len(), 0);
    assert!(width == from.width && ids.len() >= weights.len());
    macro_rules! blocks {
        ($($vectors:literal)*) => {$(
            while width - start >= $vectors * S::LANES {
                sum_block::<S, E, $vectors>(s, ids, weights, from, start, to);
                start += $vectors * S::LANES;
            }
        )*};
    }
    blocks!(8 4 2 1);
    if start < width {
        let to = &mut to[start..];
        let mut sum = s.load_partial(to);
        for (&id, &weight) in ids.elements().zip(weights.elements()) {
            sum = s.mul_add(s.splat(weight), E::load(s, from.columns(id, start..width)), sum);
        }
        s.store_partial(sum, to);
    }
}

/// Some vectors' columns of [`sum_rows`].
#[inline(always)]
fn sum_block<S: Simd, E: Stored, const VECTORS: usize>(
    s: S,
    ids: &[u32],
    weights: &[f32],
    from: Part<'_, E>,
    start: usize,
    to: &mut [f32],
) {
    let columns = start..start + VECTORS * S::LANES;
    let to = &mut to[columns.clone()];
    let mut sums = [s.splat(0.0); VECTORS];
    unrolled!(k < VECTORS => sums[k] = s.load(&to[k * S::LANES..]));
    for (index, (&id, &weight)) in ids.elements().zip(weights.elements()).enumerate() {
        if let Some(&ahead) = ids.get(index + AHEAD) {
            from.ask_for(ahead, columns.clone());
        }
        let (row, weight) = (from.columns(id, columns.clone()), s.splat(weight));
        unrolled!(k < VECTORS => sums[k] = s.mul_add(weight, E::load(s, &row[k * S::LANES..][..S::LANES]), sums[k]));
    }
    unrolled!(k < VECTORS => s.store(sums[k], &mut to[k * S::LANES..]));
}

/// Nothing of it is a tile's: the executor propagates whole tables before the tiles of a step and after them.
impl TileOp for ops::Propagate {
    type Workspace = ();

    fn forward<S: Simd>(&self, _: S, _: &Operands<'_>, _: Memory<'_, ()>, _: RowsMut<'_>) {}

    fn backward<S: Simd>(&self, _: S, _: &Operands<'_>, _: Memory<'_, ()>, _: &mut StageGradients<'_, '_>) {}
}
