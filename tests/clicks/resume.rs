//! Training on clicks that stops within an epoch, is saved, and goes on: not a bit differs, whatever is drawn and kept.

use std::time::Duration;

use pocketrec::{
    checkpoint::ClickCheckpoint,
    data::clicks::{Encoder, Field, PlantedClicks, Samples, Schema, Training},
    device::Device,
    models::{ClickModel, DeepFm, Dien, Din, Fm, Unit},
    train::{ClickConfig, ClickEvent, ClickFit, ClickMetric, ClickTrainer, Control, StopReason},
};

use crate::common::click_config;

struct Data {
    encoder: Encoder,
    train: Samples,
    dev: Samples,
}

fn clicks() -> Data {
    let clicks = PlantedClicks {
        users: 60,
        items: 80,
        categories: 8,
        rows_per_user: 40,
        ..PlantedClicks::default()
    };
    let data = clicks.generate().unwrap();
    Data {
        encoder: data.encoder,
        train: data.train,
        dev: data.dev,
    }
}

/// Rows that are all choices; each dev row names nine items that were not chosen.
fn choices() -> Data {
    let schema = Schema::new()
        .field(Field::key("user"))
        .field(Field::key("item"))
        .group("user")
        .negatives("negatives", "item", ' ');
    let mut training = Training::new(schema, Vec::new()).unwrap();
    for (user, round) in (0..50).flat_map(|user| (0..10).map(move |round| (user, round))) {
        let item = (user * 7 + round * 3) % 60;
        training.push_row(&[&format!("u{user}"), &format!("i{item}")]).unwrap();
    }
    let (encoder, train, mut past) = training.fit().unwrap();
    let mut dev = encoder.rows(&mut past, true);
    for user in 0..50 {
        let others: Vec<String> = (1..10).map(|k| format!("i{}", (user * 7 + 31 + 5 * k) % 60)).collect();
        let own = format!("i{}", (user * 7 + 31) % 60);
        dev.push_row(&[&format!("u{user}"), &own, &others.join(" ")]).unwrap();
    }
    let dev = dev.finish().unwrap();
    Data { encoder, train, dev }
}

/// A report after every five batches of 64.
fn config(epochs: u32) -> ClickConfig {
    ClickConfig {
        batch_size: 64,
        report_every: 5,
        ..click_config(epochs)
    }
}

fn new(data: &Data, model: ClickModel, config: ClickConfig) -> ClickTrainer {
    let mut trainer = ClickTrainer::new(model, Device::cpu(), config).unwrap();
    trainer.set_encoder(data.encoder.clone()).unwrap();
    trainer
}

fn bytes(trainer: &mut ClickTrainer) -> Vec<u8> {
    let mut bytes = Vec::new();
    trainer.checkpoint().unwrap().write_to(&mut bytes).unwrap();
    bytes
}

/// Trains to the end, where `stop_at` says stopping at each of so many events and going on from a checkpoint. Gives the
/// losses of the epochs to the bit, the bytes of the last checkpoint, and how often it stopped.
fn run(data: &Data, model: &ClickModel, config: ClickConfig, stop_at: Option<u32>) -> (Vec<u64>, Vec<u8>, u32) {
    let mut trainer = new(data, model.clone(), config);
    let (mut losses, mut events, mut stops) = (Vec::new(), 0, 0);
    loop {
        let fit: ClickFit = trainer
            .fit_events(&data.train, Some(&data.dev), |event| {
                if let ClickEvent::Epoch(epoch) = event {
                    losses.push(epoch.loss.to_bits());
                }
                events += 1;
                match stop_at {
                    Some(every) if events % every == 0 => Control::Stop,
                    _ => Control::Continue,
                }
            })
            .unwrap();
        let saved = bytes(&mut trainer);
        if fit.reason != StopReason::Stopped {
            return (losses, saved, stops);
        }
        stops += 1;
        let checkpoint = ClickCheckpoint::from_bytes(&saved).unwrap();
        trainer = ClickTrainer::from_checkpoint(checkpoint, Device::cpu()).unwrap();
    }
}

