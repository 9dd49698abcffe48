//! DIEN's auxiliary loss, and a whole DIEN, as PyTorch computes them (`tests/golden/README.md`).
#![cfg(feature = "std")]

mod common;

use common::{close64, golden::Golden, gradients};
use pocketrec::{
    cpu::{CpuExecutor, Isa},
    data::Batch,
    executor::Executor,
    ops::Reference,
    plan::{Activation, Init, L2, Plan, PlanBuilder, State},
};

/// The specification, then every instruction set, each with its tolerance.
fn executors(plan: &Plan, state: &State) -> Vec<(Box<dyn Executor>, f64)> {
    let mut all: Vec<(Box<dyn Executor>, f64)> = vec![(Box::new(Reference::new(plan, state).unwrap()), 1e-6)];
    let threads = if cfg!(feature = "parallel") { 2 } else { 1 };
    for isa in Isa::available() {
        let executor = CpuExecutor::new(plan.clone(), state.clone(), isa, threads).unwrap();
        all.push((Box::new(executor), 1e-5));
    }
    all
}

/// A state with the values that `find` gives for each parameter's name.
fn state(plan: &Plan, find: impl Fn(&str) -> Vec<f32>) -> State {
    let mut state = State::initial(plan, 0, true);
    for (param, tensor) in plan.params().iter().zip(&mut state.tensors) {
        tensor.value = find(&param.name);
        assert_eq!(tensor.value.len(), param.len(), "{}", param.name);
    }
    state
}

/// The auxiliary loss of states and items that are rows of tables, each step its own, beside a main loss of nothing that
/// the file has.
fn auxiliary_plan(golden: &Golden, steps: usize) -> Plan {
    let mut plan = PlanBuilder::new();
    let history = plan.sequence("history");
    let width: usize = golden.setting("width");
    let [states, clicked, negative] = [
        ("states", golden.setting("hidden")),
        ("clicked", width),
        ("negative", width),
    ]
    .map(|(name, width)| {
        let column = plan.column_in(name, "step", history);
        let output = plan.buffer_in(history, width);
        plan.gather(name, column, steps, Init::Zeros, output);
        output
    });
    let (clicked, negative) = (plan.next(states, clicked), plan.next(states, negative));
    let layers: Vec<usize> = golden.setting("layers");
    let mut hidden = clicked;
    for (k, &outputs) in layers.iter().enumerate() {
        hidden = plan.linear(&format!("auxiliary.{k}"), hidden, outputs, Activation::Sigmoid);
    }
    let high = plan.linear("auxiliary.output", hidden, 1, Activation::Identity);
    let mut hidden = negative;
    for k in 0..layers.len() {
        hidden = plan.linear_again(&format!("auxiliary.{k}"), hidden);
    }
    let low = plan.linear_again("auxiliary.output", hidden);
    plan.auxiliary(high, low, 1.0);
    let main = plan.column("main");
    let logit = plan.buffer(1);
    plan.gather("main", main, 1, Init::Zeros, logit);
    plan.finish(logit).unwrap()
}

#[test]
fn auxiliary_loss_equals_pytorch() {
    let golden = Golden::read(include_bytes!("golden/auxiliary.safetensors"));
    let offsets = golden.ids("offsets");
    let (samples, steps) = (offsets.len() - 1, offsets[offsets.len() - 1]);
    let plan = auxiliary_plan(&golden, steps as usize);
    let state = state(
        &plan,
        |name| if name == "main" { vec![0.0] } else { golden.floats(name) },
    );
    let mut batch = Batch::default();
    batch.reset(4, 1);
    for pair in offsets.windows(2) {
        batch.end_sequence(0, (pair[1] - pair[0]) as usize);
    }
    (0..3).for_each(|column| batch.ids_mut(column).extend(0..steps));
    batch.ids_mut(3).resize(samples, 0);
    batch.labels_mut().resize(samples, 1.0);
    batch.sort();
    for (mut executor, tolerance) in executors(&plan, &state) {
        let what = |name: &str| format!("{}: {name}", executor.device());
        let names: Vec<String> = plan.params().iter().map(|param| what(&param.name)).collect();
        let loss_name = what("loss");
        let found = gradients(&mut *executor, &batch, L2::default()).unwrap();
        for ((param, name), found) in plan.params().iter().zip(&names).zip(&found) {
            if param.name != "main" {
                close64(found, &golden.wide(&format!("grad/{}", param.name)), tolerance, name);
            }
        }
        executor
            .step(&batch, &Default::default(), L2::default(), &mut || ())
            .unwrap();
        let loss = executor.take_auxiliary().unwrap();
        assert_eq!(loss.samples, samples as u64);
        close64(&[loss.mean()], &golden.wide("loss"), tolerance, &loss_name);
    }
}
