//! LightGCN: what it propagates by hand numbers, training by a trainer, checkpoints, and how new users are folded in.

use std::sync::Arc;

use pocketrec::{
    Error, Result,
    checkpoint::Checkpoint,
    data::{Batch, Edge, Graph, GraphBuilder, Interactions, Planted, Sampling, Split},
    device::Device,
    executor::{Executor, set_graph},
    models::{LightGcn, Loss, Mf},
    ops::SigmoidCrossEntropy,
    plan::{AdamConfig, Init, L2, Optimizer, Plan, PlanBuilder, State, Storage},
    train::{Control, TrainConfig, Trainer},
};

use crate::common::gradients;

/// Users 0 and 1, items 0, 1 and 2: user 0 has items 0 and 1, user 1 has item 1.
fn hand_made() -> Interactions {
    Interactions::from_columns((2, 3), &[0, 0, 1], &[0, 1, 1], &[]).unwrap()
}

/// One column: users 1 and 2, items 4, 8 and 16.
fn hand_state(plan: &Plan) -> State {
    let mut state = State::initial(plan, 1, true).unwrap();
    state.tensors[0].value = vec![1.0, 2.0];
    state.tensors[1].value = vec![4.0, 8.0, 16.0];
    state
}

fn near(got: &[f32], want: &[f64]) {
    assert_eq!(got.len(), want.len());
    for (got, want) in got.iter().zip(want) {
        crate::near(*got, *want);
    }
}

/// The rows that come out of one layer, and of two: degrees are 2 and 1 of users, 1, 2 and 0 of items.
#[test]
fn rows_are_what_the_formula_gives() {
    let (s2, graph) = (0.5f64.sqrt(), Arc::new(Graph::of(&hand_made()).unwrap()));
    let plan = |layers| LightGcn::new(2, 3).embedding_dim(1).layers(layers).plan().unwrap();
    let one = plan(1);
    let mut executor = Device::cpu().executor(one.clone(), hand_state(&one)).unwrap();
    set_graph(&mut *executor, graph.clone()).wait().unwrap();
    let mut rows = [[0.0; 3]; 2];
    let propagation = executor.propagation().unwrap();
    propagation.propagated_rows(0, 0, &mut rows[0][..2]).wait().unwrap();
    propagation.propagated_rows(1, 0, &mut rows[1]).wait().unwrap();
    // User 0: 4 over 1 / sqrt(2 * 1), and 8 over 1 / sqrt(2 * 2); user 1: 8 over 1 / sqrt(1 * 2).
    let users = [s2 * 4.0 + 0.5 * 8.0, s2 * 8.0];
    let items = [s2 * 1.0, 0.5 * 1.0 + s2 * 2.0, 0.0];
    near(&rows[0][..2], &[(1.0 + users[0]) / 2.0, (2.0 + users[1]) / 2.0]);
    near(&rows[1], &[(4.0 + items[0]) / 2.0, (8.0 + items[1]) / 2.0, 16.0 / 2.0]);

    let two = plan(2);
    let mut executor = Device::cpu().executor(two.clone(), hand_state(&two)).unwrap();
    set_graph(&mut *executor, graph).wait().unwrap();
    let propagation = executor.propagation().unwrap();
    propagation.propagated_rows(0, 1, &mut rows[0][..1]).wait().unwrap();
    near(&rows[0][..1], &[(2.0 + users[1] + s2 * items[1]) / 3.0]);
    // And a score is the product of both.
    propagation.propagated_rows(1, 0, &mut rows[1]).wait().unwrap();
    let mut score = [0.0];
    executor.score(&[&[1], &[2]], &mut score).wait().unwrap();
    near(&score, &[f64::from(rows[0][0]) * f64::from(rows[1][2])]);
}

