//! KGCN in a trainer: neighbours by hand, scores by the specification, the same bits, checkpoints, reasons, what is refused.

use std::collections::{BTreeSet, HashMap};

use pocketrec::{
    Result,
    checkpoint::Checkpoint,
    data::{Batch, IdMap, Interactions, ItemLinks, Knowledge, Split, Triples},
    device::Device,
    eval::{FullRanking, Protocol},
    explain::Kind,
    models::{Kgcn, Loss, Mf},
    plan::{AdamConfig, Optimizer},
    reference::Reference,
    rng::Rng,
    train::{Control, StopReason, TrainConfig, Trainer},
};

#[cfg(feature = "gpu")]
use crate::common::gpu;
use crate::common::{
    bits, close,
    files::{Tensors, edited},
    wide,
};

const USERS: u32 = 120;
const ITEMS: u32 = 81;
const KINDS: u32 = 4;
const LABELS: u32 = 9;

/// Items `0..80` are of a kind and have a label that says nothing; nothing is known of the last. Without one of these, if an item
/// and a relation are given.
fn knowledge(without: Option<(u32, &str)>) -> Knowledge {
    let rng = Rng::new(8);
    let mut triples: Vec<[String; 3]> = Vec::new();
    // All entities and relations come first, so that they have the same numbers whatever is left out.
    for (relation, count) in [("kind", KINDS), ("label", LABELS)] {
        triples.extend((0..count).map(|n| {
            let name = |n: u32| format!("{relation}{}", n % count);
            [name(n), relation.into(), name(n + 1)]
        }));
    }
    for item in 0..ITEMS - 1 {
        for (relation, at) in [("kind", item % KINDS), ("label", rng.below(item.into(), LABELS))] {
            if without != Some((item, relation)) {
                triples.push([format!("e{item}"), relation.into(), format!("{relation}{at}")]);
            }
        }
    }
    let keys = triples
        .iter()
        .map(|[head, relation, tail]| (&head[..], &relation[..], &tail[..]));
    let links: Vec<[String; 2]> = (0..ITEMS - 1)
        .map(|item| [item.to_string(), format!("e{item}")])
        .collect();
    let links = ItemLinks::from_keys(links.iter().map(|[item, entity]| (&item[..], &entity[..]))).unwrap();
    let known = Triples::from_keys(keys).unwrap();
    Knowledge::sample(&known.with_items(&IdMap::numbered(ITEMS), &links).unwrap(), 8, 1).unwrap()
}

/// Each user has twelve items, ten of one kind.
fn split() -> Split {
    let rng = Rng::new(3);
    let mut pairs = BTreeSet::new();
    for user in 0..USERS {
        let rng = rng.stream(user);
        for n in 0..12u64 {
            let item = match n {
                0..10 => user % KINDS + KINDS * rng.below(n, (ITEMS - 1) / KINDS),
                _ => rng.below(n, ITEMS),
            };
            pairs.insert((user, item));
        }
    }
    let (users, items): (Vec<u32>, Vec<u32>) = pairs.into_iter().unzip();
    let data = Interactions::from_columns((USERS, ITEMS), &users, &items, &[]).unwrap();
    data.hold_out(0.2, 1).unwrap()
}

fn config() -> TrainConfig {
    TrainConfig {
        epochs: 4,
        batch_size: 100,
        negatives: 2,
        optimizer: Optimizer::LazyAdam(AdamConfig {
            learning_rate: 0.01,
            ..AdamConfig::default()
        }),
        eval_every: 0,
        seed: 5,
        ..TrainConfig::default()
    }
}

fn model() -> Kgcn {
    Kgcn::of(USERS as usize, &knowledge(None)).embedding_dim(9)
}

fn trainer(device: Device, config: TrainConfig) -> Trainer {
    let mut trainer = Trainer::new(model(), device, config).unwrap();
    trainer.set_knowledge(knowledge(None)).unwrap();
    trainer
}

fn trained(epochs: u32) -> (Split, Trainer) {
    let (split, mut trainer) = (split(), trainer(Device::cpu(), TrainConfig { epochs, ..config() }));
    trainer.fit(&split, |_| ()).unwrap();
    (split, trainer)
}

