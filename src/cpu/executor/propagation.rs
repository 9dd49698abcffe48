//! Whole tables before the tiles of a step and after them, where the plan propagates; see
//! [`propagate`](crate::cpu::propagate) for the kernels.
//!
//! Forward, all layers but the last are products over all nodes, and the last is computed for the rows that the batch picks.
//! Backward, the gradients of those rows are added up first; then come as many products, of which the first reads picked rows
//! alone and the last is one pass with the optimiser over the table. Scores want all rows: they are computed when one is asked
//! for after parameters have changed, and kept until they change again.

use alloc::{format, vec::Vec};
use core::ops::Range;

use half::f16;

use super::{
    layers::{Kept, LastLayer, LastProduct, two, whole},
    node_runs::{PIECES, Workers, cuts, runs, split_rows},
};
use crate::{
    Result,
    cpu::{
        aligned::AlignedVec,
        prepare::TableSource,
        propagate::{self, Layers, NOT_PICKED, NodeRows, Picked},
        row_update::RowSource,
        simd::dispatch,
        update::UpdateContext,
    },
    data::{Batch, Graph},
    memory,
    ops::{Propagate, propagate::scale_of},
    plan::{MAX_GATHERS, Plan, Storage},
    shared::Arc,
};

/// What an executor keeps to propagate two tables.
pub(super) struct Propagated {
    pub op: Propagate,
    pub width: usize,
    graph: Option<Arc<Graph>>,
    /// Where the runs of each table's rows begin and end, as nodes.
    cuts: [Vec<usize>; 2],
    /// What look-ups read, `[nodes, width]`: in training the rows that the batch picks alone.
    pub output: AlignedVec,
    /// The first layer as a step sends it, where that is not as the tables have it.
    first: AlignedVec,
    /// All layers but the first and the last; backward, by turns what has come back so far. In a step, those of halves take
    /// half of the room.
    layers: Vec<AlignedVec>,
    /// Whether all of `output` belongs to the present parameters.
    pub is_whole: bool,
    /// The nodes that the batch picks, in ascending order; those of the first table end at `picked_first`.
    picked: Vec<u32>,
    picked_first: usize,
    /// Which of them each node is.
    places: Vec<u32>,
    /// Their gradients, and how many samples pick each.
    gradients: AlignedVec,
    counts: Vec<u32>,
    /// What gradients are kept times.
    scale: f32,
}

impl Propagated {
    pub fn of(plan: &Plan) -> Option<Self> {
        plan.propagation().map(|&op| Propagated {
            op,
            width: op.output.width,
            graph: None,
            cuts: [Vec::new(), Vec::new()],
            output: AlignedVec::default(),
            first: AlignedVec::default(),
            layers: Vec::new(),
            is_whole: false,
            picked: Vec::new(),
            picked_first: 0,
            places: Vec::new(),
            gradients: AlignedVec::default(),
            counts: Vec::new(),
            scale: 1.0,
        })
    }

    pub fn graph(&self) -> Option<&Graph> {
        self.graph.as_deref()
    }

    /// Of all rows of nodes.
    pub fn bytes(&self) -> u64 {
        let rows = [&self.output, &self.first, &self.gradients];
        let floats = rows.into_iter().chain(&self.layers).map(|rows| rows.len());
        memory::bytes_of::<f32>(floats.sum())
    }

    /// Parameters have changed.
    pub fn forget(&mut self) {
        self.is_whole = false;
    }

    /// After a panic in the middle of a step.
    pub fn renew(&mut self) {
        self.is_whole = false;
        self.places.fill(NOT_PICKED);
    }

    /// Makes ready for a graph that has been checked.
    pub fn set_graph(&mut self, graph: Arc<Graph>) -> Result<()> {
        let (nodes, layers) = (graph.nodes(), self.op.layers - 1);
        let floats = nodes.saturating_mul(self.width);
        let first = match self.op.storage {
            Storage::F32 => 0,
            Storage::F16 => floats.div_ceil(2),
        };
        let what = || format!("{} layers of {nodes} nodes", self.op.layers);
        let all = floats.saturating_mul(1 + layers).saturating_add(first);
        memory::check(memory::bytes_of::<f32>(all), what)?;
        self.output.try_resize(floats, what)?;
        self.first.try_resize(first, what)?;
        self.layers.resize_with(layers, AlignedVec::default);
        self.layers
            .iter_mut()
            .try_for_each(|layer| layer.try_resize(floats, what))?;
        self.places.clear();
        memory::reserve(&mut self.places, nodes, what)?;
        self.places.resize(nodes, NOT_PICKED);
        let users = graph.users() as usize;
        self.cuts = [cuts(&graph, 0..users), cuts(&graph, users..nodes)];
        self.is_whole = false;
        self.graph = Some(graph);
        Ok(())
    }

