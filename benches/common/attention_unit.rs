//! The first layer of DIN's attention on a tile: its operands, passes and flops.

use std::hint::black_box;

use pocketrec::{
    cpu::{
        Simd,
        attention_unit::{self, InputGradients, PackedUnit},
        linear::WeightGradient,
    },
    plan::{Accumulate, Activation},
};

use super::{
    data::{Aligned, Matrix},
    flops::SIGMOID,
    tiles::{Histories, TILE},
};

/// Outputs of the layer.
pub const OUTPUTS: usize = 64;

/// The operands.
pub struct Unit {
    pub histories: Histories,
    packed: PackedUnit,
    bias: Aligned,
    work: Aligned,
    query: Matrix,
    key: Matrix,
    y: Matrix,
    dy: Matrix,
    /// What `dy` begins as: the activation's derivative is applied in place.
    dy_before: Matrix,
    d_query: Matrix,
    d_key: Matrix,
    d_weight: Aligned,
    d_bias: Aligned,
}

impl Unit {
    /// For queries and keys of this width.
    pub fn new<S: Simd>(s: S, width: usize) -> Self {
        let histories = Histories::new();
        let steps = histories.steps();
        let mut packed = PackedUnit::new(s, OUTPUTS, width);
        packed.pack(s, &Aligned::weight(OUTPUTS, 4 * width, 1));
        Unit {
            work: Aligned::zeros(packed.work_len(s, TILE)),
            packed,
            histories,
            bias: Aligned::random(OUTPUTS, 2),
            query: Matrix::random(TILE, width, 3),
            key: Matrix::random(steps, width, 4),
            y: Matrix::filled(steps, OUTPUTS, 0.5),
            dy: Matrix::zeros(steps, OUTPUTS),
            dy_before: Matrix::random(steps, OUTPUTS, 5),
            d_query: Matrix::zeros(TILE, width),
            d_key: Matrix::zeros(steps, width),
            d_weight: Aligned::zeros(4 * OUTPUTS * width),
            d_bias: Aligned::zeros(OUTPUTS),
        }
    }

    /// The tile's forward pass.
    pub fn forward<S: Simd>(&mut self, s: S) {
        attention_unit::forward(
            s,
            &self.histories.offsets,
            self.query.rows(),
            self.key.rows(),
            &self.packed,
            &self.bias,
            Activation::Sigmoid,
            &mut self.work,
            self.y.rows_mut(),
        );
        black_box(self.y.floats());
    }

    /// Its backward pass; the inputs' gradients are added to others, as in DIN and DIEN.
    pub fn backward<S: Simd>(&mut self, s: S) {
        self.dy.copy_from(&self.dy_before);
        let gradient = WeightGradient {
            weight: &mut self.d_weight,
            bias: &mut self.d_bias,
            accumulate: Accumulate::Overwrite,
        };
        let inputs = InputGradients {
            query: self.d_query.rows_mut(),
            key: self.d_key.rows_mut(),
            accumulate: [Accumulate::Add, Accumulate::Add],
        };
        attention_unit::backward(
            s,
            &self.histories.offsets,
            self.query.rows(),
            self.key.rows(),
            &self.packed,
            self.y.rows(),
            Activation::Sigmoid,
            self.dy.rows_mut(),
            gradient,
            &mut self.work,
            inputs,
        );
        black_box((self.d_query.floats(), self.d_key.floats(), &mut self.d_weight[..]));
    }
}

/// Flops forward: the query's part and the query folded into the weight of each sample, each step's product and sigmoid.
pub fn forward_flops(histories: &Histories, width: usize) -> usize {
    let (samples, steps) = (histories.samples(), histories.steps());
    2 * OUTPUTS * width * (2 * samples + steps) + SIGMOID * OUTPUTS * steps
}

/// Flops backward: a step's part in the key's gradient and in the sample's moment, and the sigmoid's derivative with
/// two sums; of a sample the weight once more, what is made of its moment (two multiply-adds and an addition), and the
/// products for the gradients of the query and of its part of the weight.
pub fn backward_flops(histories: &Histories, width: usize) -> usize {
    let (samples, steps) = (histories.samples(), histories.steps());
    OUTPUTS * width * (4 * steps + (2 + 5 + 4) * samples) + 5 * OUTPUTS * steps
}
