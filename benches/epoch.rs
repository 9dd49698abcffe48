//! A whole epoch of NeuMF on MovieLens-1M, through the trainer: drawn, sorted, trained, without evaluation. And of MF by each
//! loss, with a negative for each positive: both look up as many rows of items, two for each positive, so that what
//! counts as a sample here is a row of an item.

mod common;

use common::{
    Group, Work,
    ceilings::Ceiling,
    criterion,
    data::ml_1m_split,
    models::{PAPER8, PAPER64, Train, Workload},
    note,
};
use criterion::Criterion;
use pocketrec::{
    cpu::Isa,
    data::Split,
    device::Device,
    models::{Loss, Mf, NeuMf},
    plan::{AdamConfig, Optimizer},
    train::{TrainConfig, Trainer},
};

fn trainer(split: &Split, workload: &Workload, optimizer: Optimizer, isa: Isa, threads: usize) -> Trainer {
    let config = TrainConfig {
        epochs: 0,
        batch_size: workload.batch,
        optimizer,
        eval_every: 0,
        ..TrainConfig::default()
    };
    let (users, items) = (split.train.users() as usize, split.train.items() as usize);
    let model = NeuMf::new(users, items)
        .factors(workload.factors)
        .layers(workload.layers);
    let device = Device::cpu().simd(isa).threads(threads);
    Trainer::new(model, device, config).expect("the sizes are in range")
}

/// One more epoch.
fn train(trainer: &mut Trainer, split: &Split) {
    let mut config = *trainer.config();
    config.epochs += 1;
    trainer.set_config(config).expect("it was valid");
    trainer.fit(split, |_| {}).expect("the split fits the model");
}

fn epoch(criterion: &mut Criterion, (split, data): &(Split, &str), workload: Workload, optimizer: Optimizer) {
    let isa = Isa::available()[0];
    let name = match optimizer {
        Optimizer::Adam(_) => "dense adam",
        _ => "lazy adam",
    };
    let samples = 5 * split.train.len();
    for threads in [1, 2] {
        let mut group = Group::new(criterion, "epoch").slow();
        let work = Work::samples(samples).of(samples * workload.flops(), Ceiling::Fma(isa, threads));
        let id = format!("{data}/{}/{name}/{isa}/{threads} threads", workload.name);
        let setup = || trainer(split, &workload, optimizer, isa, threads);
        let seconds = group.run(id, work, setup, |trainer| train(trainer, split));
        if let Some(seconds) = seconds {
            note(&format!("{seconds:.2} s an epoch of {samples} samples"));
        }
    }
}

/// MF of 64 factors, by each loss.
fn losses(criterion: &mut Criterion, (split, data): &(Split, &str)) {
    let isa = Isa::available()[0];
    let (users, items) = (split.train.users() as usize, split.train.items() as usize);
    for threads in [1, 2] {
        for loss in [Loss::CrossEntropy, Loss::Bpr] {
            let config = TrainConfig {
                epochs: 0,
                batch_size: 2048,
                negatives: 1,
                loss,
                eval_every: 0,
                ..TrainConfig::default()
            };
            let model = Mf::new(users, items).factors(64);
            let device = Device::cpu().simd(isa).threads(threads);
            let setup = || Trainer::new(model.clone(), device.clone(), config).expect("the sizes are in range");
            let mut group = Group::new(criterion, "epoch").slow();
            let id = format!("{data}/mf64/{}/{isa}/{threads} threads", loss.name());
            let work = Work::samples(2 * split.train.len());
            group.run(id, work, setup, |trainer| train(trainer, split));
        }
    }
}

fn main() {
    let mut criterion = criterion();
    let data = ml_1m_split();
    losses(&mut criterion, &data);
    let dense = Optimizer::Adam(AdamConfig::default());
    epoch(&mut criterion, &data, PAPER8, Optimizer::default());
    epoch(&mut criterion, &data, PAPER8, dense);
    // Half a minute an epoch: only where it is asked for.
    if std::env::var_os("POCKETREC_BENCH_LONG").is_some() {
        epoch(&mut criterion, &data, PAPER64, Optimizer::default());
    }
    criterion.final_summary();
}
