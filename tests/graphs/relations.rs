//! Relations between items in training: edges and positives by hand numbers, items that nobody has, checkpoints, refusals.

use std::collections::{BTreeMap, HashMap};

use pocketrec::{
    Error, Result,
    checkpoint::Checkpoint,
    data::{Batch, IdMap, Interactions, ItemLinks, Planted, PlantedData, Relations, Sampler, Sampling, Split, Triples},
    device::Device,
    models::{LightGcn, Loss, Mf, Model, SasRec, Softmax},
    plan::{AdamConfig, L2, Optimizer, State},
    rng::Rng,
    train::{Control, TrainConfig, Trainer},
};

use crate::{
    common::{
        bits,
        files::{Tensors, edited},
    },
    near, through_file,
};

/// Relations by the items' numbers, of as many items.
fn numbered(items: u32, pairs: &[(u32, u32)]) -> Relations {
    let keys: Vec<String> = (0..items).map(|item| item.to_string()).collect();
    let links = ItemLinks::from_keys(keys.iter().map(|key| (key.as_str(), key.as_str()))).unwrap();
    let pairs = pairs
        .iter()
        .map(|&(head, tail)| (&keys[head as usize][..], "with", &keys[tail as usize][..]));
    let known = Triples::from_keys(pairs).unwrap();
    Relations::of(&known.with_items(&IdMap::numbered(items), &links).unwrap()).unwrap()
}

fn softmax(related: bool) -> Loss {
    Loss::Softmax(Softmax {
        temperature: 0.3,
        related,
        ..Softmax::default()
    })
}

fn config(related: bool) -> TrainConfig {
    TrainConfig {
        epochs: 6,
        loss: softmax(related),
        batch_size: 256,
        optimizer: Optimizer::Adam(AdamConfig {
            learning_rate: 0.02,
            ..AdamConfig::default()
        }),
        eval_every: 0,
        seed: 3,
        ..TrainConfig::default()
    }
}

/// User 0 has item 0, items 0 and 1 are related by a weight of a half, and nothing is known of item 2.
#[test]
fn edges_stand_beside_interactions() {
    let data = Interactions::from_columns((1, 3), &[0], &[0], &[]).unwrap();
    let split = Split::from_cases(data, []).unwrap();
    let config = TrainConfig {
        epochs: 0,
        ..config(false)
    };
    let model = LightGcn::new(1, 3).embedding_dim(1).layers(1);
    let mut state = State::initial(&model.plan_for(config.loss).unwrap(), 1, true).unwrap();
    state.tensors[0].value = vec![2.0];
    state.tensors[1].value = vec![4.0, 8.0, 16.0];
    let mut trainer = Trainer::with_state(model, Device::cpu(), config, state).unwrap();
    trainer
        .set_relations(numbered(3, &[(1, 0)]).edges("with", 0.5).unwrap())
        .unwrap();
    trainer.fit(&split, |_| ()).unwrap();
    // Degrees: the user 1, item 0 an interaction and a half, item 1 a half.
    let user = (2.0 + 4.0 / f64::sqrt(1.0 * 1.5)) / 2.0;
    let item = [
        (4.0 + 2.0 / f64::sqrt(1.0 * 1.5) + 0.5 * 8.0 / f64::sqrt(1.5 * 0.5)) / 2.0,
        (8.0 + 0.5 * 4.0 / f64::sqrt(1.5 * 0.5)) / 2.0,
        16.0 / 2.0,
    ];
    let scores = trainer.score(&[(0, 0), (0, 1), (0, 2)]).unwrap();
    for (got, item) in scores.iter().zip(item) {
        near(*got, user * item);
    }
    // What comes over the user's only edge, and the rest, add up to a related item's score.
    let why = trainer.explain(0, 1).unwrap();
    assert_eq!((why.reasons.len(), why.reasons[0].item), (1, 0));
    near(why.rest, 2.0 / 2.0 * item[1]);
    near(why.reasons[0].contribution, (user - 2.0 / 2.0) * item[1]);
    // And what nobody has is recommended.
    let best: Vec<u32> = trainer
        .recommend(0, 3)
        .unwrap()
        .into_iter()
        .map(|(item, _)| item)
        .collect();
    assert_eq!(best, if item[1] > item[2] { [1, 2] } else { [2, 1] });
    // A new user who comes with item 1 is what reaches them from there: the item has two edges then.
    trainer.absorb(&[(1, 1)]).unwrap();
    let of_new = 8.0 / f64::sqrt(1.0 * 1.5) / 2.0;
    near(trainer.score(&[(1, 2)]).unwrap()[0], of_new * 8.0);
}