/// A step sends halves, whose next number behind 2,048 is 2,050; scores are not rounded.
#[test]
fn halves_are_what_a_step_sends() {
    let model = LightGcn::new(2, 3).embedding_dim(1).layers(1).storage(Storage::F16);
    let plan = model.plan_for(Loss::CrossEntropy).unwrap();
    let mut state = hand_state(&plan);
    state.tensors[1].value[1] = 2049.0;
    let mut executor = Device::cpu().executor(plan, state).unwrap();
    let graph = Arc::new(Graph::of(&hand_made()).unwrap());
    set_graph(&mut *executor, graph).wait().unwrap();
    let s2 = 0.5f64.sqrt();
    let mut row = [0.0];
    let propagation = executor.propagation().unwrap();
    propagation.propagated_rows(0, 1, &mut row).wait().unwrap();
    near(&row, &[(2.0 + s2 * 2049.0) / 2.0]);
    // User 1 and item 2, which has no edge and half of 16: so large a logit is the loss of a label of 0.
    let mut batch = Batch::new(2, 1);
    batch.push(&[1, 2], 0.0);
    batch.sort();
    let (optimizer, l2) = (Optimizer::default(), L2::default());
    executor.step(&batch, &optimizer, l2, &mut || ()).wait().unwrap();
    let loss = executor.take_loss().wait().unwrap().mean();
    near(&[loss as f32], &[8.0 * (2.0 + s2 * 2048.0) / 2.0]);
}

/// What is learnt in halves is next to what is learnt in floats, but not the same, and goes on from a file to the bit.
#[test]
fn it_learns_in_halves_too() {
    let split = planted();
    let model = LightGcn::new(120, 80).embedding_dim(8).layers(3);
    let [mut floats, mut halves] = [Storage::F32, Storage::F16].map(|storage| {
        let mut trainer = Trainer::new(model.clone().storage(storage), Device::cpu(), config()).unwrap();
        trainer.fit(&split, |_| ()).unwrap();
        trainer
    });
    let states = [&mut floats, &mut halves].map(|trainer| trainer.state().unwrap());
    for (x, y) in states[0].tensors.iter().zip(&states[1].tensors) {
        let squares = |values: &mut dyn Iterator<Item = f32>| values.map(|x| f64::from(x).powi(2)).sum::<f64>();
        let difference = squares(&mut x.value.iter().zip(&y.value).map(|(x, y)| x - y));
        let off = (difference / squares(&mut x.value.iter().copied())).sqrt();
        assert!(off > 0.0 && off < 0.01, "{off}");
    }
    let mut bytes = Vec::new();
    halves.checkpoint().unwrap().write_to(&mut bytes).unwrap();
    let mut again = Trainer::from_checkpoint(Checkpoint::from_bytes(&bytes).unwrap(), Device::cpu()).unwrap();
    assert_eq!(again.plan().propagation().map(|op| op.storage), Some(Storage::F16));
    for trainer in [&mut halves, &mut again] {
        trainer.set_config(TrainConfig { epochs: 8, ..config() }).unwrap();
        trainer.fit(&split, |_| ()).unwrap();
    }
    assert_eq!(again.state().unwrap(), halves.state().unwrap());
}

/// Rows that no sample picks have a gradient too, by the edges that lead to them.
#[test]
fn gradients_go_back_over_the_edges() {
    let plan = LightGcn::new(2, 3)
        .embedding_dim(1)
        .layers(1)
        .plan_for(Loss::CrossEntropy)
        .unwrap();
    let mut executor = Device::cpu().executor(plan.clone(), hand_state(&plan)).unwrap();
    set_graph(&mut *executor, Arc::new(Graph::of(&hand_made()).unwrap()))
        .wait()
        .unwrap();
    let batch = Batch::from_columns(&[&[1], &[2]], &[1.0]).unwrap(); // user 1 and item 2, which has no edge
    let mut batch = batch;
    batch.sort();
    let got = gradients(&mut *executor, &batch, L2::default()).unwrap();
    let s2 = 0.5f64.sqrt();
    let (user, item) = ((2.0 + s2 * 8.0) / 2.0, 16.0 / 2.0);
    let slope = 1.0 / (1.0 + f64::exp(-user * item)) - 1.0;
    let (d_user, d_item) = (slope * item / 2.0, slope * user / 2.0);
    let want = [vec![0.0, d_user], vec![0.0, s2 * d_user, d_item]];
    for (got, want) in got.iter().zip(&want) {
        for (got, want) in got.iter().zip(want) {
            // A logit of 31 has a slope of 1e-14, which f32 has not: both are nothing then.
            assert!((got - want).abs() < 1e-6, "{got} for {want}");
        }
    }
}

