//! Models that know items by features, too: their rows against sums by hand, and cold items against chance.

use pocketrec::{
    data::{FeatureKind, FeatureTable, Features, IdMap},
    device::Device,
    eval::FullRanking,
    models::{Gmf, Loss, Mf, Mlp, Model, NeuMf, Softmax},
    plan::AdamConfig,
    plan::Optimizer,
    train::{Known, TrainConfig, Trainer},
};

/// Each item's features are its number by two moduli.
pub fn features(items: u32) -> Features {
    let table = FeatureTable::new(&IdMap::numbered(items));
    let table = table.column("three", FeatureKind::Category).unwrap();
    let mut table = table.column("five", FeatureKind::Values).unwrap();
    for item in 0..items {
        let (three, five) = (format!("{}", item % 3), format!("{}|x", item % 5));
        table.push(&format!("{item}"), &[&three, &five]).unwrap();
    }
    table.finish().unwrap()
}

/// Users like the items of their own number modulo 15, three to one.
pub fn data() -> pocketrec::data::Interactions {
    let rng = pocketrec::rng::Rng::new(5);
    let (mut users, mut items) = (Vec::new(), Vec::new());
    for user in 0..120u32 {
        for item in 0..150u32 {
            let likes = item % 3 == user % 3 && item % 5 == user % 5;
            if rng.stream(user).below(item.into(), 100) < if likes { 80 } else { 2 } {
                users.push(user);
                items.push(item);
            }
        }
    }
    pocketrec::data::Interactions::from_columns((120, 150), &users, &items, &[]).unwrap()
}

pub fn config() -> TrainConfig {
    TrainConfig {
        epochs: 12,
        eval_every: 0,
        batch_size: 128,
        optimizer: Optimizer::LazyAdam(AdamConfig {
            learning_rate: 0.01,
            ..AdamConfig::default()
        }),
        loss: Loss::Softmax(Softmax::default()),
        ..TrainConfig::default()
    }
}

#[test]
fn rows_are_sums_and_cold_items_are_found_by_features() {
    let split = data().cold_items(0.2, 3).unwrap();
    let known = || Known::of_items(features(150));
    let mut trainer = Trainer::with_known(Mf::new(120, 150).factors(8), known(), Device::cpu(), config()).unwrap();
    trainer.fit(&split, |_| ()).unwrap();

    // The score is the dot product of the sums, and the row of a cold item is zero.
    let state = trainer.state().unwrap();
    let table = |name: &str| &state.tensors[trainer.plan().param(name).unwrap()].value;
    let (user, item, of_features) = (
        table("user.weight").clone(),
        table("item.weight").clone(),
        table("item.weight.features").clone(),
    );
    let features = features(150);
    let pairs: Vec<(u32, u32)> = (0..150).map(|item| (7, item)).collect();
    for (&(_, id), score) in pairs.iter().zip(trainer.score(&pairs).unwrap()) {
        let mut row = item[id as usize * 8..][..8].to_vec();
        if split.cold_items().contains(&id) {
            assert!(row.iter().all(|&x| x == 0.0), "{id}");
        }
        for &feature in features.of(id) {
            let own = &of_features[feature as usize * 8..][..8];
            row.iter_mut().zip(own).for_each(|(x, y)| *x += y);
        }
        let expected: f32 = row.iter().zip(&user[7 * 8..][..8]).map(|(x, y)| x * y).sum();
        assert!(
            (score - expected).abs() < 1e-4 * (1.0 + expected.abs()),
            "{id}: {score} {expected}"
        );
    }

    let alone = FullRanking::new(3).cold_alone();
    let [chance, found] = [
        alone.of_chance(&split).unwrap().all.recall,
        trainer.full_ranking(&split, alone).unwrap().all.recall,
    ];
    let mut without = Trainer::new(Mf::new(120, 150).factors(8), Device::cpu(), config()).unwrap();
    without.fit(&split, |_| ()).unwrap();
    let blind = without.full_ranking(&split, alone).unwrap().all.recall;
    println!("chance {chance}, found {found}, blind {blind}");
    assert!(
        found > 3.0 * chance && found > 2.0 * blind,
        "chance {chance}, found {found}, blind {blind}"
    );
}

#[test]
fn every_pair_model_learns_with_features_alike_on_any_number_of_threads() {
    let split = data().cold_items(0.2, 3).unwrap();
    let models: [Model; 4] = [
        Mf::new(120, 150).factors(8).into(),
        Gmf::new(120, 150).into(),
        Mlp::new(120, 150).into(),
        NeuMf::new(120, 150).into(),
    ];
    for model in models {
        for loss in [Loss::CrossEntropy, Loss::Bpr] {
            let config = TrainConfig {
                epochs: 2,
                loss,
                negatives: 2,
                ..config()
            };
            let states = [1, 3].map(|threads| {
                let known = Known::of_items(features(150));
                let device = Device::cpu().threads(threads);
                let mut trainer = Trainer::with_known(model.clone(), known, device, config).unwrap();
                trainer.fit(&split, |_| ()).unwrap();
                trainer.full_ranking(&split, FullRanking::new(3).cold_alone()).unwrap();
                trainer.state().unwrap()
            });
            assert_eq!(states[0], states[1], "{} {}", model.name(), loss.name());
        }
    }
}