    /// Room for what a step on this batch picks.
    pub fn reserve(&mut self, batch: &Batch, sources: [&[TableSource]; 2]) -> Result<()> {
        let columns = sources.into_iter().flatten().map(|source| batch.column(source.column));
        let most = columns.map(|column| column.segments.len()).sum::<usize>();
        let what = || format!("the gradients of {most} rows");
        self.picked.clear();
        memory::reserve(&mut self.picked, most, what)?;
        if self.counts.len() < most {
            let more = most - self.counts.len();
            memory::reserve(&mut self.counts, more, what)?;
            self.counts.resize(most, 0);
            self.gradients.try_resize(most * self.width, what)?;
        }
        Ok(())
    }

    /// Finds the nodes that a batch picks.
    pub fn pick(&mut self, batch: &Batch, sources: [&[TableSource]; 2]) {
        self.picked.clear();
        let split = self.graph().map_or(0, Graph::users);
        for (first, sources) in [0, split].into_iter().zip(sources) {
            self.picked_first = self.picked.len();
            let mut next = [0usize; MAX_GATHERS];
            loop {
                let heads = sources.iter().zip(&next).filter_map(|(source, &next)| {
                    let segment = batch.column(source.column).segments.get(next)?;
                    Some(segment.row)
                });
                let Some(row) = heads.min() else { break };
                for (source, next) in sources.iter().zip(&mut next) {
                    let segment = batch.column(source.column).segments.get(*next);
                    *next += usize::from(segment.is_some_and(|segment| segment.row == row));
                }
                self.picked.push(first + row);
            }
        }
        for (place, &node) in (0..).zip(&self.picked) {
            self.places[node as usize] = place;
        }
    }

    /// The layers that lookups read the mean of: in a step, of picked nodes alone; for scores of all, and nothing is rounded.
    pub fn forward(&mut self, tables: NodeRows<'_>, on: &mut Workers<'_>, picked: bool) {
        match self.op.storage {
            Storage::F16 if picked => self.forward_in::<f16>(tables, on, picked),
            _ => self.forward_in::<f32>(tables, on, picked),
        }
    }

    fn forward_in<E: Kept>(&mut self, tables: NodeRows<'_>, on: &mut Workers<'_>, picked: bool) {
        let Some(graph) = self.graph.as_deref() else { return };
        let (split, width) = (tables.first.len(), self.width);
        let proof = on.proof;
        let pieces = || self.cuts.iter().flat_map(|cuts| runs(cuts));
        if E::IS_ROUNDED {
            on.for_each(
                split_rows(E::of_mut(&mut self.first), pieces(), width),
                |(nodes, to), _| {
                    dispatch!(proof, s => propagate::copy(s, nodes.clone(), tables, to));
                },
            );
        }
        let first = E::first(tables, E::of(&self.first));
        for layer in 0..self.layers.len() {
            let (before, own) = self.layers.split_at_mut(layer);
            let from = before.last().map_or(first, |before| whole(E::of(before), split, width));
            on.for_each(
                split_rows(E::of_mut(&mut own[0]), pieces(), width),
                |(nodes, to), sums| {
                    dispatch!(proof, s => propagate::product(s, graph, nodes.clone(), from, to, sums));
                },
            );
        }
        let mut others = [first; MAX_LAYERS];
        for (to, layer) in others.iter_mut().zip(&self.layers) {
            *to = whole(E::of(layer), split, width);
        }
        let layers = Layers {
            own: tables,
            first,
            others: &others[..self.layers.len()],
        };
        if !picked {
            on.for_each(split_rows(&mut self.output, pieces(), width), |(nodes, to), _| {
                dispatch!(proof, s => propagate::means(s, graph, nodes.start, layers, to));
            });
            return;
        }
        let picked = &self.picked;
        let parts =
            (0..2 * PIECES).map(|piece| picked.len() * piece / (2 * PIECES)..picked.len() * (piece + 1) / (2 * PIECES));
        let parts = parts.filter(|part| !part.is_empty());
        let nodes = parts
            .clone()
            .map(|part| picked[part.start] as usize..picked[part.end - 1] as usize + 1);
        let mut tasks = split_rows(&mut self.output, nodes, width);
        for ((nodes, _), part) in tasks.iter_mut().flatten().zip(parts) {
            *nodes = part;
        }
        on.for_each(tasks, |(part, to), _| {
            dispatch!(proof, s => propagate::means_of(s, graph, &picked[part.clone()], layers, to));
        });
    }

    /// From a node's row in its table to what it sends over an edge of weight 1. All layers must be there.
    pub fn add_layers(&self, node: usize, row: &mut [f32]) {
        let width = self.width;
        for layer in &self.layers {
            let layer = &layer[node * width..][..width];
            row.iter_mut().zip(layer).for_each(|(x, y)| *x += y);
        }
        let scale = 1.0 / (self.op.layers + 1) as f32;
        row.iter_mut().for_each(|x| *x *= scale);
    }