/// A state in which the slope is no rounding error: the same by small rows.
#[test]
fn gradients_of_small_rows_go_back_over_the_edges() {
    let plan = LightGcn::new(2, 3)
        .embedding_dim(1)
        .layers(1)
        .plan_for(Loss::CrossEntropy)
        .unwrap();
    let mut state = hand_state(&plan);
    state
        .tensors
        .iter_mut()
        .flat_map(|tensor| &mut tensor.value)
        .for_each(|x| *x /= 16.0);
    let mut executor = Device::cpu().executor(plan, state).unwrap();
    set_graph(&mut *executor, Arc::new(Graph::of(&hand_made()).unwrap()))
        .wait()
        .unwrap();
    let mut batch = Batch::from_columns(&[&[1], &[2]], &[1.0]).unwrap();
    batch.sort();
    let got = gradients(&mut *executor, &batch, L2::default()).unwrap();
    let s2 = 0.5f64.sqrt();
    let (user, item) = ((2.0 + s2 * 8.0) / 32.0, 16.0 / 32.0);
    let slope = 1.0 / (1.0 + f64::exp(-user * item)) - 1.0;
    let (d_user, d_item) = (slope * item / 2.0, slope * user / 2.0);
    for (got, want) in got.concat().iter().zip([0.0, d_user, 0.0, s2 * d_user, d_item]) {
        assert!((got - want).abs() < 1e-6, "{got} for {want}");
    }
}

fn planted() -> Split {
    let options = Planted {
        users: 120,
        items: 80,
        interactions_per_user: 12,
        ..Planted::default()
    };
    options.generate().unwrap().interactions.leave_one_out().unwrap()
}

fn config() -> TrainConfig {
    TrainConfig {
        epochs: 6,
        loss: Loss::Bpr,
        batch_size: 128,
        negatives: 1,
        optimizer: Optimizer::Adam(AdamConfig {
            learning_rate: 0.02,
            ..AdamConfig::default()
        }),
        l2: L2 {
            tables: 1e-4,
            ..L2::default()
        },
        seed: 3,
        ..TrainConfig::default()
    }
}

fn trained(split: &Split, config: TrainConfig) -> Trainer {
    let model = LightGcn::new(120, 80).embedding_dim(8).layers(2);
    let mut trainer = Trainer::new(model, Device::cpu(), config).unwrap();
    trainer.fit(split, |_| ()).unwrap();
    trainer
}

#[test]
fn it_learns_by_either_loss_and_sampling() {
    let split = planted();
    for loss in [Loss::Bpr, Loss::CrossEntropy] {
        for sampling in [Sampling::EveryPositive, Sampling::UniformUsers] {
            let mut losses = Vec::new();
            let config = TrainConfig {
                loss,
                sampling,
                ..config()
            };
            let model = LightGcn::new(120, 80).embedding_dim(8).layers(2);
            let mut trainer = Trainer::new(model, Device::cpu(), config).unwrap();
            let untrained = trainer.evaluate(&split, config.protocol, 10).unwrap();
            trainer.fit(&split, |epoch| losses.push(epoch.loss)).unwrap();
            assert!(losses[5] < 0.8 * losses[0], "{loss:?}, {sampling:?}: {losses:?}");
            let ranking = trainer.evaluate(&split, config.protocol, 10).unwrap();
            assert!(
                ranking.hr > untrained.hr + 0.1,
                "{loss:?}: {} after {}",
                ranking.hr,
                untrained.hr
            );
        }
    }
}