#[track_caller]
fn refused<T>(result: Result<T>, part: &str) {
    match result {
        Ok(_) => panic!("not refused: {part}"),
        Err(error) => assert!(error.to_string().contains(part), "{error}, without {part}"),
    }
}

#[test]
fn neighbours_are_those_of_both_directions_each_once() {
    let known = Triples::from_keys([
        ("b", "r", "a"), // both are items
        ("a", "s", "x"),
        ("y", "r", "a"),
        ("a", "r", "b"), // the first one again, seen from a
        ("x", "r", "y"),
    ])
    .unwrap();
    let links = ItemLinks::from_keys([("0", "a"), ("1", "b")]).unwrap();
    let known = known.with_items(&IdMap::numbered(3), &links).unwrap();
    let all = Knowledge::sample(&known, 8, 1).unwrap();
    assert_eq!(all.counts(), [3, 5, 2]);
    // x is entity 3 and y is 4, behind the items; r is relation 0.
    assert_eq!(all.of_item(0), [(1, 0), (3, 1), (4, 0)]);
    assert_eq!(all.of_item(1), [(0, 0)]);
    assert_eq!(
        (all.of_item(2), all.of_item(3), all.of_item(u32::MAX)),
        (&[][..], &[][..], &[][..])
    );

    // Some of many: as many as are asked for, in order, each as often as the others over the seeds.
    let keys: Vec<String> = (0..10).map(|n| format!("n{n}")).collect();
    let hub = Triples::from_keys(keys.iter().map(|key| ("hub", "r", &key[..]))).unwrap();
    let hub = hub
        .with_items(&IdMap::numbered(1), &ItemLinks::from_keys([("0", "hub")]).unwrap())
        .unwrap();
    let mut drawn = [0; 11];
    for seed in 0..2000 {
        let some = Knowledge::sample(&hub, 3, seed).unwrap();
        let entities: Vec<u32> = some.of_item(0).iter().map(|end| end.0).collect();
        assert!(
            entities.len() == 3 && entities.is_sorted_by(|a, b| a < b),
            "{entities:?}"
        );
        entities.iter().for_each(|&entity| drawn[entity as usize] += 1);
    }
    // Of 2,000 draws, 600 each, with a standard deviation of 20.5.
    assert!(
        drawn[0] == 0 && drawn[1..].iter().all(|n| (500..700).contains(n)),
        "{drawn:?}"
    );
    assert_eq!(
        Knowledge::sample(&hub, 3, 7).unwrap(),
        Knowledge::sample(&hub, 3, 7).unwrap()
    );
}

#[test]
fn scores_are_the_specification_whatever_asks_for_them() {
    let (split, mut trainer) = trained(2);
    let (plan, state) = (model().plan().unwrap(), trainer.state().unwrap());
    let reference = Reference::new(&plan, &state).unwrap();
    let of_user = |user: u32| -> Vec<f64> {
        let (users, items) = (vec![user; ITEMS as usize], (0..ITEMS).collect::<Vec<u32>>());
        let pairs = Batch::from_columns(&[&users, &items], &vec![0.0; ITEMS as usize]).unwrap();
        let mut batch = Batch::default();
        knowledge(None).expand(&pairs, &mut batch).unwrap();
        reference.forward_batch(&batch).unwrap()
    };
    for user in [0, 7, USERS - 1] {
        let want = of_user(user);
        let pairs: Vec<(u32, u32)> = (0..ITEMS).map(|item| (user, item)).collect();
        let scores = trainer.score(&pairs).unwrap();
        close(&scores, &want, 1e-5, "scores");
        // The catalogue is searched by the same scores.
        let mut known: Vec<u32> = trainer.history().trained(user).to_vec();
        known.extend(split.test.iter().filter(|case| case.user == user).map(|case| case.item));
        let mut best: Vec<(u32, f32)> = (0..).zip(scores).filter(|(item, _)| !known.contains(item)).collect();
        best.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        best.truncate(6);
        assert_eq!(trainer.recommend(user, 6).unwrap(), best);
        assert_eq!(
            trainer.recommend_from(user, &[best[1].0, best[0].0], 1).unwrap(),
            best[..1]
        );
    }
    let full = trainer.full_ranking(&split, FullRanking::new(10)).unwrap();
    let by_hand = FullRanking::new(10)
        .of_scores(&split, |users, out| {
            for (&user, out) in users.iter().zip(out.chunks_exact_mut(ITEMS as usize)) {
                out.iter_mut()
                    .zip(of_user(user))
                    .for_each(|(out, score)| *out = score as f32);
            }
            Ok(())
        })
        .unwrap();
    assert_eq!(full.all.recall, by_hand.all.recall);
    assert!(full.all.recall > FullRanking::new(10).of_popularity(&split).unwrap().all.recall + 0.1);
    assert!(trainer.evaluate(&split, Protocol::Full, 10).unwrap().hr > 0.0);
    assert_eq!(trainer.similar_items(3, 5).unwrap().len(), 5);
}

