//! DIEN's auxiliary loss with its gradient, of the logits of one kind of a tile of 64 histories.

mod common;

use std::hint::black_box;

use common::{
    Group, Work, bench,
    data::Matrix,
    flops::CROSS_ENTROPY,
    tiles::{Histories, TILE},
};
use pocketrec::{
    cpu::{Isa, Simd, auxiliary},
    plan::Accumulate,
};

fn tile<S: Simd>(s: S, isa: Isa, group: &mut Group<'_>, (kind, label): (&str, f32)) {
    let histories = Histories::new();
    let setup = || {
        let steps = histories.steps();
        (Matrix::random(steps, 1, 1), Matrix::zeros(steps, 1))
    };
    let scale = 0.5 / histories.pairs() as f32;
    let work = Work::computing(TILE, CROSS_ENTROPY * histories.pairs(), isa);
    group.run(format!("dien/{kind}/{isa}"), work, setup, |(logits, gradients)| {
        let (logits, d) = (logits.rows(), gradients.rows_mut());
        let loss = auxiliary::forward_backward(s, &histories.offsets, logits, label, scale, d, Accumulate::Overwrite);
        black_box(gradients.floats());
        loss
    });
}

fn main() {
    bench("auxiliary", |group| {
        for isa in Isa::available() {
            for kind in [("clicked", 1.0), ("negative", 0.0)] {
                on_isa!(isa, tile(group, kind));
            }
        }
    });
}