/// Lazy or not, Adam moves every row: every one is in every batch.
#[test]
fn lazy_adam_is_adam() {
    let split = planted();
    let AdamConfig { .. } = AdamConfig::default();
    let Optimizer::Adam(adam) = config().optimizer else {
        unreachable!()
    };
    let lazy = TrainConfig {
        optimizer: Optimizer::LazyAdam(adam),
        ..config()
    };
    let states = [config(), lazy].map(|config| trained(&split, config).state().unwrap());
    assert_eq!(states[0], states[1]);
}

#[test]
fn a_resumed_run_is_the_uninterrupted_one() {
    let split = planted();
    let whole = trained(&split, config()).state().unwrap();
    let model = LightGcn::new(120, 80).embedding_dim(8).layers(2);
    let mut first = Trainer::new(model, Device::cpu(), config()).unwrap();
    let mut steps = 0;
    first
        .fit_events(&split, |_| {
            steps += 1;
            if steps == 4 { Control::Stop } else { Control::Continue }
        })
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    first.save(&path).unwrap();
    let best = first.recommend(7, 5).unwrap();
    drop(first);
    let mut second = Trainer::load(&path, Device::cpu()).unwrap();
    // The graph is that of the histories, which the file has.
    assert_eq!(second.recommend(7, 5).unwrap(), best);
    second.fit(&split, |_| ()).unwrap();
    assert_eq!(second.state().unwrap(), whole);
}

/// A new user is who has the same items, and what comes from these: by hand, from the rows of the trained model.
#[test]
fn a_new_user_is_folded_in_without_a_step() {
    let data = hand_made();
    let split = Split::from_cases(data, []).unwrap();
    let config = TrainConfig {
        eval_every: 0,
        epochs: 1,
        ..config()
    };
    let model = LightGcn::new(2, 3).embedding_dim(1).layers(1);
    let mut trainer = Trainer::new(model, Device::cpu(), config).unwrap();
    trainer.fit(&split, |_| ()).unwrap();
    let before = trainer.state().unwrap();
    let items = before.tensors[1].value.clone();

    let report = trainer.absorb(&[(2, 0), (2, 2)]).unwrap();
    assert_eq!((report.steps, report.new_users, report.known), (0, 1, 0));
    let after = trainer.state().unwrap();
    assert_eq!(after.tensors[1], before.tensors[1]); // nothing was learnt
    // Of the two users the first alone has one of the items, item 0.
    let users = &before.tensors[0].value;
    assert_eq!(after.tensors[0].value, [users[0], users[1], users[0]]);
    // Item 0 has two users now and item 2 one; the new user has both.
    let item = |i: usize| f64::from(items[i]);
    let row = f64::from(users[0]);
    let user = (row + item(0) / f64::sqrt(2.0 * 2.0) + item(2) / f64::sqrt(2.0 * 1.0)) / 2.0;
    let of_item_0 = (item(0) + 2.0 * row / f64::sqrt(2.0 * 2.0)) / 2.0; // both users have two items
    near(&trainer.score(&[(2, 0)]).unwrap(), &[user * of_item_0]);
    assert!(report.after != report.before);
    // The same graph after loading, and an item that nobody had.
    let checkpoint = trainer.checkpoint().unwrap();
    let mut loaded = Trainer::from_checkpoint(checkpoint, Device::cpu()).unwrap();
    assert_eq!(loaded.score(&[(2, 0)]).unwrap(), trainer.score(&[(2, 0)]).unwrap());
    let report = loaded.absorb(&[(0, 5), (1, 5)]).unwrap();
    assert_eq!((report.new_items, loaded.items()), (3, 6));
    let best = loaded.recommend(2, 6).unwrap();
    assert!(
        best.iter()
            .all(|(item, score)| score.is_finite() && *item != 0 && *item != 2)
    );
}