#[test]
fn training_has_the_same_bits_on_any_number_of_threads_and_resumed() {
    let split = split();
    let states: Vec<_> = [1, 2, 3]
        .map(|threads| {
            let mut trainer = trainer(
                Device::cpu().threads(if cfg!(feature = "parallel") { threads } else { 1 }),
                config(),
            );
            trainer.fit(&split, |_| ()).unwrap();
            bits(&trainer.state().unwrap())
        })
        .into();
    assert!(states[0] == states[1] && states[0] == states[2]);

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model");
    let mut parts = trainer(Device::cpu(), config());
    let mut calls = 0;
    while parts.fit_events(&split, |_| Control::Stop).unwrap().reason == StopReason::Stopped {
        parts.save(&path).unwrap();
        parts = Trainer::load(&path, Device::cpu()).unwrap();
        assert_eq!(parts.knowledge(), Some(&knowledge(None)));
        calls += 1;
    }
    assert!(calls >= 3, "{calls}");
    assert_eq!(bits(&parts.state().unwrap()), states[0]);
    // And what is loaded can be absorbed into, saved and read again.
    parts.absorb(&[(USERS + 1, ITEMS)]).unwrap();
    parts.save(&path).unwrap();
    let mut again = Trainer::load(&path, Device::cpu()).unwrap();
    assert_eq!(again.checkpoint().unwrap(), parts.checkpoint().unwrap());
    assert_eq!(
        again.recommend(USERS + 1, 5).unwrap(),
        parts.recommend(USERS + 1, 5).unwrap()
    );
}

#[test]
fn reasons_are_the_softmax_of_the_user_with_relations() {
    let (_, mut trainer) = trained(2);
    let (plan, state) = (model().plan().unwrap(), trainer.state().unwrap());
    let row = |name: &str, row: u32| {
        let param = plan.param(name).unwrap();
        let row = row as usize * 9;
        wide(&state.tensors[param].value[row..row + 9])
    };
    for (user, item) in [(0, 1), (5, 17), (USERS - 1, 42)] {
        let why = trainer.explain(user, item).unwrap();
        assert_eq!(
            (why.kind, why.score),
            (Kind::Neighbours, trainer.score(&[(user, item)]).unwrap()[0])
        );
        let u = row("user.weight", user);
        let known = knowledge(None);
        let neighbours = known.of_item(item);
        assert_eq!(neighbours.len(), 2);
        let powers: Vec<f64> = neighbours
            .iter()
            .map(|&(_, relation)| {
                let product = u.iter().zip(row("relation.weight", relation)).map(|(a, b)| a * b);
                product.sum::<f64>().exp()
            })
            .collect();
        for (&(entity, _), power) in neighbours.iter().zip(&powers) {
            let reason = why.reasons.iter().find(|reason| reason.item == entity).unwrap();
            let want = power / powers.iter().sum::<f64>();
            assert!((f64::from(reason.contribution) - want).abs() < 1e-5, "{why:?}, {want}");
        }
        assert!(why.reasons[0].contribution >= why.reasons[1].contribution);
        assert!((why.sum() - 1.0).abs() < 1e-5 && why.rest == 0.0, "{why:?}");
    }
    // Nothing is known of the last item.
    let why = trainer.explain(0, ITEMS - 1).unwrap();
    assert!(why.kind == Kind::Neighbours && why.reasons.is_empty());
}

