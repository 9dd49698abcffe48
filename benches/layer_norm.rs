//! Layer normalisation, forward and backward: that of SASRec, on a tile of 800 steps.

mod common;

use std::hint::black_box;

use common::{BACKWARD, Group, Work, bench, data::Aligned};
use pocketrec::{
    cpu::{Isa, Simd, layer_norm, linear::WeightGradient},
    plan::Accumulate,
};

/// Four histories of 200 steps, 64 wide.
const ROWS: usize = 800;
const WIDTH: usize = 64;
const EPSILON: f32 = 1e-8;

fn tile<S: Simd>(s: S, isa: Isa, group: &mut Group<'_>) {
    let setup = || {
        let rows = [1, 2, 3].map(|seed| Aligned::random(ROWS * WIDTH, seed));
        (rows, [4, 5, 6, 7].map(|seed| Aligned::random(WIDTH, seed)))
    };
    let work = |operands: usize| Work::moving(ROWS, operands * ROWS * WIDTH);
    let id = |pass: &str| format!("{pass}/sasrec/{WIDTH}/{isa}");
    group.run(id("forward"), work(2), setup, |([x, y, _], [weight, bias, ..])| {
        layer_norm::forward(s, ROWS, x.rows(WIDTH), weight, bias, EPSILON, y.rows_mut(WIDTH));
        black_box(&mut y[..]);
    });
    for (accumulate, pass, more) in BACKWARD {
        group.run(id(pass), work(3 + more), setup, |([x, dy, dx], params)| {
            let [weight, _, d_weight, d_bias] = params;
            let gradient = WeightGradient {
                weight: d_weight,
                bias: d_bias,
                accumulate: Accumulate::Overwrite,
            };
            let (x, dy, to) = (x.rows(WIDTH), dy.rows(WIDTH), dx.rows_mut(WIDTH));
            layer_norm::backward(s, ROWS, x, weight, EPSILON, dy, to, accumulate, gradient);
            black_box(&mut dx[..]);
        });
    }
}

fn main() {
    bench("layer_norm", |group| {
        for isa in Isa::available() {
            on_isa!(isa, tile(group));
        }
    });
}
