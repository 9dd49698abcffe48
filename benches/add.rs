//! Sums column by column, forward and one term's gradient: residual connections of SASRec, on a tile of 800 steps.

mod common;

use std::hint::black_box;

use common::{BACKWARD, Group, Work, bench, data::Aligned};
use pocketrec::cpu::{Isa, Simd, add};

/// Four histories of 200 steps, 64 wide.
const ROWS: usize = 800;
const WIDTH: usize = 64;

fn tile<S: Simd>(s: S, isa: Isa, group: &mut Group<'_>) {
    let setup = || [1, 2, 3].map(|seed| Aligned::random(ROWS * WIDTH, seed));
    let work = |operands: usize| Work::moving(ROWS, operands * ROWS * WIDTH);
    group.run(format!("forward/sasrec/{WIDTH}/{isa}"), work(3), setup, |[a, b, c]| {
        add::forward(s, ROWS, a.rows(WIDTH), b.rows(WIDTH), c.rows_mut(WIDTH));
        black_box(&mut c[..]);
    });
    for (accumulate, pass, more) in BACKWARD {
        let id = format!("{pass}/sasrec/{WIDTH}/{isa}");
        group.run(id, work(2 + more), setup, |[a, _, c]| {
            add::backward(s, ROWS, a.rows(WIDTH), c.rows_mut(WIDTH), accumulate);
            black_box(&mut c[..]);
        });
    }
}

fn main() {
    bench("add", |group| {
        for isa in Isa::available() {
            on_isa!(isa, tile(group));
        }
    });
}
