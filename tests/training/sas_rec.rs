//! SASRec: what it learns of histories whose next item is known, and what a trainer does with users that have no rows.
#![cfg(feature = "std")]

use pocketrec::{
    Error,
    data::{Interactions, PlantedPathData, PlantedPaths, Split},
    device::Device,
    eval::{Protocol, evaluate_popularity, evaluate_with},
    models::{Loss, Mf, SampledSoftmax, SasRec},
    plan::{AdamConfig, Optimizer},
    train::{Control, Event, TrainConfig, Trainer},
};

/// Users who follow short paths, and the truth behind them.
fn paths() -> (PlantedPathData, Split) {
    let paths = PlantedPaths {
        users: 300,
        items: 40,
        length: 10,
        successors: 2,
        follow: 0.9,
        ..PlantedPaths::default()
    };
    let paths = paths.generate().unwrap();
    let split = paths.interactions.leave_one_out().unwrap();
    (paths, split)
}

fn model() -> SasRec {
    SasRec::new(300, 40).embedding_dim(16).heads(2).length(8).dropout(0.1)
}

fn config() -> TrainConfig {
    TrainConfig {
        epochs: 30,
        batch_size: 32,
        loss: SasRec::loss(),
        optimizer: Optimizer::LazyAdam(AdamConfig {
            learning_rate: 5e-3,
            ..AdamConfig::default()
        }),
        eval_every: 0,
        protocol: Protocol::Full,
        k: 1,
        seed: 3,
        ..TrainConfig::default()
    }
}

fn drawn(candidates: u32) -> Loss {
    let Loss::SampledSoftmax(softmax) = SasRec::loss() else {
        panic!("its loss is a softmax over a list");
    };
    Loss::SampledSoftmax(SampledSoftmax {
        candidates: Some(candidates),
        ..softmax
    })
}

/// Whoever knows the last item can say which comes next in six of ten cases; popularity knows nothing.
#[test]
fn it_learns_what_comes_next_nearly_as_well_as_can_be() {
    let (paths, split) = paths();
    let truth = evaluate_with(&split, Protocol::Full, 1, |users, items, out| {
        for ((&user, &item), out) in users.iter().zip(items).zip(out) {
            *out = paths.probability(split.train.of_user(user), item) as f32;
        }
        Ok(())
    });
    let truth = truth.unwrap().hr;
    let popularity = evaluate_popularity(&split, Protocol::Full, 1).unwrap().hr;
    assert!(truth > 0.5 && popularity < 0.1, "{truth} {popularity}");
    for loss in [SasRec::loss(), drawn(20)] {
        let mut trainer = Trainer::new(model(), Device::cpu(), TrainConfig { loss, ..config() }).unwrap();
        trainer.fit(&split, |_| ()).unwrap();
        let hr = trainer.evaluate(&split, Protocol::Full, 1).unwrap().hr;
        assert!(hr > 0.85 * truth, "{loss:?}: {hr} of {truth}");
    }
}

