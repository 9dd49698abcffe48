//! A linear layer with bias and activation, forward and backward, for one tile of rows; the specification is
//! [`ops::linear`](crate::ops::linear).
//!
//! All three products run on the register tile of `simd::matmul`, whose head comment has the operands' layouts.
//! The weight is packed into panels once a step, in both orientations ([`PackedWeight`]). The gradient of the
//! weight needs no packing: rows of x are its panels. The derivative of the activation and the gradient of the bias
//! share one pass.

mod tile;

use super::{
    accumulate::begin,
    aligned::AlignedVec,
    math::{sigmoid, tanh},
    rows::{Rows, RowsMut},
    simd::{
        InPieces, Simd, kernel,
        matmul::{Left, Panels, Shape, Start, matmul, multiply, panel_width},
        pairs, unrolled,
    },
};
use crate::plan::{Accumulate, Activation};

/// A weight `[outputs, inputs]`, packed for the forward and the backward product.
///
/// `forward` holds panels over the outputs: for each input the panel's outputs side by side. `backward` holds panels
/// over the inputs: for each output the panel's inputs. Missing columns of the last panel are zero. A weight of few outputs
/// is packed for `simd::pairs` too.
#[derive(Clone, Default)]
pub struct PackedWeight {
    outputs: usize,
    inputs: usize,
    forward: AlignedVec,
    backward: AlignedVec,
    /// Empty where there are too many outputs, or an odd number of inputs.
    pairs: AlignedVec,
}

impl PackedWeight {
    /// Room for a weight of this shape.
    ///
    /// # Panics
    /// Where there is no memory for it.
    pub fn new<S: Simd>(s: S, outputs: usize, inputs: usize) -> Self {
        let mut packed = Self::for_scores(s, outputs, inputs);
        packed.backward.resize(Self::panels::<S>(inputs) * outputs);
        packed
    }

    /// Room for a weight of this shape that [`forward`] alone reads.
    ///
    /// # Panics
    /// As [`new`](PackedWeight::new).
    pub(super) fn for_scores<S: Simd>(_: S, outputs: usize, inputs: usize) -> Self {
        // Some room beside the panels' own: what comes of the number must be one too.
        assert!(
            outputs.saturating_add(1024).saturating_mul(inputs.saturating_add(1024)) <= isize::MAX as usize / 64,
            "a weight of {outputs} x {inputs}"
        );
        PackedWeight {
            outputs,
            inputs,
            forward: AlignedVec::zeros(Self::panels::<S>(outputs) * inputs),
            // Of one output it is the weight as it is.
            backward: AlignedVec::zeros(if outputs == 1 { Self::panels::<S>(inputs) } else { 0 }),
            pairs: match pairs::fits::<S>(outputs, inputs) {
                true => AlignedVec::zeros(pairs::packed_len::<S>(inputs)),
                false => AlignedVec::default(),
            },
        }
    }

    fn panels<S: Simd>(columns: usize) -> usize {
        columns.next_multiple_of(panel_width::<S>(columns))
    }

    /// Packs `weight`, row-major `[outputs, inputs]`.
    pub fn pack<S: Simd>(&mut self, s: S, weight: &[f32]) {
        assert_eq!(weight.len(), self.outputs * self.inputs);
        pack(s, self, weight);
    }

    /// Outputs and inputs.
    pub(super) fn shape(&self) -> [usize; 2] {
        [self.outputs, self.inputs]
    }

    /// The right operand of `x weight^T`.
    pub(super) fn forward_panels<S: Simd>(&self, _: S) -> Panels<'_> {
        let width = panel_width::<S>(self.outputs);
        Panels {
            data: &self.forward,
            width,
            panel_stride: width * self.inputs,
            depth_stride: width,
        }
    }

    /// The right operand of `dy weight`, where `dy` begins with output `first`.
    pub(super) fn backward_panels<S: Simd>(&self, _: S, first: usize) -> Panels<'_> {
        let width = panel_width::<S>(self.inputs);
        Panels {
            data: &self.backward[first * width..],
            width,
            panel_stride: width * self.outputs,
            depth_stride: width,
        }
    }

    /// Number of floats in all packings.
    pub fn len(&self) -> usize {
        self.forward.len() + self.backward.len() + self.pairs.len()
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn outputs(&self) -> usize {
        self.outputs
    }

    pub(super) fn inputs(&self) -> usize {
        self.inputs
    }

    pub(super) fn forward(&self) -> &[f32] {
        &self.forward
    }

    pub(super) fn backward(&self) -> &[f32] {
        &self.backward
    }
}

