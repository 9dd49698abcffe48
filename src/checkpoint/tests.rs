//! Checkpoints as bytes, as they are used where there are no files: run without std, too.

use alloc::vec::Vec;

use super::{Checkpoint, Delta, DeltaConfig, Export};
use crate::{
    Error,
    classical::{Rp3Beta, Rp3BetaConfig},
    data::{Interactions, Planted},
    device::Device,
    models::NeuMf,
    plan::RowType,
    train::{TrainConfig, Trainer},
};

fn trained() -> Trainer {
    let planted = Planted {
        users: 20,
        items: 30,
        interactions_per_user: 6,
        ..Planted::default()
    };
    let split = planted.generate().unwrap().interactions.leave_one_out().unwrap();
    let config = TrainConfig {
        epochs: 1,
        ..TrainConfig::default()
    };
    let mut trainer = Trainer::new(NeuMf::new(20, 30).factors(4), Device::cpu(), config).unwrap();
    trainer.fit(&split, |_| {}).unwrap();
    trainer
}

/// The same bits come back, go on learning to the same bits, and what is cut short or changed is refused.
#[test]
fn a_trainer_comes_back_from_bytes() {
    let mut trainer = trained();
    let bytes = trainer.to_bytes().unwrap();
    let mut again = Trainer::from_bytes(&bytes, Device::cpu()).unwrap();
    assert_eq!(again.to_bytes().unwrap(), bytes);
    for trainer in [&mut trainer, &mut again] {
        trainer.absorb(&[(3, 7), (20, 8)]).unwrap();
    }
    assert_eq!(again.recommend(3, 10).unwrap(), trainer.recommend(3, 10).unwrap());
    assert_eq!(again.to_bytes().unwrap(), trainer.to_bytes().unwrap());

    for len in [0, 7, 8, 100, bytes.len() - 1] {
        let error = Checkpoint::from_bytes(&bytes[..len]).unwrap_err();
        assert!(matches!(error, Error::Checkpoint { .. }), "{error}");
    }
    let mut changed = bytes;
    *changed.last_mut().unwrap() ^= 1;
    let error = Checkpoint::from_bytes(&changed).unwrap_err();
    assert!(alloc::format!("{error}").contains("in memory: "), "{error}");
}

/// A small file recommends and learns, and what it learnt is a delta that brings another there.
#[test]
fn an_export_learns_and_sends_what_it_learnt() {
    let export = Export {
        rows: RowType::I8,
        users: Some(&[5, 2]),
    };
    let small = trained().export_to_bytes(&export).unwrap();
    let mut device = Trainer::from_bytes(&small, Device::cpu()).unwrap();
    let base = device.checkpoint().unwrap();
    let best = device.recommend(1, 3).unwrap();
    device.absorb(&[(1, best[0].0)]).unwrap();
    let config = DeltaConfig {
        clicks: true,
        ..DeltaConfig::default()
    };
    let delta = device.delta(&base, &config).unwrap().to_bytes().unwrap();
    let mut server = Trainer::from_bytes(&small, Device::cpu()).unwrap();
    server.apply(&Delta::from_bytes(&delta).unwrap()).unwrap();
    assert_eq!(server.recommend(1, 30).unwrap(), device.recommend(1, 30).unwrap());
}

#[cfg(feature = "clicks")]
#[test]
fn models_of_clicks_come_back_from_bytes() {
    use super::ClickCheckpoint;
    use crate::{
        data::clicks::PlantedClicks,
        models::Fm,
        train::{ClickConfig, ClickTrainer},
    };

    let planted = PlantedClicks {
        users: 10,
        rows_per_user: 10,
        ..PlantedClicks::default()
    };
    let train = planted.generate().unwrap().train;
    let mut clicks = ClickTrainer::new(Fm::new(train.layout()), Device::cpu(), ClickConfig::default()).unwrap();
    let bytes = clicks.to_bytes().unwrap();
    assert_eq!(ClickCheckpoint::from_bytes(&bytes).unwrap().to_bytes().unwrap(), bytes);
}

#[test]
fn classical_models_come_back_from_bytes() {
    let pairs: Vec<(u32, u32)> = (0..8).flat_map(|user| [(user, user % 5), (user, 5)]).collect();
    let split = Interactions::from_pairs(&pairs).unwrap();
    let walks = Rp3Beta::fit(&split, Rp3BetaConfig::default(), &Device::cpu()).unwrap();
    let bytes = walks.to_bytes().unwrap();
    let again = Rp3Beta::from_bytes(&bytes, &Device::cpu()).unwrap();
    assert_eq!(again.to_bytes().unwrap(), bytes);
}
