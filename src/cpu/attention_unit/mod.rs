//! The first layer of DIN's attention for a tile of samples, forward and backward; the specification is
//! [`ops::attention::unit_input`](crate::ops::attention::unit_input) followed by [`ops::linear`](crate::ops::linear).
//!
//! The weight's columns are `[A B C E]`, on `[q, k, q - k, q * k]`. That row is never written down: a step's sum is
//! `(A + C) q + bias`, which is the same for all steps of a sample, plus `W k` with `W = (B - C) + E diag(q)`. Folding
//! the query into a weight of the sample's own costs as much as half a step and halves what every step costs: one
//! product of D columns, where `(B - C) k + E (q * k)` takes two and the concatenation four.
//!
//! Backward, `dk = W^T dy` takes the same weight, and `M = sum over the sample's steps of dy k^T` gives all else: `B`'s
//! gradient is the sum of all `M`, `E`'s that of `M diag(q)`, and `dq` gains the column sums of `E * M`. With the sums
//! of `dy` over each sample's steps, `A`'s gradient and the rest of `dq` are products over samples. `C`'s gradient is
//! `A`'s less `B`'s, as its input is q's less k's.
//!
//! Per-sample weight, `M` and their sums are in the panels of `linear`'s packings (`[panel, row, column]`), so that all
//! passes over them are whole vectors side by side.

mod tile;

use super::{
    aligned::AlignedVec,
    linear::{PackedWeight, WeightGradient, activate_rows, derive_and_sum},
    rows::{Rows, RowsMut, steps},
    simd::{
        InPieces, Simd, kernel,
        matmul::{Left, Panels, Shape, Start, matmul, multiply, panel_width},
    },
};
use crate::plan::{Accumulate, Activation};

/// A weight `[outputs, 4 D]`, folded and packed.
#[derive(Clone, Default)]
pub struct PackedUnit {
    /// `A + C`.
    query: PackedWeight,
    /// `B - C`.
    key: PackedWeight,
    /// `E`.
    product: PackedWeight,
    /// One of them, `[outputs, D]`, before it is packed.
    folded: AlignedVec,
}

impl PackedUnit {
    /// Room for a weight of this shape, of `4 * width` columns.
    pub fn new<S: Simd>(s: S, outputs: usize, width: usize) -> Self {
        let part = PackedWeight::new(s, outputs, width);
        PackedUnit {
            query: part.clone(),
            key: part.clone(),
            product: part,
            folded: AlignedVec::zeros(outputs * width),
        }
    }

    /// Folds and packs `weight`, row-major `[outputs, 4 width]`.
    ///
    /// # Panics
    /// Where the weight has another size.
    pub fn pack<S: Simd>(&mut self, s: S, weight: &[f32]) {
        let PackedUnit {
            query,
            key,
            product,
            folded,
        } = self;
        let width = key.inputs();
        assert_eq!(weight.len(), 4 * folded.len());
        let mut fold = |packed: &mut PackedWeight, [left, right]: [usize; 2], sign: f32| {
            for (to, row) in folded.whole_pieces_mut(width).zip(weight.whole_pieces(4 * width)) {
                let (left, right) = (&row[left * width..][..width], &row[right * width..][..width]);
                for ((to, a), b) in to.iter_mut().zip(left).zip(right) {
                    *to = a + sign * b;
                }
            }
            packed.pack(s, folded);
        };
        fold(query, [0, 2], 1.0);
        fold(key, [1, 2], -1.0);
        for (to, row) in folded.whole_pieces_mut(width).zip(weight.whole_pieces(4 * width)) {
            to.copy_from_slice(&row[3 * width..]);
        }
        product.pack(s, folded);
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.folded.is_empty()
    }

    /// Floats that a pass over a tile of `samples` samples works with, beside its operands.
    pub fn work_len<S: Simd>(&self, _: S, samples: usize) -> usize {
        let (outputs, width) = (self.key.outputs(), self.key.inputs());
        let backward = self.key.backward().len();
        let passes = self
            .key
            .forward()
            .len()
            .max(3 * backward + outputs * panel_width::<S>(width));
        passes + samples * outputs
    }
}

