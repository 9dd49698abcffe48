//! Items and users that come later, by what is known of them; what is alike, and why.

use pocketrec::{
    Error,
    data::{FeatureKind, FeatureTable, Features, IdMap},
    device::Device,
    models::{Gmf, LightGcn, Loss, Mf, Mlp, Model, NeuMf, SampledSoftmax},
    train::{AbsorbConfig, Known, TrainConfig, Trainer},
};

use crate::known::{config, data, features};

/// A trainer of items with features and users with some, too.
fn trained(model: impl Into<Model>) -> Trainer {
    let split = data().cold_items(0.2, 3).unwrap();
    let table = FeatureTable::new(&IdMap::numbered(120));
    let mut table = table.column("taste", FeatureKind::Category).unwrap();
    for user in 0..100 {
        table.push(&format!("{user}"), &[&format!("{}", user % 15)]).unwrap();
    }
    let known = Known::of_items(features(150)).and_users(table.finish().unwrap());
    let model = model.into();
    let config = match model {
        Model::Mf(_) => config(),
        _ => TrainConfig {
            loss: Loss::CrossEntropy,
            ..config()
        },
    };
    let mut trainer = Trainer::with_known(model, known, Device::cpu().threads(1), config).unwrap();
    trainer.fit(&split, |_| ()).unwrap();
    trainer
}

