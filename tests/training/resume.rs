//! A run that was stopped, saved and loaded ends with the same bits as one that was not.

use std::{fs, io, path::Path, time::Duration};

use pocketrec::{
    Error,
    checkpoint::{Checkpoint, replace_file},
    data::{IdMap, Interactions, Split},
    device::Device,
    models::{Gmf, Loss, Mf, Mlp, Model, NeuMf},
    plan::{AdamConfig, Optimizer},
    train::{Control, EpochReport, Event, StopReason, TrainConfig, Trainer},
};

use crate::planted::{ITEMS, USERS, config, split, trainer};

fn models() -> Vec<Model> {
    let (users, items) = (USERS as usize, ITEMS as usize);
    vec![
        Mf::new(users, items).factors(5).into(),
        Gmf::new(users, items).into(),
        Mlp::new(users, items).layers([16, 8]).into(),
        NeuMf::new(users, items).factors(4).into(),
    ]
}

/// What must not depend on interruptions.
fn essence(reports: &[EpochReport]) -> Vec<(u32, f64, String)> {
    let line = |report: &EpochReport| format!("{:?}", report.evaluation);
    reports.iter().map(|r| (r.epoch, r.loss, line(r))).collect()
}

fn uninterrupted(model: &Model, config: TrainConfig, split: &Split) -> (Trainer, Vec<EpochReport>) {
    let mut trainer = trainer(model.clone(), config);
    let mut reports = Vec::new();
    let report = trainer.fit(split, |epoch| reports.push(*epoch)).unwrap();
    assert_eq!(report.reason, StopReason::Finished);
    assert_eq!(report.epochs, config.epochs);
    (trainer, reports)
}

#[test]
fn stopping_saving_and_loading_anywhere_changes_no_bit() {
    let split = split();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let adam = Optimizer::Adam(AdamConfig::default());
    let lazy = Optimizer::default();
    let settings = [
        (lazy, None, None),
        (adam, Some(1), None),
        (lazy, Some(2), Some(9)),
        (adam, Some(3), None),
    ];
    let losses = [Loss::CrossEntropy, Loss::Bpr]
        .into_iter()
        .flat_map(|loss| settings.map(|settings| (loss, settings)));
    for (model, (loss, (optimizer, average_from, patience))) in models().into_iter().cycle().zip(losses) {
        let config = TrainConfig {
            optimizer,
            average_from,
            patience,
            loss,
            ..config()
        };
        let (mut whole, expected) = uninterrupted(&model, config, &split);
        let mut reports = Vec::new();
        let mut parts = trainer(model, config);
        let mut stops = 0;
        loop {
            // Stop at every report within an epoch, and at every epoch's end.
            let run = parts.fit_events(&split, |event| {
                if let Event::Epoch(report) = event {
                    reports.push(*report);
                }
                Control::Stop
            });
            parts.save(&path).unwrap();
            let mut reloaded = Trainer::load(&path, Device::cpu().threads(1 + stops % 2)).unwrap();
            assert_eq!(reloaded.progress(), parts.progress());
            assert_eq!(reloaded.state().unwrap(), parts.state().unwrap());
            parts = reloaded;
            if run.unwrap().reason == StopReason::Finished {
                break;
            }
            stops += 1;
        }
        assert!(stops > 8, "{stops}");
        assert_eq!(essence(&reports), essence(&expected));
        assert_eq!(parts.state().unwrap(), whole.state().unwrap());
        assert_eq!(parts.checkpoint().unwrap(), whole.checkpoint().unwrap());
        assert_eq!(parts.recommend(3, 10).unwrap(), whole.recommend(3, 10).unwrap());
    }
}

#[test]
fn a_budget_of_no_time_still_makes_a_step_and_ends_at_the_same_place() {
    let split = split();
    let config = TrainConfig {
        epochs: 1,
        batch_size: 1000,
        ..config()
    };
    let model: Model = Gmf::new(USERS as usize, ITEMS as usize).into();
    let (mut whole, _) = uninterrupted(&model, config, &split);
    let mut parts = trainer(model, config);
    let mut calls = 0;
    loop {
        let run = parts.train_for(&split, Duration::ZERO, |_| ()).unwrap();
        calls += 1;
        if run.reason == StopReason::Finished {
            break;
        }
        assert_eq!((run.reason, run.steps), (StopReason::OutOfTime, 1));
    }
    assert!(calls > 3);
    assert_eq!(parts.state().unwrap(), whole.state().unwrap());
    assert_eq!(parts.progress().best, whole.progress().best);
}