#[test]
fn a_run_that_stopped_anywhere_ends_with_the_same_bytes() {
    let (clicks, choices) = (clicks(), choices());
    let layout = clicks.train.layout();
    let din = Din::new(layout)
        .embedding_dim(4)
        .attention([8], Unit::Sigmoid)
        .hidden([8]);
    let dien = Dien::new(layout)
        .embedding_dim(4)
        .attention([8])
        .hidden([8])
        .dropout(0.2);
    let cases: [(&str, &Data, ClickModel, ClickConfig); 5] = [
        (
            "dropout",
            &clicks,
            DeepFm::new(layout).embedding_dim(4).hidden([8]).dropout(0.3).into(),
            config(3),
        ),
        (
            "negatives of histories",
            &clicks,
            dien.into(),
            ClickConfig {
                patience: None,
                ..config(2)
            },
        ),
        (
            "patience",
            &clicks,
            din.clone().into(),
            ClickConfig {
                patience: Some(1),
                ..config(30)
            },
        ),
        (
            "mean over epochs",
            &clicks,
            din.into(),
            ClickConfig {
                average_from: Some(2),
                patience: Some(2),
                plateau: 0.5,
                ..config(4)
            },
        ),
        (
            "drawn candidates",
            &choices,
            Fm::new(choices.train.layout()).embedding_dim(4).into(),
            ClickConfig {
                negatives: 3,
                metric: ClickMetric::Ndcg,
                ..config(3)
            },
        ),
    ];
    for (name, data, model, config) in cases {
        let (losses, want, stops) = run(data, &model, config, None);
        assert!(stops == 0 && losses.len() > 1, "{name}");
        for every in [1, 3, 4] {
            let (again, got, stops) = run(data, &model, config, Some(every));
            assert!(stops > 2, "{name}, {every}");
            assert!(
                again == losses && got == want,
                "{name}, {every}: {losses:x?}, {again:x?}"
            );
        }
    }
}

#[test]
fn progress_is_told_after_so_many_steps_of_an_epoch() {
    let data = clicks();
    let rows = data.train.len() as u64;
    let mut trainer = new(&data, Fm::new(data.train.layout()).embedding_dim(4).into(), config(2));
    let (mut seen, mut lines) = (Vec::new(), 0);
    let fit = trainer
        .fit_events(&data.train, Some(&data.dev), |event| {
            lines += event.to_string().lines().count();
            match event {
                ClickEvent::Progress(report) => {
                    assert!(report.total == rows && report.loss > 0.0);
                    seen.push((report.epoch, report.done));
                }
                ClickEvent::Epoch(report) => {
                    assert_eq!(report.samples, rows);
                    seen.push((report.epoch, rows));
                }
                _ => {}
            }
        })
        .unwrap();
    let of_epoch = |epoch| {
        (1..)
            .map(move |k| (epoch, k * 5 * 64))
            .take_while(move |at| at.1 < rows)
    };
    let want: Vec<(u32, u64)> = of_epoch(1)
        .chain([(1, rows)])
        .chain(of_epoch(2))
        .chain([(2, rows)])
        .collect();
    assert!(want.len() > 6, "{want:?}");
    assert_eq!((fit.epochs, lines, seen), (2, want.len(), want));
}

/// Where settings make the epoch shorter than what is done of it, it is over.
#[test]
fn an_epoch_that_became_shorter_ends_at_once() {
    let data = choices();
    let model = Fm::new(data.train.layout()).embedding_dim(4);
    let drawing = ClickConfig {
        negatives: 3,
        metric: ClickMetric::Ndcg,
        ..config(2)
    };
    let mut trainer = new(&data, model.into(), drawing);
    let stop_after = |rows: u64| {
        move |event: &ClickEvent| match event {
            ClickEvent::Progress(report) if report.done >= rows => Control::Stop,
            _ => Control::Continue,
        }
    };
    let fit = trainer
        .fit_events(&data.train, Some(&data.dev), stop_after(1500))
        .unwrap();
    // 500 rows with 3 negatives each; 320 rows an interval.
    assert_eq!((fit.reason, trainer.progress().sample), (StopReason::Stopped, 1600));
    trainer
        .set_config(ClickConfig {
            negatives: 0,
            ..drawing
        })
        .unwrap();
    let mut samples = Vec::new();
    let fit = trainer
        .fit(&data.train, Some(&data.dev), |epoch| samples.push(epoch.samples))
        .unwrap();
    assert_eq!((fit.epochs, samples), (2, vec![0, 500]));
}

