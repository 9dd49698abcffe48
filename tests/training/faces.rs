//! What both trainers do alike, by the same calls.
#![cfg(feature = "std")]

use pocketrec::{
    data::{
        Planted,
        clicks::{PlantedClickData, PlantedClicks},
    },
    device::Device,
    eval::RankingReport,
    models::{ClickModel, DeepFm, Fm, Lr, Mf, Model, NeuMf},
    plan::{Optimizer, Plan, State},
    train::{
        BestClickEpoch, BestEpoch, ClickConfig, ClickMetric, ClickTrainer, Control, StopReason, TrainConfig, Trainer,
    },
};

use crate::common::click_config;

fn clicks() -> PlantedClickData {
    let clicks = PlantedClicks {
        users: 40,
        items: 30,
        rows_per_user: 30,
        ..PlantedClicks::default()
    };
    clicks.generate().unwrap()
}

/// The rows of one parameter.
fn rows<'a>(plan: &Plan, state: &'a State, name: &str) -> Vec<&'a [f32]> {
    let at = plan.params().iter().position(|param| param.name == name).unwrap();
    state.tensors[at].value.chunks(plan.params()[at].width).collect()
}

/// All rows from `first` on but `own` with their cosine, best first, of vectors of numbers side by side.
fn by_cosine(parts: &[Vec<&[f32]>], first: usize, own: usize) -> Vec<(usize, f64)> {
    let vector = |row: usize| {
        parts
            .iter()
            .flat_map(move |part| part[row].iter().map(|&x| f64::from(x)))
    };
    let norm = |row: usize| vector(row).map(|x| x * x).sum::<f64>().sqrt();
    let cosine = |row: usize| vector(row).zip(vector(own)).map(|(a, b)| a * b).sum::<f64>() / norm(row) / norm(own);
    let others = (first..parts[0].len()).filter(|&row| row != own);
    let mut all: Vec<(usize, f64)> = others.map(|row| (row, cosine(row))).collect();
    all.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    all
}

#[test]
fn similar_items_and_users_of_pairs_have_the_largest_cosine() {
    let config = TrainConfig::default();
    let mut trainer = Trainer::new(NeuMf::new(20, 50).factors(4), Device::cpu(), config).unwrap();
    let (plan, state) = (trainer.plan().clone(), trainer.state().unwrap());
    for side in ["user", "item"] {
        let own = 7;
        let parts = ["gmf", "mlp"].map(|part| rows(&plan, &state, &format!("{part}.{side}.weight")));
        let want = by_cosine(&parts, 0, own as usize);
        let got = match side {
            "user" => trainer.similar_users(own, 9).unwrap(),
            _ => trainer.similar_items(own, 9).unwrap(),
        };
        assert_eq!(got.len(), 9);
        for ((row, cosine), want) in got.into_iter().zip(want) {
            assert_eq!(row as usize, want.0);
            assert!((f64::from(cosine) - want.1).abs() < 1e-6);
        }
    }
    assert!(trainer.similar_users(20, 1).is_err() && trainer.similar_items(50, 1).is_err());
    let mut narrow = Trainer::new(Mf::new(3, 3).factors(1), Device::cpu(), config).unwrap();
    let error = narrow.similar_items(0, 1).unwrap_err().to_string();
    assert!(error.contains("no embeddings"), "{error}");
}

