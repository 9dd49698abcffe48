//! The mean of the parameters over late epochs: what it is, who sees it, and that training does not.

use pocketrec::{
    Error,
    checkpoint::Checkpoint,
    device::Device,
    eval::{Protocol, evaluate},
    models::{Gmf, Mf, Mlp, Model, NeuMf},
    plan::{AdamConfig, Optimizer, State},
    reference::Reference,
    train::{Control, EpochReport, TrainConfig, Trainer},
};
use safetensors::SafeTensors;

use crate::common::means::{is_mean, shows_mean, values};
use crate::planted::{ITEMS, USERS, config, split, trainer};

const FROM: u32 = 3;

fn averaging() -> TrainConfig {
    TrainConfig {
        epochs: 6,
        average_from: Some(FROM),
        optimizer: Optimizer::default().with_learning_rate(0.01),
        ..config()
    }
}

fn plain(config: TrainConfig) -> TrainConfig {
    TrainConfig {
        average_from: None,
        ..config
    }
}

fn mf() -> Model {
    Mf::new(USERS as usize, ITEMS as usize).factors(4).into()
}

fn gmf() -> Model {
    Gmf::new(USERS as usize, ITEMS as usize).factors(4).into()
}

/// Trains an epoch.
fn epoch(trainer: &mut Trainer) -> EpochReport {
    trainer.fit(&split(), |_| Control::Stop).unwrap().last.unwrap()
}

fn mean_is_seen_and_training_does_not_see_it(mut averaged: Trainer, mut without: Trainer) {
    let split = split();
    let mut snapshots = Vec::new();
    let mut other_ranking = false;
    for number in 1..=averaged.config().epochs {
        let (report, reference) = (epoch(&mut averaged), epoch(&mut without));
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
        // Evaluation, scores and recommendations are those of a trainer that has the mean for its parameters.
        let (model, config) = (averaged.model().clone(), *averaged.config());
        let mut other = Trainer::with_state(model, Device::cpu(), config, seen).unwrap();
        let ranking = report.evaluation.unwrap();
        assert_eq!(ranking, other.evaluate(&split, config.protocol, config.k).unwrap());
        assert_eq!(ranking, averaged.evaluate(&split, config.protocol, config.k).unwrap());
        other_ranking |= report.evaluation != reference.evaluation;
        let pairs = [(0, 0), (7, 3), (USERS - 1, ITEMS - 1)];
        let scores = averaged.score(&pairs).unwrap();
        assert_eq!(scores, other.score(&pairs).unwrap());
        let alone = |trainer: &mut Trainer| trainer.recommend_from(5, &[1, 2, 3, 4], 2).unwrap();
        assert_eq!(alone(&mut averaged), alone(&mut other));
        if number > FROM {
            assert_ne!(scores, without.score(&pairs).unwrap());
        }
    }
    assert!(other_ranking, "the mean ranks as the last parameters in every epoch");
}

#[test]
fn it_is_the_mean_of_snapshots_and_training_does_not_see_it() {
    let (users, items) = (USERS as usize, ITEMS as usize);
    let mlp: Model = Mlp::new(users, items).layers([16, 8]).into();
    let neumf: Model = NeuMf::new(users, items).factors(4).into();
    let adam = AdamConfig {
        learning_rate: 0.01,
        ..AdamConfig::default()
    };
    for (model, optimizer) in [
        (mf(), Optimizer::LazyAdam(adam)),
        (gmf(), Optimizer::Adam(adam)),
        (mlp, Optimizer::LazyAdam(adam)),
        (neumf, Optimizer::Sgd { learning_rate: 2.0 }),
    ] {
        let config = TrainConfig {
            optimizer,
            ..averaging()
        };
        mean_is_seen_and_training_does_not_see_it(trainer(model.clone(), config), trainer(model, plain(config)));
    }
}

/// The specification has nothing but the methods that every executor has. It holds more digits than a state, so that
/// training is the same up to what is rounded when the mean makes way.
#[test]
fn it_works_on_any_executor() {
    let config = averaging();
    let [mut averaged, mut without] = [config, plain(config)].map(|config| {
        let plan = gmf().plan().unwrap();
        let state = State::initial(&plan, config.seed, true).unwrap();
        let reference = Reference::new(&plan, &state).unwrap();
        Trainer::with_executor(gmf(), Box::new(reference), config).unwrap()
    });
    let mut snapshots = Vec::new();
    for number in 1..=config.epochs {
        let (report, expected) = (epoch(&mut averaged), epoch(&mut without));
        assert!((report.loss - expected.loss).abs() < 1e-6, "{report} {expected}");
        if number >= FROM {
            snapshots.push(averaged.checkpoint().unwrap().state);
            let seen = averaged.state().unwrap();
            is_mean(&seen, &snapshots);
            let mut other = Reference::new(averaged.plan(), &seen).unwrap();
            let ranking = evaluate(&mut other, &split(), config.protocol, config.k).unwrap();
            assert_eq!(report.evaluation, Some(ranking));
        }
    }
    assert_eq!(snapshots.len(), 4);
    assert_ne!(snapshots[3], averaged.state().unwrap());
}