#[test]
fn early_stopping_keeps_the_best_through_a_checkpoint() {
    let split = split();
    for average_from in [None, Some(1)] {
        let config = TrainConfig {
            epochs: 60,
            patience: Some(3),
            average_from,
            optimizer: Optimizer::default().with_learning_rate(0.02),
            ..config()
        };
        let model: Model = Gmf::new(USERS as usize, ITEMS as usize).into();
        let mut whole = trainer(model.clone(), config);
        let report = whole.fit(&split, |_| ()).unwrap();
        assert_eq!(report.reason, StopReason::Patience);
        let best = report.best.unwrap();
        assert_eq!(report.last.unwrap().epoch, best.epoch + 3);
        assert_eq!(best.averaged, average_from.map_or(0, |_| best.epoch));
        // The parameters are the best epoch's, or their mean then.
        let again = whole.evaluate(&split, config.protocol, config.k).unwrap();
        assert_eq!(again, best.value);

        let mut parts = trainer(model, config);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model");
        while parts.fit(&split, |_| Control::Stop).unwrap().reason == StopReason::Stopped {
            parts.save(&path).unwrap();
            parts = Trainer::load(&path, Device::cpu()).unwrap();
        }
        assert_eq!(parts.state().unwrap(), whole.state().unwrap());
        assert_eq!(parts.progress(), whole.progress());
    }
}

#[test]
fn the_pretrained_parts_are_joined() {
    let split = split();
    let (users, items) = (USERS as usize, ITEMS as usize);
    let mut gmf = trainer(Gmf::new(users, items).factors(4), config());
    let mut mlp = trainer(Mlp::new(users, items).layers([32, 16, 8, 4]), config());
    gmf.fit(&split, |_| ()).unwrap();
    mlp.fit(&split, |_| ()).unwrap();
    let sgd = TrainConfig {
        optimizer: Optimizer::Sgd { learning_rate: 0.01 },
        epochs: 1,
        ..config()
    };
    let model = NeuMf::new(users, items).factors(4);
    let mut joined = Trainer::pretrained(model.clone(), &mut gmf, &mut mlp, 0.5, Device::cpu(), sgd).unwrap();
    let [g, m, j] = [&mut gmf, &mut mlp, &mut joined].map(|trainer| trainer.score(&[(3, 7), (5, 0)]).unwrap());
    for ((g, m), j) in g.iter().zip(&m).zip(&j) {
        assert!((0.5 * (g + m) - j).abs() < 1e-5, "{g} {m} {j}");
    }
    joined.fit(&split, |_| ()).unwrap();
    assert!(Trainer::pretrained(model, &mut gmf, &mut mlp, f32::NAN, Device::cpu(), sgd).is_err());
}

#[test]
fn divergence_restores_the_last_good_state() {
    let split = split();
    let mut trainer = trainer(
        Gmf::new(USERS as usize, ITEMS as usize),
        TrainConfig { epochs: 2, ..config() },
    );
    trainer.fit(&split, |_| ()).unwrap();
    let (before, progress) = (trainer.state().unwrap(), *trainer.progress());
    let wild = Optimizer::Sgd { learning_rate: 1e30 };
    let mild = *trainer.config();
    trainer
        .set_config(TrainConfig {
            epochs: 3,
            optimizer: wild,
            ..mild
        })
        .unwrap();
    let error = trainer.fit(&split, |_| ()).unwrap_err();
    assert!(matches!(error, Error::Diverged { .. }), "{error}");
    assert_eq!(trainer.state().unwrap(), before);
    assert_eq!(*trainer.progress(), progress);
    trainer.set_config(TrainConfig { epochs: 3, ..mild }).unwrap();
    assert_eq!(trainer.fit(&split, |_| ()).unwrap().epochs, 1);
}

