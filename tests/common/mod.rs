//! What the integration tests share: data that is hard on kernels, and comparisons that say what differs.
#![allow(dead_code, unused_imports)] // each test uses a part

#[path = "../cases/table/mod.rs"]
pub mod cases;
pub mod differences;
#[cfg(feature = "std")]
pub mod files;
#[cfg(feature = "std")]
pub mod golden;
#[cfg(feature = "gpu")]
pub mod gpu;
pub mod means;
pub use cases::{features::feature_plans, models::odd_models, recurrent};
#[cfg(feature = "std")]
#[path = "../skipped/mod.rs"]
pub mod skipped;

use std::sync::Arc;

use pocketrec::{
    Error, Result,
    data::{Batch, Edge, Graph, GraphBuilder},
    executor::{Executor, set_graph},
    ops::SigmoidCrossEntropy,
    plan::{AdamConfig, Init, L2, Optimizer, Param, ParamKind, Plan, PlanBuilder, Space, State, Tensor, View},
    reference::Reference,
    rng::Rng,
    train::ClickConfig,
};

/// Checks that `got` equals `want` within `tolerance` times the largest magnitude in `want`.
///
/// # Panics
/// Where it does not; the message names `what`, the element that is furthest off, and by how much.
#[track_caller]
pub fn close(got: &[f32], want: &[f64], tolerance: f64, what: &str) {
    let got: Vec<f64> = got.iter().copied().map(f64::from).collect();
    close64(&got, want, tolerance, what);
}

/// [`close`] for values in `f64`.
#[track_caller]
pub fn close64(got: &[f64], want: &[f64], tolerance: f64, what: &str) {
    close_or(got, want, 0.0, tolerance, what);
}

/// [`close64`] relative to `least` where all magnitudes in `want` are smaller: for tensors of so few elements that all
/// may be what is left of larger terms that cancelled.
#[track_caller]
pub fn close_or(got: &[f64], want: &[f64], least: f64, tolerance: f64, what: &str) {
    assert_eq!(got.len(), want.len(), "{what}: lengths differ");
    let largest = largest(want).max(least);
    assert!(largest.is_finite(), "{what}: what is wanted is not finite");
    let mut worst = (0.0, 0);
    for (i, (g, w)) in got.iter().zip(want).enumerate() {
        assert!(g.is_finite(), "{what}[{i}] is {g}, wanted {w}");
        worst = if (g - w).abs() > worst.0 {
            ((g - w).abs(), i)
        } else {
            worst
        };
    }
    let (error, i) = worst;
    assert!(
        error <= tolerance * largest,
        "{what}[{i}] of {len} is {got}, wanted {want}: off by {relative:.2e} of the largest magnitude {largest:e}, \
         allowed {tolerance:.0e}",
        len = want.len(),
        got = got[i],
        want = want[i],
        relative = error / largest,
    );
}

/// The largest magnitude; 0 of none.
pub fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |largest, x| largest.max(x.abs()))
}

/// Values in f32 as the specification takes them.
pub fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().copied().map(f64::from).collect()
}

/// `len` values from a normal distribution of standard deviation `std`.
pub fn normals(len: usize, std: f32, rng: Rng) -> Vec<f32> {
    (0..len as u64).map(|i| std * rng.normal(i)).collect()
}

/// `len` ids below `rows` of which a few are frequent and most are rare, as in real data: id `k` has a share of about
/// `1 / (k + 1)` (Zipf). The ids are then dealt out anew, so that the frequent ones are not the smallest.
pub fn zipf(len: usize, rows: usize, rng: Rng) -> Vec<u32> {
    let deal = pocketrec::rng::Permutation::new(rows as u32, rng.stream(1));
    let id = |i: u64| ((rows as f32 + 1.0).powf(rng.uniform(i)) - 1.0) as u32;
    (0..len as u64).map(|i| deal.at(id(i).min(rows as u32 - 1))).collect()
}

/// A sorted batch of `samples` samples with Zipf ids for all columns of `plan`, sequences of 0 to 6 steps, normal
/// numeric features, and labels 0 and 1, about one in four of them 1.
pub fn random_batch(plan: &Plan, samples: usize, seed: u64) -> Batch {
    batch_of_steps(plan, samples, 6, seed)
}