/// All interactions and all pairs once an epoch, mixed, the same however the epoch is cut.
#[test]
fn an_epoch_has_interactions_and_pairs_once() {
    let pairs: Vec<(u32, u32)> = (0..400).map(|i| (i % 40, (i * 7 + i / 40) % 30)).collect();
    let data = Interactions::from_pairs(&pairs).unwrap();
    let related: Vec<(u32, u32)> = (0..90).map(|i| (i % 30, (i + 1 + i / 30) % 30)).collect();
    let sampler = |sampling| {
        let sampler = Sampler::of_positives(&data, true, 5).unwrap();
        sampler
            .with_sampling(sampling)
            .unwrap()
            .with_related(related.clone(), 30)
            .unwrap()
    };
    let all = sampler(Sampling::EveryPositive);
    assert_eq!(all.samples_per_epoch(), data.len() as u64 + 90);
    let epoch = |sampler: &Sampler, epoch: u32, size: usize| {
        let (mut samples, mut batch) = (Vec::new(), Batch::default());
        for start in (0..sampler.samples_per_epoch()).step_by(size) {
            sampler.fill(epoch, start, size, &mut batch);
            assert!(batch.is_sorted() && batch.negatives().is_empty() && batch.labels().iter().all(|&x| x == 1.0));
            for at in 0..batch.len() {
                let [user, item, head] = [0, 1, 2].map(|column| batch.column(column).ids[at]);
                let weights = [0, 2].map(|column| batch.column(column).weights[at]);
                samples.push((user, item, head, weights.map(f32::to_bits), batch.log_q()[at].to_bits()));
            }
        }
        samples
    };
    let one = epoch(&all, 4, 1000);
    assert_eq!(epoch(&all, 4, 37), one);
    assert_ne!(epoch(&all, 5, 1000), one);
    let [yes, no] = [1f32, 0.0].map(f32::to_bits);
    let (mut interactions, mut pairs) = (BTreeMap::new(), BTreeMap::new());
    let mut kinds = Vec::new();
    for &(user, item, head, weights, _) in &one {
        kinds.push(weights == [yes, no]);
        match weights == [yes, no] {
            true => *interactions.entry((user, item)).or_insert(0) += 1,
            false => {
                assert_eq!(weights, [no, yes]);
                *pairs.entry((head, item)).or_insert(0) += 1;
            }
        }
    }
    let once = |pairs: &mut dyn Iterator<Item = (u32, u32)>| pairs.map(|pair| (pair, 1)).collect::<BTreeMap<_, _>>();
    assert_eq!(interactions, once(&mut data.iter()));
    assert_eq!(pairs, once(&mut related.iter().copied()));
    // Pairs are a fifth of the samples, in the first half of the epoch as in the second.
    let of_first = kinds[..kinds.len() / 2]
        .iter()
        .filter(|&&is_interaction| !is_interaction)
        .count();
    assert!((30..60).contains(&of_first), "{of_first}");
    // The share of an item among all samples.
    for &(_, item, _, _, log_q) in &one {
        let count = one.iter().filter(|sample| sample.1 == item).count();
        near(f32::from_bits(log_q), (count as f64 / one.len() as f64).ln());
    }
    // Drawn by users: as many samples of interactions, and the pairs as they were.
    let drawn = epoch(&sampler(Sampling::UniformUsers), 4, 64);
    let heads = |samples: &[(u32, u32, u32, [u32; 2], u32)]| {
        let own = samples.iter().filter(|sample| sample.3 == [no, yes]);
        own.map(|&(_, item, head, ..)| (head, item)).collect::<Vec<_>>()
    };
    assert_eq!(heads(&drawn), heads(&one));
    assert!(
        drawn
            .iter()
            .all(|&(user, item, _, weights, _)| weights == [no, yes] || data.of_user(user).contains(&item))
    );
}

