//! The mean of a click-through model's parameters over late epochs: what it is, who sees it, and that training does not.

use pocketrec::{
    checkpoint::ClickCheckpoint,
    data::clicks::{PlantedClickData, PlantedClicks},
    device::Device,
    models::{ClickModel, DeepFm, Dien, Din, Fm, Unit},
    plan::{Optimizer, State},
    train::{ClickConfig, ClickEpoch, ClickEvaluation, ClickTrainer, Control, StopReason},
};
use std::collections::HashMap;

use crate::common::{
    click_config,
    files::{Tensors, bytes_of, edited},
    means::{is_mean, shows_mean, values},
};

const FROM: u32 = 2;

fn planted() -> PlantedClickData {
    let clicks = PlantedClicks {
        users: 60,
        items: 80,
        categories: 8,
        rows_per_user: 40,
        ..PlantedClicks::default()
    };
    clicks.generate().unwrap()
}

fn averaging(epochs: u32) -> ClickConfig {
    ClickConfig {
        average_from: Some(FROM),
        patience: None,
        ..click_config(epochs)
    }
}

fn plain(config: ClickConfig) -> ClickConfig {
    ClickConfig {
        average_from: None,
        ..config
    }
}

fn fm(data: &PlantedClickData) -> ClickModel {
    Fm::new(data.train.layout()).embedding_dim(4).into()
}

fn models(data: &PlantedClickData) -> [ClickModel; 3] {
    let layout = data.train.layout();
    let din = Din::new(layout)
        .embedding_dim(4)
        .attention([8], Unit::Sigmoid)
        .hidden([8]);
    let dien = Dien::new(layout).embedding_dim(4).attention([8]).hidden([8]);
    [fm(data), din.into(), dien.into()]
}

fn trainer(model: ClickModel, config: ClickConfig) -> ClickTrainer {
    ClickTrainer::new(model, Device::cpu(), config).unwrap()
}

/// Trains an epoch; nothing where training is over.
fn epoch(trainer: &mut ClickTrainer, data: &PlantedClickData) -> Option<ClickEpoch> {
    let mut report = None;
    trainer
        .fit(&data.train, Some(&data.dev), |epoch| {
            report = Some(epoch.clone());
            Control::Stop
        })
        .unwrap();
    report
}

/// A trainer that has these parameters and knows of no mean.
fn with_state(model: &ClickModel, config: ClickConfig, state: State) -> ClickTrainer {
    let mut checkpoint = trainer(model.clone(), plain(config)).checkpoint().unwrap();
    checkpoint.state = state;
    ClickTrainer::from_checkpoint(checkpoint, Device::cpu()).unwrap()
}

#[test]
fn it_is_the_mean_of_snapshots_and_training_does_not_see_it() {
    let data = planted();
    for model in models(&data) {
        let config = averaging(5);
        let mut averaged = trainer(model.clone(), config);
        let mut without = trainer(model.clone(), plain(config));
        let mut snapshots = Vec::new();
        for number in 1..=config.epochs {
            let [report, reference] = [&mut averaged, &mut without].map(|trainer| epoch(trainer, &data).unwrap());
            let (seen, training) = (averaged.state().unwrap(), without.state().unwrap());
            assert_eq!((report.epoch, report.loss), (number, reference.loss));
            let count = (number + 1).saturating_sub(FROM);
            assert_eq!((report.averaged, averaged.progress().averaged), (count, count));
            let checkpoint = averaged.checkpoint().unwrap();
            assert_eq!(checkpoint.state, training, "epoch {number}");
            if number < FROM {
                assert_eq!((&seen, checkpoint.average_values), (&training, None));
                assert_eq!(report.evaluation, reference.evaluation);
                continue;
            }
            snapshots.push(training.clone());
            shows_mean(&seen, checkpoint.average_values, &snapshots);
            // Evaluation and predictions are those of a trainer that has the mean for its parameters.
            let mut other = with_state(&model, config, seen);
            assert_eq!(
                report.evaluation,
                Some(ClickEvaluation::Clicks(other.evaluate(&data.dev).unwrap()))
            );
            assert_eq!(averaged.score(&data.test).unwrap(), other.score(&data.test).unwrap());
            if number > FROM {
                assert_ne!(report.evaluation, reference.evaluation);
            }
        }
        // A call that has nothing to do leaves the mean in use.
        let seen = averaged.state().unwrap();
        assert!(epoch(&mut averaged, &data).is_none());
        assert_eq!(averaged.state().unwrap(), seen);
    }
}

