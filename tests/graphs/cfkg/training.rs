//! Training with relations: items that nobody has, any number of threads, checkpoints, clicks, and what is found by distance.

use pocketrec::{
    checkpoint::Checkpoint,
    cpu::{CpuExecutor, Isa},
    data::{IdMap, Interactions, ItemLinks, Planted, PlantedData, Relations, Split, Triples},
    device::Device,
    eval::FullRanking,
    executor::{Executor, score_catalogue},
    models::{Cfkg, Loss, Margin},
    reference::Reference,
    rng::Rng,
    train::{Control, TrainConfig, Trainer},
};

use super::{config, state_of};
use crate::{
    common::{bits, close, random_state, wide},
    through_file,
};

const ITEMS: u32 = 200;
/// Values of the attribute: each the kind of one of the first items.
const KINDS: u32 = 12;

fn planted() -> PlantedData {
    let options = Planted {
        users: 400,
        items: ITEMS,
        interactions_per_user: 15,
        ..Planted::default()
    };
    options.generate().unwrap()
}

/// A fifth of the items loses its users: what is left, what is gone by user, and which they are.
fn without_cold(data: &PlantedData) -> (Split, Vec<Vec<u32>>, Vec<u32>) {
    let (rng, all) = (Rng::new(9), &data.interactions);
    let is_cold = |item: u32| rng.below(item.into(), 5) == 0;
    let mut gone = vec![Vec::new(); all.users() as usize];
    all.iter()
        .filter(|pair| is_cold(pair.1))
        .for_each(|(user, item)| gone[user as usize].push(item));
    let (users, items): (Vec<u32>, Vec<u32>) = all.iter().filter(|pair| !is_cold(pair.1)).unzip();
    let kept = Interactions::from_columns((all.users(), all.items()), &users, &items, &[]).unwrap();
    let cold = (0..all.items()).filter(|&item| is_cold(item)).collect();
    (Split::from_cases(kept, []).unwrap(), gone, cold)
}

/// Related items, and what kind an item is of: that of the first items which it is most like.
fn relations(data: &PlantedData) -> Relations {
    let related = data.related(8, 1).unwrap();
    let mut triples = Vec::new();
    let key = |id: u32| id.to_string();
    triples.extend(related.iter().map(|(head, _, tail)| (key(head), "related", key(tail))));
    for item in 0..ITEMS {
        let like = |kind: &u32| data.alikeness(item, *kind);
        let kind = (0..KINDS).max_by(|a, b| like(a).total_cmp(&like(b))).unwrap();
        triples.push((key(item), "kind", format!("kind {kind}")));
    }
    let triples = triples
        .iter()
        .map(|(head, relation, tail)| (&**head, *relation, &**tail));
    let keys: Vec<String> = (0..ITEMS).map(key).collect();
    let links = ItemLinks::from_keys(keys.iter().map(|key| (&**key, &**key))).unwrap();
    let known = Triples::from_keys(triples).unwrap();
    Relations::of(&known.with_items(&IdMap::numbered(ITEMS), &links).unwrap()).unwrap()
}

fn both(data: &PlantedData) -> Relations {
    relations(data)
        .positives("related")
        .unwrap()
        .attributes("kind")
        .unwrap()
}

fn trainer(relations: Option<&Relations>, loss: Loss, device: Device) -> Trainer {
    let mut model = Cfkg::new(400, ITEMS as usize).embedding_dim(11);
    if let Some(relations) = relations {
        model = model.relations(relations);
    }
    let mut trainer = Trainer::new(model, device, config(loss)).unwrap();
    if let Some(relations) = relations {
        trainer.set_relations(relations.clone()).unwrap();
    }
    trainer
}

/// The share of users' cold items that are among their first five cold ones.
fn recall(gone: &[Vec<u32>], cold: &[u32], mut score: impl FnMut(u32, u32) -> f32) -> f64 {
    let (mut found, mut all) = (0, 0);
    for (user, items) in (0..).zip(gone) {
        let mut ranked: Vec<(f32, u32)> = cold.iter().map(|&item| (score(user, item), item)).collect();
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        found += ranked[..5].iter().filter(|(_, item)| items.contains(item)).count();
        all += items.len().min(5);
    }
    f64::from(found as u32) / f64::from(all as u32)
}