/// Rows as scores see them: an item that is only alike by its neighbours is found.
#[test]
fn similar_items_are_those_of_propagated_rows() {
    let plan = LightGcn::new(1, 3)
        .embedding_dim(2)
        .layers(1)
        .plan_for(Loss::Bpr)
        .unwrap();
    let mut state = State::initial(&plan, 1, true).unwrap();
    state.tensors[0].value = vec![0.0, 8.0];
    state.tensors[1].value = vec![1.0, 0.0, 0.1, 0.0, 1.0, 0.1];
    let data = Interactions::from_columns((1, 3), &[0, 0], &[0, 1], &[]).unwrap();
    let config = TrainConfig {
        eval_every: 0,
        epochs: 0,
        ..config()
    };
    let model = LightGcn::new(1, 3).embedding_dim(2).layers(1);
    let mut trainer = Trainer::with_state(model, Device::cpu(), config, state).unwrap();
    // As they are learnt, items 0 and 1 are alike, and so is 2 nearly.
    assert_eq!(trainer.similar_items(0, 1).unwrap()[0].0, 1);
    trainer.fit(&Split::from_cases(data, []).unwrap(), |_| ()).unwrap();
    let alike = trainer.similar_items(0, 2).unwrap();
    let reached = 8.0 * 0.5f64.sqrt(); // the user has two items, which have one user
    let cosine = |a: [f64; 2], b: [f64; 2]| (a[0] * b[0] + a[1] * b[1]) / (a[0].hypot(a[1]) * b[0].hypot(b[1]));
    assert_eq!([alike[0].0, alike[1].0], [1, 2]);
    near(&[alike[0].1], &[cosine([1.0, reached], [0.1, reached])]);
    near(&[alike[1].1], &[cosine([1.0, reached], [1.0, 0.1])]);
}

#[test]
fn tables_that_grow_keep_their_graph() {
    let plan = LightGcn::new(2, 3).embedding_dim(1).layers(1).plan().unwrap();
    let mut executor = Device::cpu().executor(plan.clone(), hand_state(&plan)).unwrap();
    set_graph(&mut *executor, Arc::new(Graph::of(&hand_made()).unwrap()))
        .wait()
        .unwrap();
    let score = |executor: &mut dyn Executor, user: u32, item: u32| {
        let mut score = [0.0];
        executor.score(&[&[user], &[item]], &mut score).wait().unwrap();
        score[0]
    };
    let before = [(0, 1), (1, 2)].map(|(user, item)| score(&mut *executor, user, item));
    executor.grow(0, 5).wait().unwrap();
    executor.grow(1, 4).wait().unwrap();
    assert_eq!(
        [(0, 1), (1, 2)].map(|(user, item)| score(&mut *executor, user, item)),
        before
    );
    assert_eq!(score(&mut *executor, 4, 3), 0.0);
    executor.write_rows(0, 4, &[3.0]).wait().unwrap();
    assert_eq!(score(&mut *executor, 4, 2), (3.0 / 2.0) * (16.0 / 2.0));
}

#[track_caller]
fn refused<T: std::fmt::Debug>(result: Result<T>, words: &str) {
    let error = result.unwrap_err().to_string();
    assert!(error.contains(words), "{error}");
}

