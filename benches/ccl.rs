//! The cosine contrastive loss with its gradient, on the batches of the papers: bound by memory,
//! like all that moves a few numbers a sample.

mod common;

use std::hint::black_box;

use common::{Group, Work, bench, data::Aligned};
use pocketrec::cpu::{Isa, Simd, ccl};

fn batch<S: Simd>(s: S, isa: Isa, group: &mut Group<'_>, samples: usize) {
    let logits = |stream| Aligned::random(samples, stream);
    let setup = || ([logits(1), logits(2)], Aligned::zeros(samples), vec![0.0; samples]);
    let work = Work::moving(samples, 4 * samples);
    group.run(format!("{samples}/{isa}"), work, setup, |(logits, items, negatives)| {
        let logits = [logits[0].rows(1), logits[1].rows(1)];
        let scale = 1.0 / samples as f32;
        let loss = ccl::forward_backward(s, samples, logits, 0.4, 150.0, &[], scale, items.rows_mut(1), negatives);
        black_box((&mut items[..], &mut negatives[..]));
        loss
    });
}

fn main() {
    bench("ccl", |group| {
        for isa in Isa::available() {
            for samples in [64, 256, 16_384] {
                on_isa!(isa, batch(group, samples));
            }
        }
    });
}
