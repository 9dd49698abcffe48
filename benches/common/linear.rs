//! A linear layer with bias and ReLU on a tile: its operands, our passes, and the same by another library's product with a
//! separate pass for bias and ReLU; both beside the multiply-add loop.

use std::{fmt, hint::black_box};

use pocketrec::{
    cpu::{
        Isa, Simd,
        linear::{self, PackedWeight, READ_AHEAD, WeightGradient},
    },
    plan::{Accumulate, Activation},
};

use super::{
    ceilings,
    data::Aligned,
    turns::{SHORT, in_turn},
};

const WIDTHS: [usize; 6] = [8, 16, 32, 64, 128, 256];
const TILES: [usize; 3] = [32, 64, 128];

#[derive(Clone, Copy)]
pub struct Shape {
    pub outputs: usize,
    pub inputs: usize,
    pub tile: usize,
}

impl Shape {
    /// Every width beside every other, in every tile.
    pub fn all() -> impl Iterator<Item = Shape> {
        let pairs = WIDTHS
            .into_iter()
            .flat_map(|outputs| WIDTHS.into_iter().map(move |inputs| (outputs, inputs)));
        pairs.flat_map(|(outputs, inputs)| TILES.into_iter().map(move |tile| Shape { outputs, inputs, tile }))
    }

    /// Of one product.
    pub fn flops(self) -> usize {
        2 * self.outputs * self.inputs * self.tile
    }

    fn assert_near(self, ours: &[f32], theirs: &[f32]) {
        let largest = ours.iter().fold(0.0, |largest: f32, value| largest.max(value.abs()));
        let apart = ours.iter().zip(theirs).map(|(a, b)| (a - b).abs());
        assert!(
            apart.fold(0.0, f32::max) <= 1e-4 * largest,
            "{self}: the other library gives another layer"
        );
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}/{}", self.outputs, self.inputs, self.tile)
    }
}

/// The operands of a layer on a tile.
pub struct Layer {
    shape: Shape,
    weight: Aligned,
    pub bias: Aligned,
    pub x: Aligned,
    pub y: Aligned,
    dx: Aligned,
    dy: Aligned,
    /// What `dy` begins as: the mask is applied in place.
    dy_before: Aligned,
    d_weight: Aligned,
    d_bias: Aligned,
}

impl Layer {
    pub fn new(shape: Shape) -> Self {
        let Shape { outputs, inputs, tile } = shape;
        Layer {
            shape,
            weight: Aligned::random(outputs * inputs, 1),
            bias: Aligned::random(outputs, 2),
            x: Aligned::random(tile * inputs + READ_AHEAD, 3),
            y: Aligned::random(tile * outputs, 4),
            dx: Aligned::zeros(tile * inputs),
            dy: Aligned::zeros(tile * outputs),
            dy_before: Aligned::random(tile * outputs, 5),
            d_weight: Aligned::zeros(outputs * inputs),
            d_bias: Aligned::zeros(outputs),
        }
    }

    pub fn forward<S: Simd>(&mut self, s: S, packed: &PackedWeight) {
        let Shape { outputs, inputs, tile } = self.shape;
        let x = self.x.rows(inputs);
        linear::forward(
            s,
            tile,
            x,
            packed,
            &self.bias,
            Activation::Relu,
            self.y.rows_mut(outputs),
        );
        black_box(&mut self.y[..]);
    }

    pub fn backward<S: Simd>(&mut self, s: S, packed: &PackedWeight) {
        let Shape { outputs, inputs, tile } = self.shape;
        self.dy.copy_from_slice(&self.dy_before);
        let gradient = WeightGradient {
            weight: &mut self.d_weight,
            bias: &mut self.d_bias,
            accumulate: Accumulate::Overwrite,
        };
        let (x, y, relu) = (self.x.rows(inputs), self.y.rows(outputs), Activation::Relu);
        let (dy, dx) = (self.dy.rows_mut(outputs), self.dx.rows_mut(inputs));
        linear::backward(s, tile, x, packed, y, relu, dy, gradient, dx, Accumulate::Overwrite);
        black_box((&mut self.dx[..], &mut self.d_weight[..], &mut self.d_bias[..]));
    }

    /// The forward pass by another library.
    pub fn forward_by(&mut self, product: Product) {
        let Shape { outputs, inputs, tile } = self.shape;
        let weight = Strided::of(&self.weight, outputs, inputs).transposed();
        product(Strided::of(&self.x, tile, inputs), weight, &mut self.y);
        for row in self.y.chunks_exact_mut(outputs) {
            for (y, bias) in row.iter_mut().zip(&*self.bias) {
                *y = (*y + bias).max(0.0);
            }
        }
        black_box(&mut self.y[..]);
    }