/// Ids that stand for nothing have no gradient, and what a pair teaches is what a hand-made batch says.
#[test]
fn a_head_asks_in_the_place_of_a_user() {
    for model in [
        Model::from(Mf::new(4, 5).factors(3)),
        LightGcn::new(4, 5).embedding_dim(3).layers(2).into(),
    ] {
        let plan = model.plan_for(softmax(true)).unwrap();
        assert_eq!(plan.scored_columns().len(), 2);
        let state = State::initial(&plan, 3, false).unwrap();
        let step = |users: [u32; 3], heads: [u32; 3]| {
            let mut executor = Device::cpu().executor(plan.clone(), state.clone()).unwrap();
            crate::common::give_graph(&mut *executor);
            let mut batch = Batch::from_columns(&[&users, &[0, 1, 2], &heads], &[1.0; 3]).unwrap();
            *batch.ids_and_weights_mut(0).1 = vec![1.0, 0.0, 1.0];
            *batch.ids_and_weights_mut(2).1 = vec![0.0, 1.0, 0.0];
            batch.sort();
            let mut scores = [0.0; 3];
            executor.score_batch(&batch, &mut scores).wait().unwrap();
            let optimizer = Optimizer::Sgd { learning_rate: 1.0 };
            executor
                .step(&batch, &optimizer, L2::default(), &mut || ())
                .wait()
                .unwrap();
            let loss = executor.take_loss().wait().unwrap().mean();
            (executor, scores, loss)
        };
        let (mut one, of_batch, loss) = step([0, 1, 3], [4, 3, 1]);
        let (mut other, _, again) = step([0, 2, 3], [0, 3, 3]);
        assert_eq!(loss, again);
        let states = [&mut one, &mut other].map(|executor| executor.state().wait().unwrap());
        // A sum over other ids adds up in another order.
        for (a, b) in states[0].tensors.iter().zip(&states[1].tensors) {
            assert!(a.value.iter().zip(&b.value).all(|(a, b)| (a - b).abs() < 1e-6));
        }
        assert_ne!(bits(&states[0]), bits(&state));
        // Ids alone count once, in a batch by their weights.
        let mut executor = Device::cpu().executor(plan.clone(), state.clone()).unwrap();
        crate::common::give_graph(&mut *executor);
        let mut scores = [0.0; 3];
        executor.score(&[&[0, 1, 3], &[0, 1, 2]], &mut scores).wait().unwrap();
        assert_eq!([scores[0], scores[2]], [of_batch[0], of_batch[2]]);
        assert!(of_batch[1] == 0.0 && scores[1] != 0.0);
        let mut reference = pocketrec::reference::Reference::new(&plan, &state).unwrap();
        crate::common::give_graph(&mut reference);
        let want = reference.forward(&[&[0, 1, 3], &[0, 1, 2]]).unwrap();
        scores.iter().zip(want).for_each(|(&got, want)| near(got, want));
    }
}

fn planted() -> PlantedData {
    let options = Planted {
        users: 400,
        items: 200,
        interactions_per_user: 15,
        ..Planted::default()
    };
    options.generate().unwrap()
}

