//! Models with features that are saved, loaded, gone on with and exported.

use pocketrec::{
    checkpoint::{Checkpoint, Export},
    device::Device,
    models::{Loss, Mf, Model, NeuMf, Softmax},
    plan::{AdamConfig, Optimizer, RowType},
    train::{Control, Event, Known, TrainConfig, Trainer},
};

use crate::known::{config, data, features};

fn device() -> Device {
    Device::cpu().threads(1)
}

fn fresh(model: &Model, config: TrainConfig) -> Trainer {
    Trainer::with_known(
        model.clone(),
        Known::of_items(features(150)).left_out(0.3),
        device(),
        config,
    )
    .unwrap()
}

#[test]
fn a_run_that_is_saved_and_loaded_ends_with_the_same_bits() {
    let split = data().cold_items(0.2, 3).unwrap();
    let models: [Model; 2] = [
        Mf::new(120, 150).factors(5).into(),
        NeuMf::new(120, 150).factors(4).into(),
    ];
    let softmax = Loss::Softmax(Softmax::default());
    let adam = Optimizer::Adam(AdamConfig::default());
    for (model, loss, optimizer, average_from) in [
        (&models[0], softmax, config().optimizer, None),
        (&models[1], Loss::CrossEntropy, adam, Some(1)),
        (&models[1], Loss::Bpr, config().optimizer, None),
    ] {
        let config = TrainConfig {
            epochs: 3,
            negatives: 2,
            loss,
            optimizer,
            average_from,
            ..config()
        };
        let mut whole = fresh(model, config);
        whole.fit(&split, |_| ()).unwrap();
        let mut parts = fresh(model, config);
        let mut left = 5;
        parts
            .fit_events(&split, |event| match event {
                Event::Epoch(report) if report.epoch >= 1 => Control::Stop,
                _ => {
                    left -= 1;
                    if left == 0 { Control::Stop } else { Control::Continue }
                }
            })
            .unwrap();
        let bytes = parts.to_bytes().unwrap();
        let mut parts = Trainer::from_bytes(&bytes, device()).unwrap();
        assert_eq!(parts.to_bytes().unwrap(), bytes);
        assert_eq!(parts.known().unwrap().items(), Some(&features(150)));
        assert_eq!(parts.known().unwrap().left_out, 0.3);
        parts.fit(&split, |_| ()).unwrap();
        assert_eq!(
            parts.to_bytes().unwrap(),
            whole.to_bytes().unwrap(),
            "{} {}",
            model.name(),
            loss.name()
        );
        assert_eq!(parts.recommend(7, 20).unwrap(), whole.recommend(7, 20).unwrap());
    }
}

#[test]
fn exports_recommend_nearly_the_same_and_take_new_items_in() {
    let split = data().cold_items(0.2, 3).unwrap();
    let mut trainer = fresh(&Mf::new(120, 150).factors(8).into(), config());
    trainer.fit(&split, |_| ()).unwrap();
    for rows in [RowType::I8, RowType::F16] {
        let export = Export {
            rows,
            users: Some(&[7, 9]),
        };
        let bytes = trainer.export_to_bytes(&export).unwrap();
        let mut small = Trainer::from_bytes(&bytes, device()).unwrap();
        let [mut worst, mut largest] = [0.0f32; 2];
        for item in 0..150 {
            let (a, b) = (
                trainer.score(&[(7, item)]).unwrap()[0],
                small.score(&[(0, item)]).unwrap()[0],
            );
            (worst, largest) = (worst.max((a - b).abs()), largest.max(a.abs()));
        }
        assert!(worst < 0.05 * largest, "{worst} of {largest}");
        let new = small.absorb_item("new", &[("three", "1"), ("five", "2|x")]).unwrap().id;
        assert!(small.recommend(0, 20).unwrap().iter().any(|&(item, _)| item == new));
        small.absorb(&[(0, new), (1, 3)]).unwrap();
        let mut again = Trainer::from_bytes(&small.to_bytes().unwrap(), device()).unwrap();
        assert_eq!(
            again.score(&[(0, new), (1, 3), (1, 8)]).unwrap(),
            small.score(&[(0, new), (1, 3), (1, 8)]).unwrap()
        );
    }
}

#[test]
fn without_features_a_file_says_nothing_of_them() {
    let mut plain = Trainer::new(Mf::new(120, 150).factors(8), device(), config()).unwrap();
    let bytes = plain.to_bytes().unwrap();
    assert!(!bytes.windows(5).any(|part| part == b"known"));
    let mut known = fresh(&Mf::new(120, 150).factors(8).into(), config());
    let checkpoint = Checkpoint::from_bytes(&known.to_bytes().unwrap()).unwrap();
    // Features of other items than the tables' are not saved, nor is a model that says nothing of what its rows are of.
    let others = Checkpoint {
        item_ids: pocketrec::data::IdMap::from_keys((0..150).map(|i| format!("i{i}"))).unwrap(),
        ..checkpoint.clone()
    };
    assert!(others.to_bytes().unwrap_err().to_string().contains("items"));
    assert!(
        Checkpoint {
            known: None,
            ..checkpoint
        }
        .to_bytes()
        .is_err()
    );
}
