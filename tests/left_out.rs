//! What a build leaves out: a model whose kernels are not in it is refused by the name of the feature that has them.
//!
//! `cargo test --no-default-features --features std --test left_out` is a build without any; with the features the same models
//! are taken.

#[path = "measured/mod.rs"]
mod measured;

use measured::{Any, clicks, loss, model, rows};
use pocketrec::{
    Result,
    cpu::{CpuExecutor, Isa},
    data::{
        FeatureKind, FeatureTable, Interactions,
        clicks::{IdField, Layout, Table},
    },
    device::Device,
    models::{Ccl, DeepFm, LightGcn, Loss, Mf, NeuMf, SasRec},
    plan::{Plan, State},
    train::{Known, TrainConfig, Trainer},
};

/// Two fields of ids, with a vocabulary each.
fn layout() -> Layout {
    let names = || ["user", "item"].into_iter();
    Layout {
        ids: names().enumerate().map(|(i, name)| IdField::new(name, i)).collect(),
        vocabularies: names()
            .map(|name| Table {
                name: name.into(),
                rows: 3,
            })
            .collect(),
        ..Layout::default()
    }
}

fn executor_of(plan: Plan) -> Result<CpuExecutor> {
    let state = State::initial(&plan, 1, true)?;
    CpuExecutor::new(plan, state, Isa::detect()?, 1)
}

#[test]
fn a_model_whose_kernels_are_left_out_is_refused_by_its_feature() {
    let plans = [
        ("clicks", cfg!(feature = "clicks"), DeepFm::new(&layout()).plan()),
        ("graphs", cfg!(feature = "graphs"), LightGcn::new(5, 7).plan()),
        ("sequences", cfg!(feature = "sequences"), SasRec::new(5, 7).plan()),
        (
            "losses",
            cfg!(feature = "losses"),
            Mf::new(5, 7).plan_for(Loss::Ccl(Ccl::default())),
        ),
    ];
    for (feature, is_built, plan) in plans {
        match executor_of(plan.unwrap()) {
            Ok(_) => assert!(is_built, "{feature}"),
            Err(error) => {
                let said = error.to_string();
                assert!(!is_built && said.contains(&format!("feature `{feature}`")), "{said}");
            }
        }
    }
}

#[test]
fn features_of_items_are_refused_by_their_feature() {
    let data = Interactions::from_columns((1, 2), &[0], &[1], &[]).unwrap();
    let mut table = FeatureTable::new(data.item_ids())
        .column("kind", FeatureKind::Values)
        .unwrap();
    table.push("1", &["tea"]).unwrap();
    let known = Known::of_items(table.finish().unwrap());
    let config = TrainConfig::default();
    let is_built = cfg!(feature = "known");
    match Trainer::with_known(Mf::new(1, 2), known, Device::cpu(), config) {
        Ok(_) => assert!(is_built),
        Err(error) => assert!(!is_built && error.to_string().contains("feature `known`"), "{error}"),
    }
}

#[test]
fn models_of_pairs_are_always_there() {
    for loss in [Loss::CrossEntropy, Loss::Bpr] {
        executor_of(NeuMf::new(5, 7).plan_for(loss).unwrap()).unwrap();
    }
}

/// The page "Which model?" names the feature of each.
#[test]
fn models_want_the_features_that_the_page_names() {
    let samples = clicks().0;
    for row in rows("models") {
        let plan = match model(&row, &samples) {
            Any::Pairs(model) => model.plan_for(loss(&model)).unwrap(),
            Any::Clicks(model) => model.plan().unwrap(),
            Any::Classical => continue,
        };
        let feature = row["feature"].as_str();
        let is_built = match feature {
            "" => true,
            "clicks" => cfg!(feature = "clicks"),
            "graphs" => cfg!(feature = "graphs"),
            "sequences" => cfg!(feature = "sequences"),
            other => panic!("no feature {other}"),
        };
        match executor_of(plan) {
            Ok(_) => assert!(is_built, "{row:?}"),
            Err(error) => assert!(
                !is_built && error.to_string().contains(&format!("`{feature}`")),
                "{row:?}: {error}"
            ),
        }
    }
}