/// The same with histories of up to `longest` steps.
pub fn batch_of_steps(plan: &Plan, samples: usize, longest: u32, seed: u64) -> Batch {
    let rng = Rng::new(seed);
    let mut batch = Batch::default();
    batch.reset(plan.columns().len(), plan.sequences().len());
    batch.set_negatives(plan.negatives());
    batch.set_noise(rng.stream(3));
    for sequence in 0..plan.sequences().len() {
        // A list that all samples share is the steps of any, but not of all: it would be long.
        let ends = if plan.sequences()[sequence] == "list" {
            40
        } else {
            u64::MAX
        };
        let of_sample = |s| rng.stream(5).stream(sequence as u32).below(s, longest + 1) as usize;
        let length = |s| if s < ends { of_sample(s) } else { 0 };
        (0..samples as u64).for_each(|s| batch.end_sequence(sequence, length(s)));
    }
    for (c, column) in plan.columns().iter().enumerate() {
        let len = match column.space {
            Space::Samples => samples,
            Space::Steps(sequence) => batch.offsets(sequence)[samples] as usize,
            Space::Nodes => unreachable!("no column lies along nodes"),
        };
        if column.weighted {
            *batch.ids_and_weights_mut(c).1 = normals(len, 1.0, rng.stream(40 + c as u32));
        }
        *batch.ids_mut(c) = zipf(len, plan.rows(column.vocabulary), rng.stream(10 + c as u32));
    }
    *batch.numeric_mut() = normals(samples * plan.numerics(), 1.0, rng.stream(4));
    let label = |i| f32::from(u8::from(rng.stream(2).below(i, 4) == 0));
    *batch.labels_mut() = (0..samples as u64).map(label).collect();
    if plan.wants_log_q() {
        *batch.log_q_mut() = normals(samples, 1.0, rng.stream(7));
    }
    batch.sort();
    batch
}

/// The batch with weights of its samples: of any size, some of them 0.
pub fn weighted(batch: &Batch) -> Batch {
    let mut batch = batch.clone();
    let rng = Rng::new(batch.len() as u64).stream(6);
    let weight = |i| {
        if rng.below(i, 5) == 0 {
            0.0
        } else {
            2.0 * rng.uniform(i)
        }
    };
    *batch.weights_mut() = (0..batch.len() as u64).map(weight).collect();
    batch
}

/// Bits of parameters and moments, so that a NaN or a signed zero cannot hide.
pub fn bits(state: &State) -> Vec<Vec<u32>> {
    let parts = state
        .tensors
        .iter()
        .flat_map(|tensor| [&tensor.value, &tensor.m, &tensor.v]);
    parts
        .map(|values| values.iter().map(|x| x.to_bits()).collect())
        .collect()
}

