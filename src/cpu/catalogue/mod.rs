//! All items for some users at once: what depends on the item alone is computed once, not once a pair.
//!
//! With users fixed, a model over (user, item) falls apart:
//!
//! - The last stage adds up weighted columns. A column that the user's table fills is a constant; one that the item's
//!   fills, or a product of both, is linear in the item's row. All of these together are one matrix product,
//!   `users x depth` by `depth x items`: the items' rows, packed once, and the users' coefficients.
//! - A squared distance is twice the product of both rows, less the square of each: the item's is one more of its floats.
//! - The first layer of a tower reads `[user row, item row]`, and is linear before its ReLU: `W [u, i] + b` is
//!   `(W_u u + b) + W_i i`. The second term is kept for every item; a pair costs one addition an output.
//!
//! For NeuMF with factors 8 and layers 64-32-16-8 a pair takes 700 multiply-adds rather than 2,700; for MF the sum is
//! a matrix product near the machine's limit. A plan of another shape has no catalogue and is scored pair by pair.

mod panels;
mod search;
mod separable;

use alloc::{vec, vec::Vec};
use core::ops::Range;

use super::{
    aligned::AlignedVec,
    linear::{self, PackedWeight, READ_AHEAD},
    rows::{Rows, RowsMut},
    simd::{Simd, kernel},
    tile::Network,
};
use crate::{Result, plan::Activation};
pub(crate) use panels::ItemPanels;
pub(super) use search::{Scorer, rank, top};
pub(super) use separable::Separable;
use separable::Tower;

/// Items that go through a tower together: fewer where memory is short and there is no cache.
const TILE: usize = if cfg!(feature = "std") { 64 } else { 16 };

/// What is computed once for all items.
pub(super) struct Catalogue {
    separable: Separable,
    /// Of an item, what is linear in its rows, and a one for the constant.
    panels: ItemPanels,
    tower: Option<TowerParts>,
}

/// The first layer of a tower, in two.
struct TowerParts {
    /// The columns of the weight that read the user's row.
    user: PackedWeight,
    /// `[items, stride]`: the item's share of each output.
    items: AlignedVec,
    stride: usize,
}

impl Catalogue {
    /// Computes the items' parts.
    ///
    /// # Errors
    /// [`Error::Memory`](crate::Error::Memory) where there is no room for them.
    pub fn new<S: Simd>(s: S, separable: Separable, network: Network<'_>) -> Result<Self> {
        let items = network
            .plan
            .pair()
            .map_or(0, |pair| network.plan.rows_of(pair.candidate));
        let with_item = || separable.terms.iter().filter_map(|term| Some((term.item?, term.width)));
        let is_distance = separable.is_distance;
        let depth = with_item().map(|(_, width)| width).sum::<usize>() + 1 + usize::from(is_distance);
        let panels = ItemPanels::new(s, items, depth, |item, to| {
            let mut at = 0;
            for (table, columns) in with_item() {
                network.looked_up(table).copy(s, item as u32, &mut to[at..at + columns]);
                at += columns;
            }
            if is_distance {
                to[at] = -square(&to[..at]);
                at += 1;
            }
            to[at] = 1.0;
        })?;
        let tower = separable
            .tower
            .as_ref()
            .map(|tower| TowerParts::new(s, tower, items, network));
        Ok(Catalogue {
            separable,
            panels,
            tower,
        })
    }

