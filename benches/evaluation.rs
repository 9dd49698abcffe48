//! Leave-one-out evaluation of NeuMF with 8 factors: each of 6,040 users' test item among 99 negatives.

mod common;

use common::{
    Group, Work,
    ceilings::Ceiling,
    criterion,
    data::ml_1m_split,
    models::{PAPER8, PAPER64, Train, Workload, isas},
    note,
};
use pocketrec::{
    cpu::Isa,
    data::Split,
    device::Device,
    eval::Protocol,
    models::NeuMf,
    train::{TrainConfig, Trainer},
};

fn sampled(group: &mut Group<'_>, (split, data): &(Split, &str), workload: Workload, isa: Isa, threads: usize) {
    let (users, items) = (split.train.users() as usize, split.train.items() as usize);
    let setup = || {
        let model = NeuMf::new(users, items)
            .factors(workload.factors)
            .layers(workload.layers);
        let device = Device::cpu().simd(isa).threads(threads);
        Trainer::new(model, device, TrainConfig::default()).expect("the sizes are in range")
    };
    let pairs: usize = (0..split.test.len()).map(|case| 1 + split.negatives(case).len()).sum();
    let work = Work::samples(pairs).of(pairs * workload.flops() / 3, Ceiling::Fma(isa, threads));
    let id = format!("sampled/{data}/{}/{isa}/{threads} threads", workload.name);
    let seconds = group.run(id, work, setup, |trainer| {
        let report = trainer.evaluate(split, Protocol::Sampled, 10);
        report.expect("the split has negatives").hr
    });
    if let Some(seconds) = seconds {
        note(&format!("{seconds:.3} s for {} users, {pairs} pairs", split.test.len()));
    }
}

fn main() {
    let mut criterion = criterion();
    let data = ml_1m_split();
    let mut group = Group::new(&mut criterion, "evaluation").slow();
    for workload in [PAPER8, PAPER64] {
        for isa in isas(&workload) {
            for threads in [1, 2] {
                sampled(&mut group, &data, workload, isa, threads);
            }
        }
    }
    drop(group);
    criterion.final_summary();
}
