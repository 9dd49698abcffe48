//! Reasons of recommendations: parts add up to scores and are what the formulas say, weights are what the specification has read,
//! and without the item that is named first a score falls more than without another.
#![cfg(feature = "std")]

mod common;

use std::sync::Arc;

use common::{click_config, random_batch, random_state, wide};
use pocketrec::{
    Error, Result,
    cpu::{CpuExecutor, Isa},
    data::{
        Batch, Graph, GraphBuilder, Planted, PlantedPaths, Split,
        clicks::{Encoder, PlantedClickData, PlantedClicks, Samples, Values},
    },
    device::Device,
    executor::{Executor, attention_rollout, score_with, set_graph},
    explain::{Explanation, Kind},
    models::{Ccl, ClickModel, DeepFm, Dien, Din, Gmf, LightGcn, Loss, Mf, Mlp, Model, NeuMf, SasRec, Softmax, Unit},
    ops::causal_attention,
    plan::{AdamConfig, GruKind, L2, Optimizer},
    reference::Reference,
    rng::Rng,
    train::{ClickRow, ClickTrainer, TrainConfig, Trainer},
};

fn cpu() -> Device {
    Device::cpu().threads(1)
}

fn adam(learning_rate: f32) -> Optimizer {
    Optimizer::Adam(AdamConfig {
        learning_rate,
        ..AdamConfig::default()
    })
}

fn step(executor: &mut dyn Executor, batch: &Batch) {
    executor
        .step(batch, &adam(0.01), L2::default(), &mut || ())
        .wait()
        .unwrap();
}

/// Somebody else's item of a list, drawn for a user.
fn other<T: Copy>(user: u32, others: &[T]) -> T {
    others[Rng::new(3).below(u64::from(user), others.len() as u32) as usize]
}

fn planted() -> Split {
    let options = Planted {
        users: 150,
        items: 80,
        interactions_per_user: 12,
        ..Planted::default()
    };
    options.generate().unwrap().interactions.leave_one_out().unwrap()
}

fn light_gcn(split: &Split, layers: usize, loss: Loss) -> Trainer {
    let config = TrainConfig {
        epochs: 15,
        loss,
        batch_size: 128,
        optimizer: adam(0.02),
        eval_every: 0,
        ..TrainConfig::default()
    };
    let model = LightGcn::new(split.train.users() as usize, split.train.items() as usize);
    let mut trainer = Trainer::new(model.embedding_dim(8).layers(layers), cpu(), config).unwrap();
    trainer.fit(split, |_| ()).unwrap();
    trainer
}