#[test]
fn similar_keys_of_clicks_have_the_largest_cosine() {
    let data = clicks();
    let model = DeepFm::new(data.train.layout()).embedding_dim(4).hidden([8]);
    let mut trainer = ClickTrainer::new(model, Device::cpu(), click_config(1)).unwrap();
    let error = trainer.similar("item", "3", 4).unwrap_err().to_string();
    assert!(error.contains("set_encoder"), "{error}");
    trainer.set_encoder(data.encoder.clone()).unwrap();
    trainer.fit(&data.train, None, |_| ()).unwrap();
    let keys = data.encoder.vocabulary("item").unwrap();
    let key = keys.key(5).unwrap();
    let (plan, state) = (trainer.plan().clone(), trainer.state().unwrap());
    let want = by_cosine(&[rows(&plan, &state, "item.embedding")], 1, 5);
    let got = trainer.similar("item", &key, 6).unwrap();
    assert_eq!(got.len(), 6);
    for ((key, cosine), want) in got.iter().zip(want) {
        assert_eq!(keys.row(key) as usize, want.0);
        assert!((f64::from(*cosine) - want.1).abs() < 1e-6);
    }
    assert_eq!(trainer.similar_items(&key, 6).unwrap(), got);
    let user = data.encoder.vocabulary("user").unwrap().key(1).unwrap();
    assert_eq!(
        trainer.similar_users(&user, 3).unwrap(),
        trainer.similar("user", &user, 3).unwrap()
    );
    for (vocabulary, key, reason) in [
        ("nothing", "3", "there is no vocabulary of this name, but ["),
        ("item", "nobody", "is not known to the encoder"),
    ] {
        let error = trainer.similar(vocabulary, key, 4).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }
    let mut linear = ClickTrainer::new(Lr::new(data.train.layout()), Device::cpu(), click_config(1)).unwrap();
    linear.set_encoder(data.encoder).unwrap();
    let error = linear.similar_items(&key, 1).unwrap_err().to_string();
    assert!(error.contains("no embeddings"), "{error}");
}

#[test]
fn clicks_begin_from_a_state_and_from_an_executor() {
    let data = clicks();
    let model = Fm::new(data.train.layout()).embedding_dim(3);
    let config = click_config(2);
    let mut made = ClickTrainer::new(model.clone(), Device::cpu(), config).unwrap();
    let state = made.state().unwrap();
    made.fit(&data.train, Some(&data.dev), |_| ()).unwrap();
    let want = made.state().unwrap();
    let plan = made.plan().clone();
    let mut trainer = ClickTrainer::with_state(model.clone(), Device::cpu(), config, state.clone()).unwrap();
    trainer.fit(&data.train, Some(&data.dev), |_| ()).unwrap();
    assert!(trainer.state().unwrap() == want);
    let executor = Device::cpu().executor(plan.clone(), state.clone()).unwrap();
    let mut trainer = ClickTrainer::with_executor(model.clone(), executor, config).unwrap();
    trainer.fit(&data.train, Some(&data.dev), |_| ()).unwrap();
    assert!(trainer.state().unwrap() == want);
    let executor = Device::cpu().executor(plan, state.clone()).unwrap();
    let other = Fm::new(data.train.layout()).embedding_dim(4);
    let error = ClickTrainer::with_executor(other.clone(), executor, config)
        .unwrap_err()
        .to_string();
    assert!(error.contains("the executor's plan is not that of"), "{error}");
    assert!(ClickTrainer::with_state(other, Device::cpu(), config, state).is_err());
}

/// The best epoch of all calls counts, not that of the last one.
#[test]
fn a_later_fit_that_only_makes_it_worse_ends_with_the_best_of_the_earlier_one() {
    let data = clicks();
    let config = ClickConfig {
        patience: Some(2),
        metric: ClickMetric::LogLoss, // which such steps make far worse
        ..click_config(2)
    };
    let model = Fm::new(data.train.layout()).embedding_dim(3);
    let mut trainer = ClickTrainer::new(model, Device::cpu(), config).unwrap();
    let best = trainer.fit(&data.train, Some(&data.dev), |_| ()).unwrap().best.unwrap();
    assert_eq!(-trainer.evaluate(&data.dev).unwrap().log_loss, best.value);
    let worse = ClickConfig {
        epochs: 8,
        optimizer: Optimizer::Sgd { learning_rate: 300.0 },
        ..config
    };
    trainer.set_config(worse).unwrap();
    let mut seen = Vec::new();
    let fit = trainer
        .fit(&data.train, Some(&data.dev), |epoch| seen.push(epoch.best))
        .unwrap();
    assert!(!seen.is_empty() && !seen.contains(&true), "{seen:?}");
    assert_eq!(fit.best, Some(best));
    assert_eq!(-trainer.evaluate(&data.dev).unwrap().log_loss, best.value);
    assert_eq!(fit.last.unwrap().epoch, 2 + seen.len() as u32);
}