kernel! {
    /// [`PackedWeight::pack`].
    pub fn pack<'a, S: Simd>(s: S, packed: &'a mut PackedWeight, weight: &'a [f32]) {
        let PackedWeight { outputs, inputs, ref mut forward, ref mut backward, ref mut pairs } = *packed;
        let width = panel_width::<S>(outputs);
        for (panel, rows) in forward.whole_pieces_mut(width * inputs).zip(weight.pieces(width * inputs)) {
            transpose(rows, inputs, panel, width);
        }
        let width = panel_width::<S>(inputs);
        for (j, panel) in backward.whole_pieces_mut(width * outputs).enumerate() {
            let columns = (inputs - j * width).min(width);
            for (to, row) in panel.whole_pieces_mut(width).zip(weight.whole_pieces(inputs)) {
                to[..columns].copy_from_slice(&row[j * width..][..columns]);
            }
        }
        if !pairs.is_empty() {
            pairs::pack(s, weight, inputs, pairs);
        }
    }
}

/// `to[k * width + n] = from[n * depth + k]`, in blocks of eight rows so that each store fills half a line.
#[inline(always)]
fn transpose(from: &[f32], depth: usize, to: &mut [f32], width: usize) {
    let mut n = 0;
    for rows in from.pieces(8 * depth) {
        if rows.len() == 8 * depth {
            let mut eight: [&[f32]; 8] = [&[]; 8];
            for (to, row) in eight.elements_mut().zip(rows.whole_pieces(depth)) {
                *to = row;
            }
            for (k, to) in to.whole_pieces_mut(width).enumerate() {
                let to = &mut to[n..n + 8];
                unrolled!(i < 8 => to[i] = eight[i][k]);
            }
        } else {
            for (r, row) in rows.whole_pieces(depth).enumerate() {
                for (k, &x) in row.elements().enumerate() {
                    to[k * width + n + r] = x;
                }
            }
        }
        n += 8;
    }
}

kernel! {
    /// `y = activation(x weight^T + bias)` for `rows` rows. An empty `bias` is none.
    ///
    /// # Panics
    /// Where the widths of `x`, `y` and `bias` are not the weight's.
    pub fn forward<'a, S: Simd>(
        s: S,
        rows: usize,
        x: Rows<'a>,
        weight: &'a PackedWeight,
        bias: &'a [f32],
        activation: Activation,
        y: RowsMut<'a>,
    ) {
        assert!(x.width == weight.inputs && y.width == weight.outputs);
        assert!(bias.is_empty() || bias.len() == weight.outputs);
        let relu = activation == Activation::Relu;
        let shape = Shape { rows, columns: weight.outputs, depth: weight.inputs };
        let mut y = y;
        if weight.outputs == 1 {
            dot_rows(s, rows, x, &weight.backward, bias.first().copied().unwrap_or(0.0), relu, y.reborrow());
        } else if weight.pairs.is_empty() {
            let start = if bias.is_empty() { Start::Zero } else { Start::Bias(bias) };
            let y = y.reborrow();
            matmul(s, shape, Left::by_row(x), weight.forward_panels(s), start, relu, y.data, y.stride);
        } else {
            pairs::multiply(s, shape, x, &weight.pairs, bias, relu, y.reborrow());
        }
        activate_rows(s, rows, activation, y);
    }
}

/// What products of matrices do not do themselves, as they do ReLU: the curved activations, in place.
#[inline(always)]
pub(super) fn activate_rows<S: Simd>(s: S, rows: usize, activation: Activation, mut y: RowsMut<'_>) {
    // No closure: its call is not always inlined, and then each lane operation is one.
    macro_rules! each {
        ($function:ident) => {
            for r in 0..rows {
                for chunk in y.row(r).pieces_mut(S::LANES) {
                    s.store_partial($function(s, s.load_partial(chunk)), chunk);
                }
            }
        };
    }
    match activation {
        Activation::Identity | Activation::Relu => {}
        Activation::Sigmoid => each!(sigmoid),
        Activation::Tanh => each!(tanh),
    }
}

/// One output: a dot product a row. A panel would be one column of numbers among zeros.
#[inline(always)]
fn dot_rows<S: Simd>(s: S, rows: usize, x: Rows<'_>, w: &[f32], bias: f32, relu: bool, mut y: RowsMut<'_>) {
    let whole = x.width - x.width % S::LANES;
    for r in 0..rows {
        let row = x.row(r);
        let mut sum = s.splat(0.0);
        for (x, w) in row.whole_pieces(S::LANES).zip(w.whole_pieces(S::LANES)) {
            sum = s.mul_add(s.load(x), s.load(w), sum);
        }
        if whole < x.width {
            let rest = x.width - whole;
            let tail = s.load_partial(row.part(whole, rest));
            sum = s.mul_add(tail, s.load_partial(w.part(whole, rest)), sum);
        }
        let sum = s.reduce_sum(sum) + bias;
        y.row(r)[0] = if relu && sum <= 0.0 { 0.0 } else { sum };
    }
}