/// Every optimiser, by name.
pub fn optimizers() -> [(&'static str, Optimizer); 3] {
    let config = AdamConfig {
        learning_rate: 0.01,
        ..AdamConfig::default()
    };
    [
        ("LazyAdam", Optimizer::LazyAdam(config)),
        ("Adam", Optimizer::Adam(config)),
        ("SGD", Optimizer::Sgd { learning_rate: 0.1 }),
    ]
}

/// Settings with which small click-through models learn fast.
pub fn click_config(epochs: u32) -> ClickConfig {
    let mut config = ClickConfig {
        epochs,
        batch_size: 256,
        ..ClickConfig::default()
    };
    config.optimizer = config.optimizer.with_learning_rate(0.01);
    config
}

/// A state all of whose parameters, biases too, are normal with standard deviation `std`; no moments.
pub fn random_state(plan: &Plan, std: f32, seed: u64) -> State {
    let mut state = State::initial(plan, seed, false).unwrap();
    for (index, tensor) in state.tensors.iter_mut().enumerate() {
        tensor.value = normals(tensor.value.len(), std, Rng::new(seed).stream(100 + index as u32));
        if plan.params()[index].name.ends_with(".variance") {
            tensor.value.iter_mut().for_each(|x| *x = 0.5 + x.abs());
        }
    }
    state
}

/// The same with moments, as if training had gone on for `step` steps.
pub fn trained_state(plan: &Plan, std: f32, step: u64, seed: u64) -> State {
    let mut state = random_state(plan, std, seed);
    state.step = step;
    for (index, tensor) in state.tensors.iter_mut().enumerate() {
        let rng = Rng::new(seed).stream(200 + index as u32);
        tensor.m = normals(tensor.value.len(), 0.01, rng.stream(0));
        tensor.v = normals(tensor.value.len(), 0.01, rng.stream(1));
        tensor.v.iter_mut().for_each(|v| *v = *v * *v);
    }
    state
}

/// Two tables into a buffer of `width` columns, then what `build` makes of it, down to a logit.
pub fn plan_of(width: usize, build: impl FnOnce(&mut PlanBuilder, View) -> View) -> Plan {
    let mut plan = PlanBuilder::new();
    let (user, item) = (plan.column("user"), plan.column("item"));
    let (x, init) = (plan.buffer(width), Init::Normal { std: 0.1 });
    let left = width / 2;
    plan.gather("user.weight", user, 19, init, x.columns(0, left));
    plan.gather("item.weight", item, 23, init, x.columns(left, width - left));
    let logit = build(&mut plan, x);
    plan.finish(SigmoidCrossEntropy { logit }).unwrap()
}

/// The ids of a batch, as `score` and `forward` take them: without negatives.
pub fn id_columns(batch: &Batch) -> Vec<&[u32]> {
    let columns = batch.columns().iter().enumerate();
    let scored = columns.filter(|(column, _)| !batch.negatives().contains(column));
    scored.map(|(_, column)| column.ids.as_slice()).collect()
}

/// A graph for a plan that propagates, made up: some users with many items, nodes without any edge, items that are related
/// by weights of their own, and an edge that comes twice. Nothing where the plan does not propagate.
pub fn graph_of(plan: &Plan) -> Option<Arc<Graph>> {
    plan.propagation()?;
    let counts = plan.nodes().map(|rows| rows as u32);
    let (rng, [users, items]) = (Rng::new(23), counts);
    let draw = |stream: u32, index: u64, rows: u32| rng.stream(stream).below(index, rows);
    let count = 4 * u64::from(users + items);
    // The last user and the last item have no edge, but where they are the only ones.
    let pairs = (0..count).map(|i| {
        let user = draw(0, i, users) % draw(1, i, users).max(1);
        (user, draw(2, i, items.max(2) - 1))
    });
    let pairs: std::collections::BTreeSet<(u32, u32)> = pairs.collect();
    let graph = GraphBuilder::new(counts).pairs(pairs.len(), pairs.into_iter()).unwrap();
    let relations: Vec<Edge> = (0..count / 8)
        .map(|i| Edge {
            ends: [3, 4].map(|stream| graph.item(draw(stream, i, items.max(2) - 1))),
            weight: 0.25 + i as f32 / count as f32,
        })
        .filter(|edge| edge.ends[0] != edge.ends[1])
        .collect();
    let graph = graph.edges(&relations).unwrap();
    let twice = relations.first().copied().into_iter().collect::<Vec<_>>();
    Some(Arc::new(graph.edges(&twice).unwrap().build().unwrap()))
}

/// Gives an executor [`graph_of`] its plan, where it needs one.
pub fn give_graph(executor: &mut dyn Executor) {
    if let Some(graph) = graph_of(executor.plan()) {
        set_graph(executor, graph).wait().unwrap();
    }
}

/// Learning rate of [`gradients`]: so large that what the parameter was hardly shows in what it becomes, and a power
/// of two, so that nothing is rounded by dividing it out.
const PROBE: f32 = 65536.0;

/// The gradients of an executor at its present state, one matrix a parameter: how far one step of SGD moves it. What is
/// not trained has none.
///
/// The executor is put back into its state; its loss is taken.
pub fn gradients(executor: &mut dyn Executor, batch: &Batch, l2: L2) -> Result<Vec<Vec<f64>>> {
    let before = executor.state().wait()?;
    let probe = Optimizer::Sgd { learning_rate: PROBE };
    executor.step(batch, &probe, l2, &mut || ()).wait()?;
    let after = executor.state().wait()?;
    executor.take_loss().wait()?;
    executor.take_auxiliary().wait()?;
    executor.set_state(&before).wait()?;
    let moved = |(b, a): (&f32, &f32)| (f64::from(*b) - f64::from(*a)) / f64::from(PROBE);
    let tensors = before.tensors.iter().zip(&after.tensors);
    let of_param = |(param, (before, after)): (&Param, (&Tensor, &Tensor))| match param.kind {
        ParamKind::Statistic => vec![0.0; param.len()],
        _ => before.value.iter().zip(&after.value).map(moved).collect(),
    };
    Ok(executor.plan().params().iter().zip(tensors).map(of_param).collect())
}

/// Gradients below this are what is left of a sigmoid that is 0 or 1 in `f32`.
const SATURATED: f64 = 1e-7;

/// Compares an executor with the specification: logits, loss and gradients at `state`, then parameters and moments
/// after each step on `batches`. `tolerance` is relative to the largest magnitude of each tensor, but at least to 0.1 in
/// logits and to a hundredth of the largest in the whole model elsewhere: a tensor of one float may be small because its
/// terms cancel, while their rounding does not.
///
/// The specification is put into the executor's state before each step, so that errors do not add up over steps.
pub fn check_parity(
    executor: &mut dyn Executor,
    state: &State,
    batches: &[Batch],
    (optimizer, l2): (&Optimizer, L2),
    tolerance: f64,
    what: &str,
) {
    let plan = executor.plan().clone();
    give_graph(executor);
    executor.set_state(state).wait().unwrap();
    // The last once more, its samples weighted, from where the first began.
    let again = batches.last().map(weighted);
    for (step, batch) in batches.iter().chain(&again).enumerate() {
        if step == batches.len() {
            executor.set_state(state).wait().unwrap();
        }
        let what = |name: &str| format!("{what}, step {step}: {name}");
        let mut reference = Reference::new(&plan, &executor.state().wait().unwrap()).unwrap();
        give_graph(&mut reference);

        let mut logits = vec![f32::NAN; batch.len()];
        executor.score_batch(batch, &mut logits).wait().unwrap();
        let want = reference.forward_batch(batch).unwrap();
        close_or(&wide(&logits), &want, 0.1, tolerance, &what("logits"));
        let got = gradients(executor, batch, l2).unwrap();
        let want = reference.gradients(batch, l2).unwrap();
        let least = want.iter().map(|g| largest(g)).fold(0.0, f64::max) / 100.0;
        let least = least.max(SATURATED);
        for ((param, got), want) in plan.params().iter().zip(&got).zip(&want) {
            close_or(
                got,
                want,
                least,
                tolerance,
                &what(&format!("gradient of {}", param.name)),
            );
        }

        let (loss, auxiliary) = (reference.loss(batch).unwrap(), reference.auxiliary_loss(batch).unwrap());
        reference.step(batch, optimizer, l2).unwrap();
        executor.step(batch, optimizer, l2, &mut || ()).wait().unwrap();
        let got = executor.take_loss().wait().unwrap();
        assert_eq!(got.samples, batch.len() as u64, "{}", what("samples of the loss"));
        close64(&[got.mean()], &[loss], tolerance, &what("loss"));
        let got = executor.take_auxiliary().wait().unwrap();
        close64(&[got.mean()], &[auxiliary], tolerance, &what("auxiliary loss"));
        let after = executor.state().wait().unwrap();
        assert_eq!(after.step, reference.steps(), "{}", what("step count"));
        let parts = |p: usize| [reference.value(p), reference.moments(p).0, reference.moments(p).1];
        let of_model = |part: usize| (0..plan.params().len()).map(move |p| largest(parts(p)[part]));
        let least = [0, 1, 2].map(|part| of_model(part).fold(0.0, f64::max) / 100.0);
        for (p, (param, tensor)) in plan.params().iter().zip(&after.tensors).enumerate() {
            for (part, got) in [&tensor.value, &tensor.m, &tensor.v].into_iter().enumerate() {
                let name = what(&format!("{} of {}", ["value", "m", "v"][part], param.name));
                close_or(&wide(got), parts(p)[part], least[part], tolerance, &name);
            }
        }
    }
}

/// The text of an [`Error::Plan`].
#[track_caller]
pub fn plan_error<T: std::fmt::Debug>(result: Result<T>) -> String {
    match result {
        Err(Error::Plan(text)) => text,
        other => panic!("wanted Error::Plan, got {other:?}"),
    }
}