/// The same calls by the same names: a call that one of the two lacks does not compile here.
#[test]
fn both_have_the_same_calls() {
    macro_rules! calls {
        ($face:ident, $model:expr, $config:expr, $fit:expr) => {{
            let (model, config) = ($model, $config);
            let mut first = $face::new(model.clone(), Device::cpu(), config).unwrap();
            let (plan, state) = (first.plan().clone(), first.state().unwrap());
            let executor = Device::cpu().executor(plan.clone(), state.clone()).unwrap();
            let mut trainer = $face::with_executor(first.model().clone(), executor, config).unwrap();
            trainer.set_config(*first.config()).unwrap();
            assert_eq!(trainer.device(), first.device());
            $fit(&mut trainer);
            assert_eq!(trainer.progress().epoch, 1);
            let _ = ($face::evaluate, $face::score, $face::absorb, $face::absorb_with);
            let _ = ($face::similar_items, $face::similar_users, $face::history);
            let file = tempfile::NamedTempFile::new().unwrap();
            trainer.save(file.path()).unwrap();
            let mut loaded = $face::load(file.path(), Device::cpu()).unwrap();
            let checkpoint = trainer.checkpoint().unwrap();
            let mut other = $face::from_checkpoint(checkpoint, Device::cpu()).unwrap();
            let want = trainer.state().unwrap();
            assert!(want != state && loaded.state().unwrap() == want && other.state().unwrap() == want);
        }};
    }
    let zero = std::time::Duration::ZERO;
    let stop = StopReason::OutOfTime;
    let planted = Planted {
        users: 30,
        items: 20,
        interactions_per_user: 6,
        ..Planted::default()
    };
    let split = planted.generate().unwrap().interactions.leave_one_out().unwrap();
    let config = TrainConfig {
        epochs: 1,
        ..TrainConfig::default()
    };
    calls!(
        Trainer,
        Model::from(Mf::new(30, 20).factors(2)),
        config,
        |trainer: &mut Trainer| {
            assert_eq!(trainer.train_for(&split, zero, |_| ()).unwrap().reason, stop);
            trainer.fit_events(&split, |_| Control::Continue).unwrap();
            assert_eq!(trainer.fit(&split, |_| ()).unwrap().reason, StopReason::Finished);
        }
    );
    let data = clicks();
    let model = ClickModel::from(Fm::new(data.train.layout()).embedding_dim(2));
    calls!(ClickTrainer, model, click_config(1), |trainer: &mut ClickTrainer| {
        let (train, dev) = (&data.train, Some(&data.dev));
        assert_eq!(trainer.train_for(train, dev, zero, |_| ()).unwrap().reason, stop);
        trainer.fit_events(train, dev, |_| Control::Continue).unwrap();
        assert_eq!(trainer.fit(train, dev, |_| ()).unwrap().reason, StopReason::Finished);
    });
}

/// Checkpoints that were put together by hand are refused when a trainer is made of them, not epochs later.
#[test]
fn checkpoints_whose_parts_do_not_fit_are_refused_at_once() {
    macro_rules! refused {
        ($face:ident, $trainer:expr, $best:expr) => {{
            let whole = $trainer.checkpoint().unwrap();
            let values: Vec<Vec<f32>> = whole.state.tensors.iter().map(|tensor| tensor.value.clone()).collect();
            let mut alone = whole.clone();
            alone.best_values = Some(values.clone());
            let mut short = whole;
            short.progress.best = Some($best);
            short.best_values = Some(values);
            short.best_values.as_mut().unwrap()[0].pop();
            for (checkpoint, reason) in [(alone, "no best epoch"), (short, "expected")] {
                let error = $face::from_checkpoint(checkpoint, Device::cpu()).map(drop).unwrap_err();
                assert!(error.to_string().contains(reason), "{error}");
            }
        }};
    }
    let mut trainer = Trainer::new(Mf::new(5, 4).factors(2), Device::cpu(), TrainConfig::default()).unwrap();
    let value = RankingReport {
        k: 10,
        hr: 0.5,
        ndcg: 0.5,
        mrr: 0.5,
        cases: 2,
        left_out: 0,
        scored: 9,
    };
    refused!(
        Trainer,
        trainer,
        BestEpoch {
            epoch: 0,
            value,
            averaged: 0
        }
    );
    let data = clicks();
    let model = Fm::new(data.train.layout()).embedding_dim(2);
    let mut trainer = ClickTrainer::new(model, Device::cpu(), click_config(1)).unwrap();
    refused!(
        ClickTrainer,
        trainer,
        BestClickEpoch {
            epoch: 0,
            value: 0.5,
            averaged: 0
        }
    );
}