/// A fifth of the items loses its users: what is left, and what is gone by user.
fn without_cold(data: &PlantedData) -> (Split, Vec<Vec<u32>>, Vec<u32>) {
    let (rng, all) = (Rng::new(9), &data.interactions);
    let is_cold = |item: u32| rng.below(item.into(), 5) == 0;
    let mut gone = vec![Vec::new(); all.users() as usize];
    let (mut users, mut items) = (Vec::new(), Vec::new());
    for (user, item) in all.iter() {
        match is_cold(item) {
            true => gone[user as usize].push(item),
            false => {
                users.push(user);
                items.push(item);
            }
        }
    }
    let kept = Interactions::from_columns((all.users(), all.items()), &users, &items, &[]).unwrap();
    let cold = (0..all.items()).filter(|&item| is_cold(item)).collect();
    (Split::from_cases(kept, []).unwrap(), gone, cold)
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
fn items_that_nobody_has_are_known_by_their_relations() {
    let data = planted();
    let (split, gone, cold) = without_cold(&data);
    let relations = Relations::of(&data.related(8, 1).unwrap()).unwrap();
    let positives = relations.clone().positives("related").unwrap();
    let both = positives.clone().edges("related", 1.0).unwrap();
    let edges = relations.edges("related", 1.0).unwrap();
    let light_gcn = || Model::from(LightGcn::new(400, 200).embedding_dim(16).layers(1));
    let mf = || Model::from(Mf::new(400, 200).factors(16));
    let of = |model: Model, relations: Option<&Relations>| {
        let related = relations.is_some_and(|relations| relations.positive_pairs().next().is_some());
        let mut trainer = Trainer::new(model, Device::cpu(), config(related)).unwrap();
        if let Some(relations) = relations {
            trainer.set_relations(relations.clone()).unwrap();
        }
        trainer.fit(&split, |_| ()).unwrap();
        let all: Vec<Vec<f32>> = (0..400)
            .map(|user| {
                let pairs: Vec<(u32, u32)> = (0..200).map(|item| (user, item)).collect();
                trainer.score(&pairs).unwrap()
            })
            .collect();
        // An item that nobody has is among the recommendations, at its score's place.
        let best = trainer.recommend(5, 200).unwrap();
        assert!(cold.iter().all(|item| best.iter().any(|(best, _)| best == item)));
        recall(&gone, &cold, |user, item| all[user as usize][item as usize])
    };
    let truth = recall(&gone, &cold, |user, item| data.affinity(user, item));
    for (model, relations) in [
        (light_gcn(), &both),
        (light_gcn(), &edges),
        (light_gcn(), &positives),
        (mf(), &positives),
    ] {
        let plain = of(model.clone(), None);
        let with = of(model.clone(), Some(relations));
        println!(
            "{}: {plain:.3} without, {with:.3} with, {truth:.3} by the truth",
            model.name()
        );
        assert!(
            with > plain + 0.5 * (truth - plain),
            "{}: {plain}, {with}, {truth}",
            model.name()
        );
    }
}

#[test]
fn a_resumed_run_is_the_uninterrupted_one() {
    let data = planted();
    let (split, ..) = without_cold(&data);
    let relations = Relations::of(&data.related(4, 1).unwrap()).unwrap();
    let relations = relations.edges("related", 0.3).unwrap().positives("related").unwrap();
    let model = || LightGcn::new(400, 200).embedding_dim(8).layers(2);
    let begun = || {
        let mut trainer = Trainer::new(model(), Device::cpu(), config(true)).unwrap();
        trainer.set_relations(relations.clone()).unwrap();
        trainer
    };
    let mut whole = begun();
    whole.fit(&split, |_| ()).unwrap();
    let whole = bits(&whole.state().unwrap());
    // Before training and in the middle of it.
    let mut first = through_file(&mut begun());
    assert_eq!(first.relations(), Some(&relations));
    let mut steps = 0;
    let stop = |_: &_| {
        steps += 1;
        if steps == 2 { Control::Stop } else { Control::Continue }
    };
    let config = TrainConfig {
        report_every: 5,
        ..config(true)
    };
    first.set_config(config).unwrap();
    first.fit_events(&split, stop).unwrap();
    assert!(first.progress().epoch == 0 && first.progress().sample > 0);
    let best = first.recommend(7, 5).unwrap();
    let mut second = through_file(&mut first);
    assert_eq!(second.recommend(7, 5).unwrap(), best);
    second.fit(&split, |_| ()).unwrap();
    assert_eq!(bits(&second.state().unwrap()), whole);
    // Another split's keys are refused before there was one, too.
    let other = Interactions::from_keys([("u", "tea", 0), ("u", "milk", 1)]).unwrap();
    let error = begun()
        .fit(&Split::from_cases(other, []).unwrap(), |_| ())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("its items are not those that the model was trained with"),
        "{error}"
    );
}