/// Through a file after each epoch, and without dev rows in a call of its own, too.
#[test]
fn a_resumed_run_equals_the_uninterrupted_one() {
    let data = planted();
    for model in models(&data) {
        let config = ClickConfig {
            patience: Some(3),
            plateau: 0.5,
            ..averaging(5)
        };
        let mut whole = trainer(model.clone(), config);
        let fit = whole.fit(&data.train, Some(&data.dev), |_| ()).unwrap();
        let mut parts = trainer(model, config);
        while let Some(report) = epoch(&mut parts, &data) {
            let bytes = bytes_of(&mut parts);
            let logits = parts.score(&data.test).unwrap();
            let read = ClickCheckpoint::from_bytes(&bytes).unwrap();
            parts = ClickTrainer::from_checkpoint(read, Device::cpu()).unwrap();
            assert_eq!(bytes_of(&mut parts), bytes);
            assert_eq!(parts.score(&data.test).unwrap(), logits, "{report}");
        }
        assert_eq!((parts.progress(), parts.progress().best), (whole.progress(), fit.best));
        assert_eq!(parts.state().unwrap(), whole.state().unwrap());
        assert_eq!(bytes_of(&mut parts), bytes_of(&mut whole));
    }
}

/// Evaluations are the mean's, so are the best and what does not get better; the learning rate follows them.
#[test]
fn patience_and_plateau_look_at_the_mean() {
    let data = planted();
    let config = ClickConfig {
        average_from: Some(1),
        patience: Some(2),
        plateau: 0.5,
        ..averaging(60)
    };
    let model = fm(&data);
    let mut averaged = trainer(model.clone(), config);
    let mut without = trainer(
        model.clone(),
        ClickConfig {
            patience: None,
            plateau: 1.0,
            ..plain(config)
        },
    );
    let (mut best, mut worse, mut snapshots) = (f64::MIN, 0u32, Vec::new());
    let (mut kept, mut reports) = (None, 0);
    while let Some(report) = epoch(&mut averaged, &data) {
        // By hand: a step size that is halved for each evaluation of the mean that was not better.
        let fall = 0.5f32.powi(worse as i32);
        let by_hand = ClickConfig {
            optimizer: config
                .optimizer
                .with_learning_rate(fall * config.optimizer.learning_rate()),
            ..*without.config()
        };
        without.set_config(by_hand).unwrap();
        assert_eq!(report.loss, epoch(&mut without, &data).unwrap().loss);
        snapshots.push(without.state().unwrap());
        let seen = averaged.state().unwrap();
        is_mean(&seen, &snapshots);
        let auc = report.evaluation.as_ref().unwrap().clicks().unwrap().auc.unwrap();
        assert_eq!(report.best, auc > best);
        if report.best {
            (best, kept) = (auc, Some((report.epoch, seen)));
        } else {
            worse += 1;
        }
        assert_eq!(averaged.progress().plateaus, worse);
        reports += 1;
    }
    assert!(
        reports < 60 && worse >= 2,
        "{reports} epochs, {worse} of them not better"
    );
    let (epoch_of_best, kept) = kept.unwrap();
    assert_eq!(averaged.progress().best.unwrap().epoch, epoch_of_best);
    // It ends with the best mean, which is the parameters now; another epoch begins a new mean.
    assert_eq!(values(&averaged.state().unwrap()), values(&kept));
    let checkpoint = averaged.checkpoint().unwrap();
    assert_eq!((checkpoint.average_values, checkpoint.progress.averaged), (None, 0));
    assert_eq!(averaged.evaluate(&data.dev).unwrap().auc, Some(best));
    let more = ClickConfig {
        patience: None,
        ..config
    };
    averaged.set_config(more).unwrap();
    assert_eq!(epoch(&mut averaged, &data).unwrap().averaged, 1);
}

#[test]
fn a_mean_needs_no_dev_rows() {
    let data = planted();
    let mut averaged = trainer(fm(&data), averaging(4));
    let fit = averaged.fit(&data.train, None, |_| ()).unwrap();
    assert_eq!((fit.reason, averaged.progress().averaged), (StopReason::Finished, 3));
    let mut without = trainer(fm(&data), plain(averaging(4)));
    let mut snapshots = Vec::new();
    for _ in 0..4 {
        without.fit(&data.train, None, |_| Control::Stop).unwrap();
        snapshots.push(without.state().unwrap());
    }
    is_mean(&averaged.state().unwrap(), &snapshots[1..]);
}

#[test]
fn an_epoch_that_diverges_is_in_no_mean() {
    let data = planted();
    let mut averaged = trainer(fm(&data), averaging(3));
    averaged.fit(&data.train, Some(&data.dev), |_| ()).unwrap();
    let before = bytes_of(&mut averaged);
    let wild = ClickConfig {
        optimizer: Optimizer::Sgd { learning_rate: 1e30 },
        ..averaging(4)
    };
    averaged.set_config(wild).unwrap();
    let error = averaged
        .fit(&data.train, Some(&data.dev), |_| ())
        .unwrap_err()
        .to_string();
    assert!(error.contains("diverged"), "{error}");
    averaged.set_config(averaging(3)).unwrap();
    assert_eq!(bytes_of(&mut averaged), before);
}

