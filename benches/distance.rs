//! Scores by distance, forward and one vector's gradient: CFKG, on tiles of 64 rows.

mod common;

use std::hint::black_box;

use common::{BACKWARD, Group, Work, bench, data::Aligned, tiles::TILE};
use pocketrec::cpu::{Isa, Simd, distance};

const WIDTH: usize = 64;

fn tile<S: Simd>(s: S, isa: Isa, group: &mut Group<'_>) {
    let setup = || {
        let random = |width, seed| Aligned::random(TILE * width, seed);
        (random(WIDTH, 1), random(WIDTH, 2), random(WIDTH, 3), random(1, 4))
    };
    let work = |operands: usize| Work::moving(TILE, TILE * (operands * WIDTH + 1));
    group.run(format!("forward/cfkg/{WIDTH}/{isa}"), work(2), setup, |(a, b, _, d)| {
        distance::forward(s, TILE, a.rows(WIDTH), b.rows(WIDTH), d.rows_mut(1));
        black_box(&mut d[..]);
    });
    for (accumulate, pass, more) in BACKWARD {
        let id = format!("{pass}/cfkg/{WIDTH}/{isa}");
        group.run(id, work(3 + more), setup, |(a, b, c, d)| {
            distance::backward(
                s,
                TILE,
                d.rows(1),
                a.rows(WIDTH),
                b.rows(WIDTH),
                c.rows_mut(WIDTH),
                accumulate,
            );
            black_box(&mut c[..]);
        });
    }
}

fn main() {
    bench("distance", |group| {
        for isa in Isa::available() {
            on_isa!(isa, tile(group));
        }
    });
}
