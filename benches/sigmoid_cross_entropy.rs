//! The loss with its gradient, on the batches of the papers.

mod common;

use std::hint::black_box;

use common::{Group, Work, bench, data::Aligned, flops::CROSS_ENTROPY};
use pocketrec::cpu::{Isa, Simd, sigmoid_cross_entropy};

fn batch<S: Simd>(s: S, isa: Isa, group: &mut Group<'_>, samples: usize) {
    let setup = || {
        let labels: Vec<f32> = (0..samples).map(|i| f32::from(u8::from(i % 5 == 0))).collect();
        (Aligned::random(samples, 1), labels, Aligned::zeros(samples))
    };
    let work = Work::computing(samples, CROSS_ENTROPY * samples, isa);
    group.run(
        format!("{samples}/{isa}"),
        work,
        setup,
        |(logits, labels, gradients)| {
            let scale = 1.0 / samples as f32;
            let loss = sigmoid_cross_entropy::forward_backward(s, logits.rows(1), labels, scale, gradients.rows_mut(1));
            black_box(&mut gradients[..]);
            loss
        },
    );
}

fn main() {
    bench("sigmoid_cross_entropy", |group| {
        for isa in Isa::available() {
            for samples in [64, 256, 16_384] {
                on_isa!(isa, batch(group, samples));
            }
        }
    });
}