/// The gradients that a tile's backward pass leaves in its partial sum.
#[derive(Debug)]
pub struct WeightGradient<'a> {
    /// `[outputs, inputs]`.
    pub weight: &'a mut [f32],
    /// `[outputs]`, or empty where there is no bias.
    pub bias: &'a mut [f32],
    /// Whether this is the partial's first tile, which overwrites.
    pub accumulate: Accumulate,
}

kernel! {
    /// Backward pass of a tile: from `dy` to `dx` and to the gradients of weight and bias, each if it has any length.
    ///
    /// `dy` is multiplied in place by the derivative of the activation, which `y` gives.
    ///
    /// # Panics
    /// Where the widths are not the weight's, or `x` cannot be read for whole vectors (see [`READ_AHEAD`]).
    pub fn backward<'a, S: Simd>(
        s: S,
        rows: usize,
        x: Rows<'a>,
        weight: &'a PackedWeight,
        y: Rows<'a>,
        activation: Activation,
        dy: RowsMut<'a>,
        gradient: WeightGradient<'a>,
        dx: RowsMut<'a>,
        accumulate: Accumulate,
    ) {
        let (outputs, inputs) = (weight.outputs, weight.inputs);
        assert!(x.width == inputs && dx.width == inputs && y.width == outputs && dy.width == outputs);
        assert!(gradient.weight.is_empty() || gradient.weight.len() == outputs * inputs);
        assert!(gradient.bias.is_empty() || gradient.bias.len() == outputs);
        let mut dy = dy;
        derive_and_sum(s, rows, y, activation, &mut dy, gradient.bias, gradient.accumulate);

        let dy = dy.as_rows();
        if !gradient.weight.is_empty() {
            let shape = Shape {
                rows: outputs,
                columns: inputs,
                depth: rows,
            };
            let (left, panels) = (Left::by_column(dy), Panels::of_rows(s, x));
            multiply(s, shape, left, panels, gradient.accumulate.into(), gradient.weight, inputs);
        }

        let panels = weight.backward_panels(s, 0);
        let shape = Shape {
            rows,
            columns: inputs,
            depth: outputs,
        };
        multiply(s, shape, Left::by_row(dy), panels, accumulate.into(), dx.data, dx.stride);
    }
}

/// Floats that must be readable behind the last row of `x` in [`backward`]: a vector may begin at its last column.
pub const READ_AHEAD: usize = 32;

/// Takes `dy` through the activation, and adds its columns up into the bias's gradient if there is one.
#[inline(always)]
pub(super) fn derive_and_sum<S: Simd>(
    s: S,
    rows: usize,
    y: Rows<'_>,
    activation: Activation,
    dy: &mut RowsMut<'_>,
    bias: &mut [f32],
    accumulate: Accumulate,
) {
    // A copy of the loops for each activation: inside them nothing is left to decide.
    match activation {
        Activation::Identity if bias.is_empty() => {}
        Activation::Identity => columns_by(s, Activation::Identity, rows, y, dy, bias, accumulate),
        Activation::Relu => columns_by(s, Activation::Relu, rows, y, dy, bias, accumulate),
        Activation::Sigmoid => columns_by(s, Activation::Sigmoid, rows, y, dy, bias, accumulate),
        Activation::Tanh => columns_by(s, Activation::Tanh, rows, y, dy, bias, accumulate),
    }
}

/// [`derive_and_sum`] with an activation that is a constant where this is inlined.
#[inline(always)]
fn columns_by<S: Simd>(
    s: S,
    activation: Activation,
    rows: usize,
    y: Rows<'_>,
    dy: &mut RowsMut<'_>,
    bias: &mut [f32],
    accumulate: Accumulate,
) {
    let (zero, one) = (s.splat(0.0), s.splat(1.0));
    let mut biases = bias.pieces_mut(S::LANES).into_iter();
    let mut first = 0;
    while first < dy.width {
        let columns = first..dy.width.min(first + S::LANES);
        first = columns.end;
        let bias = biases.next();
        let mut sum = match &bias {
            Some(bias) => begin(s, bias, accumulate),
            None => zero,
        };
        for r in 0..rows {
            let slot = dy.row(r).part_mut(columns.start, columns.end - columns.start);
            let mut d = s.load_partial(slot);
            if activation != Activation::Identity {
                let y = s.load_partial(y.row(r).part(columns.start, columns.end - columns.start));
                d = match activation {
                    Activation::Sigmoid => s.mul(d, s.mul(y, s.sub(one, y))),
                    Activation::Tanh => s.mul(d, s.sub(one, s.mul(y, y))),
                    _ => s.select_gt(y, zero, d, zero),
                };
                s.store_partial(d, slot);
            }
            sum = s.add(sum, d);
        }
        if let Some(bias) = bias {
            s.store_partial(sum, bias);
        }
    }
}