    /// The backward pass by another library.
    pub fn backward_by(&mut self, product: Product) {
        let Shape { outputs, inputs, tile } = self.shape;
        self.dy.copy_from_slice(&self.dy_before);
        self.d_bias.fill(0.0);
        for (dy, y) in self.dy.chunks_exact_mut(outputs).zip(self.y.chunks_exact(outputs)) {
            for ((dy, y), sum) in dy.iter_mut().zip(y).zip(self.d_bias.iter_mut()) {
                *dy = if *y > 0.0 { *dy } else { 0.0 };
                *sum += *dy;
            }
        }
        let dy = Strided::of(&self.dy, tile, outputs);
        product(dy.transposed(), Strided::of(&self.x, tile, inputs), &mut self.d_weight);
        product(dy, Strided::of(&self.weight, outputs, inputs), &mut self.dx);
        black_box((&mut self.dx[..], &mut self.d_weight[..], &mut self.d_bias[..]));
    }

    /// Another library's layer is the same within rounding, forward and backward.
    fn assert_same<S: Simd>(&mut self, s: S, packed: &PackedWeight, theirs: &mut Layer, product: Product) {
        self.forward(s, packed);
        theirs.forward_by(product);
        self.shape.assert_near(&self.y, &theirs.y);
        // One mask for both: rounding can carry a sum across zero.
        theirs.y.copy_from_slice(&self.y);
        self.backward(s, packed);
        theirs.backward_by(product);
        self.shape.assert_near(&self.dx, &theirs.dx);
        self.shape.assert_near(&self.d_weight, &theirs.d_weight);
        self.shape.assert_near(&self.d_bias, &theirs.d_bias);
    }
}

/// `c = a b`, row by row, by another library.
pub type Product = fn(a: Strided<'_>, b: Strided<'_>, c: &mut [f32]);

/// A matrix to read, by strides.
#[derive(Clone, Copy)]
pub struct Strided<'a> {
    pub data: &'a [f32],
    /// Rows and columns.
    pub size: [usize; 2],
    /// Of rows and of columns; one of them is 1.
    pub stride: [usize; 2],
}

impl<'a> Strided<'a> {
    fn of(data: &'a [f32], rows: usize, columns: usize) -> Self {
        assert!(data.len() >= rows * columns);
        Strided {
            data,
            size: [rows, columns],
            stride: [columns, 1],
        }
    }

    fn transposed(mut self) -> Self {
        self.size.reverse();
        self.stride.reverse();
        self
    }
}

/// A layer on a tile beside another library's and the multiply-add loop, measured in turn.
pub struct Row {
    shape: Shape,
    forward: Rates,
    backward: Rates,
}

struct Rates {
    /// Flops a second.
    rate: f64,
    /// Of the multiply-add loop.
    share: f64,
    /// The other library's time over ours.
    other: f64,
}

impl fmt::Display for Rates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (rate, share) = (self.rate / 1e9, 100.0 * self.share);
        write!(f, "{rate:.1} | {share:.0} % | {:.2}", self.other)
    }
}

/// Measures a layer by our kernels and by `product` in turn.
pub fn compare<S: Simd>(s: S, isa: Isa, shape: Shape, product: Product) -> Row {
    let (mut layer, packed) = packed_layer(s, shape);
    let mut theirs = Layer::new(shape);
    layer.assert_same(s, &packed, &mut theirs, product);
    let [forward, backward] = [false, true].map(|backward| {
        let mut loop_flops = 0;
        let turns = in_turn(
            SHORT,
            [
                &mut || match backward {
                    false => layer.forward(s, &packed),
                    true => layer.backward(s, &packed),
                },
                &mut || match backward {
                    false => theirs.forward_by(product),
                    true => theirs.backward_by(product),
                },
                &mut || loop_flops = black_box(ceilings::fma_turn(isa, 1)),
            ],
        );
        let flops = if backward { 2 } else { 1 } * shape.flops();
        Rates {
            rate: flops as f64 / turns.seconds(0),
            share: turns.ratio(2, 0) * flops as f64 / loop_flops as f64,
            other: turns.ratio(1, 0),
        }
    });
    Row {
        shape,
        forward,
        backward,
    }
}

/// A layer and its weight, packed.
pub fn packed_layer<S: Simd>(s: S, shape: Shape) -> (Layer, PackedWeight) {
    let layer = Layer::new(shape);
    let mut packed = PackedWeight::new(s, shape.outputs, shape.inputs);
    packed.pack(s, &layer.weight);
    (layer, packed)
}

/// Rates and ratios, in Markdown.
pub fn print_table(isa: Isa, other: &str, rows: &[Row]) {
    if rows.is_empty() {
        return;
    }
    println!("\n{isa}, one thread; ours, {other} and the multiply-add loop in turn, medians\n");
    println!(
        "| outputs x inputs / tile | forward GFLOP/s | of the loop | {other}'s time / ours | backward GFLOP/s | of the loop | {other}'s time / ours |"
    );
    println!("|---|---|---|---|---|---|---|");
    for Row {
        shape,
        forward,
        backward,
    } in rows
    {
        println!("| {shape} | {forward} | {backward} |");
    }
    println!();
}