/// All layers in `f64`, straight from the formula: `E(k) = A E(k - 1)`.
fn layers_of(trainer: &mut Trainer, graph: &Graph, count: usize) -> Vec<Vec<Vec<f64>>> {
    let state = trainer.state().unwrap();
    let rows = state.tensors.iter().flat_map(|tensor| tensor.value.chunks(8));
    let mut layers = vec![rows.map(wide).collect::<Vec<_>>()];
    for _ in 0..count {
        let from = layers.last().unwrap();
        let next = (0..graph.nodes()).map(|node| {
            let (neighbours, weights) = graph.of_node(node);
            let mut sum = vec![0.0; 8];
            for (&neighbour, &weight) in neighbours.iter().zip(weights) {
                let row = &from[neighbour as usize];
                sum.iter_mut()
                    .zip(row)
                    .for_each(|(sum, x)| *sum += f64::from(weight) * x);
            }
            sum
        });
        layers.push(next.collect());
    }
    layers
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn add_up(why: &Explanation) {
    let score = f64::from(why.score);
    assert_eq!(why.kind, Kind::Parts);
    assert!(why.reasons.is_sorted_by(|a, b| a.contribution >= b.contribution));
    assert!((why.sum() - score).abs() < 1e-5 * score.abs().max(1.0), "{why:?}");
}

/// Of one layer to three, and of losses whose scores are products and cosines.
#[test]
fn what_comes_over_the_edges_adds_up_to_the_score() {
    let split = planted();
    let graph = Graph::of(&split.train).unwrap();
    let losses = [Loss::Bpr, Loss::Softmax(Softmax::default()), Loss::Ccl(Ccl::default())];
    for (count, loss) in [1, 2, 3].into_iter().zip(losses) {
        let mut trainer = light_gcn(&split, count, loss);
        let layers = layers_of(&mut trainer, &graph, count);
        let users = split.train.users() as usize;
        let mean = |node: usize| -> Vec<f64> {
            let sum = |column| layers.iter().map(|layer| layer[node][column]).sum::<f64>();
            (0..8).map(|column| sum(column) / (count + 1) as f64).collect()
        };
        for user in [0, 7, 149] {
            for (item, _) in trainer.recommend(user, 3).unwrap() {
                let why = trainer.explain(user, item).unwrap();
                add_up(&why);
                let (of_user, of_item) = (mean(user as usize), mean(users + item as usize));
                let scale = match loss {
                    Loss::Ccl(_) => 1.0 / (dot(&of_user, &of_user) * dot(&of_item, &of_item)).sqrt(),
                    _ => 1.0,
                };
                let near = |got: f32, want: f64| {
                    let most = 1e-5 * f64::from(why.score).abs().max(1.0);
                    assert!((f64::from(got) - want).abs() < most, "{got} for {want}");
                };
                near(why.score, scale * dot(&of_user, &of_item));
                let (neighbours, weights) = graph.of_node(user as usize);
                let mut has = split.train.of_user(user).to_vec();
                has.sort_unstable();
                let mut named: Vec<u32> = why.reasons.iter().map(|reason| reason.item).collect();
                named.sort_unstable();
                assert_eq!(named, has);
                for reason in &why.reasons {
                    let node = users as u32 + reason.item;
                    let at = neighbours.iter().position(|&other| other == node).unwrap();
                    let sent: f64 = layers[..count]
                        .iter()
                        .map(|layer| dot(&layer[node as usize], &of_item))
                        .sum();
                    near(
                        reason.contribution,
                        scale * f64::from(weights[at]) * sent / (count + 1) as f64,
                    );
                }
                near(
                    why.rest,
                    scale * dot(&layers[0][user as usize], &of_item) / (count + 1) as f64,
                );
            }
        }
        assert!(matches!(trainer.explain(150, 0), Err(Error::Id { .. })));
        assert!(matches!(trainer.explain(0, 80), Err(Error::Id { .. })));
    }
}

/// The rows that go over edges are the same from every executor, and what is asked for is looked at.
#[test]
fn sent_rows_are_those_of_the_specification() {
    for layers in [1, 2, 4] {
        let plan = LightGcn::new(30, 20).embedding_dim(5).layers(layers).plan().unwrap();
        let state = random_state(&plan, 0.3, 8);
        let pairs = (0..30).flat_map(|user| (0..3).map(move |n| (user, (user * 7 + n * 3) % 19)));
        let graph = GraphBuilder::new([30, 20]).pairs(90, pairs).unwrap().build().unwrap();
        let graph = Arc::new(graph);
        let rows = [19, 0, 7, 7];
        let ask = |executor: &mut dyn Executor| {
            assert!(executor.propagation().unwrap().graph().is_none());
            let early = executor
                .propagation()
                .unwrap()
                .sent_rows(1, &rows, &mut [0.0; 20])
                .wait();
            assert!(matches!(early, Err(Error::Config { .. })), "{early:?}");
            set_graph(executor, graph.clone()).wait().unwrap();
            let propagation = executor.propagation().unwrap();
            assert_eq!(propagation.graph(), Some(&*graph));
            let (mut items, mut users) = ([0.0; 20], [0.0; 5]);
            propagation.sent_rows(1, &rows, &mut items).wait().unwrap();
            propagation.sent_rows(0, &[29], &mut users).wait().unwrap();
            let long = propagation.sent_rows(1, &[20], &mut users).wait();
            assert!(matches!(long, Err(Error::Id { id: 20, .. })), "{long:?}");
            let short = propagation.sent_rows(0, &[1, 2], &mut users).wait();
            assert!(matches!(short, Err(Error::Length { expected: 10, .. })), "{short:?}");
            assert!(propagation.sent_rows(2, &[1], &mut users).wait().is_err());
            // A step leaves something else where layers were; scores and propagated rows do not change what is sent.
            step(executor, &random_batch(&plan, 40, 3));
            executor.score(&[&[3], &[4]], &mut [0.0]).wait().unwrap();
            let (mut later, mut rows_of_users) = ([0.0; 5], [0.0; 5]);
            let propagation = executor.propagation().unwrap();
            propagation.propagated_rows(0, 2, &mut rows_of_users).wait().unwrap();
            propagation.sent_rows(0, &[2], &mut later).wait().unwrap();
            assert_ne!(later, rows_of_users);
            [&items[..], &users, &later, &rows_of_users].concat()
        };
        let want = ask(&mut Reference::new(&plan, &state).unwrap());
        // An item without users sends what it is alone.
        let alone: Vec<f64> = state.tensors[1].value[19 * 5..]
            .iter()
            .map(|&x| f64::from(x) / (layers + 1) as f64)
            .collect();
        common::close(&want[..5], &alone, 1e-6, "an item alone");
        for isa in Isa::available() {
            let got = ask(&mut CpuExecutor::new(plan.clone(), state.clone(), isa, 2).unwrap());
            common::close(&got, &wide(&want), 1e-5, &format!("{isa}, {layers} layers"));
        }
    }
}

/// Users without what is named first and without something else, folded in beside those with all of it: none has a row that
/// was learnt, so that a score is all from the edges.
#[test]
fn without_its_first_reason_a_propagated_score_falls_most() {
    let split = planted();
    let mut trainer = light_gcn(&split, 2, Loss::Softmax(Softmax::default()));
    let first = split.train.users();
    let (mut pairs, mut asked) = (Vec::new(), Vec::new());
    for user in 0..first {
        let (item, _) = trainer.recommend(user, 1).unwrap()[0];
        let why = trainer.explain(user, item).unwrap();
        if why.reasons.len() < 3 {
            continue;
        }
        let without = [
            None,
            Some(why.reasons[0].item),
            Some(other(user, &why.reasons[1..]).item),
        ];
        for left_out in without {
            let id = first + asked.len() as u32;
            let has = split.train.of_user(user).iter().filter(|&&item| Some(item) != left_out);
            pairs.extend(has.map(|&item| (id, item)));
            asked.push((id, item));
        }
    }
    trainer.absorb(&pairs).unwrap();
    let scores = trainer.score(&asked).unwrap();
    let why = trainer.explain(asked[0].0, asked[0].1).unwrap();
    add_up(&why);
    assert_eq!(why.rest, 0.0);
    falls(&scores, 1.5);
}

/// Scores of whole histories, without the first reason, and without another one; `times` is how much more the first takes.
#[track_caller]
fn falls(scores: &[f32], times: f64) {
    let cases = scores.as_chunks::<3>().0;
    let mean = |without: usize| {
        let fall = |case: &[f32; 3]| f64::from(case[0]) - f64::from(case[without]);
        cases.iter().map(fall).sum::<f64>() / cases.len() as f64
    };
    assert!(cases.len() > 100, "{}", cases.len());
    assert!(mean(1) > 0.0 && mean(1) > times * mean(2), "{}, {}", mean(1), mean(2));
}

fn sas_rec() -> (Split, Trainer) {
    let paths = PlantedPaths {
        users: 300,
        items: 40,
        length: 10,
        successors: 2,
        follow: 0.9,
        ..PlantedPaths::default()
    };
    let split = paths.generate().unwrap().interactions.leave_one_out().unwrap();
    let config = TrainConfig {
        epochs: 30,
        batch_size: 32,
        loss: SasRec::loss(),
        optimizer: adam(5e-3),
        eval_every: 0,
        seed: 3,
        ..TrainConfig::default()
    };
    let model = SasRec::new(300, 40).embedding_dim(16).heads(2).length(8).dropout(0.1);
    let mut trainer = Trainer::new(model, cpu(), config).unwrap();
    trainer.fit(&split, |_| ()).unwrap();
    (split, trainer)
}

#[test]
fn without_what_was_read_most_the_score_of_what_comes_next_falls_most() {
    let (split, mut trainer) = sas_rec();
    let (mut pairs, mut asked) = (Vec::new(), Vec::new());
    for user in 0..300 {
        let history = split.train.of_user(user);
        let (item, score) = trainer.recommend(user, 1).unwrap()[0];
        let why = trainer.explain(user, item).unwrap();
        assert_eq!((why.kind, why.score, why.rest), (Kind::Weights, score, 0.0));
        // Of nine items the last eight are looked at.
        assert_eq!((history.len(), why.reasons.len()), (9, 8));
        assert!(
            why.reasons
                .iter()
                .all(|reason| history[1..].contains(&reason.item) && reason.contribution > 0.0)
        );
        assert!((why.sum() - 1.0).abs() < 1e-5, "{why:?}");
        for left_out in [
            None,
            Some(why.reasons[0].item),
            Some(other(user, &why.reasons[1..]).item),
        ] {
            let id = 300 + asked.len() as u32;
            pairs.extend(
                history
                    .iter()
                    .filter(|&&item| Some(item) != left_out)
                    .map(|&item| (id, item)),
            );
            asked.push((id, item));
        }
    }
    trainer.absorb(&pairs).unwrap();
    let scores = trainer.score(&asked).unwrap();
    falls(&scores, 3.0);
    // Nothing is read of somebody without a history.
    trainer.absorb(&[(1300, 1)]).unwrap();
    let why = trainer.explain(1299, 5).unwrap();
    assert_eq!((why.kind, why.score, &why.reasons[..]), (Kind::Weights, 0.0, &[][..]));
}

/// By whole matrices: each step reads a column of the identity, so that what attention gives is its matrix.
#[test]
fn attention_is_rolled_out_over_all_blocks_and_heads() {
    let plan = SasRec::new(1, 9)
        .embedding_dim(6)
        .heads(1)
        .blocks(3)
        .length(6)
        .plan()
        .unwrap();
    let state = random_state(&plan, 0.8, 4);
    let batch = random_batch(&plan, 12, 2);
    let offsets = batch.offsets(0).to_vec();
    let steps = offsets[12] as usize;
    let mut logits = vec![0.0; 12];
    let mut reference = Reference::new(&plan, &state).unwrap();
    let mut read: Vec<f64> = vec![0.0; steps];
    for pair in offsets.windows(2).filter(|pair| pair[0] < pair[1]) {
        read[pair[1] as usize - 1] = 1.0;
    }
    for block in [2, 1, 0] {
        let [query, key] = ["query", "key"].map(|part| {
            let name = format!("block.{block}.{part}");
            wide(&score_with(&mut reference, &batch, &name, &mut logits).wait().unwrap())
        });
        // Histories have six steps at most, as many as there are columns.
        let mut identity = vec![0.0; steps * 6];
        for pair in offsets.windows(2) {
            (pair[0]..pair[1]).for_each(|u| identity[u as usize * 6 + (u - pair[0]) as usize] = 1.0);
        }
        let shape = causal_attention::Shape {
            offsets: &offsets,
            width: 6,
            heads: 1,
        };
        let matrix = causal_attention::forward(&query, &key, &identity, shape);
        let mut next = vec![0.0; steps];
        for pair in offsets.windows(2) {
            for (t, u) in (pair[0]..pair[1]).flat_map(|t| (pair[0]..pair[1]).map(move |u| (t as usize, u as usize))) {
                next[u] += 0.5 * read[t] * matrix[t * 6 + u - pair[0] as usize];
            }
        }
        read = read.iter().zip(next).map(|(own, more)| 0.5 * own + more).collect();
    }
    let mut want = logits.clone();
    let got = attention_rollout(&mut reference, &batch, &mut want).wait().unwrap();
    common::close(&got, &read, 1e-6, "rolled out");
    assert_eq!(want, logits);
    for isa in Isa::available() {
        let mut executor = CpuExecutor::new(plan.clone(), state.clone(), isa, 2).unwrap();
        let got = attention_rollout(&mut executor, &batch, &mut logits).wait().unwrap();
        common::close(&got, &read, 1e-4, &format!("{isa}"));
        common::close(&logits, &wide(&want), 1e-4, "logits");
    }
    let plan = Mf::new(3, 3).plan().unwrap();
    let mut executor = Reference::new(&plan, &random_state(&plan, 0.1, 1)).unwrap();
    let none = attention_rollout(&mut executor, &random_batch(&plan, 1, 1), &mut [0.0]).wait();
    assert!(none.unwrap_err().to_string().contains("no causal attention"));
}

/// Clicks that depend on whether the candidate's category is in the history.
fn clicks() -> PlantedClickData {
    let clicks = PlantedClicks {
        users: 400,
        items: 100,
        categories: 10,
        rows_per_user: 60,
        taste: 0.0,
        relevance: 3.0,
        recent: 0.0,
        bias: -1.0,
        ..PlantedClicks::default()
    };
    clicks.generate().unwrap()
}

fn din(data: &PlantedClickData) -> Din {
    Din::new(data.train.layout())
        .embedding_dim(8)
        .attention([16], Unit::Sigmoid)
        .hidden([32, 16])
}

fn dien(data: &PlantedClickData) -> Dien {
    Dien::new(data.train.layout())
        .embedding_dim(8)
        .attention([16])
        .hidden([32, 16])
        .auxiliary([16], 1.0)
}

fn trained(model: impl Into<ClickModel>, data: &PlantedClickData, epochs: u32) -> ClickTrainer {
    let mut trainer = ClickTrainer::new(model, cpu(), click_config(epochs)).unwrap();
    trainer.set_encoder(data.encoder.clone()).unwrap();
    trainer.fit(&data.train, None, |_| ()).unwrap();
    trainer
}

/// The keys of a row's fields, and of the items of its history.
struct Asked {
    context: Vec<(&'static str, String)>,
    history: Vec<String>,
    candidate: String,
}

impl Asked {
    fn of(encoder: &Encoder, samples: &Samples, row: usize) -> Self {
        let key = |field: &str, id: u32| encoder.vocabulary(field).unwrap().key(id).unwrap_or_default();
        let own = |field: &'static str| {
            let at = samples.layout().id(field).unwrap();
            (field, key(field, samples.ids(at)[row]))
        };
        Asked {
            context: vec![own("user"), own("hour")],
            history: samples
                .sequence(0)
                .of(0, row)
                .iter()
                .map(|&id| key("item", id))
                .collect(),
            candidate: own("item").1,
        }
    }

    /// What `ask` says of the request without an item.
    fn without<T>(&self, left_out: Option<&str>, ask: impl FnOnce(&Values, &[&Values], &Values) -> Result<T>) -> T {
        let context: Vec<(&str, &str)> = self.context.iter().map(|(name, key)| (*name, &**key)).collect();
        let kept = self.history.iter().filter(|key| Some(key.as_str()) != left_out);
        let events: Vec<[(&str, &str); 1]> = kept.map(|key| [("item", &**key)]).collect();
        let events: Vec<&Values> = events.iter().map(|event| &event[..]).collect();
        ask(&context, &events, &[("item", &self.candidate)]).unwrap()
    }
}

fn click_falls(trainer: &mut ClickTrainer, data: &PlantedClickData, times: f64) {
    let mut scores = Vec::new();
    for row in (0..data.test.len())
        .filter(|&row| data.test.labels()[row] == 1.0)
        .take(400)
    {
        let asked = Asked::of(&data.encoder, &data.test, row);
        let why = asked.without(None, |context, events, candidate| {
            trainer.explain_request(context, events, &[candidate])
        });
        let [why] = &why[..] else { panic!("{why:?}") };
        if why.reasons.len() < 3 {
            continue;
        }
        let key = |item: u32| trainer.reason_key(item).unwrap();
        let named = [why.reasons[0].item, other(row as u32, &why.reasons[1..]).item].map(key);
        scores.push(why.score);
        for left_out in &named {
            let samples = asked.without(Some(left_out), |context, events, candidate| {
                data.encoder.request(context, events, &[candidate])
            });
            scores.extend(trainer.score(&samples).unwrap());
        }
    }
    falls(&scores, times);
}

#[test]
fn without_the_event_that_was_looked_at_most_a_click_is_less_likely() {
    let data = clicks();
    let models: [ClickModel; 3] = [din(&data).into(), din(&data).softmax(true).into(), dien(&data).into()];
    for model in models {
        click_falls(&mut trained(model, &data, 5), &data, 2.0);
    }
}

/// Weights by item are those of the specification by step, of each model and row; items that come twice have both.
#[test]
fn weights_of_events_are_those_of_the_specification() {
    let data = clicks();
    let models: [ClickModel; 3] = [din(&data).into(), din(&data).softmax(true).into(), dien(&data).into()];
    for model in models {
        let plan = model.plan().unwrap();
        let state = random_state(&plan, 0.3, 6);
        let reference = Reference::new(&plan, &state).unwrap();
        let mut want = ClickTrainer::with_executor(model.clone(), Box::new(reference), click_config(1)).unwrap();
        let steps = want.attention(&data.dev).unwrap();
        let scores = want.score(&data.dev).unwrap();
        let mut trainer = ClickTrainer::with_state(model.clone(), cpu(), click_config(1), state).unwrap();
        let whys = trainer.explain(&data.dev).unwrap();
        assert_eq!(whys.len(), data.dev.len());
        let mut twice = 0;
        for (row, why) in whys.iter().enumerate() {
            assert_eq!((why.kind, why.rest), (Kind::Weights, 0.0));
            assert!(
                (why.score - scores[row]).abs() < 1e-4,
                "{} for {}",
                why.score,
                scores[row]
            );
            assert!(why.reasons.is_sorted_by(|a, b| a.contribution >= b.contribution));
            let items = data.dev.sequence(0).of(0, row);
            twice += usize::from(why.reasons.len() < items.len());
            let of_item = |item: u32| -> f32 {
                let own = items.iter().zip(&steps[row]).filter(|step| *step.0 == item);
                own.map(|step| step.1).sum()
            };
            for reason in &why.reasons {
                let want = of_item(reason.item);
                assert!(
                    (reason.contribution - want).abs() < 1e-4 * want.abs().max(1.0),
                    "{why:?} {want}"
                );
            }
            assert!(
                items
                    .iter()
                    .all(|&item| why.reasons.iter().any(|reason| reason.item == item))
            );
        }
        assert!(twice > 10, "{twice}");
        assert_eq!(trainer.reason_key(1), None);
        trainer.set_encoder(data.encoder.clone()).unwrap();
        assert_eq!(trainer.reason_key(1), data.encoder.vocabulary("item").unwrap().key(1));
        assert_eq!((trainer.reason_key(0), trainer.reason_key(u32::MAX)), (None, None));
    }
}

/// Clicks that were absorbed are looked at behind the events of a request; without any there is nothing to look at.
#[test]
fn absorbed_clicks_are_looked_at() {
    let data = clicks();
    let mut trainer = trained(din(&data), &data, 1);
    let candidates: [&Values; 2] = [&[("item", "7")], &[("item", "8")]];
    let context: &Values = &[("user", "new"), ("hour", "3")];
    let none = trainer.explain_request(context, &[], &candidates).unwrap();
    assert!(none.len() == 2 && none.iter().all(|why| why.reasons.is_empty()));
    let click: &Values = &[("user", "new"), ("item", "9"), ("hour", "3")];
    let row = ClickRow {
        values: click,
        events: &[],
        label: 1.0,
    };
    trainer.absorb(&[row]).unwrap();
    let some = trainer
        .explain_request(context, &[&[("item", "8")]], &candidates)
        .unwrap();
    let ranked = trainer.rank(context, &[&[("item", "8")]], &candidates).unwrap();
    for (place, score) in ranked {
        assert_eq!(some[place].score, score);
        let mut keys: Vec<String> = some[place]
            .reasons
            .iter()
            .map(|reason| trainer.reason_key(reason.item).unwrap())
            .collect();
        keys.sort();
        assert_eq!(keys, ["8", "9"]);
    }
}

#[test]
fn models_say_which_reasons_they_have() {
    let config = TrainConfig::default();
    let models: [(Model, Option<Kind>); 6] = [
        (Mf::new(3, 4).into(), Some(Kind::Parts)),
        (Gmf::new(3, 4).into(), Some(Kind::Parts)),
        (LightGcn::new(3, 4).into(), Some(Kind::Parts)),
        (SasRec::new(3, 4).into(), Some(Kind::Weights)),
        (Mlp::new(3, 4).into(), None),
        (NeuMf::new(3, 4).into(), None),
    ];
    for (model, kind) in models {
        assert_eq!(model.reasons(), kind, "{model:?}");
        let loss = if matches!(model, Model::SasRec(_)) {
            SasRec::loss()
        } else {
            Loss::Bpr
        };
        let mut trainer = Trainer::new(model, cpu(), TrainConfig { loss, ..config }).unwrap();
        match (trainer.explain(1, 2), kind) {
            (Ok(why), kind) => assert_eq!(Some(why.kind), kind),
            (Err(error), None) => assert!(
                error.to_string().contains("LightGCN and SASRec can be explained"),
                "{error}"
            ),
            (Err(error), kind) => panic!("{kind:?}: {error}"),
        }
    }
    let data = clicks();
    let layout = data.train.layout();
    let models: [(ClickModel, Option<Kind>); 4] = [
        (din(&data).into(), Some(Kind::Weights)),
        (dien(&data).into(), Some(Kind::Weights)),
        (dien(&data).evolution(GruKind::Gru).into(), None),
        (DeepFm::new(layout).into(), None),
    ];
    for (model, kind) in models {
        assert_eq!(model.reasons(), kind, "{}", model.name());
        let mut trainer = ClickTrainer::new(model, cpu(), click_config(1)).unwrap();
        match (trainer.explain(&data.dev), kind) {
            (Ok(whys), kind) => assert!(whys.iter().all(|why| Some(why.kind) == kind)),
            (Err(error), None) => assert!(error.to_string().contains("has no attention"), "{error}"),
            (Err(error), kind) => panic!("{kind:?}: {error}"),
        }
    }
}
