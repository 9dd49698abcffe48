//! Training on pairs, from the first draw to recommendations after absorbed clicks.

use pocketrec::{
    checkpoint::Checkpoint,
    data::{Planted, Split},
    device::Device,
    eval::Protocol,
    models::{Gmf, Mf, Mlp, Model, NeuMf},
    plan::{L2, Optimizer},
    train::{Control, Event, StopReason, TrainConfig, Trainer},
};

use crate::{Backend, checksum::Checksum, common::optimizers};

const USERS: u32 = 60;
const ITEMS: u32 = 50;

fn split() -> Split {
    let planted = Planted {
        users: USERS,
        items: ITEMS,
        interactions_per_user: 8,
        ..Planted::default()
    };
    planted.generate().unwrap().interactions.leave_one_out().unwrap()
}

fn cases() -> [(&'static str, Model, TrainConfig); 4] {
    let (users, items) = (USERS as usize, ITEMS as usize);
    let [lazy, adam, sgd] = optimizers().map(|(_, optimizer)| optimizer);
    let config = |optimizer: Optimizer, epochs| TrainConfig {
        epochs,
        optimizer,
        batch_size: 128,
        seed: 7,
        report_every: 6,
        k: 5,
        ..TrainConfig::default()
    };
    [
        (
            "MF",
            Mf::new(users, items).factors(5).into(),
            TrainConfig {
                decay: 0.5,
                ..config(lazy, 3)
            },
        ),
        (
            "GMF-averaged",
            Gmf::new(users, items).into(),
            TrainConfig {
                average_from: Some(2),
                ..config(adam, 3)
            },
        ),
        (
            "MLP-full-ranking",
            Mlp::new(users, items).layers([16, 8]).into(),
            TrainConfig {
                protocol: Protocol::Full,
                ..config(sgd, 2)
            },
        ),
        (
            "NeuMF-patience",
            NeuMf::new(users, items).factors(4).into(),
            TrainConfig {
                patience: Some(1),
                l2: L2 {
                    tables: 1e-4,
                    per_row: 1e-4,
                    dense: 1e-4,
                },
                ..config(lazy, 12)
            },
        ),
    ]
}

/// Trains to the end; where `is_interrupted`, it stops at every event and goes on from a checkpoint's bytes.
fn trained(
    model: &Model,
    config: TrainConfig,
    split: &Split,
    device: Device,
    is_interrupted: bool,
) -> (Trainer, Checksum) {
    let mut trainer = Trainer::new(model.clone(), device.clone(), config).unwrap();
    let mut sum = Checksum::default();
    loop {
        let report = trainer
            .fit_events(split, |event| {
                if let Event::Epoch(epoch) = event {
                    sum.double(epoch.loss);
                    sum.ranking(&epoch.evaluation.unwrap());
                    sum.number(u64::from(epoch.best) + 2 * u64::from(epoch.averaged));
                }
                if is_interrupted {
                    Control::Stop
                } else {
                    Control::Continue
                }
            })
            .unwrap();
        if report.reason != StopReason::Stopped {
            return (trainer, sum);
        }
        let mut bytes = Vec::new();
        trainer.checkpoint().unwrap().write_to(&mut bytes).unwrap();
        trainer = Trainer::from_checkpoint(Checkpoint::from_bytes(&bytes).unwrap(), device.clone()).unwrap();
    }
}

/// Parameters in use and in training, and what is recommended by them.
fn add_trainer(sum: &mut Checksum, trainer: &mut Trainer) {
    sum.state(&trainer.state().unwrap());
    let checkpoint = trainer.checkpoint().unwrap();
    sum.state(&checkpoint.state);
    sum.values(checkpoint.average_values.as_ref());
    sum.values(checkpoint.best_values.as_ref());
    for user in [0, 7, USERS - 1] {
        let best = trainer.recommend(user, 9).unwrap();
        sum.ranked(best.into_iter().map(|(item, score)| (item.into(), score)));
    }
    sum.floats(&trainer.score(&[(0, 1), (3, 3), (USERS - 1, ITEMS - 1)]).unwrap());
}

fn run(model: &Model, config: TrainConfig, split: &Split, device: Device, is_interrupted: bool) -> u64 {
    let (mut trainer, mut sum) = trained(model, config, split, device, is_interrupted);
    add_trainer(&mut sum, &mut trainer);
    for protocol in [Protocol::Sampled, Protocol::Full] {
        sum.ranking(&trainer.evaluate(split, protocol, 10).unwrap());
    }
    // Known ones, a new user, a new item, both.
    for clicks in [
        &[(3, 9), (4, 1)][..],
        &[(USERS, 2)],
        &[(5, ITEMS)],
        &[(USERS + 1, ITEMS + 1)],
    ] {
        let report = trainer.absorb(clicks).unwrap();
        [report.before, report.after]
            .into_iter()
            .for_each(|mean| sum.double(mean));
    }
    add_trainer(&mut sum, &mut trainer);
    sum.finish()
}

pub fn enter(backend: &mut Backend) {
    let split = split();
    for (name, model, config) in cases() {
        backend.enter(&format!("pairs/{name}"), |device| {
            let whole = run(&model, config, &split, device.clone(), false);
            assert_eq!(run(&model, config, &split, device, true), whole, "{name} in parts");
            whole
        });
    }
}
