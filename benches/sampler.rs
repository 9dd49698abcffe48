//! Drawing and sorting a batch: positives in shuffled order, four negatives each.

mod common;

use common::{
    Group, Work, criterion,
    data::{ML_1M, ML_20M, Sizes, ml_1m_split},
    note,
};
use criterion::Criterion;
use pocketrec::data::{Batch, Interactions, Sampler};

const NEGATIVES: u32 = 4;

fn fill(criterion: &mut Criterion, name: &str, batch: usize, data: impl Fn() -> Interactions) {
    let mut group = Group::new(criterion, "sampler");
    let setup = || {
        let sampler = Sampler::new(&data(), NEGATIVES, 1).expect("nobody has every item");
        (sampler, Batch::new(2, batch), 0)
    };
    let id = format!("{name}/{NEGATIVES} negatives/{batch}");
    let seconds = group.run(id, Work::samples(batch), setup, |(sampler, to, at)| {
        sampler.fill(0, *at, batch, to);
        *at = (*at + batch as u64) % (sampler.samples_per_epoch() - batch as u64).max(1);
    });
    if let Some(seconds) = seconds {
        let each = seconds / batch as f64;
        note(&format!(
            "{:.1} ns a sample; 4.97 M of them, an epoch of ML-1M, take {:.2} s",
            each * 1e9,
            each * 4.97e6
        ));
    }
}

/// Sorting alone, on batches that are there.
fn sort(criterion: &mut Criterion, name: &str, batch: usize, sizes: Sizes) {
    let mut group = Group::new(criterion, "sort");
    let setup = || {
        let sampler = Sampler::new(&sizes.to_test().generate(1), NEGATIVES, 1).expect("nobody has every item");
        let mut filled = Batch::new(2, batch);
        sampler.fill(0, 0, batch, &mut filled);
        filled
    };
    group.run(format!("{name}/{batch}"), Work::samples(batch), setup, Batch::sort);
}

fn main() {
    let mut criterion = criterion();
    for batch in [256, 16_384] {
        fill(&mut criterion, "ml-1m", batch, || ml_1m_split().0.train);
        fill(&mut criterion, "ml-20m sizes", batch, || ML_20M.to_test().generate(1));
        sort(&mut criterion, "ml-1m sizes", batch, ML_1M);
    }
    criterion.final_summary();
}