/// A finished run that is given more epochs, and whose trainer was used in between, is a longer run.
#[test]
fn training_goes_on_from_the_plain_parameters() {
    let split = split();
    let mut whole = trainer(gmf(), averaging());
    whole.fit(&split, |_| ()).unwrap();
    let mut parts = trainer(gmf(), averaging());
    for epochs in 1..=averaging().epochs {
        parts.set_config(TrainConfig { epochs, ..averaging() }).unwrap();
        parts.fit(&split, |_| ()).unwrap();
        parts.recommend(1, 5).unwrap();
        parts.evaluate(&split, Protocol::Full, 5).unwrap();
    }
    assert_eq!(parts.checkpoint().unwrap(), whole.checkpoint().unwrap());
    assert_eq!(parts.state().unwrap(), whole.state().unwrap());
}

/// In the middle of an epoch, the mean is of the epochs that are complete.
#[test]
fn a_stop_within_an_epoch_leaves_the_mean_in_use() {
    let mut averaged = trainer(gmf(), averaging());
    for _ in 0..=FROM {
        epoch(&mut averaged);
    }
    let mean = values(&averaged.state().unwrap());
    let before = averaged.checkpoint().unwrap();
    averaged.fit_events(&split(), |_| Control::Stop).unwrap();
    assert!(averaged.progress().sample > 0);
    assert_eq!(values(&averaged.state().unwrap()), mean);
    let after = averaged.checkpoint().unwrap();
    assert_eq!(after.average_values, before.average_values);
    assert_ne!(after.state, before.state);
}

#[test]
fn absorbing_begins_from_the_mean_and_ends_it() {
    let split = split();
    let mut averaged = trainer(gmf(), averaging());
    averaged.fit(&split, |_| ()).unwrap();
    let checkpoint = averaged.checkpoint().unwrap();
    let mean = State {
        tensors: averaged.state().unwrap().tensors,
        ..checkpoint.state.clone()
    };
    // Nothing is learnt, nothing changes.
    averaged.absorb(&[]).unwrap();
    averaged.absorb(&[(u32::MAX, 0)]).unwrap_err();
    assert_eq!(averaged.checkpoint().unwrap(), checkpoint);

    // As a trainer does that has the mean for its parameters and no averaging.
    let mut other = Trainer::with_state(gmf(), Device::cpu(), plain(averaging()), mean).unwrap();
    let nothing = TrainConfig {
        epochs: 0,
        ..plain(averaging())
    };
    other.set_config(nothing).unwrap();
    other.fit(&split, |_| ()).unwrap(); // takes the histories
    let clicks = [(0, 1), (USERS, 2), (USERS, ITEMS)];
    let reports = [&mut averaged, &mut other].map(|trainer| trainer.absorb(&clicks).unwrap());
    assert_eq!(reports[0], reports[1]);
    assert_eq!(averaged.state().unwrap(), other.state().unwrap());
    let learnt = averaged.checkpoint().unwrap();
    assert_eq!((learnt.average_values, learnt.progress.averaged), (None, 0));
    assert_eq!(learnt.state, other.state().unwrap());

    // Training goes on from there and begins a new mean.
    let more = TrainConfig {
        epochs: averaging().epochs + 2,
        ..averaging()
    };
    averaged.set_config(more).unwrap();
    let first = epoch(&mut averaged);
    assert_eq!(first.averaged, 1);
    assert_eq!(averaged.state().unwrap(), averaged.checkpoint().unwrap().state);
    assert_eq!(epoch(&mut averaged).averaged, 2);
    assert_eq!(averaged.users(), USERS as usize + 1);
}

#[test]
fn another_setting_ends_the_mean_and_the_same_keeps_it() {
    let split = split();
    let mut averaged = trainer(gmf(), averaging());
    averaged.fit(&split, |_| ()).unwrap();
    let (mean, training) = (averaged.state().unwrap(), averaged.checkpoint().unwrap().state);
    let more = TrainConfig {
        epochs: 9,
        ..averaging()
    };
    averaged.set_config(more).unwrap();
    assert_eq!(averaged.state().unwrap(), mean);
    // A setting that is refused changes nothing.
    let zero = TrainConfig {
        average_from: Some(0),
        ..more
    };
    let error = averaged.set_config(zero).unwrap_err().to_string();
    assert!(
        error.contains("average_from") && error.contains("counted from 1"),
        "{error}"
    );
    assert_eq!(averaged.state().unwrap(), mean);
    assert!(Trainer::new(gmf(), Device::cpu(), zero).is_err());

    let later = TrainConfig {
        average_from: Some(8),
        ..more
    };
    averaged.set_config(later).unwrap();
    assert_eq!((averaged.state().unwrap(), averaged.progress().averaged), (training, 0));
    let counts: Vec<u32> = (7..=9).map(|_| epoch(&mut averaged).averaged).collect();
    assert_eq!(counts, [0, 1, 2]);
}

