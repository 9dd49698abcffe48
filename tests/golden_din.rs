//! DIN as PyTorch trains it (`tests/golden/README.md`).
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
    models::{Din, Unit},
    ops::Reference,
    plan::{L2, Optimizer, ParamKind, Plan, State},
};

const FILE: &[u8] = include_bytes!("golden/din.safetensors");

fn unit(word: &str) -> Unit {
    match word {
        "sigmoid" => Unit::Sigmoid,
        "prelu" => Unit::Prelu,
        "dice" => Unit::Dice,
        _ => panic!("{word}"),
    }
}

impl Golden {
    /// The model of a variant, `ACTIVATION-SOFTMAX-ACTIVATION`.
    fn din(&self, variant: &str) -> Plan {
        let words: Vec<&str> = variant.split('-').collect();
        let tables: HashMap<String, u32> = self.setting("tables");
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
        let (attention, hidden): (Vec<usize>, Vec<usize>) = (self.setting("attention"), self.setting("layers"));
        Din::new(&layout)
            .factors(self.setting("width"))
            .attention(attention, unit(words[0]))
            .softmax(words[1] == "softmax")
            .hidden(hidden)
            .unit(unit(words[2]))
            .plan()
            .unwrap()
    }

    fn batch(&self, plan: &Plan, step: usize) -> Batch {
        let at = |name: &str| format!("step{step}/{name}");
        let mut batch = Batch::default();
        batch.reset(plan.columns().len(), 1);
        let offsets = self.ids(&at("offsets"));
        offsets
            .windows(2)
            .for_each(|pair| batch.end_sequence(0, (pair[1] - pair[0]) as usize));
        for (index, column) in plan.columns().iter().enumerate() {
            *batch.ids_mut(index) = self.ids(&at(&column.name));
        }
        *batch.labels_mut() = self.floats(&at("label"));
        batch.sort();
        batch
    }
}

/// Puts an executor through a variant's steps. `tolerance` is relative to each tensor's largest magnitude.
fn check_variant(golden: &Golden, variant: &str, make: &dyn Fn(Plan) -> Box<dyn Executor>, tolerance: f64) {
    let plan = golden.din(variant);
    let adam = golden.adam();
    let steps: usize = golden.setting("steps");
    for (mode, optimizer) in [("dense", Optimizer::Adam(adam)), ("lazy", Optimizer::LazyAdam(adam))] {
        let mut executor = make(plan.clone());
        executor.set_state(&golden.initial(&plan)).unwrap();
        let device = executor.device();
        let what = |name: &str| format!("{device}, {variant}, {mode}: {name}");
        for step in 0..steps {
            let batch = golden.batch(&plan, step);
            if step == 0 {
                let mut logits = vec![f32::NAN; batch.len()];
                let weights = executor.score_with(&batch, "attention", &mut logits).unwrap();
                if !variant.contains("dice") {
                    // Dice scores with running statistics, and the file's are the batch's.
                    let want = |name: &str| golden.wide(&format!("{variant}/dense/step0/{name}"));
                    close(&weights, &want("attention"), tolerance, &what("attention"));
                    close(&logits, &want("logit"), tolerance, &what("logit"));
                }
                let found = gradients(&mut *executor, &batch, L2::default()).unwrap();
                let trained = plan.params().iter().zip(&found);
                for (param, gradient) in trained.filter(|(param, _)| param.kind != ParamKind::Statistic) {
                    let want = golden.wide(&format!("{variant}/dense/step0/grad/{}", param.name));
                    close64(
                        gradient,
                        &want,
                        tolerance,
                        &what(&format!("gradient of {}", param.name)),
                    );
                }
            }
            executor.step(&batch, &optimizer, L2::default(), &mut || ()).unwrap();
            let loss = executor.take_loss().unwrap();
            assert_eq!(loss.samples, batch.len() as u64);
            // The first step of lazy training is dense's.
            let before = if step == 0 { "dense" } else { mode };
            let want = golden.wide(&format!("{variant}/{before}/step{step}/loss"));
            close64(&[loss.mean()], &want, tolerance, &what(&format!("loss of step {step}")));
        }
        let last = format!("{variant}/{mode}/step{}", steps - 1);
        for (param, tensor) in plan.params().iter().zip(executor.state().unwrap().tensors) {
            let kind = if param.kind == ParamKind::Statistic {
                "running"
            } else {
                "after"
            };
            let want = golden.wide(&format!("{last}/{kind}/{}", param.name));
            close(&tensor.value, &want, tolerance, &what(&param.name));
        }
        let batch = golden.batch(&plan, 0);
        let mut logits = vec![f32::NAN; batch.len()];
        executor.score_batch(&batch, &mut logits).unwrap();
        let want = golden.wide(&format!("{variant}/{mode}/evaluation/logit"));
        close(&logits, &want, tolerance, &what("evaluation"));
    }
}

fn check(make: &dyn Fn(Plan) -> Box<dyn Executor>, tolerance: f64) {
    let golden = Golden::read(FILE);
    for variant in golden.setting::<Vec<String>>("variants") {
        check_variant(&golden, &variant, make, tolerance);
    }
}

#[test]
fn plan_has_the_files_parameters() {
    let golden = Golden::read(FILE);
    let plan = golden.din("prelu-plain-prelu");
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

#[test]
fn reference_equals_pytorch() {
    check(
        &|plan| Box::new(Reference::new(&plan, &State::initial(&plan, 1, true)).unwrap()),
        1e-6,
    );
}

#[test]
fn cpu_equals_pytorch() {
    let threads = if cfg!(feature = "parallel") { &[1, 2][..] } else { &[1] };
    for isa in Isa::available() {
        for &threads in threads {
            let make = |plan: Plan| -> Box<dyn Executor> {
                let state = State::initial(&plan, 1, true);
                Box::new(CpuExecutor::new(plan, state, isa, threads).unwrap())
            };
            check(&make, 1e-5);
        }
    }
}

#[cfg(feature = "gpu")]
#[test]
fn gpu_equals_pytorch() {
    use pocketrec::gpu::GpuExecutor;
    let Some(gpus) = common::gpu::open_both() else { return };
    for gpu in gpus {
        let make = |plan: Plan| -> Box<dyn Executor> {
            let state = State::initial(&plan, 1, true);
            Box::new(GpuExecutor::new(&gpu, plan, &state).unwrap())
        };
        check(&make, 1e-5);
    }
}
