//! What would not be read again is not written.

use pocketrec::{
    checkpoint::{Checkpoint, ClickCheckpoint},
    data::{
        IdMap, Interactions,
        clicks::{Field, Schema, Training},
    },
    models::NeuMf,
    train::{BestClickEpoch, TrainConfig, Trainer},
};

use super::{clicks, device, din, pairs};

/// A save that `load` would refuse leaves the good file: every one of the reader's checks is made before.
#[test]
fn what_would_not_be_read_again_replaces_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model");
    let (file, _) = clicks(din);
    let whole = ClickCheckpoint::from_bytes(&file).unwrap();
    whole.save(&path).unwrap();
    let old = std::fs::read(&path).unwrap();
    type ClickEdit = fn(&mut ClickCheckpoint);
    let cases: [(&str, ClickEdit); 5] = [
        ("metadata key clicks", |c| c.config.batch_size = 0),
        ("metadata key click_progress", |c| {
            c.progress.best = Some(BestClickEpoch {
                epoch: 1,
                value: f64::NAN,
                averaged: 0,
            })
        }),
        ("click_progress has no best epoch", |c| {
            c.best_values = Some(c.state.tensors.iter().map(|tensor| tensor.value.clone()).collect());
            c.progress.best = None;
        }),
        ("holds a negative value", |c| {
            for tensor in &mut c.state.tensors {
                (tensor.m, tensor.v) = (vec![0.0; tensor.value.len()], vec![-1.0; tensor.value.len()]);
            }
        }),
        ("tensor encoder: its fields are not those of the model", |c| {
            let schema = Schema::new().field(Field::key("elsewhere"));
            let mut training = Training::new(schema, vec![]).unwrap();
            training.push_row(&["a"]).unwrap();
            c.encoder = Some(training.fit().unwrap().0);
        }),
    ];
    for (reason, edit) in cases {
        let mut edited = whole.clone();
        edit(&mut edited);
        let error = edited.save(&path).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), old);
    }

    let whole = Checkpoint::from_bytes(&pairs(NeuMf::new(6, 7).factors(1), false)).unwrap();
    whole.save(&path).unwrap();
    let old = std::fs::read(&path).unwrap();
    type Edit = fn(&mut Checkpoint);
    let cases: [(&str, Edit); 5] = [
        ("metadata key train", |c| c.config.batch_size = 0),
        ("has no best epoch", |c| {
            c.best_values = Some(c.state.tensors.iter().map(|tensor| tensor.value.clone()).collect());
            c.progress.best = None;
        }),
        ("metadata key users: 1 keys for 6 rows", |c| {
            c.user_ids = IdMap::from_keys(["ann"]).unwrap()
        }),
        ("titles for 7 items", |c| c.titles = vec!["x".into(); 8]),
        ("history/", |c| {
            let pairs = [(0, 900), (1, 2), (1, 3), (2, 5), (0, 3)];
            let split = Interactions::from_pairs(&pairs).unwrap();
            let split = split.leave_one_out().unwrap();
            let model = NeuMf::new(split.train.users() as usize, split.train.items() as usize);
            let config = TrainConfig {
                epochs: 1,
                eval_every: 0,
                ..TrainConfig::default()
            };
            let mut other = Trainer::new(model, device(), config).unwrap();
            other.fit(&split, |_| ()).unwrap();
            c.history = other.history().clone();
        }),
    ];
    for (reason, edit) in cases {
        let mut edited = whole.clone();
        edit(&mut edited);
        let error = edited.save(&path).unwrap_err().to_string();
        assert!(error.contains(reason), "{reason}: {error}");
        assert_eq!(std::fs::read(&path).unwrap(), old);
    }
}