#[test]
fn another_setting_ends_the_mean_and_the_same_keeps_it() {
    let data = planted();
    let mut averaged = trainer(fm(&data), averaging(4));
    averaged.fit(&data.train, None, |_| ()).unwrap();
    let (mean, training) = (averaged.state().unwrap(), averaged.checkpoint().unwrap().state);
    assert_ne!(mean, training);
    averaged.set_config(averaging(7)).unwrap();
    assert_eq!(averaged.state().unwrap(), mean);
    let later = |from| ClickConfig {
        average_from: Some(from),
        ..averaging(7)
    };
    let error = averaged.set_config(later(0)).unwrap_err().to_string();
    assert!(
        error.contains("average_from") && error.contains("counted from 1"),
        "{error}"
    );
    assert_eq!(averaged.state().unwrap(), mean);
    averaged.set_config(later(6)).unwrap();
    assert_eq!((averaged.state().unwrap(), averaged.progress().averaged), (training, 0));
    let counts: Vec<u32> = (5..=7).map(|_| epoch(&mut averaged, &data).unwrap().averaged).collect();
    assert_eq!(counts, [0, 1, 2]);
}

/// The mean of running statistics is not the statistics of the mean.
#[test]
fn batch_statistics_are_refused() {
    let data = planted();
    let layout = data.train.layout();
    let din = Din::new(layout).embedding_dim(4).attention([8], Unit::Dice).hidden([8]);
    let models: [ClickModel; 2] = [
        din.into(),
        DeepFm::new(layout)
            .embedding_dim(4)
            .hidden([8])
            .unit(Unit::BatchNormRelu)
            .into(),
    ];
    for model in models {
        let refused = |error: pocketrec::Error| {
            let error = error.to_string();
            assert!(error.contains("average_from") && error.contains("statistic"), "{error}");
        };
        refused(ClickTrainer::new(model.clone(), Device::cpu(), averaging(2)).unwrap_err());
        let mut without = trainer(model, plain(averaging(2)));
        refused(without.set_config(averaging(2)).unwrap_err());
        assert_eq!(without.config(), &plain(averaging(2)));
        let mut checkpoint = without.checkpoint().unwrap();
        checkpoint.config = averaging(2);
        refused(ClickTrainer::from_checkpoint(checkpoint, Device::cpu()).unwrap_err());
    }
}

#[test]
fn checkpoints_that_contradict_their_mean_are_refused() {
    let data = planted();
    let mut averaged = trainer(fm(&data), averaging(3));
    averaged.fit(&data.train, None, |_| ()).unwrap();
    let bytes = bytes_of(&mut averaged);
    type Edit = fn(&mut Tensors, &mut HashMap<String, String>);
    fn replace(strings: &mut HashMap<String, String>, key: &str, from: &str, to: &str) {
        let text = strings.get_mut(key).unwrap();
        assert!(text.contains(from), "{text}");
        *text = text.replace(from, to);
    }
    let cases: &[(&str, Edit)] = &[
        ("average/bias is missing", |t, _| drop(t.remove("average/bias"))),
        ("a mean of 2 epochs is counted", |t, _| {
            t.retain(|name, _| !name.starts_with("average/"))
        }),
        ("counts no epoch", |_, s| {
            replace(s, "click_progress", r#","averaged":2"#, "")
        }),
        ("a mean of 3 epochs, after epoch 3", |_, s| {
            replace(s, "click_progress", r#""averaged":2"#, r#""averaged":3"#)
        }),
        ("average_from is not set", |_, s| {
            replace(s, "clicks", r#""average_from":2,"#, "")
        }),
        ("clicks: average_from", |_, s| {
            replace(s, "clicks", r#""average_from":2"#, r#""average_from":0"#)
        }),
        ("average/bias has shape", |t, _| {
            t.insert("average/bias".into(), (safetensors::Dtype::F32, vec![2], vec![0; 8]));
        }),
    ];
    for (expected, edit) in cases {
        let error = ClickCheckpoint::from_bytes(&edited(&bytes, *edit))
            .unwrap_err()
            .to_string();
        assert!(error.contains(expected), "{error:?} lacks {expected:?}");
    }
    // The same of plain data, which is not written either.
    type Change = fn(&mut ClickCheckpoint);
    let cases: &[(&str, Change)] = &[
        ("a mean of 2 epochs is counted", |c| c.average_values = None),
        ("counts no epoch", |c| c.progress.averaged = 0),
        ("average_from is not set", |c| c.config.average_from = None),
        ("average", |c| c.average_values.as_mut().unwrap().truncate(1)),
    ];
    for (expected, edit) in cases {
        let mut checkpoint = averaged.checkpoint().unwrap();
        edit(&mut checkpoint);
        checkpoint.write_to(&mut Vec::new()).unwrap_err();
        let error = ClickTrainer::from_checkpoint(checkpoint, Device::cpu())
            .unwrap_err()
            .to_string();
        assert!(
            error.contains(expected) || error.contains("tensors of the state"),
            "{error:?} lacks {expected:?}"
        );
    }
    // Without averaging a file says nothing of it, as files from before.
    let mut without = trainer(fm(&data), plain(averaging(3)));
    assert!(!String::from_utf8_lossy(&bytes_of(&mut without)).contains("average"));
}
