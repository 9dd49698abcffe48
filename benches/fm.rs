//! The second order of a factorisation machine, forward and backward, on tiles of 64 rows; and over the features of libfm's
//! files, any number a row, which are weighed first.

mod common;

use std::hint::black_box;

use common::{
    BACKWARD, Group, Work, bench,
    data::Matrix,
    tiles::{Histories, TILE},
};
use pocketrec::cpu::{Isa, Simd, fm, gather};

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
    for (accumulate, pass, more) in BACKWARD {
        group.run(id(pass), work(2 + more), setup, |(x, dy, dx)| {
            fm::backward(s, TILE, x.rows(), factors, dy.rows(), dx.rows_mut(), accumulate);
            black_box(dx.floats());
        });
    }
}

/// As many features a row as histories have steps, `factors` wide.
fn steps<S: Simd>(s: S, isa: Isa, group: &mut Group<'_>, factors: usize) {
    let histories = Histories::new();
    let (offsets, steps) = (&histories.offsets[..], histories.steps());
    let setup = || {
        let input = |seed| Matrix::random(steps, factors, seed);
        (input(1), Matrix::random(TILE, 1, 2), input(3))
    };
    let id = |pass: &str| format!("{pass}/steps/{factors}/{isa}");
    let work = |operands: usize| Work::moving(TILE, TILE + operands * steps * factors);
    let weights = Matrix::random(steps, 1, 4);
    let weights: Vec<f32> = (0..steps).map(|r| weights.rows().row(r)[0]).collect();
    group.run(id("weigh"), work(2), setup, |(x, ..)| {
        gather::weigh(s, &weights, x.rows_mut());
        black_box(x.floats());
    });
    group.run(id("forward"), work(1), setup, |(x, y, _)| {
        fm::forward_steps(s, offsets, x.rows(), y.rows_mut());
        black_box(y.floats());
    });
    for (accumulate, pass, more) in BACKWARD {
        group.run(id(pass), work(2 + more), setup, |(x, dy, dx)| {
            fm::backward_steps(s, offsets, x.rows(), dy.rows(), dx.rows_mut(), accumulate);
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
            for factors in [16, 64] {
                on_isa!(isa, steps(group, factors));
            }
        }
    });
}
