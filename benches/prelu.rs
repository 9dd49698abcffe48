//! PReLU behind the hidden layers of DIN, forward and backward.

mod common;

use std::hint::black_box;

use common::{
    BACKWARD, Group, Work, bench,
    data::{Aligned, Matrix},
    tiles::{Hidden, TILE, din_layers},
};
use pocketrec::{
    cpu::{Isa, Simd, prelu},
    plan::Accumulate,
};

fn tile<S: Simd>(s: S, isa: Isa, group: &mut Group<'_>, hidden: Hidden) {
    let Hidden { name, rows, width } = hidden;
    let setup = || {
        let alpha = [1, 2].map(|seed| Aligned::random(width, seed));
        (alpha, [3, 4, 5].map(|seed| Matrix::random(rows, width, seed)))
    };
    let id = |pass: &str| format!("{pass}/{name}/{width}/{isa}");
    let work = |operands: usize| Work::moving(TILE, operands * hidden.len());
    group.run(id("forward"), work(2), setup, |([alpha, _], [x, y, _])| {
        prelu::forward(s, rows, x.rows(), alpha, y.rows_mut());
        black_box(y.floats());
    });
    for (accumulate, pass, more) in BACKWARD {
        group.run(id(pass), work(3 + more), setup, |([alpha, d_alpha], [x, dy, dx])| {
            let (x, dy) = (x.rows(), dy.rows());
            prelu::backward(
                s,
                rows,
                x,
                alpha,
                dy,
                dx.rows_mut(),
                accumulate,
                d_alpha,
                Accumulate::Overwrite,
            );
            black_box(dx.floats());
        });
    }
}

fn main() {
    bench("prelu", |group| {
        for isa in Isa::available() {
            for hidden in din_layers() {
                on_isa!(isa, tile(group, hidden));
            }
        }
    });
}
