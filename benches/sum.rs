//! The sum of a row's columns, forward and backward, on tiles of 64 rows: a dot product's products, and first orders.

mod common;

use std::hint::black_box;

use common::{BACKWARD, Group, Work, bench, data::Matrix, tiles::TILE};
use pocketrec::cpu::{Isa, Simd, sum};

/// Columns: MF's factors, and the first order of DeepFM's fields.
const WIDTHS: [(&str, usize); 2] = [("mf192", 192), ("deepfm/first", 6)];

fn tile<S: Simd>(s: S, isa: Isa, group: &mut Group<'_>, (name, width): (&str, usize)) {
    let setup = || (Matrix::random(TILE, width, 1), Matrix::random(TILE, 1, 2));
    let id = |pass: &str| format!("{pass}/{name}/{width}/{isa}");
    // The sum is read too: it is added to.
    let work = Work::moving(TILE, TILE * (width + 2));
    group.run(id("forward"), work, setup, |(x, y)| {
        sum::forward_add(s, TILE, x.rows(), y.rows_mut());
        black_box(y.floats());
    });
    for (accumulate, pass, more) in BACKWARD {
        let work = Work::moving(TILE, TILE * ((1 + more) * width + 1));
        group.run(id(pass), work, setup, |(dx, dy)| {
            sum::backward(s, TILE, dy.rows(), dx.rows_mut(), accumulate);
            black_box(dx.floats());
        });
    }
}

fn main() {
    bench("sum", |group| {
        for isa in Isa::available() {
            for shape in WIDTHS {
                on_isa!(isa, tile(group, shape));
            }
        }
    });
}
