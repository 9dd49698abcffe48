//! Batch normalisation of a tile, its part in the batch's statistics and its gradient: DeepFM's hidden layers on
//! Frappe, and what Dice normalises in DIN.

mod common;

use std::hint::black_box;

use common::{
    BACKWARD, Group, Work, bench,
    data::{Aligned, Matrix},
    tiles::{FRAPPE, Hidden, TILE, din_layers},
};
use pocketrec::cpu::{
    Isa, Simd,
    batch_norm::{self, Statistics},
};

struct Layer {
    mean: Aligned,
    variance: Aligned,
    /// The batch's means of the output's gradient, or a tile's sums.
    sums: Aligned,
    x: Matrix,
    y: Matrix,
    dy: Matrix,
    dx: Matrix,
}

impl Layer {
    fn new(rows: usize, width: usize) -> Self {
        let random = |seed| Matrix::random(rows, width, seed);
        let mut variance = Aligned::random(width, 1);
        variance.iter_mut().for_each(|x| *x = 1.0 + *x * *x);
        Layer {
            mean: Aligned::random(width, 2),
            variance,
            sums: Aligned::random(2 * width, 3),
            x: random(4),
            y: random(5),
            dy: random(6),
            dx: random(7),
        }
    }
}

/// Of a batch's statistics.
fn statistics<'a>(mean: &'a Aligned, variance: &'a Aligned) -> Statistics<'a> {
    Statistics {
        mean,
        variance,
        epsilon: 1e-5,
    }
}

fn tile<S: Simd>(s: S, isa: Isa, group: &mut Group<'_>, hidden: Hidden) {
    let Hidden { name, rows, width } = hidden;
    let setup = || Layer::new(rows, width);
    let id = |pass: &str| format!("{pass}/{name}/{width}/{isa}");
    let work = |operands: usize| Work::moving(TILE, operands * hidden.len());
    // What is read twice, for the mean and for the squares about it, counts twice.
    group.run(id("moments"), work(2), setup, |layer| {
        batch_norm::moments(s, rows, layer.x.rows(), &mut layer.sums);
        black_box(&mut layer.sums[..]);
    });
    group.run(id("forward"), work(2), setup, |layer| {
        let statistics = statistics(&layer.mean, &layer.variance);
        batch_norm::forward(s, rows, layer.x.rows(), statistics, layer.y.rows_mut());
        black_box(layer.y.floats());
    });
    group.run(id("gradient sums"), work(2), setup, |layer| {
        batch_norm::gradient_sums(s, rows, layer.y.rows(), layer.dy.rows(), &mut layer.sums);
        black_box(&mut layer.sums[..]);
    });
    for (accumulate, pass, more) in BACKWARD {
        group.run(id(pass), work(3 + more), setup, |layer| {
            let (statistics, means) = (statistics(&layer.mean, &layer.variance), &layer.sums);
            let (y, dy) = (layer.y.rows(), layer.dy.rows());
            batch_norm::backward(s, rows, y, statistics, means, dy, layer.dx.rows_mut(), accumulate);
            black_box(layer.dx.floats());
        });
    }
}

fn main() {
    bench("batch_norm", |group| {
        for isa in Isa::available() {
            for hidden in din_layers().into_iter().chain([FRAPPE]) {
                on_isa!(isa, tile(group, hidden));
            }
        }
    });
}
