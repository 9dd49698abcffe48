//! DIEN's auxiliary loss, and a whole DIEN, as PyTorch computes them (`tests/golden/README.md`).
#![cfg(feature = "std")]

mod common;

use std::collections::HashMap;

use common::{close, close64, golden::Golden, gradients};
use pocketrec::{
    cpu::{CpuExecutor, Isa},
    data::{
        Batch,
        samples::{IdField, Layout, SequenceField, Table},
    },
    executor::Executor,
    models::{Dien, Unit},
    ops::Reference,
    plan::{Activation, Init, L2, Optimizer, Plan, PlanBuilder, State},
};

const DIEN: &[u8] = include_bytes!("golden/dien.safetensors");

/// The specification, then every instruction set and the GPU, each with its tolerance.
fn executors(plan: &Plan, state: &State) -> Vec<(Box<dyn Executor>, f64)> {
    let mut all: Vec<(Box<dyn Executor>, f64)> = vec![(Box::new(Reference::new(plan, state).unwrap()), 1e-6)];
    let threads = if cfg!(feature = "parallel") { 2 } else { 1 };
    for isa in Isa::available() {
        let executor = CpuExecutor::new(plan.clone(), state.clone(), isa, threads).unwrap();
        all.push((Box::new(executor), 1e-5));
    }
    #[cfg(feature = "gpu")]
    for gpu in common::gpu::open_both().into_iter().flatten() {
        let executor = pocketrec::gpu::GpuExecutor::new(&gpu, plan.clone(), state).unwrap();
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

fn dien_plan(golden: &Golden) -> Plan {
    let tables: HashMap<String, u32> = golden.setting("tables");
    let names = ["user", "item", "category"];
    let field = |(vocabulary, name): (usize, &str)| IdField {
        name: name.into(),
        vocabulary,
    };
    let table = |name: &str| Table {
        name: name.into(),
        rows: tables[name],
    };
    let layout = Layout {
        ids: names.into_iter().enumerate().map(field).collect(),
        sequences: vec![SequenceField {
            name: "history".into(),
            length: 7,
            fields: vec![1, 2],
        }],
        vocabularies: names.map(table).into(),
        ..Layout::default()
    };
    let widths = |name: &str| golden.setting::<Vec<usize>>(name);
    Dien::new(&layout)
        .factors(golden.setting("width"))
        .attention(widths("attention"))
        .hidden(widths("layers"))
        .unit(Unit::Relu)
        .auxiliary(widths("auxiliary"), golden.setting("auxiliary_weight"))
        .plan()
        .unwrap()
}

fn dien_batch(golden: &Golden, plan: &Plan, step: usize) -> Batch {
    let at = |name: &str| format!("step{step}/{name}");
    let mut batch = Batch::default();
    batch.reset(plan.columns().len(), 1);
    for pair in golden.ids(&at("offsets")).windows(2) {
        batch.end_sequence(0, (pair[1] - pair[0]) as usize);
    }
    for (index, column) in plan.columns().iter().enumerate() {
        *batch.ids_mut(index) = golden.ids(&at(&column.name));
    }
    *batch.labels_mut() = golden.floats(&at("label"));
    batch.sort();
    batch
}

#[test]
fn plan_has_the_files_parameters() {
    let golden = Golden::read(DIEN);
    let plan = dien_plan(&golden);
    for param in plan.params() {
        let tensor = golden.tensors.tensor(&format!("init/{}", param.name)).unwrap();
        let shape = if param.is_vector {
            vec![param.width]
        } else {
            vec![param.rows, param.width]
        };
        assert_eq!(tensor.shape(), shape, "{}", param.name);
    }
    assert_eq!(golden.under("init/").len(), plan.params().len());
}

/// An executor at one step of the file: logits, gradients, both losses, and the parameters after it.
fn check_step(
    golden: &Golden,
    executor: &mut dyn Executor,
    (mode, optimizer): (&str, &Optimizer),
    step: usize,
    tolerance: f64,
) {
    let plan = executor.plan().clone();
    let batch = dien_batch(golden, &plan, step);
    // The first step of lazy training is dense's.
    let before = format!("{}/step{step}", if step == 0 { "dense" } else { mode });
    let device = executor.device();
    let what = |name: &str| format!("{device}, {mode}, step {step}: {name}");

    let mut logits = vec![f32::NAN; batch.len()];
    executor.score_batch(&batch, &mut logits).unwrap();
    close(
        &logits,
        &golden.wide(&format!("{before}/logit")),
        tolerance,
        &what("logit"),
    );
    let found = gradients(executor, &batch, L2::default()).unwrap();
    for (param, gradient) in plan.params().iter().zip(&found) {
        let want = golden.wide(&format!("{before}/grad/{}", param.name));
        let name = what(&format!("gradient of {}", param.name));
        close64(gradient, &want, tolerance, &name);
    }
    executor.step(&batch, optimizer, L2::default(), &mut || ()).unwrap();
    for (name, loss) in [("loss", executor.take_loss()), ("auxiliary", executor.take_auxiliary())] {
        let want = golden.wide(&format!("{before}/{name}"));
        close64(&[loss.unwrap().mean()], &want, tolerance, &what(name));
    }
    for (param, tensor) in plan.params().iter().zip(executor.state().unwrap().tensors) {
        let want = golden.wide(&format!("{mode}/step{step}/after/{}", param.name));
        close(&tensor.value, &want, tolerance, &what(&param.name));
    }
}

#[test]
fn dien_equals_pytorch() {
    let golden = Golden::read(DIEN);
    let plan = dien_plan(&golden);
    let state = state(&plan, |name| golden.floats(&format!("init/{name}")));
    let adam = golden.adam();
    for optimizer in [("dense", &Optimizer::Adam(adam)), ("lazy", &Optimizer::LazyAdam(adam))] {
        for (mut executor, tolerance) in executors(&plan, &state) {
            for step in 0..golden.setting("steps") {
                check_step(&golden, &mut *executor, optimizer, step, tolerance);
            }
        }
    }
}