#[test]
fn keys_titles_and_histories_come_back() {
    let rows = [
        ("ann", "tea", 1),
        ("bob", "rice", 2),
        ("ann", "rice", 3),
        ("bob", "tea", 4),
        ("cleo", "\u{1f35c}", 5),
    ];
    let data = Interactions::from_keys(rows).unwrap();
    let data = data
        .with_titles(vec!["Tea".into(), String::new(), "Soup".into()])
        .unwrap();
    let split = data.leave_one_out().unwrap();
    let small = TrainConfig {
        batch_size: 4,
        ..config()
    };
    let mut trainer = trainer(Mf::new(3, 3).factors(2), small);
    trainer.fit(&split, |_| ()).unwrap();
    let click = pocketrec::train::AbsorbConfig::default();
    trainer
        .absorb_keys(&[("dora", "tea"), ("ann", "cake")], &click)
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model");
    trainer.save(&path).unwrap();
    let mut loaded = Trainer::load(&path, Device::cpu()).unwrap();
    assert_eq!(loaded.checkpoint().unwrap(), trainer.checkpoint().unwrap());
    assert_eq!(
        loaded.user_ids(),
        &IdMap::from_keys(["ann", "bob", "cleo", "dora"]).unwrap()
    );
    assert_eq!(loaded.item_ids().get("cake"), Some(3));
    assert_eq!(
        (loaded.title(0), loaded.title(1), loaded.title(9)),
        (Some("Tea"), None, None)
    );
    // Trained, held-out and absorbed items are all left out: ann has tea, rice and cake.
    let left: Vec<u32> = loaded.recommend(0, 10).unwrap().iter().map(|best| best.0).collect();
    assert_eq!(left, [2]);
    // Other data is refused, the same goes on.
    let other = Interactions::from_keys([("eve", "tea", 1), ("eve", "rice", 2)]).unwrap();
    let error = loaded.fit(&other.leave_one_out().unwrap(), |_| ()).unwrap_err();
    let said =
        "its users are not those that the model was trained with: row 0 is \"eve\" there and \"ann\" in the model";
    assert!(error.to_string().contains(said), "{error}");
    loaded.set_config(TrainConfig { epochs: 5, ..small }).unwrap();
    assert_eq!(loaded.fit(&split, |_| ()).unwrap().epochs, 1);
}

/// Fails once `left` bytes are written, as a full disk does.
struct Full<'a> {
    to: &'a mut dyn io::Write,
    left: usize,
}

impl io::Write for Full<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Err(io::Error::new(io::ErrorKind::StorageFull, "no space left on device"));
        }
        let written = self.to.write(&bytes[..bytes.len().min(self.left)])?;
        self.left -= written;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

fn files(folder: &Path) -> usize {
    fs::read_dir(folder).unwrap().count()
}

#[test]
fn a_save_that_fails_at_any_byte_leaves_the_old_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let split = split();
    let mut trainer = trainer(Mf::new(USERS as usize, ITEMS as usize).factors(1), config());
    trainer.save(&path).unwrap();
    let old = Checkpoint::load(&path).unwrap();
    trainer.fit(&split, |_| ()).unwrap();
    let new = trainer.checkpoint().unwrap();
    let mut bytes = Vec::new();
    new.write_to(&mut bytes).unwrap();

    for left in (0..bytes.len()).step_by(97).chain([1, 7, 8, 9, bytes.len() - 1]) {
        let error = replace_file(&path, |to| new.write_to(&mut Full { to, left })).unwrap_err();
        assert!(error.to_string().contains("no space left"), "{error}");
        assert_eq!(Checkpoint::load(&path).unwrap(), old);
        assert_eq!(files(folder.path()), 1, "a temporary file is left over");
    }
    // What a crash would leave: a part of the new file under a temporary name.
    fs::write(
        folder.path().join(".model.safetensors.x1.tmp"),
        &bytes[..bytes.len() / 2],
    )
    .unwrap();
    assert_eq!(Checkpoint::load(&path).unwrap(), old);
    new.save(&path).unwrap();
    assert_eq!(Checkpoint::load(&path).unwrap(), new);
    assert_eq!(fs::read(&path).unwrap(), bytes);
}

#[test]
fn impossible_places_and_values_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let mut trainer = trainer(Gmf::new(3, 3), config());
    for path in [
        folder.path().join("absent/model"),
        folder.path().to_path_buf(),
        "".into(),
        "..".into(),
    ] {
        let error = trainer.save(&path).unwrap_err();
        assert!(matches!(error, Error::Io { .. }), "{error}");
        assert!(Trainer::load(&path, Device::cpu()).is_err());
    }
    assert!(Trainer::load("/dev/zero", Device::cpu()).is_err());
    let path = folder.path().join("model");
    let mut checkpoint = trainer.checkpoint().unwrap();
    checkpoint.state.tensors[0].value[1] = f32::NAN;
    let error = checkpoint.save(&path).unwrap_err();
    assert!(error.to_string().contains("gmf.user.weight"), "{error}");
    assert_eq!(files(folder.path()), 0);
    checkpoint.state.tensors[0].value.pop();
    assert!(checkpoint.write_to(&mut Vec::new()).is_err());
}