/// The kind of an item says whom it is for, and its label says nothing: it is looked at more, and without it a score falls more than
/// without the label.
#[test]
fn without_what_was_looked_at_most_a_score_falls_more() {
    let (_, mut trainer) = trained(30);
    let known = knowledge(None);
    let kind = known.relation_ids().get("kind").unwrap();
    let (mut falls, mut by_kind, mut cases) = ([0.0; 2], 0, 0);
    for user in 0..USERS {
        let (item, whole) = trainer.recommend(user, 1).unwrap()[0];
        let why = trainer.explain(user, item).unwrap();
        if why.reasons.len() < 2 {
            continue;
        }
        cases += 1;
        for (at, reason) in why.reasons.iter().enumerate() {
            let own = known.of_item(item).iter().find(|end| end.0 == reason.item).unwrap();
            by_kind += u32::from(at == 0 && own.1 == kind);
            let name = known.relation_ids().key(own.1).unwrap().into_owned();
            trainer.set_knowledge(knowledge(Some((item, &name)))).unwrap();
            falls[at] += f64::from(whole - trainer.score(&[(user, item)]).unwrap()[0]);
        }
        trainer.set_knowledge(known.clone()).unwrap();
    }
    assert!(cases > 100, "{cases}");
    assert!(f64::from(by_kind) > 0.7 * f64::from(cases), "{by_kind} of {cases}");
    assert!(falls[0] > 0.0 && falls[0] > 3.0 * falls[1], "{falls:?} of {cases}");
}

#[test]
fn absorbing_leaves_what_is_known_as_it_was() {
    let (_, mut trainer) = trained(3);
    let before = trainer.state().unwrap();
    // By how much the two items of user 3 are above all others.
    let above = |trainer: &mut Trainer| {
        let all: Vec<(u32, u32)> = (0..ITEMS).map(|item| (3, item)).collect();
        let scores = trainer.score(&all).unwrap();
        (scores[2] + scores[6]) / 2.0 - scores.iter().sum::<f32>() / ITEMS as f32
    };
    let unlearnt = above(&mut trainer);
    let report = trainer.absorb(&[(3, 2), (3, 6), (USERS, ITEMS), (USERS, 4)]).unwrap();
    assert_eq!((report.new_users, report.new_items), (1, 1));
    let learnt = above(&mut trainer);
    assert!(learnt > unlearnt, "{unlearnt}, {learnt}");
    let after = trainer.state().unwrap();
    for (param, (old, new)) in trainer
        .plan()
        .params()
        .iter()
        .zip(before.tensors.iter().zip(&after.tensors))
    {
        let moved = old.value[..] != new.value[..old.value.len()];
        assert_eq!(
            moved,
            ["user.weight", "item.weight"].contains(&&param.name[..]),
            "{}",
            param.name
        );
    }
    // The new item has no neighbours, and the new user can be recommended to.
    assert!(trainer.explain(USERS, ITEMS).unwrap().reasons.is_empty());
    let best = trainer.recommend(USERS, 200).unwrap();
    assert_eq!(best.len(), ITEMS as usize - 1);
    assert_eq!(
        (trainer.users(), trainer.items()),
        (USERS as usize + 1, ITEMS as usize + 1)
    );
}

