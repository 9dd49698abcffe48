//! The elementwise product of GMF and NeuMF, forward and one factor's gradient, on tiles of 64 rows.

mod common;

use std::hint::black_box;

use common::{BACKWARD, Group, Work, bench, data::Aligned, tiles::TILE};
use pocketrec::cpu::{Isa, Simd, product};

fn tile<S: Simd>(s: S, isa: Isa, group: &mut Group<'_>, (name, width): (&str, usize)) {
    let setup = || {
        let random = |seed| Aligned::random(TILE * width, seed);
        (random(1), random(2), random(3))
    };
    let work = |operands: usize| Work::moving(TILE, operands * TILE * width);
    group.run(format!("forward/{name}/{width}/{isa}"), work(3), setup, |(a, b, c)| {
        product::forward(s, TILE, a.rows(width), b.rows(width), c.rows_mut(width));
        black_box(&mut c[..]);
    });
    for (accumulate, pass, more) in BACKWARD {
        let id = format!("{pass}/{name}/{width}/{isa}");
        group.run(id, work(3 + more), setup, |(a, b, c)| {
            product::backward(s, TILE, a.rows(width), b.rows(width), c.rows_mut(width), accumulate);
            black_box(&mut c[..]);
        });
    }
}

fn main() {
    bench("product", |group| {
        for isa in Isa::available() {
            for shape in [("paper8", 8), ("paper64", 64)] {
                on_isa!(isa, tile(group, shape));
            }
        }
    });
}
