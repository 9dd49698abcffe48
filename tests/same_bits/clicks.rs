//! Training on clicks, from the first batch to rankings after absorbed rows.

use pocketrec::{
    checkpoint::ClickCheckpoint,
    data::clicks::{Encoder, Field, PlantedClicks, Samples, Schema, Training},
    device::Device,
    models::{ClickModel, DeepFm, Dien, Din, Fm, Lr, Unit, WideDeep},
    plan::{L2, Optimizer},
    train::{ClickConfig, ClickEvent, ClickMetric, ClickRow, ClickTrainer, Control, StopReason},
};

use crate::{Backend, checksum::Checksum, common::optimizers};

struct Data {
    encoder: Encoder,
    train: Samples,
    dev: Samples,
}

fn planted() -> Data {
    let clicks = PlantedClicks {
        users: 30,
        items: 40,
        categories: 6,
        rows_per_user: 20,
        ..PlantedClicks::default()
    };
    let data = clicks.generate().unwrap();
    Data {
        encoder: data.encoder,
        train: data.train,
        dev: data.dev,
    }
}

/// Rows that are all choices; each dev row names items that were not chosen.
fn choices() -> Data {
    let fields = Schema::new().field(Field::key("user")).field(Field::key("item"));
    let schema = fields.group("user").negatives("negatives", "item", ' ');
    let mut training = Training::new(schema, Vec::new()).unwrap();
    let item = |user: u32, round: u32| format!("i{}", (user * 7 + round * 3) % 40);
    for (user, round) in (0..30).flat_map(|user| (0..8).map(move |round| (user, round))) {
        training.push_row(&[&format!("u{user}"), &item(user, round)]).unwrap();
    }
    let (encoder, train, mut past) = training.fit().unwrap();
    let mut dev = encoder.rows(&mut past, true);
    for user in 0..30 {
        let others: Vec<String> = (11..16).map(|round| item(user, round)).collect();
        dev.push_row(&[&format!("u{user}"), &item(user, 10), &others.join(" ")])
            .unwrap();
    }
    let dev = dev.finish().unwrap();
    Data { encoder, train, dev }
}

/// Rows that count more or less, with a number beside their keys.
fn weighted() -> Data {
    let fields = Schema::new().field(Field::key("user")).field(Field::key("item"));
    let schema = fields.field(Field::number("price")).label("label").weight("weight");
    let rows: Vec<[String; 5]> = (0..300u32)
        .map(|row| {
            let (price, label) = (row * 37 % 101, row % 3 / 2);
            let weight = f64::from(row % 5) * 0.75;
            [
                format!("u{}", row % 17),
                format!("i{}", row % 23),
                price.to_string(),
                label.to_string(),
                weight.to_string(),
            ]
        })
        .collect();
    let mut training = Training::new(schema, Vec::new()).unwrap();
    rows[..240]
        .iter()
        .for_each(|row| training.push_row(&row.each_ref().map(String::as_str)).unwrap());
    let (encoder, train, mut past) = training.fit().unwrap();
    let mut dev = encoder.rows(&mut past, false);
    rows[240..]
        .iter()
        .for_each(|row| dev.push_row(&row.each_ref().map(String::as_str)).unwrap());
    let dev = dev.finish().unwrap();
    Data { encoder, train, dev }
}

type Case<'d> = (&'static str, &'d Data, ClickModel, ClickConfig);

fn cases<'d>(planted: &'d Data, choices: &'d Data, weighted: &'d Data) -> Vec<Case<'d>> {
    let [lazy, adam, sgd] = optimizers().map(|(_, optimizer)| optimizer);
    let config = |optimizer: Optimizer| ClickConfig {
        epochs: 2,
        batch_size: 64,
        report_every: 3,
        seed: 7,
        optimizer,
        patience: None,
        ..ClickConfig::default()
    };
    let layout = planted.train.layout();
    let fm = |data: &Data| Fm::new(data.train.layout()).embedding_dim(4);
    let deepfm = |data: &Data| DeepFm::new(data.train.layout()).embedding_dim(4).hidden([8]);
    let din = Din::new(layout)
        .embedding_dim(4)
        .attention([8], Unit::Sigmoid)
        .hidden([8]);
    let dice = Din::new(layout)
        .embedding_dim(4)
        .attention([8], Unit::Dice)
        .hidden([8])
        .unit(Unit::Dice);
    let l2 = L2 {
        tables: 1e-4,
        per_row: 1e-4,
        dense: 1e-4,
    };
    let drawn = ClickConfig {
        negatives: 3,
        metric: ClickMetric::Ndcg,
        ..config(lazy)
    };
    let plateau = ClickConfig {
        epochs: 12,
        patience: Some(2),
        plateau: 0.5,
        average_from: Some(2),
        ..config(lazy)
    };
    vec![
        (
            "LR",
            planted,
            Lr::new(layout).into(),
            ClickConfig {
                decay: 0.5,
                ..config(sgd)
            },
        ),
        ("FM-drawn", choices, fm(choices).into(), drawn),
        (
            "WideDeep",
            planted,
            WideDeep::new(layout).embedding_dim(4).hidden([8]).into(),
            ClickConfig { l2, ..config(adam) },
        ),
        (
            "DeepFM-dropout",
            planted,
            deepfm(planted).dropout(0.3).into(),
            config(lazy),
        ),
        (
            "DeepFM-batch-norm",
            planted,
            deepfm(planted).unit(Unit::BatchNormRelu).into(),
            config(lazy),
        ),
        ("DeepFM-weighted", weighted, deepfm(weighted).into(), config(lazy)),
        ("DIN-plateau", planted, din.into(), plateau),
        (
            "DIN-Dice",
            planted,
            dice.into(),
            ClickConfig {
                patience: Some(1),
                epochs: 8,
                ..config(adam)
            },
        ),
        (
            "DIEN",
            planted,
            Dien::new(layout).embedding_dim(4).attention([8]).hidden([8]).into(),
            config(lazy),
        ),
    ]
}