#[test]
fn what_does_not_fit_is_refused() {
    let bare = Triples::from_keys([("a", "r", "b")]).unwrap();
    refused(Knowledge::sample(&bare, 8, 1), "align them");
    let links = ItemLinks::from_keys([("0", "z")]).unwrap();
    let aligned = bare.clone().with_items(&IdMap::numbered(2), &links).unwrap();
    refused(
        Knowledge::sample(&aligned, 8, 1),
        "none of 1 triples is of one of the 2 items",
    );
    for neighbours in [0, 257, usize::MAX] {
        refused(Knowledge::sample(&aligned, neighbours, 1), "give 1 to 256");
    }
    for (model, part) in [
        (Kgcn::new(0, 1, 1, 1), "users"),
        (Kgcn::new(1, 1, 0, 1), "entities: 0 rows"),
        (Kgcn::new(1, 1, 1, 0), "relations: 0 rows"),
        (Kgcn::new(1, 1, 1, 1).embedding_dim(0), "embedding_dim"),
    ] {
        refused(model.plan(), part);
    }
    refused(model().plan_for(Loss::Bpr), "give cross-entropy");

    // Nothing is trained, scored or explained before there is something known.
    let mut ignorant = Trainer::new(model(), Device::cpu(), config()).unwrap();
    let before = ignorant.state().unwrap();
    refused(ignorant.fit(&split(), |_| ()), "hand it some before it is trained");
    refused(ignorant.score(&[(0, 0)]), "Trainer::set_knowledge");
    refused(ignorant.recommend(0, 3), "Trainer::set_knowledge");
    refused(ignorant.explain(0, 0), "hand it some");
    refused(ignorant.absorb(&[(0, 0)]), "hand it some");
    assert!(ignorant.history().absorbed(0).is_empty());
    assert_eq!(bits(&ignorant.state().unwrap()), bits(&before));
    assert!(ignorant.knowledge().is_none());

    let mut mf = Trainer::new(Mf::new(USERS as usize, ITEMS as usize), Device::cpu(), config()).unwrap();
    refused(mf.set_knowledge(knowledge(None)), "mf does not look at neighbours");
    let Kgcn {
        users,
        items,
        entities,
        relations,
        ..
    } = model();
    for (smaller, part) in [
        (
            Kgcn::new(users, items - 1, entities, relations),
            "81 items, the model has 80",
        ),
        (
            Kgcn::new(users, items, entities - 1, relations),
            "entities, the model has",
        ),
        (Kgcn::new(users, items, entities, 1), "2 relations, the model has 1"),
    ] {
        let mut trainer = Trainer::new(smaller, Device::cpu(), config()).unwrap();
        refused(trainer.set_knowledge(knowledge(None)), part);
    }
    let (_, mut trainer) = trained(1);
    refused(trainer.score(&[(0, ITEMS)]), "item");
    refused(trainer.score(&[(USERS, 0)]), "user");
    // Items by other keys, before and after.
    let keys = IdMap::from_keys((0..ITEMS).map(|item| format!("k{item}"))).unwrap();
    let links: Vec<String> = (0..ITEMS).map(|item| format!("k{item}")).collect();
    let known = Triples::from_keys([("k3", "kind", "x")]).unwrap();
    let links = ItemLinks::from_keys(links.iter().map(|key| (&key[..], &key[..]))).unwrap();
    let others = Knowledge::sample(&known.with_items(&keys, &links).unwrap(), 8, 1).unwrap();
    refused(trainer.set_knowledge(others.clone()), "its items are not those");
    assert_eq!(trainer.knowledge(), Some(&knowledge(None)));
    let mut trainer = Trainer::new(model(), Device::cpu(), config()).unwrap();
    trainer.set_knowledge(others).unwrap();
    refused(
        trainer.fit(&split(), |_| ()),
        "its items are not those that the model was trained with",
    );

    // Batches that are not of users and items.
    let mut to = Batch::default();
    let wide = Batch::from_columns(&[&[0], &[0], &[0]], &[1.0]).unwrap();
    refused(knowledge(None).expand(&wide, &mut to), "users and items");
    let mut ragged = Batch::new(2, 1);
    ragged.push(&[1], 1.0);
    refused(knowledge(None).expand(&ragged, &mut to), "users and items");
}

