//! The linear layer with bias and ReLU, forward and backward, on tiles of rows: against the multiply-add ceiling, and
//! against the crate `gemm` with a separate pass for bias and ReLU.
//!
//! `cargo bench --bench linear -- 64x64` measures one shape; names are `OUTPUTSxINPUTS/tile`. All shapes run on the best
//! instruction set, square ones in tiles of 64 on the others too. A table of all of them comes at the end.

mod common;

use std::{fmt, hint::black_box};

use common::{
    Group, Work,
    ceilings::{self, Ceiling},
    criterion,
    data::Aligned,
    turns::{SHORT, in_turn},
};
use criterion::Criterion;
use gemm::Parallelism;
use pocketrec::{
    cpu::{
        Isa, RowsMut, Simd,
        linear::{self, PackedWeight, READ_AHEAD, WeightGradient},
    },
    plan::{Activation, Flow},
};

const WIDTHS: [usize; 6] = [8, 16, 32, 64, 128, 256];
const TILES: [usize; 3] = [32, 64, 128];

#[derive(Clone, Copy)]
struct Shape {
    outputs: usize,
    inputs: usize,
    tile: usize,
}

impl Shape {
    fn all() -> impl Iterator<Item = Shape> {
        let pairs = WIDTHS
            .into_iter()
            .flat_map(|outputs| WIDTHS.into_iter().map(move |inputs| (outputs, inputs)));
        pairs.flat_map(|(outputs, inputs)| TILES.into_iter().map(move |tile| Shape { outputs, inputs, tile }))
    }

    fn flops(self) -> usize {
        2 * self.outputs * self.inputs * self.tile
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}/{}", self.outputs, self.inputs, self.tile)
    }
}

/// The operands of a layer on a tile.
struct Layer {
    shape: Shape,
    weight: Aligned,
    bias: Aligned,
    x: Aligned,
    y: Aligned,
    dx: Aligned,
    dy: Aligned,
    /// What `dy` begins as: the mask is applied in place.
    dy_before: Aligned,
    d_weight: Aligned,
    d_bias: Aligned,
}

