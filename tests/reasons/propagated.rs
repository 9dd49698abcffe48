//! What comes over the edges of a graph.

use std::sync::Arc;

use pocketrec::{
    Error,
    cpu::{CpuExecutor, Isa},
    data::{Batch, Graph, GraphBuilder, Planted, Split},
    executor::{Executor, set_graph},
    explain::{Explanation, Kind},
    models::{Ccl, LightGcn, Loss, Softmax},
    plan::L2,
    reference::Reference,
    train::{TrainConfig, Trainer},
};

use crate::{
    adam,
    common::{close, random_batch, random_state, wide},
    cpu, falls, other,
};

fn step(executor: &mut dyn Executor, batch: &Batch) {
    executor
        .step(batch, &adam(0.01), L2::default(), &mut || ())
        .wait()
        .unwrap();
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
        close(&want[..5], &alone, 1e-6, "an item alone");
        for isa in Isa::available() {
            let got = ask(&mut CpuExecutor::new(plan.clone(), state.clone(), isa, 2).unwrap());
            close(&got, &wide(&want), 1e-5, &format!("{isa}, {layers} layers"));
        }
    }
}

/// Users without what is named first and without something else, folded in beside those with all of it: what comes to the score from
/// the edges, without what the user's row has from neighbours.
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
    let mut from_edges = |&(user, item): &(u32, u32)| {
        let why = trainer.explain(user, item).unwrap();
        add_up(&why);
        why.score - why.rest
    };
    let scores: Vec<f32> = asked.iter().map(&mut from_edges).collect();
    falls(&scores, 1.5);
}