kernel! {
    /// `output[t] = activation([q, k, q - k, q * k] weight^T + bias)` for all steps of a tile's samples. `offsets`
    /// `[samples + 1]` are those of the batch; row 0 of `key` and `output` is step `offsets[0]`.
    ///
    /// # Panics
    /// Where widths are not the weight's, an operand has fewer rows than the offsets say, these descend, or `work` is shorter than
    /// [`PackedUnit::work_len`].
    pub fn forward<'a, S: Simd>(
        s: S,
        offsets: &'a [u32],
        query: Rows<'a>,
        key: Rows<'a>,
        unit: &'a PackedUnit,
        bias: &'a [f32],
        activation: Activation,
        work: &'a mut [f32],
        output: RowsMut<'a>,
    ) {
        let (outputs, width) = (unit.key.outputs(), unit.key.inputs());
        assert!(query.width == width && key.width == width && output.width == outputs && bias.len() == outputs);
        let panel = panel_width::<S>(outputs);
        let (own, rest) = work.split_at_mut(unit.key.forward().len());
        let shape = |rows: usize| Shape { rows, columns: outputs, depth: width };
        let samples = offsets.len().saturating_sub(1);
        let of_query = &mut rest[..samples * outputs];
        let (left, right) = (Left::by_row(query), panels(unit.query.forward(), panel, width));
        multiply(s, shape(samples), left, right, Start::Bias(bias), of_query, outputs);
        let relu = activation == Activation::Relu;
        for (r, (first, end)) in steps(offsets).enumerate() {
            if first == end {
                continue;
            }
            fold_forward(s, unit, query.row(r), panel, own);
            let (left, start) = (Left::by_row(key.from_row(first)), Start::Bias(&of_query[r * outputs..][..outputs]));
            let to = &mut output.data[first * output.stride..];
            matmul(s, shape(end - first), left, panels(own, panel, width), start, relu, to, output.stride);
        }
        activate_rows(s, steps(offsets).last().map_or(0, |(_, end)| end), activation, output);
    }
}

/// A packing with panels `panel` wide and `rows` long.
fn panels(data: &[f32], panel: usize, rows: usize) -> Panels<'_> {
    Panels {
        data,
        width: panel,
        panel_stride: panel * rows,
        depth_stride: panel,
    }
}

/// `(B - C) + E diag(q)` in the forward packing: a float of the query for each row of a panel.
#[inline(always)]
fn fold_forward<S: Simd>(s: S, unit: &PackedUnit, query: &[f32], panel: usize, own: &mut [f32]) {
    let whole = panel * unit.key.inputs();
    let panels = unit
        .key
        .forward()
        .whole_pieces(whole)
        .zip(unit.product.forward().whole_pieces(whole));
    for ((key, product), own) in panels.zip(own.whole_pieces_mut(whole)) {
        let rows = key.whole_pieces(panel).zip(product.whole_pieces(panel));
        for (((key, product), own), &q) in rows.zip(own.whole_pieces_mut(panel)).zip(query.elements()) {
            let q = s.splat(q);
            let vectors = key.whole_pieces(S::LANES).zip(product.whole_pieces(S::LANES));
            for ((key, product), own) in vectors.zip(own.whole_pieces_mut(S::LANES)) {
                s.store(s.mul_add(q, s.load(product), s.load(key)), own);
            }
        }
    }
}

/// The same in the backward packing: a vector of the query for each column of a panel's vectors.
#[inline(always)]
fn fold_backward<S: Simd>(s: S, unit: &PackedUnit, query: &[f32], panel: usize, own: &mut [f32]) {
    let whole = panel * unit.key.outputs();
    let panels = unit
        .key
        .backward()
        .whole_pieces(whole)
        .zip(unit.product.backward().whole_pieces(whole));
    for ((panels, own), query) in panels.zip(own.whole_pieces_mut(whole)).zip(query.pieces(panel)) {
        for (v, query) in query.pieces(S::LANES).enumerate() {
            let (q, at) = (s.load_partial(query), v * S::LANES);
            let rows = panels.0.whole_pieces(panel).zip(panels.1.whole_pieces(panel));
            for ((key, product), own) in rows.zip(own.whole_pieces_mut(panel)) {
                s.store(
                    s.mul_add(q, s.load(product.part(at, S::LANES)), s.load(key.part(at, S::LANES))),
                    own.part_mut(at, S::LANES),
                );
            }
        }
    }
}

