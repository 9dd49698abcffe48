//! The mean of each history, forward and backward, on tiles of 64 samples.

mod common;

use std::hint::black_box;

use common::{
    BACKWARD, Group, Work, bench,
    data::Matrix,
    tiles::{Histories, ITEMS, TILE},
};
use pocketrec::cpu::{Isa, Simd, pool};

fn tile<S: Simd>(s: S, isa: Isa, group: &mut Group<'_>, (name, width): (&str, usize)) {
    let histories = Histories::new();
    let (offsets, steps) = (&histories.offsets[..], histories.steps());
    let setup = || (Matrix::random(steps, width, 1), Matrix::random(TILE, width, 2));
    let id = |pass: &str| format!("{pass}/{name}/{width}/{isa}");
    let work = |of_steps: usize| Work::moving(TILE, (of_steps * steps + TILE) * width);
    group.run(id("forward"), work(1), setup, |(steps, mean)| {
        pool::forward(s, offsets, true, steps.rows(), mean.rows_mut());
        black_box(mean.floats());
    });
    for (accumulate, pass, more) in BACKWARD {
        group.run(id(pass), work(1 + more), setup, |(steps, mean)| {
            pool::backward(s, offsets, true, mean.rows(), steps.rows_mut(), accumulate);
            black_box(steps.floats());
        });
    }
}

fn main() {
    bench("pool", |group| {
        for isa in Isa::available() {
            for items in ITEMS {
                on_isa!(isa, tile(group, items));
            }
        }
    });
}