/// Learning from clicks goes on by the same loss, where a model makes steps.
#[test]
fn clicks_are_absorbed() {
    let data = planted();
    let (split, _, cold) = without_cold(&data);
    let relations = Relations::of(&data.related(4, 1).unwrap())
        .unwrap()
        .positives("related")
        .unwrap();
    let mut trainer = Trainer::new(Mf::new(400, 200).factors(8), Device::cpu(), config(true)).unwrap();
    trainer.set_relations(relations).unwrap();
    trainer.fit(&split, |_| ()).unwrap();
    let report = trainer.absorb(&[(0, cold[0]), (400, cold[1])]).unwrap();
    assert_eq!((report.new_users, report.new_items), (1, 0));
    assert!(report.after > report.before, "{report:?}");
    assert!(
        trainer
            .recommend(400, 5)
            .unwrap()
            .iter()
            .all(|(item, score)| *item != cold[1] && score.is_finite())
    );
}

#[track_caller]
fn refused<T>(result: Result<T>, words: &str) {
    let error = result.err().map_or_else(String::new, |error: Error| error.to_string());
    assert!(error.contains(words), "{error}");
}

#[test]
fn what_does_not_fit_is_refused() {
    let relations = || numbered(5, &[(0, 1), (4, 2)]);
    refused(
        Relations::of(&Triples::from_keys([("a", "r", "b")]).unwrap()),
        "align them",
    );
    refused(
        relations().edges("nothing", 1.0),
        "there is no relation \"nothing\" of two items; those are with",
    );
    for weight in [0.0, -1.0, f32::NAN, f32::INFINITY] {
        refused(relations().edges("with", weight), "give a finite number above 0");
    }
    let edges = relations().edges("with", 1.0).unwrap();
    let positives = relations().positives("with").unwrap();
    let trainer = |model: Model, related: bool| Trainer::new(model, Device::cpu(), config(related)).unwrap();
    let mf = || Model::from(Mf::new(3, 5));
    let light_gcn = |items: usize| Model::from(LightGcn::new(3, items));
    refused(
        trainer(light_gcn(5), true).set_relations(relations()),
        "none of them is used",
    );
    refused(
        trainer(mf(), true).set_relations(edges.clone()),
        "mf has no graph for their edges",
    );
    refused(
        trainer(light_gcn(5), false).set_relations(positives.clone()),
        "takes no positives of related items",
    );
    refused(
        trainer(light_gcn(4), true).set_relations(positives.clone()),
        "they are of 5 items, the model has 4",
    );
    let sas_rec = TrainConfig {
        loss: SasRec::loss(),
        ..config(false)
    };
    let mut sas_rec = Trainer::new(SasRec::new(3, 5), Device::cpu(), sas_rec).unwrap();
    refused(sas_rec.set_relations(edges.clone()), "sasrec has no graph");
    let l2 = TrainConfig {
        l2: L2 {
            tables: 0.1,
            ..L2::default()
        },
        ..config(true)
    };
    refused(l2.validate(), "l2.tables: 0.1");

    // Positives that are asked for and are not there; keys of others.
    let data = Interactions::from_columns((3, 5), &[0, 1, 2], &[0, 1, 2], &[]).unwrap();
    let split = Split::from_cases(data.clone(), []).unwrap();
    refused(trainer(mf(), true).fit(&split, |_| ()), "hand the trainer some");
    let keys = IdMap::from_keys(["a", "b", "c", "d", "e"]).unwrap();
    let named = data.with_ids(IdMap::numbered(3), keys).unwrap();
    let mut trained = trainer(light_gcn(5), false);
    trained.fit(&Split::from_cases(named, []).unwrap(), |_| ()).unwrap();
    refused(trained.set_relations(edges.clone()), "their items are not those");
    assert!(trained.relations().is_none());

    // Samplers.
    let sampler = Sampler::of_positives(&split.train, false, 1).unwrap();
    refused(sampler.clone().with_related(vec![(0, 5)], 5), "related item id 5");
    refused(sampler.clone().with_related(Vec::new(), 5), "there are no pairs");
    refused(
        Sampler::pairwise(&split.train, 1, 1)
            .unwrap()
            .with_related(vec![(0, 1)], 5),
        "begin with Sampler::of_positives",
    );

    // Files that were changed.
    let mut trainer = trainer(light_gcn(5), true);
    trainer.set_relations(edges.positives("with").unwrap()).unwrap();
    let mut checkpoint = trainer.checkpoint().unwrap();
    checkpoint.model = LightGcn::new(3, 4).into();
    assert!(checkpoint.write_to(&mut Vec::new()).is_err());
    let mut checkpoint = trainer.checkpoint().unwrap();
    checkpoint.config.loss = softmax(false);
    refused(
        Trainer::from_checkpoint(checkpoint, Device::cpu()),
        "takes no positives of related items",
    );
}

