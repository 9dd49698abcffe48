//! The dot products of a sample's vector with its steps, forward and both gradients, on tiles of 64 samples of DIN.

mod common;

use std::hint::black_box;

use common::{
    BACKWARD, Group, Work, bench,
    data::Matrix,
    tiles::{Histories, ITEMS, TILE},
};
use pocketrec::cpu::{Isa, Simd, dot_steps};

fn tile<S: Simd>(s: S, isa: Isa, group: &mut Group<'_>, (name, width): (&str, usize)) {
    let histories = Histories::new();
    let (steps, offsets) = (histories.steps(), &histories.offsets[..]);
    // Products, keys and queries, or their gradients.
    let setup = || {
        let random = |rows, width, seed| Matrix::random(rows, width, seed);
        (random(steps, 1, 1), random(steps, width, 2), random(TILE, width, 3))
    };
    // All of them are read or written once.
    let floats = steps * (1 + width) + TILE * width;
    let id = |pass: &str| format!("{pass}/{name}/{width}/{isa}");
    let work = Work::moving(TILE, floats);
    group.run(id("forward"), work, setup, |(products, keys, queries)| {
        dot_steps::forward(s, offsets, queries.rows(), keys.rows(), products.rows_mut());
        black_box(products.floats());
    });
    for (accumulate, pass, more) in BACKWARD {
        let work = Work::moving(TILE, floats + more * TILE * width);
        group.run(
            id(&format!("queries {pass}")),
            work,
            setup,
            |(products, keys, queries)| {
                let (d, k) = (products.rows(), keys.rows());
                dot_steps::backward_query(s, offsets, d, k, queries.rows_mut(), accumulate);
                black_box(queries.floats());
            },
        );
        let work = Work::moving(TILE, floats + more * steps * width);
        group.run(id(&format!("keys {pass}")), work, setup, |(products, keys, queries)| {
            let (d, q) = (products.rows(), queries.rows());
            dot_steps::backward_key(s, offsets, d, q, keys.rows_mut(), accumulate);
            black_box(keys.floats());
        });
    }
}

fn main() {
    bench("dot_steps", |group| {
        for isa in Isa::available() {
            for items in ITEMS {
                on_isa!(isa, tile(group, items));
            }
        }
    });
}