impl Layer {
    fn new(shape: Shape) -> Self {
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

    fn forward<S: Simd>(&mut self, s: S, packed: &PackedWeight) {
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

    fn backward<S: Simd>(&mut self, s: S, packed: &PackedWeight) {
        let Shape { outputs, inputs, tile } = self.shape;
        self.dy.copy_from_slice(&self.dy_before);
        let gradient = WeightGradient {
            weight: &mut self.d_weight,
            bias: &mut self.d_bias,
            flow: Flow::Write,
        };
        let (x, y, relu) = (self.x.rows(inputs), self.y.rows(outputs), Activation::Relu);
        let (dy, dx) = (self.dy.rows_mut(outputs), self.dx.rows_mut(inputs));
        linear::backward(s, tile, x, packed, y, relu, dy, gradient, dx, Flow::Write);
        black_box((&mut self.dx[..], &mut self.d_weight[..], &mut self.d_bias[..]));
    }

    fn gemm_forward(&mut self) {
        let Shape { outputs, inputs, tile } = self.shape;
        let weight = Matrix::of(&self.weight, outputs, inputs).transposed();
        product(Matrix::of(&self.x, tile, inputs), weight, &mut self.y);
        for row in self.y.chunks_exact_mut(outputs) {
            for (y, bias) in row.iter_mut().zip(&*self.bias) {
                *y = (*y + bias).max(0.0);
            }
        }
        black_box(&mut self.y[..]);
    }

    fn gemm_backward(&mut self) {
        let Shape { outputs, inputs, tile } = self.shape;
        self.dy.copy_from_slice(&self.dy_before);
        self.d_bias.fill(0.0);
        for (dy, y) in self.dy.chunks_exact_mut(outputs).zip(self.y.chunks_exact(outputs)) {
            for ((dy, y), sum) in dy.iter_mut().zip(y).zip(self.d_bias.iter_mut()) {
                *dy = if *y > 0.0 { *dy } else { 0.0 };
                *sum += *dy;
            }
        }
        let dy = Matrix::of(&self.dy, tile, outputs);
        product(dy.transposed(), Matrix::of(&self.x, tile, inputs), &mut self.d_weight);
        product(dy, Matrix::of(&self.weight, outputs, inputs), &mut self.dx);
        black_box((&mut self.dx[..], &mut self.d_weight[..], &mut self.d_bias[..]));
    }
}

/// A matrix to read, by strides.
#[derive(Clone, Copy)]
struct Matrix<'a> {
    data: &'a [f32],
    size: [usize; 2],
    stride: [usize; 2],
}

impl<'a> Matrix<'a> {
    fn of(data: &'a [f32], rows: usize, columns: usize) -> Self {
        assert!(data.len() >= rows * columns);
        Matrix {
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

/// `c = a b` by the crate `gemm`.
fn product(a: Matrix<'_>, b: Matrix<'_>, c: &mut [f32]) {
    let ([rows, depth], [_, columns]) = (a.size, b.size);
    assert!(b.size[0] == depth && c.len() >= rows * columns);
    let strides = |m: &Matrix<'_>| (m.stride[1] as isize, m.stride[0] as isize);
    let ((a_column, a_row), (b_column, b_row)) = (strides(&a), strides(&b));
    let (c_column, c_row) = (1, columns as isize);
    let (a, b, c) = (a.data.as_ptr(), b.data.as_ptr(), c.as_mut_ptr());
    // SAFETY: `Matrix::of` has checked the lengths of a and b, the assertion above checks c's.
    unsafe {
        gemm::gemm(
            rows,
            columns,
            depth,
            c,
            c_column,
            c_row,
            false,
            a,
            a_column,
            a_row,
            b,
            b_column,
            b_row,
            0.0,
            1.0,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

/// A layer on a tile beside gemm's and the multiply-add loop, measured in turn.
struct Row {
    shape: Shape,
    forward: Rates,
    backward: Rates,
}

struct Rates {
    /// Flops a second.
    rate: f64,
    /// Of the multiply-add loop.
    share: f64,
    /// gemm's time over ours.
    gemm: f64,
}

impl fmt::Display for Rates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (rate, share) = (self.rate / 1e9, 100.0 * self.share);
        write!(f, "{rate:.1} | {share:.0} % | {:.2}", self.gemm)
    }
}

fn compare<S: Simd>(s: S, isa: Isa, shape: Shape) -> Row {
    let (mut layer, packed) = packed_layer(s, shape);
    let mut other = Layer::new(shape);
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
                    false => other.gemm_forward(),
                    true => other.gemm_backward(),
                },
                &mut || loop_flops = black_box(ceilings::fma_turn(isa, 1)),
            ],
        );
        let flops = if backward { 2 } else { 1 } * shape.flops();
        Rates {
            rate: flops as f64 / turns.seconds(0),
            share: turns.ratio(2, 0) * flops as f64 / loop_flops as f64,
            gemm: turns.ratio(1, 0),
        }
    });
    Row {
        shape,
        forward,
        backward,
    }
}

fn packed_layer<S: Simd>(s: S, shape: Shape) -> (Layer, PackedWeight) {
    let layer = Layer::new(shape);
    let mut packed = PackedWeight::new(s, shape.outputs, shape.inputs);
    packed.pack(s, &layer.weight);
    (layer, packed)
}

fn ours<S: Simd>(s: S, isa: Isa, group: &mut Group<'_>, shape: Shape) -> [Option<f64>; 2] {
    let setup = || packed_layer(s, shape);
    let work = |products: usize| Work::computing(shape.tile, products * shape.flops(), isa);
    let forward = group.run(format!("forward/{shape}/{isa}"), work(1), setup, |(layer, packed)| {
        layer.forward(s, packed);
    });
    let backward = group.run(format!("backward/{shape}/{isa}"), work(2), setup, |(layer, packed)| {
        layer.backward(s, packed);
    });
    [forward, backward]
}