#[test]
fn a_stopped_run_goes_on_with_the_same_bits() {
    let (_, split) = paths();
    let config = TrainConfig {
        epochs: 3,
        loss: drawn(7),
        eval_every: 1,
        report_every: 2,
        ..config()
    };
    let mut whole = Trainer::new(model(), Device::cpu().threads(1), config).unwrap();
    whole.fit(&split, |_| ()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model");
    let mut parts = Trainer::new(model(), Device::cpu(), config).unwrap();
    for stops in 0.. {
        parts.fit_events(&split, |_: &Event| Control::Stop).unwrap();
        parts.save(&path).unwrap();
        parts = Trainer::load(&path, Device::cpu().threads(1 + stops % 2)).unwrap();
        if parts.progress().epoch == config.epochs {
            break;
        }
    }
    assert_eq!(parts.state().unwrap(), whole.state().unwrap());
    assert_eq!(parts.recommend(5, 9).unwrap(), whole.recommend(5, 9).unwrap());
}

/// Two users with the same items in the same order are the same, whether trained on or absorbed.
#[test]
fn a_click_extends_the_history_and_counts_at_once() {
    let lists: [&[u32]; 4] = [&[1, 2, 3, 4], &[1, 2, 3], &[4, 3, 2], &[2, 5, 0]];
    let rows = lists.iter().zip(0..).flat_map(|(items, user)| {
        let events = items.iter().zip(0..);
        events.map(move |(&item, time)| (user, item, time))
    });
    let data = Interactions::from_triples(&rows.collect::<Vec<_>>()).unwrap();
    let split = Split::from_cases(data, []).unwrap();
    let config = TrainConfig { epochs: 2, ..config() };
    let mut trainer = Trainer::new(SasRec::new(4, 6).embedding_dim(8).length(5), Device::cpu(), config).unwrap();
    trainer.fit(&split, |_| ()).unwrap();
    let scores = |trainer: &mut Trainer, user: u32| {
        let pairs: Vec<_> = (0..6).map(|item| (user, item)).collect();
        trainer.score(&pairs).unwrap()
    };
    let state = trainer.state().unwrap();
    assert_ne!(scores(&mut trainer, 0), scores(&mut trainer, 1));
    let report = trainer.absorb(&[(1, 4)]).unwrap();
    assert_eq!((report.pairs, report.steps, report.new_users), (1, 0, 0));
    assert_eq!(scores(&mut trainer, 0), scores(&mut trainer, 1));
    assert_eq!(trainer.recommend(0, 9).unwrap(), trainer.recommend(1, 9).unwrap());
    assert!(trainer.recommend(1, 9).unwrap().iter().all(|&(item, _)| item != 4));
    // A user who is new is served by the same history; nothing is learnt for it.
    let report = trainer.absorb(&[(4, 1), (4, 2), (4, 3), (4, 4)]).unwrap();
    assert_eq!((report.new_users, trainer.users()), (1, 5));
    assert_eq!(scores(&mut trainer, 0), scores(&mut trainer, 4));
    assert_eq!(trainer.state().unwrap().tensors, state.tensors);
    // Nothing speaks for any item to somebody without a history.
    trainer.absorb(&[(6, 1)]).unwrap();
    assert_eq!(trainer.recommend(5, 3).unwrap(), []);
}

#[test]
fn what_it_cannot_do_is_said() {
    let refused = |result: pocketrec::Result<Trainer>| match result {
        Err(Error::Config { field, reason }) => format!("{field}: {reason}"),
        other => panic!("{other:?}"),
    };
    let default = TrainConfig::default();
    let error = refused(Trainer::new(model(), Device::cpu(), default));
    assert!(
        error.starts_with("loss: cross-entropy: sasrec learns by a softmax"),
        "{error}"
    );
    let wrong = [
        ("heads", model().heads(3)),
        ("heads", model().heads(0)),
        ("blocks", model().blocks(0)),
        ("length", model().length(0)),
        ("length", model().length(usize::MAX)),
        ("dropout", model().dropout(1.0)),
        ("embedding_dim", model().embedding_dim(0)),
        ("items", SasRec::new(1, 0)),
    ];
    for (field, model) in wrong {
        let error = refused(Trainer::new(model, Device::cpu(), config()));
        assert!(error.starts_with(field), "{error}");
    }
    let mut trainer = Trainer::new(model(), Device::cpu(), config()).unwrap();
    let error = trainer.similar_users(3, 2).unwrap_err().to_string();
    assert!(error.contains("no rows of users"), "{error}");
    assert_eq!(trainer.similar_items(3, 2).unwrap().len(), 2);
    assert!(trainer.score(&[(0, 40)]).is_err() && trainer.score(&[(300, 0)]).is_err());
    let lonely = Split::from_cases(Interactions::from_pairs(&[(0, 0), (1, 1)]).unwrap(), []).unwrap();
    let error = trainer.fit(&lonely, |_| ()).unwrap_err().to_string();
    assert!(error.contains("two interactions"), "{error}");
    assert!(Trainer::new(Mf::new(3, 3), Device::cpu(), config()).is_ok()); // the loss is not its alone
}
