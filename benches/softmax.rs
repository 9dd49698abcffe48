//! The softmax over each history's scores, forward and backward, on tiles of 64 histories of DIEN. Scores lie a row, and
//! so a cache line, apart: gathering them is most of it, and the backward pass is held against a copy of the lines.

mod common;

use std::hint::black_box;

use common::{
    BACKWARD, Group, Work, bench,
    data::Matrix,
    flops::EXP,
    tiles::{Histories, TILE},
};
use pocketrec::{
    cpu::{Isa, Simd, softmax},
    plan::padded,
};

fn tile<S: Simd>(s: S, isa: Isa, group: &mut Group<'_>) {
    let histories = Histories::new();
    let (offsets, steps) = (&histories.offsets[..], histories.steps());
    let setup = || [1, 2, 3].map(|seed| Matrix::random(steps, 1, seed));
    // Maximum, difference, exponential, sum and quotient.
    let work = Work::computing(TILE, (EXP + 4) * steps, isa);
    group.run(format!("forward/dien/{isa}"), work, setup, |[x, y, _]| {
        softmax::forward(s, offsets, x.rows(), y.rows_mut());
        black_box(y.floats());
    });
    for (accumulate, pass, more) in BACKWARD {
        let work = Work::moving(TILE, (3 + more) * steps * padded(1));
        group.run(format!("{pass}/dien/{isa}"), work, setup, |[y, dy, dx]| {
            softmax::backward(s, offsets, y.rows(), dy.rows(), dx.rows_mut(), accumulate);
            black_box(dx.floats());
        });
    }
}

fn main() {
    bench("softmax", |group| {
        for isa in Isa::available() {
            on_isa!(isa, tile(group));
        }
    });
}