/// One step an epoch, so that only the evaluation shows that the step went far.
#[test]
fn an_epoch_that_diverges_is_in_no_mean() {
    let split = split();
    let config = TrainConfig {
        batch_size: 1 << 20,
        average_from: Some(2),
        epochs: 4,
        ..averaging()
    };
    let mut averaged = trainer(mf(), config);
    averaged.fit(&split, |_| ()).unwrap();
    let before = averaged.checkpoint().unwrap();
    assert_eq!(before.progress.averaged, 3);
    let wild = Optimizer::Sgd { learning_rate: 1e26 };
    let more = TrainConfig { epochs: 5, ..config };
    let blind = TrainConfig {
        optimizer: wild,
        eval_every: 0,
        ..more
    };
    let mut unseen = Trainer::from_checkpoint(before.clone(), Device::cpu()).unwrap();
    unseen.set_config(blind).unwrap();
    unseen.fit(&split, |_| ()).unwrap();
    averaged
        .set_config(TrainConfig {
            optimizer: wild,
            ..more
        })
        .unwrap();
    let error = averaged.fit(&split, |_| ()).unwrap_err();
    assert!(matches!(error, Error::Diverged { .. }), "{error}");
    averaged.set_config(config).unwrap();
    assert_eq!(averaged.checkpoint().unwrap(), before);
    // What follows is as if it had not been tried.
    averaged.set_config(more).unwrap();
    averaged.fit(&split, |_| ()).unwrap();
    let mut whole = trainer(mf(), more);
    whole.fit(&split, |_| ()).unwrap();
    assert_eq!(averaged.checkpoint().unwrap(), whole.checkpoint().unwrap());
}

/// What PyTorch finds in a file, and what a trainer makes of it.
#[test]
fn a_checkpoint_has_both_sets_of_parameters() {
    let mut averaged = trainer(gmf(), averaging());
    averaged.fit(&split(), |_| ()).unwrap();
    let mut file = Vec::new();
    averaged.checkpoint().unwrap().write_to(&mut file).unwrap();
    let tensors = SafeTensors::deserialize(&file).unwrap();
    let floats = |name: String| -> Vec<f32> {
        let words = tensors.tensor(&name).unwrap();
        let words = words.data().chunks_exact(4);
        words.map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
    };
    let (seen, training) = (averaged.state().unwrap(), averaged.checkpoint().unwrap().state);
    assert_ne!(values(&seen), values(&training));
    for (index, param) in averaged.plan().params().iter().enumerate() {
        assert_eq!(floats(format!("average/{}", param.name)), seen.tensors[index].value);
        assert_eq!(floats(param.name.clone()), training.tensors[index].value);
        assert_eq!(floats(format!("adam.v/{}", param.name)), training.tensors[index].v);
    }
    let read = Checkpoint::from_bytes(&file).unwrap();
    let mut loaded = Trainer::from_checkpoint(read, Device::cpu()).unwrap();
    assert_eq!(loaded.state().unwrap(), seen);
    assert_eq!(loaded.recommend(3, 10).unwrap(), averaged.recommend(3, 10).unwrap());
}

#[test]
fn a_file_from_before_there_was_averaging_is_read_and_written_as_it_was() {
    let old = include_bytes!("../golden/checkpoint-1.safetensors");
    let checkpoint = Checkpoint::from_bytes(old).unwrap();
    assert_eq!((checkpoint.progress.averaged, &checkpoint.average_values), (0, &None));
    assert_eq!(checkpoint.config.average_from, None);
    let best = checkpoint.progress.best.unwrap();
    assert_eq!((best.epoch, best.averaged, best.value.ndcg), (1, 0, 0.5392238106768013));
    let mut file = Vec::new();
    checkpoint.write_to(&mut file).unwrap();
    assert!(!String::from_utf8_lossy(&file).contains("averag"));
    let mut trainer = Trainer::from_checkpoint(checkpoint, Device::cpu()).unwrap();
    let best = [(5, -0.013913253), (6, -0.017057396), (3, -0.01710791)];
    for ((item, score), (expected, close)) in trainer.recommend(1, 3).unwrap().into_iter().zip(best) {
        assert!(item == expected && (score - close).abs() < 1e-6, "{item} {score}");
    }
}