#[test]
fn items_that_nobody_has_are_near_what_they_have_to_do_with() {
    let data = planted();
    let (split, gone, cold) = without_cold(&data);
    let all = relations(&data);
    let truth = recall(&gone, &cold, |user, item| data.affinity(user, item));
    let margin = Loss::Margin(Margin { margin: 1.0 });
    let of = |relations: Option<&Relations>, loss: Loss, epochs: u32| {
        let mut trainer = trainer(relations, loss, Device::cpu());
        let config = TrainConfig { epochs, ..config(loss) };
        trainer.set_config(config).unwrap();
        trainer.fit(&split, |_| ()).unwrap();
        let pairs = |user| (0..ITEMS).map(|item| (user, item)).collect::<Vec<_>>();
        let scores: Vec<Vec<f32>> = (0..400).map(|user| trainer.score(&pairs(user)).unwrap()).collect();
        recall(&gone, &cold, |user, item| scores[user as usize][item as usize])
    };
    let plain = [8, 40].map(|epochs| of(None, Loss::Bpr, epochs));
    let plain = plain[0].max(plain[1]);
    let items = all.clone().positives("related").unwrap();
    let kinds = all.attributes("kind").unwrap();
    // An item has one kind, and so an eighth of the samples that its relations are.
    for (what, relations, loss, epochs, share) in [
        ("related items", &items, Loss::Bpr, 8, 0.5),
        ("related items by margin", &items, margin, 8, 0.5),
        ("kinds", &kinds, Loss::Bpr, 40, 0.25),
    ] {
        let with = of(Some(relations), loss, epochs);
        println!("{what}: {plain:.3} without, {with:.3} with, {truth:.3} by the truth");
        assert!(
            with > plain + share * (truth - plain),
            "{what}: {plain}, {with}, {truth}"
        );
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let data = planted();
    let (split, ..) = without_cold(&data);
    let relations = both(&data);
    let of = |threads: usize| {
        let mut trainer = trainer(Some(&relations), Loss::Bpr, Device::cpu().threads(threads));
        trainer
            .set_config(TrainConfig {
                epochs: 2,
                ..config(Loss::Bpr)
            })
            .unwrap();
        trainer.fit(&split, |_| ()).unwrap();
        bits(&trainer.state().unwrap())
    };
    let one = of(1);
    assert!([2, 3].into_iter().all(|threads| of(threads) == one));
    assert_eq!(of(1), one);
}

#[test]
fn a_resumed_run_is_the_uninterrupted_one() {
    let data = planted();
    let (split, ..) = without_cold(&data);
    let relations = both(&data);
    let config = TrainConfig {
        epochs: 2,
        report_every: 3,
        ..config(Loss::Margin(Margin::default()))
    };
    let begun = || {
        let mut trainer = trainer(Some(&relations), config.loss, Device::cpu());
        trainer.set_config(config).unwrap();
        trainer
    };
    let mut whole = begun();
    whole.fit(&split, |_| ()).unwrap();
    let whole = bits(&whole.state().unwrap());
    let mut first = through_file(&mut begun());
    assert_eq!(first.relations(), Some(&relations));
    let mut steps = 0;
    let stop = |_: &_| {
        steps += 1;
        if steps == 4 { Control::Stop } else { Control::Continue }
    };
    first.fit_events(&split, stop).unwrap();
    assert!(first.progress().epoch == 0 && first.progress().sample > 0);
    let (best, why) = (first.recommend(7, 5).unwrap(), first.explain(7, 30).unwrap());
    let mut second = through_file(&mut first);
    assert_eq!(
        (second.recommend(7, 5).unwrap(), second.explain(7, 30).unwrap()),
        (best, why)
    );
    second.fit(&split, |_| ()).unwrap();
    assert_eq!(bits(&second.state().unwrap()), whole);
}

/// Clicks move points and not steps; users and items may be new.
#[test]
fn clicks_are_absorbed() {
    let data = planted();
    let (split, _, cold) = without_cold(&data);
    let relations = both(&data);
    let mut trainer = trainer(Some(&relations), Loss::Bpr, Device::cpu());
    trainer.fit(&split, |_| ()).unwrap();
    let before = trainer.state().unwrap();
    let report = trainer.absorb(&[(0, cold[0]), (400, cold[1]), (400, ITEMS)]).unwrap();
    assert_eq!((report.new_users, report.new_items), (1, 1));
    assert!(report.after > report.before, "{report:?}");
    let after = trainer.state().unwrap();
    let params = trainer.plan().params();
    for ((param, before), after) in params.iter().zip(&before.tensors).zip(&after.tensors) {
        let of_points = ["user.weight", "item.weight"].contains(&param.name.as_str());
        let rows = before.value.len();
        assert_eq!(before.value == after.value[..rows], !of_points, "{}", param.name);
    }
    let best = trainer.recommend(400, 5).unwrap();
    assert!(best.iter().all(|(item, score)| *item != cold[1] && score.is_finite()));
    let mut file = Vec::new();
    trainer.checkpoint().unwrap().write_to(&mut file).unwrap();
    let read = Trainer::from_checkpoint(Checkpoint::from_bytes(&file).unwrap(), Device::cpu());
    assert_eq!(read.unwrap().recommend(400, 5).unwrap(), best);
    trainer.fit(&split, |_| ()).unwrap();
}

/// Scores, the catalogue's best, full ranking and alike items, of points on a line.
#[test]
fn what_is_nearest_comes_first() {
    let model = Cfkg::new(2, 5).embedding_dim(1);
    let items: [f32; 5] = [1.0, -2.0, 4.0, 0.5, 9.0];
    let state = state_of(&model, &[("user.weight", &[0.0, 3.0]), ("item.weight", &items)]);
    let mut trainer = Trainer::with_state(model, Device::cpu(), config(Loss::Bpr), state).unwrap();
    assert_eq!(
        trainer.recommend(0, 9).unwrap(),
        [(3, -0.25), (0, -1.0), (1, -4.0), (2, -16.0), (4, -81.0)]
    );
    assert_eq!(trainer.recommend(1, 2).unwrap(), [(2, -1.0), (0, -4.0)]);
    assert_eq!(trainer.score(&[(1, 4), (0, 1)]).unwrap(), [-36.0, -4.0]);
    assert_eq!(trainer.recommend_from(1, &[4, 1], 2).unwrap(), [(1, -25.0), (4, -36.0)]);

    let model = Cfkg::new(2, 5).embedding_dim(2);
    let tables: [(&str, &[f32]); 2] = [
        ("user.weight", &[0.0, 0.0, 3.0, 0.0]),
        ("item.weight", &[1.0, 0.0, -2.0, 0.0, 4.0, 0.0, 0.0, 0.0, 9.0, 1.0]),
    ];
    let state = state_of(&model, &tables);
    let mut trainer = Trainer::with_state(model, Device::cpu(), config(Loss::Bpr), state).unwrap();
    // That in the origin, which has no direction, is as near to 0 as any.
    let alike = trainer.similar_items(0, 9).unwrap();
    assert_eq!(alike, [(3, -1.0), (1, -9.0), (2, -9.0), (4, -65.0)]);

    // The test items of user 0 are first and second, that of user 1 is third of those that they do not have.
    let train = Interactions::from_columns((2, 5), &[1], &[2], &[]).unwrap();
    let cases = [(0, 3), (0, 0), (1, 1)].map(|(user, item)| (user, item, &[][..]));
    let split = Split::from_cases(train, cases).unwrap();
    let report = trainer.full_ranking(&split, FullRanking::new(2)).unwrap();
    assert_eq!(report.all.recall, (1.0 + 0.0) / 2.0);
}

/// The catalogue of every instruction set against the specification's pairs.
#[test]
fn the_catalogue_equals_the_specification() {
    for (relations, attributes) in [(0, 0), (2, 3)] {
        let model = Cfkg::new(37, 131).embedding_dim(13);
        let model = Cfkg {
            relations,
            attributes,
            ..model
        };
        let plan = model.plan().unwrap();
        let state = random_state(&plan, 0.3, 3);
        let users = [3, 36, 0, 3];
        let mut want = vec![0.0; users.len() * 131];
        score_catalogue(&mut Reference::new(&plan, &state).unwrap(), &users, &mut want)
            .wait()
            .unwrap();
        for isa in Isa::available() {
            let mut executor = CpuExecutor::new(plan.clone(), state.clone(), isa, 2).unwrap();
            assert!(executor.catalogue().is_some());
            let mut got = vec![f32::NAN; want.len()];
            score_catalogue(&mut executor, &users, &mut got).wait().unwrap();
            close(&got, &wide(&want), 1e-6, &format!("{isa}, {relations} relations"));
        }
    }
}

/// On random points the search over the catalogue finds what scores by pairs say.
#[test]
fn the_catalogue_scores_as_pairs_do() {
    let data = planted();
    let (split, ..) = without_cold(&data);
    let mut trainer = trainer(Some(&both(&data)), Loss::Bpr, Device::cpu());
    trainer
        .set_config(TrainConfig {
            epochs: 3,
            ..config(Loss::Bpr)
        })
        .unwrap();
    trainer.fit(&split, |_| ()).unwrap();
    for user in [0, 17, 399] {
        let found = trainer.recommend(user, 30).unwrap();
        let pairs: Vec<(u32, u32)> = found.iter().map(|&(item, _)| (user, item)).collect();
        let scores = trainer.score(&pairs).unwrap();
        for (&(_, found), score) in found.iter().zip(&scores) {
            assert!(
                found <= 1e-5 && (found - score).abs() < 1e-4 * score.abs().max(1.0),
                "{found} for {score}"
            );
        }
        let worst = found.last().unwrap().1;
        let has = split.train.of_user(user);
        let others = (0..ITEMS).filter(|item| !has.contains(item) && found.iter().all(|best| best.0 != *item));
        let others: Vec<(u32, u32)> = others.map(|item| (user, item)).collect();
        assert!(
            trainer
                .score(&others)
                .unwrap()
                .iter()
                .all(|&score| score < worst + 1e-4)
        );
    }
}