#[test]
fn what_does_not_fit_is_refused() {
    // Graphs.
    let edges = |ends: [u32; 2], weight: f32| GraphBuilder::new([2, 3]).edges(&[Edge { ends, weight }]);
    refused(edges([1, 5], 1.0), "edges[0]: node id 5 is out of range");
    refused(edges([1, 1], 1.0), "both ends are node 1");
    for weight in [0.0, -1.0, f32::NAN, f32::INFINITY] {
        refused(edges([0, 2], weight), "give a finite number above 0");
    }
    refused(
        GraphBuilder::new([1, 3]).interactions(&hand_made()),
        "2 users, the graph has 1",
    );
    refused(GraphBuilder::new([2, 3]).pairs(1, [(0, 3)].into_iter()), "item id 3");
    refused(GraphBuilder::new([u32::MAX, 1]).build(), "below 4294967295");
    refused(
        Graph::of(&hand_made()).unwrap().with_nodes([1, 3]),
        "none can be taken away",
    );

    // Plans.
    refused(LightGcn::new(2, 3).layers(0).plan(), "layers: 0; give 1 to 16");
    refused(LightGcn::new(2, 3).embedding_dim(0).plan(), "embedding_dim");
    let init = Init::Zeros;
    let tables = [("u", "user", 2, init), ("i", "item", 3, init)];
    let build = |wrong: &dyn Fn(&mut PlanBuilder, pocketrec::plan::View, usize)| {
        let mut plan = PlanBuilder::new();
        let (user, item) = (plan.query("user"), plan.candidate("item"));
        let nodes = plan.propagate(tables, 2, 1, Storage::F32);
        let (p, q, terms) = (plan.buffer(2), plan.buffer(2), plan.buffer(2));
        plan.gather_propagated(nodes, user, p);
        plan.gather_propagated(nodes, item, q);
        plan.product(p, q, terms);
        wrong(&mut plan, nodes, item);
        let logit = plan.plain_sum(&[terms]);
        plan.finish(SigmoidCrossEntropy { logit })
    };
    assert!(build(&|_, _, _| ()).is_ok());
    refused(
        build(&|plan, _, _| _ = plan.propagate(tables, 2, 1, Storage::F32)),
        "two parameters are called u",
    );
    let others = [("v", "user", 2, init), ("w", "item", 3, init)];
    refused(
        build(&|plan, _, _| _ = plan.propagate(others, 2, 1, Storage::F32)),
        "two propagations",
    );
    refused(
        build(&|plan, nodes, _| _ = plan.plain_sum(&[nodes])),
        "look it up first",
    );
    refused(build(&|plan, nodes, _| plan.expose("nodes", nodes)), "has a row a node");
    refused(
        build(&|plan, _, item| {
            let again = plan.buffer(2);
            plan.gather("i", item, 3, init, again);
        }),
        "i is propagated and looked up as it is besides",
    );
    let other = build(&|plan, nodes, _| {
        let (column, x) = (plan.column("shop"), plan.buffer(2));
        plan.gather_propagated(nodes, column, x);
    });
    refused(other, "shop is of neither table's vocabulary");

    // Executors.
    let plan = LightGcn::new(2, 3).embedding_dim(1).layers(1).plan().unwrap();
    let mut executor = Device::cpu().executor(plan.clone(), hand_state(&plan)).unwrap();
    let mut score = [0.0];
    refused(
        executor.score(&[&[0], &[0]], &mut score).wait(),
        "give it one (executor::set_graph)",
    );
    let mut batch = Batch::new(3, 1);
    batch.set_negatives(2..3);
    batch.push(&[0, 0, 2], 1.0);
    batch.sort();
    let before = executor.state().wait().unwrap();
    let step = executor
        .step(&batch, &Optimizer::default(), L2::default(), &mut || ())
        .wait();
    refused(step, "this executor has none");
    assert_eq!(executor.state().wait().unwrap(), before);
    let small = Graph::of(&Interactions::from_pairs(&[(0, 2)]).unwrap()).unwrap();
    refused(
        set_graph(&mut *executor, Arc::new(small.clone())).wait(),
        "users of the graph",
    );
    let plain = Mf::new(2, 3).plan().unwrap();
    let state = State::initial(&plain, 1, true).unwrap();
    let mut executor = Device::cpu().executor(plain, state).unwrap();
    let refusal = set_graph(&mut *executor, Arc::new(small)).wait();
    assert!(matches!(refusal, Err(Error::Config { .. })), "{refusal:?}");
}
