//! Each state beside the item of the next step, forward and backward, on tiles of 64 histories of DIEN. Copies, for
//! which there is one function on all instruction sets.

mod common;

use std::hint::black_box;

use common::{
    BACKWARD, Group, Work, bench,
    data::Matrix,
    tiles::{Histories, ITEMS, TILE},
};
use pocketrec::cpu::pair_with_next;

/// States are as wide as items.
fn tile(group: &mut Group<'_>, (name, width): (&str, usize)) {
    let histories = Histories::new();
    let (offsets, steps) = (&histories.offsets[..], histories.steps());
    let setup = || {
        let random = |width, seed| Matrix::random(steps, width, seed);
        (random(width, 1), random(width, 2), random(2 * width, 3))
    };
    let id = |pass: &str| format!("{pass}/{name}/{width}");
    let work = |operands: usize| Work::moving(TILE, operands * steps * width);
    group.run(id("forward"), work(4), setup, |(states, items, pairs)| {
        pair_with_next::forward(offsets, states.rows(), items.rows(), pairs.rows_mut());
        black_box(pairs.floats());
    });
    for (accumulate, pass, more) in BACKWARD {
        group.run(
            id(&format!("states {pass}")),
            work(2 + more),
            setup,
            |(states, _, pairs)| {
                pair_with_next::states_backward(offsets, pairs.rows(), states.rows_mut(), accumulate);
                black_box(states.floats());
            },
        );
        group.run(
            id(&format!("items {pass}")),
            work(2 + more),
            setup,
            |(_, items, pairs)| {
                pair_with_next::items_backward(offsets, pairs.rows(), items.rows_mut(), accumulate);
                black_box(items.floats());
            },
        );
    }
}

fn main() {
    bench("pair_with_next", |group| {
        for items in ITEMS {
            tile(group, items);
        }
    });
}
