//! The last step of each history, forward and backward, on tiles of 64 samples of DIEN. Copies, for which there is one
//! function on all instruction sets.

mod common;

use std::hint::black_box;

use common::{
    BACKWARD, Group, Work, bench,
    data::Matrix,
    tiles::{Histories, ITEMS, TILE},
};
use pocketrec::{cpu::last_step, plan::Accumulate};

fn tile(group: &mut Group<'_>, (name, width): (&str, usize)) {
    let histories = Histories::new();
    let (offsets, steps) = (&histories.offsets[..], histories.steps());
    let setup = || (Matrix::random(steps, width, 1), Matrix::random(TILE, width, 2));
    let id = |pass: &str| format!("{pass}/{name}/{width}");
    let work = |rows: usize| Work::moving(TILE, rows * width);
    group.run(id("forward"), work(2 * TILE), setup, |(states, last)| {
        last_step::forward(offsets, states.rows(), last.rows_mut());
        black_box(last.floats());
    });
    for (accumulate, pass, _) in BACKWARD {
        // Zeros at all steps, but only where this is the first gradient.
        let zeroed = if accumulate == Accumulate::Overwrite { steps } else { 0 };
        group.run(id(pass), work(3 * TILE + zeroed), setup, |(states, last)| {
            last_step::backward(offsets, last.rows(), states.rows_mut(), accumulate);
            black_box(states.floats());
        });
    }
}

fn main() {
    bench("last_step", |group| {
        for items in ITEMS {
            tile(group, items);
        }
    });
}