/// Trains to the end; where `is_interrupted`, it stops at every event and goes on from a checkpoint's bytes.
fn trained((_, data, model, config): &Case, device: Device, is_interrupted: bool) -> (ClickTrainer, Checksum) {
    let mut trainer = ClickTrainer::new(model.clone(), device.clone(), *config).unwrap();
    trainer.set_encoder(data.encoder.clone()).unwrap();
    let mut sum = Checksum::default();
    loop {
        let fit = trainer
            .fit_events(&data.train, Some(&data.dev), |event| {
                if let ClickEvent::Epoch(epoch) = event {
                    sum.double(epoch.loss);
                    let evaluation = epoch.evaluation.as_ref().unwrap();
                    evaluation.clicks().iter().for_each(|report| sum.clicks(report));
                    evaluation.ranking().iter().for_each(|report| sum.ranking(report));
                    sum.number(u64::from(epoch.best) + 2 * u64::from(epoch.averaged));
                }
                if is_interrupted {
                    Control::Stop
                } else {
                    Control::Continue
                }
            })
            .unwrap();
        if fit.reason != StopReason::Stopped {
            return (trainer, sum);
        }
        let mut bytes = Vec::new();
        trainer.checkpoint().unwrap().write_to(&mut bytes).unwrap();
        trainer = ClickTrainer::from_checkpoint(ClickCheckpoint::from_bytes(&bytes).unwrap(), device.clone()).unwrap();
    }
}

/// Parameters in use and in training, and what is predicted by them.
fn add_trainer(sum: &mut Checksum, trainer: &mut ClickTrainer, data: &Data) {
    sum.state(&trainer.state().unwrap());
    let checkpoint = trainer.checkpoint().unwrap();
    sum.state(&checkpoint.state);
    sum.values(checkpoint.average_values.as_ref());
    sum.values(checkpoint.best_values.as_ref());
    sum.floats(&trainer.score(&data.dev).unwrap());
    sum.clicks(&trainer.evaluate(&data.dev).unwrap());
    if data.dev.has_negatives() {
        sum.ranking(&trainer.evaluate_ranking(&data.dev, 3).unwrap());
    }
    let candidates: [[(&str, &str); 1]; 4] = [[("item", "1")], [("item", "7")], [("item", "i5")], [("item", "new")]];
    let candidates: Vec<_> = candidates.iter().map(|candidate| &candidate[..]).collect();
    for user in ["1", "u3", "ann"] {
        let ranked = trainer.rank(&[("user", user)], &[], &candidates).unwrap();
        sum.ranked(ranked.into_iter().map(|(place, score)| (place as u64, score)));
    }
}

fn run(case: &Case, device: Device, is_interrupted: bool) -> u64 {
    let (mut trainer, mut sum) = trained(case, device, is_interrupted);
    add_trainer(&mut sum, &mut trainer, case.1);
    // Keys that one or another of the data knows, and new ones.
    for (user, item) in [("1", "7"), ("u3", "i5"), ("ann", "7"), ("1", "new")] {
        let values = [("user", user), ("item", item)];
        let row = ClickRow {
            values: &values,
            events: &[],
            label: 1.0,
        };
        let report = trainer.absorb(&[row]).unwrap();
        [report.before, report.after]
            .into_iter()
            .for_each(|mean| sum.double(mean));
    }
    add_trainer(&mut sum, &mut trainer, case.1);
    sum.finish()
}

pub fn enter(backend: &mut Backend) {
    let (planted, choices, weighted) = (planted(), choices(), weighted());
    for case in cases(&planted, &choices, &weighted) {
        let name = case.0;
        backend.enter(&format!("clicks/{name}"), |device| {
            let whole = run(&case, device.clone(), false);
            assert_eq!(run(&case, device, true), whole, "{name} in parts");
            whole
        });
    }
}
