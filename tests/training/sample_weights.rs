//! Weights of samples: a column of the file, carried into batches and steps.
#![cfg(feature = "std")]

use std::fs;

use pocketrec::{
    Result,
    data::{
        SampleFiles,
        clicks::{Field, Samples, Schema},
    },
    device::Device,
    models::DeepFm,
    plan::{Optimizer, State},
    train::{ClickConfig, ClickTrainer},
};

fn schema() -> Schema {
    let schema = Schema::new().field(Field::key("user")).field(Field::key("item"));
    schema.label("label").weight("weight")
}

/// Sixty rows; `weight` gives each row's.
fn read(schema: Schema, weight: impl Fn(usize) -> String) -> Result<Samples> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("train.csv");
    let row = |row: usize| format!("u{},i{},{},{}\n", row % 7, row % 11, row % 3 / 2, weight(row));
    let rows: String = (0..60).map(row).collect();
    fs::write(&path, format!("user,item,label,weight\n{rows}")).unwrap();
    Ok(SampleFiles::new(schema).fit(&path)?.0)
}

/// What gradient descent makes of the rows in two epochs.
fn trained(samples: &Samples, learning_rate: f32) -> State {
    let config = ClickConfig {
        epochs: 2,
        batch_size: 16,
        patience: None,
        optimizer: Optimizer::Sgd { learning_rate },
        ..ClickConfig::default()
    };
    let model = DeepFm::new(samples.layout()).embedding_dim(4).hidden([8]);
    let mut trainer = ClickTrainer::new(model, Device::cpu().threads(1), config).unwrap();
    trainer.fit(samples, None, |_| ()).unwrap();
    trainer.state().unwrap()
}

/// Twice the weight is twice the gradient, to the bit, and so is twice the step size.
#[test]
fn a_weight_multiplies_the_gradient() {
    let double = read(schema(), |_| "2".into()).unwrap();
    let plain = Schema::new()
        .field(Field::key("user"))
        .field(Field::key("item"))
        .label("label");
    let plain = read(plain, |_| "2".into()).unwrap();
    assert_eq!((double.weights().len(), plain.weights().len()), (60, 0));
    assert_eq!(trained(&double, 0.1).tensors, trained(&plain, 0.2).tensors);
    assert_ne!(trained(&double, 0.1).tensors, trained(&plain, 0.1).tensors);
}

/// What counts 0 times leaves no trace.
#[test]
fn rows_without_weight_are_not_learnt_from() {
    let samples = read(schema(), |row| if row % 7 == 3 { "0".into() } else { "1.5".into() }).unwrap();
    let state = trained(&samples, 0.1);
    let model = DeepFm::new(samples.layout()).embedding_dim(4).hidden([8]);
    let plan = model.plan().unwrap();
    let initial = State::initial(&plan, 0, false).unwrap();
    let users = plan.param("user.embedding").unwrap();
    let row = |state: &State, row: usize| state.tensors[users].value[row * 4..][..4].to_vec();
    // Users are numbered by first appearance from 1 on: u3 is row 4.
    assert_eq!(row(&state, 4), row(&initial, 4));
    assert_ne!(row(&state, 3), row(&initial, 3));
}

#[test]
fn weights_that_are_none_are_refused_at_their_line() {
    for (weight, reason) in [
        ("", "weight"),
        ("x", "\"x\" is not a"),
        ("-1", "less than 0"),
        ("inf", "not finite"),
    ] {
        let refused = read(schema(), |row| if row == 4 { weight.into() } else { "1".into() })
            .unwrap_err()
            .to_string();
        assert!(
            refused.contains("train.csv:6: ") && refused.contains(reason),
            "{weight}: {refused}"
        );
    }
}
