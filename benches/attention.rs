//! The weighted sum over a history's steps, forward and both gradients, on tiles of 64 samples of DIN.

mod common;

use std::hint::black_box;

use common::{
    BACKWARD, Group, Work, bench,
    data::Matrix,
    tiles::{Histories, ITEMS, TILE},
};
use pocketrec::cpu::{Isa, Simd, attention};

fn tile<S: Simd>(s: S, isa: Isa, group: &mut Group<'_>, (name, width): (&str, usize)) {
    let histories = Histories::new();
    let (steps, offsets) = (histories.steps(), &histories.offsets[..]);
    // Weights, values, and the sum, or their gradients.
    let setup = || {
        let random = |rows, width, seed| Matrix::random(rows, width, seed);
        (random(steps, 1, 1), random(steps, width, 2), random(TILE, width, 3))
    };
    // All of them are read or written once.
    let floats = steps * (1 + width) + TILE * width;
    let id = |pass: &str| format!("{pass}/{name}/{width}/{isa}");
    let work = Work::moving(TILE, floats);
    group.run(id("forward"), work, setup, |(weights, values, sum)| {
        attention::forward(s, offsets, weights.rows(), values.rows(), sum.rows_mut());
        black_box(sum.floats());
    });
    for (accumulate, pass, more) in BACKWARD {
        let work = Work::moving(TILE, floats + more * steps);
        group.run(id(&format!("weights {pass}")), work, setup, |(weights, values, sum)| {
            attention::backward_weights(s, offsets, values.rows(), sum.rows(), weights.rows_mut(), accumulate);
            black_box(weights.floats());
        });
        let work = Work::moving(TILE, floats + more * steps * width);
        group.run(id(&format!("values {pass}")), work, setup, |(weights, values, sum)| {
            attention::backward_values(s, offsets, weights.rows(), sum.rows(), values.rows_mut(), accumulate);
            black_box(values.floats());
        });
    }
}

fn main() {
    bench("attention", |group| {
        for isa in Isa::available() {
            for items in ITEMS {
                on_isa!(isa, tile(group, items));
            }
        }
    });
}