/// Where [`backward`] leaves the gradients of its inputs.
#[derive(Debug)]
pub struct InputGradients<'a> {
    /// `[samples, D]`.
    pub query: RowsMut<'a>,
    /// `[steps, D]`.
    pub key: RowsMut<'a>,
    /// Whether each is overwritten.
    pub accumulate: [Accumulate; 2],
}

kernel! {
    /// Backward pass of a tile: from `dy` to the gradients of query, keys, weight and bias. `dy` is multiplied in place
    /// by the derivative of the activation, which `y` gives. A gradient that is added to must be zero or what earlier
    /// calls left: `C`'s part of it is `A`'s less `B`'s.
    ///
    /// # Panics
    /// As [`forward`], and where `query` or `key` cannot be read for whole vectors
    /// (see [`READ_AHEAD`](super::linear::READ_AHEAD)).
    pub fn backward<'a, S: Simd>(
        s: S,
        offsets: &'a [u32],
        query: Rows<'a>,
        key: Rows<'a>,
        unit: &'a PackedUnit,
        y: Rows<'a>,
        activation: Activation,
        dy: RowsMut<'a>,
        gradient: WeightGradient<'a>,
        work: &'a mut [f32],
        inputs: InputGradients<'a>,
    ) {
        let (outputs, width) = (unit.key.outputs(), unit.key.inputs());
        assert!(query.width == width && key.width == width && y.width == outputs && dy.width == outputs);
        assert!(gradient.weight.len() == 4 * outputs * width && gradient.bias.len() == outputs);
        let InputGradients { query: mut d_query, key: d_key, accumulate } = inputs;
        let all_steps = steps(offsets).last().map_or(0, |(_, end)| end);
        let mut dy = dy;
        derive_and_sum(s, all_steps, y, activation, &mut dy, gradient.bias, gradient.accumulate);
        let dy = dy.as_rows();

        let samples = offsets.len().saturating_sub(1);
        let len = unit.key.backward().len();
        let panel = panel_width::<S>(width);
        let (own, rest) = work.split_at_mut(len);
        let (of_key, rest) = rest.split_at_mut(len);
        let (of_product, rest) = rest.split_at_mut(len);
        let (moment, rest) = rest.split_at_mut(outputs * panel);
        let dy_sums = &mut rest[..samples * outputs];
        of_key.fill(0.0);
        of_product.fill(0.0);
        sum_steps(s, offsets, dy, dy_sums);

        let shape = |rows: usize| Shape { rows, columns: width, depth: outputs };
        let sums = Left { data: dy_sums, row_stride: outputs, depth_stride: 1 };
        let right = panels(unit.query.backward(), panel, outputs);
        multiply(s, shape(samples), sums, right, accumulate[0].into(), d_query.data, d_query.stride);
        for (r, (first, end)) in steps(offsets).enumerate() {
            if first == end {
                continue;
            }
            let (key, dy) = (key.from_row(first), dy.from_row(first));
            fold_backward(s, unit, query.row(r), panel, own);
            let to = &mut d_key.data[first * d_key.stride..];
            let (left, right) = (Left::by_row(dy), panels(own, panel, outputs));
            multiply(s, shape(end - first), left, right, accumulate[1].into(), to, d_key.stride);
            let sums = Sums { key: of_key, product: of_product, moment };
            moments(s, unit, end - first, (query.row(r), key, dy), sums, d_query.row(r));
        }

        let weight = gradient.weight;
        let sums = Left { data: dy_sums, row_stride: 1, depth_stride: outputs };
        let queries = Panels::of_rows(s, query);
        let shape = Shape { rows: outputs, columns: width, depth: samples };
        multiply(s, shape, sums, queries, gradient.accumulate.into(), weight, 4 * width);
        unfold(s, of_key, of_product, panel, width, gradient.accumulate, weight);
    }
}

/// The sum of `dy` over each sample's steps.
#[inline(always)]
fn sum_steps<S: Simd>(s: S, offsets: &[u32], dy: Rows<'_>, sums: &mut [f32]) {
    for ((first, end), sums) in steps(offsets).zip(sums.whole_pieces_mut(dy.width)) {
        for (k, slot) in sums.pieces_mut(S::LANES).enumerate() {
            let columns = k * S::LANES..k * S::LANES + slot.len();
            let mut sum = s.splat(0.0);
            for t in first..end {
                sum = s.add(sum, s.load_partial(&dy.row(t)[columns.clone()]));
            }
            s.store_partial(sum, slot);
        }
    }
}

