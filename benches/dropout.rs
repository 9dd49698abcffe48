//! Dropout of hidden layers, on tiles of 64 rows. A copy is what it would cost if its random numbers cost nothing.

mod common;

use std::hint::black_box;

use common::{Group, Work, bench, data::Matrix, tiles::TILE};
use pocketrec::{
    cpu::{
        Isa, Simd,
        dropout::{self, Mask},
    },
    plan::Accumulate,
    rng::Rng,
};

/// Width and rate of the models' layers.
const LAYERS: [(&str, usize, f32); 4] = [
    ("deepfm64/dnn.0", 512, 0.2),
    ("deepfm64/dnn.1", 128, 0.2),
    ("din64/dnn.0", 512, 0.5),
    ("din64/dnn.1", 64, 0.5),
];

fn tile<S: Simd>(s: S, isa: Isa, group: &mut Group<'_>, (name, width, rate): (&str, usize, f32)) {
    let setup = || [1, 2].map(|seed| Matrix::random(TILE, width, seed));
    let mask = Mask {
        rng: Rng::new(1),
        rate,
        first_row: TILE,
    };
    // Forward and backward are the same function, which writes or adds.
    for (accumulate, pass, operands) in [(Accumulate::Overwrite, "write", 2), (Accumulate::Add, "add", 3)] {
        let work = Work::moving(TILE, operands * TILE * width);
        group.run(format!("{pass}/{name}/{width}/{isa}"), work, setup, |[x, y]| {
            dropout::apply(s, TILE, mask, x.rows(), y.rows_mut(), accumulate);
            black_box(y.floats());
        });
    }
}

fn main() {
    bench("dropout", |group| {
        for isa in Isa::available() {
            for layer in LAYERS {
                on_isa!(isa, tile(group, layer));
            }
        }
    });
}
