//! Bytes of a file where there are no files: the same ones, refused for the same.

use std::fs;

use pocketrec::{
    Error,
    data::clicks::PlantedClicks,
    device::Device,
    models::{DeepFm, Gmf},
    train::{ClickConfig, ClickRow, ClickTrainer, TrainConfig, Trainer},
};

use crate::planted::{ITEMS, USERS, config, split, trainer};

#[test]
fn bytes_are_those_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model");
    let (split, mut trainer) = (split(), trainer(Gmf::new(USERS as usize, ITEMS as usize), config()));
    trainer.fit(&split, |_| ()).unwrap();
    trainer.absorb(&[(3, 5), (USERS, 7)]).unwrap();
    trainer.save(&path).unwrap();
    let bytes = trainer.to_bytes().unwrap();
    assert_eq!(bytes, fs::read(&path).unwrap());
    let mut again = Trainer::from_bytes(&bytes, Device::cpu()).unwrap();
    assert_eq!(again.to_bytes().unwrap(), bytes);
    assert_eq!(again.recommend(3, 9).unwrap(), trainer.recommend(3, 9).unwrap());
}

#[test]
fn bytes_of_clicks_are_those_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clicks");
    let data = PlantedClicks {
        users: 40,
        rows_per_user: 10,
        ..PlantedClicks::default()
    };
    let data = data.generate().unwrap();
    let model = DeepFm::new(data.train.layout()).embedding_dim(4).hidden([8]);
    let mut trainer = ClickTrainer::new(model, Device::cpu(), ClickConfig::default()).unwrap();
    trainer.set_encoder(data.encoder).unwrap();
    let values = [("user", "ann"), ("item", "3")];
    let click = ClickRow {
        values: &values,
        events: &[],
        label: 1.0,
    };
    trainer.absorb(&[click]).unwrap();
    trainer.save(&path).unwrap();
    let bytes = trainer.to_bytes().unwrap();
    assert_eq!(bytes, fs::read(&path).unwrap());
    let mut again = ClickTrainer::from_bytes(&bytes, Device::cpu()).unwrap();
    assert_eq!(again.to_bytes().unwrap(), bytes);
    let rank =
        |trainer: &mut ClickTrainer| trainer.rank(&[("user", "ann")], &[], &[&[("item", "3")], &[("item", "4")]]);
    assert_eq!(rank(&mut again).unwrap(), rank(&mut trainer).unwrap());
    for len in [0, 8, 100, bytes.len() - 1] {
        let refused = ClickTrainer::from_bytes(&bytes[..len], Device::cpu()).unwrap_err();
        assert!(matches!(refused, Error::Checkpoint { .. }), "{refused}");
    }
}

#[test]
fn what_would_not_be_read_again_is_not_written() {
    let model = Gmf::new(4, 5).factors(2);
    let mut state = Trainer::new(model.clone(), Device::cpu(), TrainConfig::default())
        .unwrap()
        .state()
        .unwrap();
    state.tensors[1].value[3] = f32::INFINITY;
    let mut trainer = Trainer::with_state(model, Device::cpu(), TrainConfig::default(), state).unwrap();
    let refused = trainer.to_bytes().unwrap_err();
    let Error::Checkpoint { path, reason } = &refused else {
        panic!("{refused}")
    };
    assert!(path == "in memory" && reason.contains("not finite"), "{refused}");
}