    /// What scores these users.
    pub fn scorer<'a, S: Simd>(
        &'a self,
        s: S,
        network: Network<'a>,
        users: impl ExactSizeIterator<Item = u32>,
    ) -> UserScorer<'a, S> {
        let depth = self.panels.depth();
        let mut coefficients = vec![0.0; users.len() * depth];
        let mut ids = Vec::with_capacity(users.len());
        for (user, row) in users.zip(coefficients.chunks_exact_mut(depth)) {
            self.coefficients(s, network, user, row);
            ids.push(user);
        }
        let parts = self.separable.tower.as_ref().zip(self.tower.as_ref());
        UserScorer {
            s,
            panels: &self.panels,
            users: ids,
            coefficients,
            tower: parts.map(|(tower, parts)| TowerPass::new(s, tower, parts, network)),
        }
    }

    /// What an item's floats are multiplied by for a user; the last is the constant.
    fn coefficients<S: Simd>(&self, s: S, network: Network<'_>, user: u32, row: &mut [f32]) {
        let mut floats = Vec::new();
        let mut constant = self.separable.bias.map_or(0.0, |bias| network.value(bias)[0]);
        if let (true, [term]) = (self.separable.is_distance, &self.separable.terms[..]) {
            let own = term.user.map_or(&[][..], |table| {
                network
                    .looked_up(table)
                    .rows(s, user as usize, 1, term.width, &mut floats)
            });
            own.iter().zip(&mut *row).for_each(|(x, to)| *to = 2.0 * x);
            row[term.width] = 1.0;
            row[term.width + 1] = -square(own);
            return;
        }
        let mut at = 0;
        for term in &self.separable.terms {
            let weights = term
                .weight
                .map(|(weight, column)| &network.value(weight)[column..][..term.width]);
            let table = term.user.map(|table| network.looked_up(table));
            let factors = table.map(|table| table.rows(s, user as usize, 1, term.width, &mut floats));
            for k in 0..term.width {
                let x = weights.map_or(1.0, |w| w[k]) * factors.map_or(1.0, |p| p[k]);
                if term.item.is_some() {
                    row[at] = x;
                    at += 1;
                } else {
                    constant += x;
                }
            }
        }
        row[at] = constant;
    }
}

/// The square of a vector's length.
fn square(vector: &[f32]) -> f32 {
    vector.iter().map(|x| x * x).sum()
}

/// Scores of some users with any items.
pub(super) struct UserScorer<'a, S> {
    s: S,
    panels: &'a ItemPanels,
    users: Vec<u32>,
    /// `[users, depth]`.
    coefficients: Vec<f32>,
    tower: Option<TowerPass<'a, S>>,
}

impl<S: Simd> Scorer for UserScorer<'_, S> {
    fn score(&mut self, users: Range<usize>, items: Range<usize>, out: &mut [f32]) {
        let depth = self.panels.depth();
        let coefficients = &self.coefficients[users.start * depth..users.end * depth];
        self.panels.product(self.s, coefficients, items.clone(), out);
        if let Some(tower) = &mut self.tower {
            for (user, out) in self.users[users].iter().zip(out.chunks_exact_mut(items.len())) {
                tower.run(*user, items.start, out);
            }
        }
    }
}

impl TowerParts {
    fn new<S: Simd>(s: S, tower: &Tower, items: usize, network: Network<'_>) -> Self {
        let (weight, ..) = tower.layers[0];
        let outputs = network.plan.params()[weight].rows;
        let inputs = network.plan.params()[weight].width;
        let pack = |(table, column): (usize, usize)| {
            let width = network.plan.params()[table].width;
            let rows = network.value(weight).chunks_exact(inputs);
            let part: Vec<f32> = rows.flat_map(|row| row[column..][..width].iter().copied()).collect();
            let mut packed = PackedWeight::for_scores(s, outputs, width);
            packed.pack(s, &part);
            packed
        };
        let stride = outputs.next_multiple_of(16);
        let mut share = AlignedVec::zeros(items * stride);
        let width = network.plan.params()[tower.item.0].width;
        let (table, packed, bias) = (network.looked_up(tower.item.0), pack(tower.item), vec![0.0; outputs]);
        let mut floats = Vec::new();
        for (tile, share) in share.chunks_mut(TILE * stride).enumerate() {
            let (first, count) = (tile * TILE, share.len() / stride);
            let x = Rows {
                data: table.rows(s, first, count, width, &mut floats),
                stride: width,
                width,
            };
            let y = RowsMut {
                data: share,
                stride,
                width: outputs,
            };
            linear::forward(s, count, x, &packed, &bias, Activation::Identity, y);
        }
        TowerParts {
            user: pack(tower.user),
            items: share,
            stride,
        }
    }
}

/// Tiles of items through a tower, for one user after the other.
struct TowerPass<'a, S> {
    s: S,
    tower: &'a Tower,
    parts: &'a TowerParts,
    network: Network<'a>,
    user: AlignedVec,
    /// A user's row, where it is kept as something shorter than floats.
    row: Vec<f32>,
    /// The outputs of each layer.
    layers: Vec<AlignedVec>,
    weights: Vec<f32>,
}