fn theirs(isa: Isa, group: &mut Group<'_>, shape: Shape) -> [Option<f64>; 2] {
    let setup = || Layer::new(shape);
    let work = |products: usize| Work::computing(shape.tile, products * shape.flops(), isa);
    let forward = group.run(format!("forward/{shape}/gemm"), work(1), setup, Layer::gemm_forward);
    let backward = group.run(format!("backward/{shape}/gemm"), work(2), setup, Layer::gemm_backward);
    [forward, backward]
}

fn shapes(criterion: &mut Criterion) {
    let available = Isa::available();
    let mut rows = Vec::new();
    let mut group = Group::new(criterion, "linear");
    for shape in Shape::all() {
        let best = available[0];
        let seconds = [on_isa!(best, ours(&mut group, shape)), theirs(best, &mut group, shape)];
        if !seconds.as_flattened().contains(&None) {
            rows.push(on_isa!(best, compare(shape)));
        }
        if shape.outputs == shape.inputs && shape.tile == 64 {
            for &isa in &available[1..] {
                on_isa!(isa, ours(&mut group, shape));
            }
        }
    }
    print_table(available[0], &rows);
}

/// Rates and ratios, in Markdown.
fn print_table(isa: Isa, rows: &[Row]) {
    if rows.is_empty() {
        return;
    }
    println!("\n{isa}, one thread; ours, gemm and the multiply-add loop in turn, medians\n");
    println!(
        "| outputs x inputs / tile | forward GFLOP/s | of the loop | gemm's time / ours | backward GFLOP/s | of the loop | gemm's time / ours |"
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

/// Packing a weight in both orientations, once a step.
fn packing<S: Simd>(s: S, isa: Isa, group: &mut Group<'_>, [outputs, inputs]: [usize; 2]) {
    // A float is read once and written twice.
    let bytes = 3 * 4 * outputs * inputs;
    let setup = || {
        (
            Aligned::random(outputs * inputs, 1),
            PackedWeight::new(s, outputs, inputs),
        )
    };
    let work = Work::bytes(bytes).of(bytes, Ceiling::CopyInCache);
    group.run(format!("{outputs}x{inputs}/{isa}"), work, setup, |(weight, packed)| {
        packed.pack(s, weight);
        black_box(packed.len());
    });
}

/// One output: the logit of a NeuMF.
fn logit<S: Simd>(s: S, isa: Isa, group: &mut Group<'_>, [inputs, tile]: [usize; 2]) {
    let shape = Shape {
        outputs: 1,
        inputs,
        tile,
    };
    let setup = || packed_layer(s, shape);
    let work = Work::moving(tile, 2 * tile * inputs);
    group.run(format!("1x{inputs}/{tile}/{isa}"), work, setup, |(layer, packed)| {
        let (x, y) = (layer.x.rows(inputs), &mut layer.y);
        let y = RowsMut {
            data: y,
            stride: 1,
            width: 1,
        };
        linear::forward(s, tile, x, packed, &layer.bias, Activation::Identity, y);
        black_box(&mut layer.y[..]);
    });
}

fn main() {
    let mut criterion = criterion();
    let mut group = Group::new(&mut criterion, "pack");
    for isa in Isa::available() {
        for shape in [[32, 64], [16, 32], [8, 16], [256, 512], [128, 256], [64, 128]] {
            on_isa!(isa, packing(&mut group, shape));
        }
    }
    drop(group);
    let mut group = Group::new(&mut criterion, "logit");
    for isa in Isa::available() {
        for shape in [[16, 32], [128, 64]] {
            on_isa!(isa, logit(&mut group, shape));
        }
    }
    drop(group);
    shapes(&mut criterion);
    criterion.final_summary();
}
