//! Rows at length 1, forward and backward, on tiles of 64 rows.

mod common;

use std::hint::black_box;

use common::{Group, Work, bench, data::Aligned, tiles::TILE};
use pocketrec::{
    cpu::{Isa, Simd, normalise},
    plan::Accumulate,
};

fn tile<S: Simd>(s: S, isa: Isa, group: &mut Group<'_>, width: usize) {
    let setup = || {
        let random = |seed| Aligned::random(TILE * width, seed);
        (random(1), random(2), random(3), vec![1.0; TILE])
    };
    let work = |operands: usize| Work::moving(TILE, operands * TILE * width);
    group.run(
        format!("forward/{width}/{isa}"),
        work(2),
        setup,
        |(x, y, _, inverses)| {
            normalise::forward(s, TILE, x.rows(width), 1.0, inverses, y.rows_mut(width));
            black_box(&mut y[..]);
        },
    );
    group.run(
        format!("backward write/{width}/{isa}"),
        work(3),
        setup,
        |(dy, y, dx, inverses)| {
            let (dy, y) = (dy.rows(width), y.rows(width));
            for (r, &inverse) in inverses.iter().enumerate() {
                let to = &mut dx[r * width..][..width];
                normalise::backward_row(
                    s,
                    dy.row(r),
                    1.0,
                    y.row(r),
                    1.0,
                    Some(inverse),
                    to,
                    Accumulate::Overwrite,
                );
            }
            black_box(&mut dx[..]);
        },
    );
}

fn main() {
    bench("normalise", |group| {
        for isa in Isa::available() {
            for width in [8, 64] {
                on_isa!(isa, tile(group, width));
            }
        }
    });
}