/// The embedding of a row, by a sum by hand.
fn embedding(trainer: &mut Trainer, table: &str, features: &[u32], row: u32) -> Vec<f32> {
    let state = trainer.state().unwrap();
    let of = |name: &str, row: u32| {
        let param = trainer.plan().param(name).unwrap();
        let width = trainer.plan().params()[param].width;
        state.tensors[param].value[row as usize * width..][..width].to_vec()
    };
    let mut sum = of(table, row);
    for &feature in features {
        let own = of(&format!("{table}.features"), feature);
        sum.iter_mut().zip(own).for_each(|(x, y)| *x += y);
    }
    sum
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

fn near(got: f32, want: f32) {
    assert!((got - want).abs() < 1e-4 * (1.0 + want.abs()), "{got} {want}");
}

#[test]
fn a_new_item_is_ranked_by_its_features_at_once() {
    let mut trainer = trained(Mf::new(120, 150).factors(8));
    let before = trainer.score(&[(3, 5), (119, 149)]).unwrap();
    let new = trainer
        .absorb_item("new", &[("three", "1"), ("five", "2|x|never")])
        .unwrap();
    let known = trainer.known().unwrap().items().unwrap();
    let keys: Vec<String> = new
        .features
        .iter()
        .map(|&feature| known.key(feature).unwrap())
        .collect();
    assert_eq!((new.id, new.is_new, new.unknown), (150, true, 1));
    assert_eq!(keys, ["three:1", "five:x", "five:2"]);
    assert_eq!((trainer.items(), trainer.item_ids().get("new")), (151, Some(150)));
    assert_eq!(
        trainer.score(&[(3, 5), (119, 149)]).unwrap(),
        before,
        "others are as they were"
    );

    // Its own row is zero, and its score what the features say.
    let item = embedding(&mut trainer, "item.weight", &new.features, 150);
    assert!(
        embedding(&mut trainer, "item.weight", &[], 150)
            .iter()
            .all(|&x| x == 0.0)
    );
    let of_user = trainer.known().unwrap().users().unwrap().of(7).to_vec();
    let user = embedding(&mut trainer, "user.weight", &of_user, 7);
    near(trainer.score(&[(7, 150)]).unwrap()[0], dot(&item, &user));
    // 7 mod 3 = 1 and 7 mod 5 = 2: that is what user 7 likes.
    let place = |best: Vec<(u32, f32)>| best.iter().position(|&(item, _)| item == 150);
    assert!(place(trainer.recommend(7, 20).unwrap()).is_some());
    assert!(
        place(trainer.recommend(9, 20).unwrap()).is_none(),
        "user 9 likes others"
    );

    // An item of which nothing is known begins as one that comes without features: at the mean of all embeddings.
    let blank = trainer.absorb_item("blank", &[("three", "77")]).unwrap();
    assert_eq!((blank.id, blank.unknown, blank.features.len()), (151, 1, 0));
    let mut mean = [0.0f64; 8];
    for item in 0..151 {
        let own = trainer.known().unwrap().items().unwrap().of(item).to_vec();
        let row = embedding(&mut trainer, "item.weight", &own, item);
        mean.iter_mut()
            .zip(row)
            .for_each(|(sum, x)| *sum += f64::from(x) / 151.0);
    }
    let row = embedding(&mut trainer, "item.weight", &[], 151);
    row.iter().zip(mean).for_each(|(&got, want)| near(got, want as f32));

    // An item that is there has other features from now on.
    let again = trainer.absorb_item("new", &[("three", "0")]).unwrap();
    assert_eq!((again.id, again.is_new, trainer.items()), (150, false, 152));
    let item = embedding(&mut trainer, "item.weight", &again.features, 150);
    near(trainer.score(&[(7, 150)]).unwrap()[0], dot(&item, &user));
}

#[test]
fn clicks_move_rows_of_their_own_alone_and_new_users_are_found() {
    for model in [
        Mf::new(120, 150).factors(8).into(),
        Model::from(NeuMf::new(120, 150)),
        Mlp::new(120, 150).into(),
    ] {
        let mut trainer = trained(model);
        let new = trainer
            .absorb_item("new", &[("three", "1"), ("five", "2|x")])
            .unwrap()
            .id;
        let user = trainer.absorb_user("ann", &[("taste", "7")]).unwrap().id;
        assert_eq!(user, 120);
        let untouched = trainer.score(&[(50, 20)]).unwrap();
        let old = trainer.state().unwrap();
        let report = trainer
            .absorb_keys(
                &[("ann", "new"), ("bob", "new"), ("bob", "3")],
                &AbsorbConfig::default(),
            )
            .unwrap();
        assert_eq!((report.new_users, report.new_items), (1, 0));
        assert!(report.after > report.before, "{report:?}");
        let state = trainer.state().unwrap();
        for (index, param) in trainer.plan().params().iter().enumerate() {
            let (old, new) = (&old.tensors[index].value, &state.tensors[index].value);
            if param.name.ends_with(".features") || !param.is_table() {
                assert_eq!(old, new, "{}", param.name);
            }
        }
        let cold = data().cold_items(0.2, 3).unwrap();
        for &item in cold.cold_items() {
            assert!(
                embedding_is_zero(&trainer, &state, item),
                "{item} was drawn as a negative"
            );
        }
        // All of what a score is made of is composed anew: a trainer that begins from here scores the same.
        let pairs = [(120, new), (121, new), (121, 3), (50, 20)];
        let bytes = trainer.to_bytes().unwrap();
        let mut again = Trainer::from_bytes(&bytes, Device::cpu().threads(1)).unwrap();
        assert_eq!(trainer.score(&pairs).unwrap(), again.score(&pairs).unwrap());
        assert_eq!(trainer.recommend(121, 10).unwrap(), again.recommend(121, 10).unwrap());
        assert_eq!(again.to_bytes().unwrap(), bytes);
        // Users who had no part in it change by what the items do, at most.
        assert!((trainer.score(&[(50, 20)]).unwrap()[0] - untouched[0]).abs() < 1.0);
        assert!(
            trainer
                .recommend(121, 3)
                .unwrap()
                .iter()
                .all(|&(item, _)| item != new && item != 3)
        );
    }
}

fn embedding_is_zero(trainer: &Trainer, state: &pocketrec::plan::State, item: u32) -> bool {
    let params = trainer.plan().params().iter().zip(&state.tensors);
    params
        .filter(|(param, _)| param.name.ends_with("item.weight"))
        .all(|(param, tensor)| {
            tensor.value[item as usize * param.width..][..param.width]
                .iter()
                .all(|&x| x == 0.0)
        })
}

#[test]
fn likeness_and_reasons_go_by_whole_embeddings() {
    let mut trainer = trained(Mf::new(120, 150).factors(8));
    let of = |trainer: &mut Trainer, item| {
        let own = features(150).of(item).to_vec();
        embedding(trainer, "item.weight", &own, item)
    };
    let one = of(&mut trainer, 4);
    let cosine = |a: &[f32], b: &[f32]| dot(a, b) / (dot(a, a) * dot(b, b)).sqrt();
    let alike = trainer.similar_items(4, 5).unwrap();
    let mut by_hand: Vec<(f32, u32)> = Vec::new();
    for item in (0..150).filter(|&item| item != 4) {
        by_hand.push((cosine(&one, &of(&mut trainer, item)), item));
    }
    by_hand.sort_by(|a, b| b.0.total_cmp(&a.0));
    for ((_, got), (want, _)) in alike.iter().zip(&by_hand) {
        near(*got, *want);
    }
    assert_eq!(trainer.similar_users(3, 4).unwrap().len(), 4);

    let why = trainer.explain(4, 19).unwrap();
    near(why.sum() as f32, trainer.score(&[(4, 19)]).unwrap()[0]);
    assert!(why.reasons[0].contribution > 0.0 && why.reasons[0].item % 15 == 4);
    let mut gmf = trained(Gmf::new(120, 150));
    let why = gmf.explain(4, 19).unwrap();
    near(why.sum() as f32, gmf.score(&[(4, 19)]).unwrap()[0]);
}

#[test]
fn what_has_no_place_for_features_says_so() {
    let config = |loss| TrainConfig { loss, ..config() };
    let of = |model: Model, features: Features, loss| {
        Trainer::with_known(model, Known::of_items(features), Device::cpu(), config(loss)).map(|_| ())
    };
    let said = |result: pocketrec::Result<()>| result.unwrap_err().to_string();
    let listed = Loss::SampledSoftmax(SampledSoftmax::default());
    assert!(said(of(Mf::new(120, 150).into(), features(150), listed)).contains("features"));
    let graph = said(of(LightGcn::new(120, 150).into(), features(150), Loss::Bpr));
    assert!(graph.contains("LightGCN") || graph.contains("lightgcn"), "{graph}");
    assert!(said(of(Mf::new(120, 149).into(), features(150), Loss::Bpr)).contains("149"));

    let mut plain = Trainer::new(Mf::new(3, 4), Device::cpu(), TrainConfig::default()).unwrap();
    assert!(matches!(plain.absorb_item("a", &[]), Err(Error::Config { .. })));
    let mut known = trained(Mf::new(120, 150).factors(8));
    for fields in [&[("colour", "1")][..], &[("five", "['a")]] {
        assert!(
            matches!(known.absorb_item("a", fields), Err(Error::Config { .. })),
            "{fields:?}"
        );
    }
    assert!(matches!(known.absorb_item(" ", &[]), Err(Error::Config { .. })));
    assert_eq!((known.items(), known.item_ids().get("a")), (150, None));
    let base = known.checkpoint().unwrap();
    assert!(known.delta(&base, &Default::default()).is_err());
}
