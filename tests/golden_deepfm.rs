//! Logistic regression, a factorisation machine and three training steps of DeepFM as PyTorch computes them
//! (`tests/golden/README.md`).
#![cfg(feature = "std")]

mod common;

use std::collections::HashMap;

use common::{close, close64, golden::Golden, gradients};
use pocketrec::{
    cpu::{CpuExecutor, Isa},
    data::{
        Batch,
        samples::{IdField, Layout, Table},
    },
    executor::Executor,
    models::{ClickModel, DeepFm, Fm, Lr, Unit},
    ops::Reference,
    plan::{L2, Optimizer, ParamKind, Plan, State},
};

const FILE: &[u8] = include_bytes!("golden/deepfm.safetensors");
/// The same with batch normalisation in the hidden layers.
const NORMED: &[u8] = include_bytes!("golden/deepfm_batch_norm.safetensors");

/// The fields in the order of the file's ids.
const FIELDS: [&str; 5] = ["user", "item", "genre", "hour", "period"];

impl Golden {
    /// The fields of the file, each with a vocabulary of its own.
    fn layout(&self) -> Layout {
        let rows: HashMap<String, u32> = self.setting("fields");
        let field = |(vocabulary, name): (usize, &&str)| IdField {
            name: (*name).into(),
            vocabulary,
        };
        let table = |name: &&str| Table {
            name: (*name).into(),
            rows: rows[*name],
        };
        Layout {
            ids: FIELDS.iter().enumerate().map(field).collect(),
            numbers: (0..self.setting("numeric"))
                .map(|i: usize| format!("number {i}"))
                .collect(),
            vocabularies: FIELDS.iter().map(table).collect(),
            ..Layout::default()
        }
    }

    fn batch(&self, step: usize) -> Batch {
        let mut batch = Batch::default();
        batch.reset(FIELDS.len(), 0);
        for (at, id) in self.ids(&format!("step{step}/ids")).into_iter().enumerate() {
            batch.ids_mut(at % FIELDS.len()).push(id);
        }
        *batch.numeric_mut() = self.floats(&format!("step{step}/numeric"));
        *batch.labels_mut() = self.floats(&format!("step{step}/label"));
        batch.sort();
        batch
    }
}

type Make<'a> = &'a dyn Fn(Plan, State) -> Box<dyn Executor>;

/// Checks logits, loss and every gradient of a batch against those under `before`.
fn check_batch(executor: &mut dyn Executor, golden: &Golden, batch: &Batch, before: &str, tolerance: f64) {
    let plan = executor.plan().clone();
    let what = |name: &str| format!("{}, {before}: {name}", plan.stages().len());
    let mut logits = vec![f32::NAN; batch.len()];
    executor.score_batch(batch, &mut logits).unwrap();
    close(
        &logits,
        &golden.wide(&format!("{before}/logit")),
        tolerance,
        &what("logit"),
    );
    let found = gradients(executor, batch, L2::default()).unwrap();
    for (param, gradient) in plan.params().iter().zip(&found) {
        if param.kind == ParamKind::Statistic {
            continue; // moves without one
        }
        let want = golden.wide(&format!("{before}/grad/{}", param.name));
        close64(gradient, &want, tolerance, &what(&param.name));
    }
}

/// DeepFM as a file has it.
fn deepfm(golden: &Golden, unit: Unit) -> Plan {
    let hidden: Vec<usize> = golden.setting("layers");
    let model = DeepFm::new(&golden.layout()).factors(golden.setting("factors"));
    model.hidden(hidden).unit(unit).plan().unwrap()
}

/// Puts executors through the files. `tolerance` is relative to each tensor's largest magnitude.
fn check(make: Make<'_>, tolerance: f64) {
    check_parts(make, tolerance);
    for (file, unit) in [(FILE, Unit::Relu), (NORMED, Unit::BatchNormRelu)] {
        let golden = Golden::read(file);
        check_training(make, &golden, &deepfm(&golden, unit), tolerance);
    }
}

/// DeepFM's first order, and its first and second.
fn check_parts(make: Make<'_>, tolerance: f64) {
    let golden = Golden::read(FILE);
    let layout = golden.layout();
    let factors = golden.setting("factors");
    let parts: [(&str, ClickModel); 2] = [
        ("lr", Lr::new(&layout).into()),
        ("fm", Fm::new(&layout).factors(factors).into()),
    ];
    for (name, model) in parts {
        let plan = model.plan().unwrap();
        let mut executor = make(plan.clone(), golden.initial(&plan));
        check_batch(&mut *executor, &golden, &golden.batch(0), name, tolerance);
    }
}

/// Three steps, dense and lazy.
fn check_training(make: Make<'_>, golden: &Golden, plan: &Plan, tolerance: f64) {
    let adam = golden.adam();
    for (mode, optimizer) in [("dense", Optimizer::Adam(adam)), ("lazy", Optimizer::LazyAdam(adam))] {
        let mut executor = make(plan.clone(), golden.initial(plan));
        for step in 0..golden.setting("steps") {
            let batch = golden.batch(step);
            // The first step of both begins at the same place and is stored once.
            let before = format!("{}/step{step}", if step == 0 { "dense" } else { mode });
            check_batch(&mut *executor, golden, &batch, &before, tolerance);
            executor.step(&batch, &optimizer, L2::default(), &mut || ()).unwrap();
            let loss = executor.take_loss().unwrap().mean();
            close64(&[loss], &golden.wide(&format!("{before}/loss")), tolerance, "loss");
            for (param, tensor) in plan.params().iter().zip(executor.state().unwrap().tensors) {
                let kind = match param.kind {
                    ParamKind::Statistic => "running",
                    _ => "after",
                };
                let want = golden.wide(&format!("{mode}/step{step}/{kind}/{}", param.name));
                close(
                    &tensor.value,
                    &want,
                    tolerance,
                    &format!("{mode}, step {step}: {}", param.name),
                );
            }
        }
    }
}

#[test]
fn plans_have_the_files_parameters() {
    for (file, unit) in [(FILE, Unit::Relu), (NORMED, Unit::BatchNormRelu)] {
        let golden = Golden::read(file);
        let names = golden.tensors.names();
        let mut want: Vec<&str> = names.iter().filter_map(|name| name.strip_prefix("init/")).collect();
        let plan = deepfm(&golden, unit);
        let trained = plan.params().iter().filter(|param| param.kind != ParamKind::Statistic);
        let mut got: Vec<&str> = trained.map(|param| param.name.as_str()).collect();
        want.sort_unstable();
        got.sort_unstable();
        assert_eq!(got, want);
    }
}

#[test]
fn reference_equals_pytorch() {
    check(&|plan, state| Box::new(Reference::new(&plan, &state).unwrap()), 1e-6);
}

#[test]
fn cpu_equals_pytorch() {
    let threads = if cfg!(feature = "parallel") { &[1, 2][..] } else { &[1] };
    for isa in Isa::available() {
        for &threads in threads {
            check(
                &|plan, state| Box::new(CpuExecutor::new(plan, state, isa, threads).unwrap()),
                1e-5,
            );
        }
    }
}

#[cfg(feature = "gpu")]
#[test]
fn gpu_equals_pytorch() {
    use pocketrec::gpu::GpuExecutor;
    let Some(gpus) = common::gpu::open_both() else { return };
    for gpu in gpus {
        check(
            &|plan, state| Box::new(GpuExecutor::new(&gpu, plan, &state).unwrap()),
            1e-5,
        );
    }
}
