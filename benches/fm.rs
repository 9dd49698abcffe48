//! The second order of a factorisation machine, forward and backward, on tiles of 64 rows.

mod common;

use std::hint::black_box;

use common::{BACKWARD, Group, Work, bench, data::Matrix, tiles::TILE};
use pocketrec::cpu::{Isa, Simd, fm};

/// Fields and factors: DeepFM on clicks of MovieLens-1M, on Frappe as published, and on Criteo's 13 numbers and 26 keys.
const SHAPES: [(&str, usize, usize); 4] = [
    ("deepfm16", 6, 16),
    ("deepfm64", 6, 64),
    ("frappe", 10, 10),
    ("criteo", 39, 16),
];

fn tile<S: Simd>(s: S, isa: Isa, group: &mut Group<'_>, (name, fields, factors): (&str, usize, usize)) {
    let width = fields * factors;
    let setup = || {
        let input = |seed| Matrix::random(TILE, width, seed);
        (input(1), Matrix::random(TILE, 1, 2), input(3))
    };
    let id = |pass: &str| format!("{pass}/{name}/{fields}x{factors}/{isa}");
    let work = |operands: usize| Work::moving(TILE, TILE * (operands * width + 1));
    group.run(id("forward"), work(1), setup, |(x, y, _)| {
        fm::forward(s, TILE, x.rows(), factors, y.rows_mut());
        black_box(y.floats());
    });
    for (flow, pass, more) in BACKWARD {
        group.run(id(pass), work(2 + more), setup, |(x, dy, dx)| {
            fm::backward(s, TILE, x.rows(), factors, dy.rows(), dx.rows_mut(), flow);
            black_box(dx.floats());
        });
    }
}

fn main() {
    bench("fm", |group| {
        for isa in Isa::available() {
            for shape in SHAPES {
                on_isa!(isa, tile(group, shape));
            }
        }
    });
}