/// Sums over the samples of a tile, in the backward packing, and a panel of one sample's.
struct Sums<'a> {
    key: &'a mut [f32],
    product: &'a mut [f32],
    moment: &'a mut [f32],
}

/// `M = dy^T k` over one sample's steps, panel by panel, and what is made of it.
#[inline(always)]
fn moments<S: Simd>(
    s: S,
    unit: &PackedUnit,
    steps: usize,
    (query, key, dy): (&[f32], Rows<'_>, Rows<'_>),
    sums: Sums<'_>,
    d_query: &mut [f32],
) {
    let outputs = unit.key.outputs();
    let panel = panel_width::<S>(key.width);
    let whole = panel * outputs;
    let panels = sums
        .key
        .whole_pieces_mut(whole)
        .zip(sums.product.whole_pieces_mut(whole));
    let panels = panels.zip(unit.product.backward().whole_pieces(whole));
    let columns = query.pieces(panel).zip(d_query.pieces_mut(panel));
    for (p, (((of_key, of_product), product), (query, d_query))) in panels.zip(columns).enumerate() {
        let right = Panels {
            data: &key.data[p * panel..],
            width: panel,
            panel_stride: panel,
            depth_stride: key.stride,
        };
        let shape = Shape {
            rows: outputs,
            columns: query.len(),
            depth: steps,
        };
        let left = Left::by_column(dy);
        multiply(s, shape, left, right, Start::Zero, sums.moment, panel);
        for (v, (query, d_query)) in query.pieces(S::LANES).zip(d_query.pieces_mut(S::LANES)).enumerate() {
            let (q, mut dq, at) = (s.load_partial(query), s.load_partial(d_query), v * S::LANES);
            let rows = of_key.whole_pieces_mut(panel).zip(of_product.whole_pieces_mut(panel));
            let others = product.whole_pieces(panel).zip(sums.moment.whole_pieces(panel));
            for ((of_key, of_product), (product, moment)) in rows.zip(others) {
                let m = s.load(moment.part(at, S::LANES));
                dq = s.mul_add(s.load(product.part(at, S::LANES)), m, dq);
                s.store(
                    s.add(s.load(of_key.part(at, S::LANES)), m),
                    of_key.part_mut(at, S::LANES),
                );
                s.store(
                    s.mul_add(m, q, s.load(of_product.part(at, S::LANES))),
                    of_product.part_mut(at, S::LANES),
                );
            }
            s.store_partial(dq, d_query);
        }
    }
}

/// Adds the sums to the gradients of `B` and `E`, and takes `C`'s from `A`'s and `B`'s.
#[inline(always)]
fn unfold<S: Simd>(
    s: S,
    of_key: &[f32],
    of_product: &[f32],
    panel: usize,
    width: usize,
    accumulate: Accumulate,
    weight: &mut [f32],
) {
    let outputs = weight.len() / (4 * width);
    for (o, row) in weight.whole_pieces_mut(4 * width).enumerate() {
        let (a, rest) = row.split_at_mut(width);
        let (b, rest) = rest.split_at_mut(width);
        let (c, e) = rest.split_at_mut(width);
        let vectors = a.pieces(S::LANES).zip(b.pieces_mut(S::LANES));
        let vectors = vectors.zip(c.pieces_mut(S::LANES).zip(e.pieces_mut(S::LANES)));
        for (v, ((a, b), (c, e))) in vectors.enumerate() {
            let column = v * S::LANES;
            let at = column / panel * panel * outputs + o * panel + column % panel;
            let (mut key, mut product) = (s.load(of_key.part(at, S::LANES)), s.load(of_product.part(at, S::LANES)));
            if accumulate == Accumulate::Add {
                key = s.add(s.load_partial(b), key);
                product = s.add(s.load_partial(e), product);
            }
            s.store_partial(key, b);
            s.store_partial(product, e);
            s.store_partial(s.sub(s.load_partial(a), key), c);
        }
    }
}