impl<'a, S: Simd> TowerPass<'a, S> {
    fn new(s: S, tower: &'a Tower, parts: &'a TowerParts, network: Network<'a>) -> Self {
        let outputs = |layer: &(usize, usize, Activation)| network.plan.params()[layer.0].rows;
        let buffer = |layer| AlignedVec::zeros(outputs(layer).next_multiple_of(16) * TILE + READ_AHEAD);
        let last = tower.layers.last().map_or(0, outputs);
        let weights = match tower.output {
            Some((weight, column)) => network.value(weight)[column..][..last].to_vec(),
            None => vec![1.0; last],
        };
        TowerPass {
            s,
            tower,
            parts,
            network,
            user: AlignedVec::zeros(tower.layers.first().map_or(0, outputs)),
            row: Vec::new(),
            layers: tower.layers.iter().map(buffer).collect(),
            weights,
        }
    }

    /// Adds the tower's share of the logits of items `first..first + out.len()`.
    fn run(&mut self, user: u32, first: usize, out: &mut [f32]) {
        let (_, bias, activation) = self.tower.layers[0];
        let (table, _) = self.tower.user;
        let width = self.network.plan.params()[table].width;
        let outputs = self.user.len();
        let table = self.network.looked_up(table);
        let x = Rows {
            data: table.rows(self.s, user as usize, 1, width, &mut self.row),
            stride: width,
            width,
        };
        let y = RowsMut {
            data: &mut self.user,
            stride: outputs,
            width: outputs,
        };
        let bias = self.network.value(bias);
        linear::forward(self.s, 1, x, &self.parts.user, bias, Activation::Identity, y);
        for (tile, out) in out.chunks_mut(TILE).enumerate() {
            let item = first + tile * TILE;
            let shares = Rows {
                data: &self.parts.items[item * self.parts.stride..],
                stride: self.parts.stride,
                width: outputs,
            };
            let y = rows_mut(&mut self.layers[0], outputs);
            add_row(self.s, out.len(), shares, &self.user, activation == Activation::Relu, y);
            self.upper_layers(out);
        }
    }

    fn upper_layers(&mut self, out: &mut [f32]) {
        let rows = out.len();
        let mut inputs = self.user.len();
        for (k, &(weight, bias, activation)) in self.tower.layers.iter().enumerate().skip(1) {
            let outputs = self.network.plan.params()[weight].rows;
            let (below, above) = self.layers.split_at_mut(k);
            let x = rows_of(&below[k - 1], inputs);
            let (weight, bias) = (&self.network.packed[weight].layer, self.network.value(bias));
            linear::forward(
                self.s,
                rows,
                x,
                weight,
                bias,
                activation,
                rows_mut(&mut above[0], outputs),
            );
            inputs = outputs;
        }
        if let Some(last) = self.layers.last() {
            add_dot(self.s, rows_of(last, inputs), &self.weights, out);
        }
    }
}

fn rows_of(buffer: &[f32], width: usize) -> Rows<'_> {
    Rows {
        data: buffer,
        stride: width.next_multiple_of(16),
        width,
    }
}

fn rows_mut(buffer: &mut [f32], width: usize) -> RowsMut<'_> {
    RowsMut {
        data: buffer,
        stride: width.next_multiple_of(16),
        width,
    }
}

kernel! {
    /// `y = x + row`, then ReLU if asked for.
    pub fn add_row<'a, S: Simd>(s: S, rows: usize, x: Rows<'a>, row: &'a [f32], relu: bool, y: RowsMut<'a>) {
        let mut y = y;
        for r in 0..rows {
            let chunks = x.row(r).chunks(S::LANES).zip(row.chunks(S::LANES));
            for ((x, b), y) in chunks.zip(y.row(r).chunks_mut(S::LANES)) {
                let sum = s.add(s.load_partial(x), s.load_partial(b));
                // In this order a NaN stays one.
                let sum = if relu { s.max(s.splat(0.0), sum) } else { sum };
                s.store_partial(sum, y);
            }
        }
    }
}

kernel! {
    /// `out[r] += x[r] . weights`.
    pub fn add_dot<'a, S: Simd>(s: S, x: Rows<'a>, weights: &'a [f32], out: &'a mut [f32]) {
        for (r, out) in out.iter_mut().enumerate() {
            let mut sum = s.splat(0.0);
            for (x, w) in x.row(r).chunks(S::LANES).zip(weights.chunks(S::LANES)) {
                sum = s.mul_add(s.load_partial(x), s.load_partial(w), sum);
            }
            *out += s.reduce_sum(sum);
        }
    }
}
