//! The loss of pairs with its gradient, on the batches of the papers. `sigmoid_cross_entropy` has as much to compute of
//! each sample, but for the difference of the two logits.

mod common;

use std::hint::black_box;

use common::{Group, Work, bench, data::Aligned, flops::CROSS_ENTROPY};
use pocketrec::cpu::{Isa, Simd, bpr};

fn batch<S: Simd>(s: S, isa: Isa, group: &mut Group<'_>, samples: usize) {
    let logits = |stream| Aligned::random(samples, stream);
    let setup = || ([logits(1), logits(2)], Aligned::zeros(samples));
    let work = Work::computing(samples, (CROSS_ENTROPY + 1) * samples, isa);
    group.run(format!("{samples}/{isa}"), work, setup, |(logits, gradients)| {
        let logits = [logits[0].rows(1), logits[1].rows(1)];
        let scale = 1.0 / samples as f32;
        let loss = bpr::forward_backward(s, samples, logits, &[], scale, gradients.rows_mut(1));
        black_box(&mut gradients[..]);
        loss
    });
}

fn main() {
    bench("bpr", |group| {
        for isa in Isa::available() {
            for samples in [64, 256, 16_384] {
                on_isa!(isa, batch(group, samples));
            }
        }
    });
}
