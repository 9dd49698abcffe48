//! Click-through models learn what is there to be learnt, and the same bits wherever and however often.

use pocketrec::{
    checkpoint::ClickCheckpoint,
    data::clicks::{Part, PlantedClickData, PlantedClicks},
    device::Device,
    eval::ClickReport,
    models::{ClickModel, DeepFm, Dien, Fm, Lr, WideDeep},
    train::{ClickConfig, ClickTrainer, Control, StopReason},
};

use crate::common::click_config as config;

/// Clicks that ids explain: histories and order have little part in them.
fn planted() -> PlantedClickData {
    let clicks = PlantedClicks {
        users: 400,
        items: 200,
        categories: 20,
        rows_per_user: 100,
        stay: 0.93,
        renew: 0.7,
        history: 20,
        taste: 2.0,
        relevance: 0.0,
        recent: 0.0,
        bias: 0.0,
        ..PlantedClicks::default()
    };
    clicks.generate().unwrap()
}

fn models(data: &PlantedClickData) -> Vec<ClickModel> {
    let layout = data.train.layout();
    vec![
        Lr::new(layout).into(),
        Fm::new(layout).embedding_dim(8).into(),
        WideDeep::new(layout).embedding_dim(8).hidden([32, 16]).into(),
        DeepFm::new(layout)
            .embedding_dim(8)
            .hidden([32, 16])
            .dropout(0.1)
            .into(),
    ]
}

/// First orders explain users and items; pairs explain tastes too. No model passes the truth by more than luck.
#[test]
fn models_learn_in_the_order_of_what_they_can_express() {
    let data = planted();
    let truth: Vec<f32> = data.truth(Part::Test).iter().map(|truth| truth.logit()).collect();
    let best = ClickReport::of(&truth, data.test.labels(), &[]).unwrap().auc.unwrap();
    let mut aucs = Vec::new();
    for model in models(&data) {
        let mut trainer = ClickTrainer::new(model, Device::cpu(), config(6)).unwrap();
        trainer.fit(&data.train, Some(&data.dev), |_| ()).unwrap();
        let report = trainer.evaluate(&data.test).unwrap();
        assert!(report.auc.unwrap() < best + 0.01, "{report}, best {best}");
        aucs.push(report.auc.unwrap());
    }
    let [lr, fm, wide_deep, deepfm] = aucs[..] else {
        panic!()
    };
    assert!(lr > 0.55, "{aucs:?}");
    assert!(
        fm > lr + 0.03 && deepfm > lr + 0.03 && wide_deep > lr,
        "{aucs:?}, best {best}"
    );
}

#[test]
fn stopping_and_going_on_changes_no_bit_and_nor_do_threads() {
    let data = planted();
    let model = models(&data).pop().unwrap();
    let run = |threads: usize, stop: bool| {
        let device = if cfg!(feature = "parallel") {
            Device::cpu().threads(threads)
        } else {
            Device::cpu()
        };
        let mut trainer = ClickTrainer::new(model.clone(), device, config(3)).unwrap();
        let answer = if stop { Control::Stop } else { Control::Continue };
        let mut losses = Vec::new();
        loop {
            let fit = trainer.fit(&data.train, Some(&data.dev), |epoch| {
                losses.push(epoch.loss.to_bits());
                answer
            });
            if fit.unwrap().reason != StopReason::Stopped {
                break;
            }
        }
        (losses, trainer.state().unwrap())
    };
    let want = run(1, false);
    assert_eq!(want.0.len(), 3);
    assert!(run(1, true) == want && run(2, false) == want && run(3, true) == want);
}

#[test]
fn patience_ends_with_the_parameters_of_the_best_epoch() {
    let data = planted();
    let model = WideDeep::new(data.train.layout()).embedding_dim(16).hidden([64]);
    let mut trainer = ClickTrainer::new(
        model,
        Device::cpu(),
        ClickConfig {
            patience: Some(1),
            ..config(50)
        },
    )
    .unwrap();
    let mut best = None;
    let fit = trainer
        .fit(&data.train, Some(&data.dev), |epoch| {
            if epoch.best {
                best = epoch.evaluation.as_ref().and_then(|dev| dev.clicks().cloned());
            }
        })
        .unwrap();
    assert_eq!(fit.reason, StopReason::Patience);
    assert_eq!(trainer.evaluate(&data.dev).unwrap(), best.unwrap());
}

#[test]
fn what_does_not_fit_is_refused() {
    let data = planted();
    let other = PlantedClicks {
        users: 3000,
        rows_per_user: 10,
        history: 20,
        ..PlantedClicks::default()
    }
    .generate()
    .unwrap();
    let model = || Lr::new(data.train.layout());
    let mut trainer = ClickTrainer::new(model(), Device::cpu(), config(1)).unwrap();
    let error = trainer.fit(&other.train, None, |_| ()).unwrap_err().to_string();
    let said = "user: the samples have 3001 rows, the model 401: give the model their encoder first";
    assert!(error.contains(said), "{error}");
    let steep = ClickConfig {
        plateau: 0.0,
        ..config(1)
    };
    let error = ClickTrainer::new(model(), Device::cpu(), steep)
        .unwrap_err()
        .to_string();
    assert!(error.contains("plateau: 0"), "{error}");
    let wide = DeepFm::new(data.train.layout()).dropout(1.0);
    let error = ClickTrainer::new(wide, Device::cpu(), config(1))
        .unwrap_err()
        .to_string();
    assert!(error.contains("dropout: 1"), "{error}");
}