    /// The gradients of picked rows, and the way back but for its last product.
    pub fn backward(&mut self, context: UpdateContext<'_>, sources: [&[TableSource]; 2], on: &mut Workers<'_>) {
        self.scale = match self.op.storage {
            Storage::F32 => 1.0,
            Storage::F16 => scale_of(context.samples()) as f32,
        };
        self.add_up_picked(context, sources, on);
        match self.op.storage {
            Storage::F32 => self.products_back::<f32>(on),
            Storage::F16 => self.products_back::<f16>(on),
        }
    }

    /// The gradients of picked rows.
    fn add_up_picked(&mut self, context: UpdateContext<'_>, sources: [&[TableSource]; 2], on: &mut Workers<'_>) {
        let Some(graph) = self.graph.as_deref() else { return };
        let (width, proof) = (self.width, on.proof);
        let (split, scale) = (graph.users(), self.scale / (self.op.layers + 1) as f32);
        let (mut gradients, mut counts) = (&mut self.gradients[..], &mut self.counts[..]);
        let mut tasks: [Option<PickedRun<'_>>; 2 * PIECES] = [const { None }; 2 * PIECES];
        let sides = [(0..self.picked_first, 0), (self.picked_first..self.picked.len(), split)];
        for (side, (places, first)) in sides.into_iter().enumerate() {
            for piece in 0..PIECES {
                let at = |piece: usize| places.start + places.len() * piece / PIECES;
                let part = at(piece)..at(piece + 1);
                if part.is_empty() {
                    continue;
                }
                let row = |place: usize| (self.picked[place] - first) as usize;
                let (to, rest) = core::mem::take(&mut gradients).split_at_mut(part.len() * width);
                let (of_counts, rest_of_counts) = core::mem::take(&mut counts).split_at_mut(part.len());
                (gradients, counts) = (rest, rest_of_counts);
                tasks[side * PIECES + piece] = Some(PickedRun {
                    rows: row(part.start)..row(part.end - 1) + 1,
                    sources: sources[side],
                    to,
                    counts: of_counts,
                });
            }
        }
        on.for_each(tasks, |run, _| {
            let mut list: [Option<RowSource<'_>>; MAX_GATHERS] = [const { None }; MAX_GATHERS];
            for (slot, source) in list.iter_mut().zip(run.sources) {
                *slot = Some(context.row_source(source, &run.rows, width));
            }
            dispatch!(proof, s => propagate::picked_gradients(s, list, scale, width, run.to, run.counts));
        });
    }

    /// The way back from there, but for its last product.
    fn products_back<E: Kept>(&mut self, on: &mut Workers<'_>) {
        let Some(graph) = self.graph.as_deref() else { return };
        let (width, proof) = (self.width, on.proof);
        let picked = Picked {
            places: &self.places,
            rows: &self.gradients,
            scale: self.scale,
            counts: &self.counts,
            width,
        };
        let split = graph.users() as usize * width;
        for product in 1..self.op.layers {
            let [one, other] = two(&mut self.layers).map(E::of_mut);
            let (from, to) = if product % 2 == 1 { (other, one) } else { (one, other) };
            let from = (product > 1).then(|| whole(&*from, split, width));
            let pieces = self.cuts.iter().flat_map(|cuts| runs(cuts));
            on.for_each(split_rows(to, pieces, width), |(nodes, to), sums| {
                dispatch!(proof, s => propagate::backward(s, graph, nodes.clone(), picked, from, to, sums));
            });
        }
    }

    /// What the last product of the way back reads.
    pub fn last_product(&self) -> Option<LastProduct<'_>> {
        let graph = self.graph.as_deref()?;
        let (width, products) = (self.width, self.op.layers - 1);
        let split = graph.users() as usize * width;
        let layer = (products > 0).then(|| &self.layers[(products - 1) % 2]);
        let from = match self.op.storage {
            Storage::F32 => LastLayer::F32(layer.map(|layer| whole(f32::of(layer), split, width))),
            Storage::F16 => LastLayer::F16(layer.map(|layer| whole(f16::of(layer), split, width))),
        };
        Some(LastProduct {
            graph,
            picked: Picked {
                places: &self.places,
                rows: &self.gradients,
                scale: self.scale,
                counts: &self.counts,
                width,
            },
            from,
        })
    }

    /// The runs of rows that the updates of a table are cut into, and the first node of it.
    pub fn runs_of(&self, table: usize) -> Option<(impl Iterator<Item = Range<usize>> + '_, usize)> {
        let side = self.op.side(table)?;
        let first = self.cuts[side].first().copied().unwrap_or(0);
        Some((runs(&self.cuts[side]), first))
    }

    /// The batch is through.
    pub fn unpick(&mut self) {
        for &node in &self.picked {
            self.places[node as usize] = NOT_PICKED;
        }
    }
}

/// Layers of a plan at most, which `PlanBuilder::propagate` holds to.
const MAX_LAYERS: usize = 16;

/// A run of a table's picked rows.
struct PickedRun<'a> {
    /// The rows that it is among.
    rows: Range<usize>,
    sources: &'a [TableSource],
    to: &'a mut [f32],
    counts: &'a mut [u32],
}