/// Files whose knowledge contradicts itself or the model, by what is said of them.
#[test]
fn faults_of_files_are_named() {
    let mut trainer = trainer(Device::cpu(), config());
    let mut bytes = Vec::new();
    trainer.checkpoint().unwrap().write_to(&mut bytes).unwrap();
    type Edit = fn(&mut Tensors, &mut HashMap<String, String>);
    fn word(tensors: &mut Tensors, name: &str, at: usize, value: u8) {
        let size = if name.ends_with("offsets") { 8 } else { 4 };
        let bytes = &mut tensors.get_mut(name).unwrap().2;
        bytes[at * size..(at + 1) * size].fill(0);
        bytes[at * size] = value;
    }
    let cases: &[(&str, Edit)] = &[
        ("tensor knowledge/neighbours: (200, ", |t, _| {
            word(t, "knowledge/neighbours", 0, 200)
        }),
        (", 9) lies outside", |t, _| word(t, "knowledge/neighbours", 1, 9)),
        ("knowledge/offsets must rise", |t, _| word(t, "knowledge/offsets", 2, 0)),
        ("knowledge/offsets must rise from 0", |t, _| {
            word(t, "knowledge/offsets", 0, 1)
        }),
        ("has more than 256 neighbours", |t, _| {
            let offsets = t.get_mut("knowledge/offsets").unwrap();
            let last = offsets.2.len() / 8 - 1;
            let mut many = vec![0; offsets.2.len()];
            many[last * 8..last * 8 + 2].copy_from_slice(&300u16.to_le_bytes());
            offsets.2 = many;
            *t.get_mut("knowledge/neighbours").unwrap() = (safetensors::Dtype::I32, vec![300, 2], vec![0; 2400]);
        }),
        ("knowledge/offsets is missing", |t, _| {
            drop(t.remove("knowledge/offsets"))
        }),
        ("does not belong to this model", |t, _| {
            drop(t.remove("knowledge/neighbours"))
        }),
        ("entities: 4000000000 entities, the table has", |_, s| {
            drop(s.insert("entities".into(), "numbered 4000000000".into()));
        }),
        ("items among 3 entities", |_, s| {
            drop(s.insert("entities".into(), "numbered 3".into()))
        }),
        ("entity_relations is missing", |_, s| drop(s.remove("entity_relations"))),
    ];
    assert!(Checkpoint::from_bytes(&edited(&bytes, |_, _| ())).is_ok());
    for (expected, edit) in cases {
        let error = Checkpoint::from_bytes(&edited(&bytes, *edit)).unwrap_err().to_string();
        assert!(error.contains(expected), "{error:?} lacks {expected:?}");
    }
    // A checkpoint whose parts do not fit is not written.
    let mut checkpoint = trainer.checkpoint().unwrap();
    checkpoint.model = Kgcn::new(USERS as usize, ITEMS as usize, 20, 2).embedding_dim(9).into();
    assert!(checkpoint.write_to(&mut Vec::new()).is_err());
    // Neither before nor after there is something known is anything lost.
    let mut ignorant = Trainer::new(model(), Device::cpu(), config()).unwrap();
    let checkpoint = ignorant.checkpoint().unwrap();
    let mut bytes = Vec::new();
    checkpoint.write_to(&mut bytes).unwrap();
    assert_eq!(Checkpoint::from_bytes(&bytes).unwrap(), checkpoint);
}

#[cfg(feature = "gpu")]
#[test]
fn a_graphics_device_learns_the_same() {
    use pocketrec::gpu::{GpuExecutor, GpuOptions};
    let Some(gpu) = gpu::open(GpuOptions::default()) else {
        return;
    };
    let (split, mut want) = trained(1);
    let plan = model().plan().unwrap();
    let state = pocketrec::plan::State::initial(&plan, config().seed, true).unwrap();
    let executor = Box::new(GpuExecutor::new(&gpu, plan, &state).unwrap());
    let mut trainer = Trainer::with_executor(model(), executor, TrainConfig { epochs: 1, ..config() }).unwrap();
    trainer.set_knowledge(knowledge(None)).unwrap();
    trainer.fit(&split, |_| ()).unwrap();
    let pairs: Vec<(u32, u32)> = (0..USERS).flat_map(|user| [(user, 3), (user, ITEMS - 1)]).collect();
    let [got, want_scores] = [&mut trainer, &mut want].map(|trainer| trainer.score(&pairs).unwrap());
    close(&got, &wide(&want_scores), 1e-3, "scores after an epoch");
    let [got, want] = [&mut trainer, &mut want].map(|trainer| trainer.explain(0, 1).unwrap());
    assert_eq!(got.reasons[0].item, want.reasons[0].item);
}