/// A learning rate that throws everything out of range: an error, and the state before the epoch.
#[test]
fn a_diverged_run_goes_back() {
    let data = planted();
    let mut wild = config(2);
    wild.optimizer = pocketrec::plan::Optimizer::Sgd { learning_rate: 1e30 };
    let model = models(&data).pop().unwrap();
    let mut trainer = ClickTrainer::new(model, Device::cpu(), wild).unwrap();
    let before = trainer.state().unwrap();
    let error = trainer.fit(&data.train, None, |_| ()).unwrap_err().to_string();
    assert!(error.contains("diverged"), "{error}");
    assert_eq!(trainer.state().unwrap(), before);
}

#[test]
fn a_saved_run_goes_on_to_the_same_bits_and_ranks_the_same() {
    let data = planted();
    let model = models(&data).pop().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("clicks.safetensors");
    let mut whole = ClickTrainer::new(model.clone(), Device::cpu(), config(3)).unwrap();
    whole.fit(&data.train, Some(&data.dev), |_| ()).unwrap();

    let mut first = ClickTrainer::new(model, Device::cpu(), config(3)).unwrap();
    first.set_encoder(data.encoder.clone()).unwrap();
    first.fit(&data.train, Some(&data.dev), |_| Control::Stop).unwrap();
    first.save(&file).unwrap();
    let mut second = ClickTrainer::load(&file, Device::cpu()).unwrap();
    assert_eq!((second.progress(), second.config()), (first.progress(), first.config()));
    second.fit(&data.train, Some(&data.dev), |_| ()).unwrap();
    assert_eq!(second.state().unwrap(), whole.state().unwrap());
    assert_eq!(second.score(&data.test).unwrap(), whole.score(&data.test).unwrap());

    let user = [("user", "u7")];
    let items: Vec<String> = (0..30).map(|item| format!("i{item}")).collect();
    let candidates: Vec<[(&str, &str); 1]> = items.iter().map(|item| [("item", item.as_str())]).collect();
    let candidates: Vec<&[(&str, &str)]> = candidates.iter().map(|candidate| &candidate[..]).collect();
    let ranked = second.rank(&user, &[], &candidates).unwrap();
    assert_eq!(ranked.len(), 30);
    assert!(ranked.is_sorted_by(|a, b| a.1 >= b.1));
    let error = whole.rank(&user, &[], &candidates).unwrap_err().to_string();
    assert!(error.contains("set_encoder"), "{error}");
}

/// Wherever a byte is changed or the file ends, reading is refused and says why.
#[test]
fn damaged_checkpoints_are_refused() {
    let data = planted();
    let mut trainer = ClickTrainer::new(Lr::new(data.train.layout()), Device::cpu(), config(1)).unwrap();
    trainer.set_encoder(data.encoder.clone()).unwrap();
    let mut bytes = Vec::new();
    trainer.checkpoint().unwrap().write_to(&mut bytes).unwrap();
    assert!(ClickCheckpoint::from_bytes(&bytes).is_ok());
    for at in (0..bytes.len()).step_by(bytes.len() / 97) {
        assert!(ClickCheckpoint::from_bytes(&bytes[..at]).is_err(), "{at}");
        bytes[at] ^= 1;
        assert!(ClickCheckpoint::from_bytes(&bytes).is_err(), "{at}");
        bytes[at] ^= 1;
    }
    // A checkpoint of another kind of model.
    let other = pocketrec::models::Gmf::new(3, 4);
    let mut other = pocketrec::train::Trainer::new(other, Device::cpu(), Default::default()).unwrap();
    let mut bytes = Vec::new();
    other.checkpoint().unwrap().write_to(&mut bytes).unwrap();
    let error = ClickCheckpoint::from_bytes(&bytes).unwrap_err().to_string();
    assert!(error.contains("no checkpoint of a click-through model"), "{error}");
}

/// Negatives are drawn anew for each batch, from the seed alone: the same bits on any number of threads.
#[test]
fn dien_learns_with_negatives_that_the_trainer_draws() {
    let data = PlantedClicks {
        users: 100,
        rows_per_user: 60,
        ..PlantedClicks::default()
    };
    let data = data.generate().unwrap();
    let model = Dien::new(data.train.layout())
        .embedding_dim(4)
        .attention([8])
        .hidden([8]);
    assert!(model.auxiliary_weight > 0.0);
    let run = |threads: usize| {
        let device = if cfg!(feature = "parallel") {
            Device::cpu().threads(threads)
        } else {
            Device::cpu()
        };
        let mut trainer = ClickTrainer::new(model.clone(), device, config(3)).unwrap();
        let mut losses = Vec::new();
        trainer.fit(&data.train, None, |epoch| losses.push(epoch.loss)).unwrap();
        (losses, trainer.state().unwrap())
    };
    let (losses, state) = run(1);
    assert!(losses[2] < losses[0], "{losses:?}");
    assert!(run(2) == (losses, state));
}