/// A budget of no time makes one step a call; saved and loaded after each, the run ends with the bytes of one call.
#[test]
fn a_run_in_calls_of_one_step_ends_with_the_same_bytes() {
    let data = clicks();
    let layout = data.train.layout();
    let model: ClickModel = DeepFm::new(layout).embedding_dim(4).hidden([8]).dropout(0.3).into();
    let config = ClickConfig {
        batch_size: 256,
        ..config(2)
    };
    let (_, want, _) = run(&data, &model, config, None);
    let steps = data.train.len().div_ceil(256) as u64;
    let mut trainer = new(&data, model, config);
    let (mut done, mut epochs) = (0, 0);
    loop {
        let fit = trainer
            .train_for(&data.train, Some(&data.dev), Duration::ZERO, |_| ())
            .unwrap();
        (done, epochs) = (done + fit.steps, epochs + fit.epochs);
        let saved = bytes(&mut trainer);
        if fit.reason == StopReason::Finished {
            assert_eq!((done, epochs), (2 * steps, 2));
            assert!(saved == want);
            break;
        }
        assert_eq!((fit.reason, fit.steps), (StopReason::OutOfTime, 1));
        trainer = ClickTrainer::from_checkpoint(ClickCheckpoint::from_bytes(&saved).unwrap(), Device::cpu()).unwrap();
    }
    // With time enough it is a call of fit.
    let mut trainer = new(&data, trainer.model().clone(), config);
    let hour = Duration::from_secs(3600);
    let fit = trainer.train_for(&data.train, Some(&data.dev), hour, |_| ()).unwrap();
    assert_eq!(
        (fit.reason, fit.steps, fit.epochs),
        (StopReason::Finished, 2 * steps, 2)
    );
    assert!(bytes(&mut trainer) == want);
}

/// A file of the version before the training loop was one (`tests/golden/README.md`) goes on where it was, to the end that
/// version came to.
#[test]
fn a_file_from_before_there_was_one_loop_goes_on() {
    let clicks = PlantedClicks {
        users: 16,
        items: 24,
        categories: 4,
        rows_per_user: 24,
        ..PlantedClicks::default()
    };
    let data = clicks.generate().unwrap();
    let file = ClickCheckpoint::from_bytes(include_bytes!("../golden/click-checkpoint-1.safetensors")).unwrap();
    let (progress, best) = (file.progress, file.progress.best.unwrap());
    assert_eq!((progress.epoch, progress.sample, progress.step), (2, 128, 24));
    assert_eq!(
        (best.epoch, progress.evaluations_since_best, progress.at_best),
        (2, 0, false)
    );
    let mut trainer = ClickTrainer::from_checkpoint(file, Device::cpu()).unwrap();
    let fit = trainer.fit(&data.train, Some(&data.dev), |_| ()).unwrap();
    assert_eq!((fit.epochs, fit.steps, fit.reason), (2, 16, StopReason::Finished));
    let ended = ClickCheckpoint::from_bytes(include_bytes!("../golden/click-checkpoint-1-ended.safetensors")).unwrap();
    let state = trainer.state().unwrap();
    assert_eq!((state.step, fit.best.unwrap().epoch), (ended.state.step, 4));
    // Instruction sets differ in the last bits.
    for (got, want) in state.tensors.iter().zip(&ended.state.tensors) {
        assert_eq!(got.value.len(), want.value.len());
        let near = |(a, b): (&f32, &f32)| (a - b).abs() <= 1e-4 * (b.abs() + 0.01);
        assert!(got.value.iter().zip(&want.value).all(near));
    }
}
