//! Reasons of recommendations: parts add up to scores and are what the formulas say, weights are what the specification has read,
//! and without the item that is named first a score falls more than without another.
#![cfg(feature = "std")]

mod clicks;
#[path = "../common/mod.rs"]
mod common;
#[path = "../planted/mod.rs"]
mod planted;
mod propagated;
mod sequences;

use pocketrec::{
    device::Device,
    explain::Kind,
    models::{ClickModel, DeepFm, Gmf, LightGcn, Loss, Mf, Mlp, Model, NeuMf, SasRec},
    plan::{AdamConfig, GruKind, Optimizer},
    rng::Rng,
    train::{ClickTrainer, TrainConfig, Trainer},
};

use clicks::{dien, din};
use common::click_config;
use planted::clicks_by_history;

fn cpu() -> Device {
    Device::cpu().threads(1)
}

fn adam(learning_rate: f32) -> Optimizer {
    Optimizer::Adam(AdamConfig {
        learning_rate,
        ..AdamConfig::default()
    })
}

/// Somebody else's item of a list, drawn for a user.
fn other<T: Copy>(user: u32, others: &[T]) -> T {
    others[Rng::new(3).below(u64::from(user), others.len() as u32) as usize]
}

/// Scores of whole histories, without the first reason, and without another one; `times` is how much more the first takes.
#[track_caller]
fn falls(scores: &[f32], times: f64) {
    let cases = scores.as_chunks::<3>().0;
    let mean = |without: usize| {
        let fall = |case: &[f32; 3]| f64::from(case[0]) - f64::from(case[without]);
        cases.iter().map(fall).sum::<f64>() / cases.len() as f64
    };
    assert!(cases.len() > 100, "{}", cases.len());
    assert!(mean(1) > 0.0 && mean(1) > times * mean(2), "{}, {}", mean(1), mean(2));
}

#[test]
fn models_say_which_reasons_they_have() {
    let config = TrainConfig::default();
    let models: [(Model, Option<Kind>); 6] = [
        (Mf::new(3, 4).into(), Some(Kind::Parts)),
        (Gmf::new(3, 4).into(), Some(Kind::Parts)),
        (LightGcn::new(3, 4).into(), Some(Kind::Parts)),
        (SasRec::new(3, 4).into(), Some(Kind::Weights)),
        (Mlp::new(3, 4).into(), None),
        (NeuMf::new(3, 4).into(), None),
    ];
    for (model, kind) in models {
        assert_eq!(model.reasons(), kind, "{model:?}");
        let loss = if matches!(model, Model::SasRec(_)) {
            SasRec::loss()
        } else {
            Loss::Bpr
        };
        let mut trainer = Trainer::new(model, cpu(), TrainConfig { loss, ..config }).unwrap();
        match (trainer.explain(1, 2), kind) {
            (Ok(why), kind) => assert_eq!(Some(why.kind), kind),
            (Err(error), None) => assert!(
                error.to_string().contains("KGCN, LightGCN and SASRec can be explained"),
                "{error}"
            ),
            (Err(error), kind) => panic!("{kind:?}: {error}"),
        }
    }
    let data = clicks_by_history();
    let layout = data.train.layout();
    let models: [(ClickModel, Option<Kind>); 4] = [
        (din(&data).into(), Some(Kind::Weights)),
        (dien(&data).into(), Some(Kind::Weights)),
        (dien(&data).evolution(GruKind::Gru).into(), None),
        (DeepFm::new(layout).into(), None),
    ];
    for (model, kind) in models {
        assert_eq!(model.reasons(), kind, "{}", model.name());
        let mut trainer = ClickTrainer::new(model, cpu(), click_config(1)).unwrap();
        match (trainer.explain(&data.dev), kind) {
            (Ok(whys), kind) => assert!(whys.iter().all(|why| Some(why.kind) == kind)),
            (Err(error), None) => assert!(error.to_string().contains("has no attention"), "{error}"),
            (Err(error), kind) => panic!("{kind:?}: {error}"),
        }
    }
}