/// Files whose relations contradict themselves or the model, by what is said of them.
#[test]
fn faults_of_files_are_named() {
    let relations = numbered(5, &[(0, 1), (4, 2)]);
    let relations = relations.edges("with", 0.5).unwrap().positives("with").unwrap();
    let mut trainer = Trainer::new(LightGcn::new(3, 5).embedding_dim(2), Device::cpu(), config(true)).unwrap();
    trainer.set_relations(relations).unwrap();
    let mut bytes = Vec::new();
    trainer.checkpoint().unwrap().write_to(&mut bytes).unwrap();
    let key = r#"{"items":5,"relations":[{"name":"with","pairs":2,"weight":"0.5","positives":true}]}"#;
    type Edit = fn(&mut Tensors, &mut HashMap<String, String>);
    fn says(strings: &mut HashMap<String, String>, from: &str, to: &str) {
        let relations = strings["relations"].replace(from, to);
        assert_ne!(relations, strings["relations"]);
        strings.insert("relations".into(), relations);
    }
    let cases: &[(&str, Edit)] = &[
        ("tensor relations/pairs: (0, 9) lies outside", |t, _| {
            t.get_mut("relations/pairs").unwrap().2[4] = 9;
        }),
        ("item 0 is related to itself", |t, _| {
            t.get_mut("relations/pairs").unwrap().2[4] = 0
        }),
        ("relations: 6 items, the table has 5 rows", |_, s| {
            says(s, "\"items\":5", "\"items\":6")
        }),
        ("3 pairs of \"with\"", |_, s| says(s, "\"pairs\":2", "\"pairs\":3")),
        ("1 pairs belong to no relation", |_, s| {
            says(s, "\"pairs\":2", "\"pairs\":1")
        }),
        ("a weight of -0.5", |_, s| says(s, "0.5", "-0.5")),
        ("a weight of inf", |_, s| says(s, "0.5", "1e300")),
        ("is not a finite number", |_, s| says(s, "0.5", "NaN")),
        ("relations/pairs does not belong", |_, s| drop(s.remove("relations"))),
        ("relations/pairs is missing", |t, _| drop(t.remove("relations/pairs"))),
    ];
    let unchanged = edited(&bytes, |_, strings| assert_eq!(strings["relations"], key));
    assert!(Checkpoint::from_bytes(&unchanged).is_ok());
    for (expected, edit) in cases {
        let error = Checkpoint::from_bytes(&edited(&bytes, *edit)).unwrap_err().to_string();
        assert!(error.contains(expected), "{error:?} lacks {expected:?}");
    }
}
