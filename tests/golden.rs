//! Three training steps of NeuMF as PyTorch computes them (`tests/golden/README.md`).
#![cfg(feature = "std")]

mod common;

use common::{close, close64, golden::Golden, gradients, id_columns};
use pocketrec::{
    cpu::{CpuExecutor, Isa},
    data::Batch,
    executor::Executor,
    models::NeuMf,
    ops::Reference,
    plan::{L2, Optimizer, Plan, State},
};

const FILE: &[u8] = include_bytes!("golden/neumf.safetensors");

impl Golden {
    fn plan(&self) -> Plan {
        let layers: Vec<usize> = self.setting("layers");
        let model = NeuMf::new(self.setting("users"), self.setting("items")).factors(self.setting("factors"));
        model.layers(layers).plan().unwrap()
    }

    fn batch(&self, step: usize) -> Batch {
        let (user, item) = (format!("step{step}/user"), format!("step{step}/item"));
        let columns: [&[u32]; 2] = [&self.ids(&user), &self.ids(&item)];
        Batch::from_columns(&columns, &self.floats(&format!("step{step}/label"))).unwrap()
    }

    /// Where the forward pass and the gradients of a step are stored: lazy's first step is dense's.
    fn before(&self, mode: &str, step: usize) -> String {
        let mode = if step == 0 { "dense" } else { mode };
        format!("{mode}/step{step}")
    }
}

/// The two optimisers under the names that the file has for them.
fn optimizers(golden: &Golden) -> [(&'static str, Optimizer); 2] {
    let adam = golden.adam();
    [("dense", Optimizer::Adam(adam)), ("lazy", Optimizer::LazyAdam(adam))]
}

/// Puts an executor through all steps of the file. `tolerance` is relative to each tensor's largest magnitude.
///
/// `make` builds the executor for a plan, with any state.
fn check_executor(make: impl Fn(Plan) -> Box<dyn Executor>, tolerance: f64) {
    let golden = Golden::read(FILE);
    let plan = golden.plan();
    for (mode, optimizer) in optimizers(&golden) {
        let mut executor = make(plan.clone());
        executor.set_state(&golden.initial(&plan)).unwrap();
        let device = executor.device();
        for step in 0..golden.setting("steps") {
            let what = |name: &str| format!("{device}, {mode}, step {step}: {name}");
            let (before, batch) = (golden.before(mode, step), golden.batch(step));

            let mut logits = vec![f32::NAN; batch.len()];
            executor.score(&id_columns(&batch), &mut logits).unwrap();
            close(
                &logits,
                &golden.wide(&format!("{before}/logit")),
                tolerance,
                &what("logit"),
            );
            let found = gradients(&mut *executor, &batch, L2::default()).unwrap();
            for (param, gradient) in plan.params().iter().zip(&found) {
                let want = golden.wide(&format!("{before}/grad/{}", param.name));
                close64(
                    gradient,
                    &want,
                    tolerance,
                    &what(&format!("gradient of {}", param.name)),
                );
            }

            executor.step(&batch, &optimizer, L2::default(), &mut || ()).unwrap();
            let loss = executor.take_loss().unwrap();
            assert_eq!(loss.samples, batch.len() as u64);
            close64(
                &[loss.mean()],
                &golden.wide(&format!("{before}/loss")),
                tolerance,
                &what("loss"),
            );
            for (param, tensor) in plan.params().iter().zip(executor.state().unwrap().tensors) {
                let want = golden.wide(&format!("{mode}/step{step}/after/{}", param.name));
                close(&tensor.value, &want, tolerance, &what(&param.name));
            }
        }
    }
}

#[test]
fn plan_has_the_files_parameters() {
    let golden = Golden::read(FILE);
    let plan = golden.plan();
    for param in plan.params() {
        let tensor = golden.tensors.tensor(&format!("init/{}", param.name)).unwrap();
        let shape = if param.is_vector {
            vec![param.width]
        } else {
            vec![param.rows, param.width]
        };
        assert_eq!(tensor.shape(), shape, "{}", param.name);
    }
    let inits = golden
        .tensors
        .names()
        .into_iter()
        .filter(|name| name.starts_with("init/"));
    assert_eq!(inits.count(), plan.params().len());
}

#[test]
fn reference_equals_pytorch() {
    const TOLERANCE: f64 = 1e-6;
    let golden = Golden::read(FILE);
    let plan = golden.plan();
    for (mode, optimizer) in optimizers(&golden) {
        let mut reference = Reference::new(&plan, &golden.initial(&plan)).unwrap();
        for step in 0..golden.setting("steps") {
            let what = |name: &str| format!("{mode}, step {step}: {name}");
            let (before, batch) = (golden.before(mode, step), golden.batch(step));

            let logits = reference.forward(&id_columns(&batch)).unwrap();
            close64(
                &logits,
                &golden.wide(&format!("{before}/logit")),
                TOLERANCE,
                &what("logit"),
            );
            let loss = reference.loss(&batch).unwrap();
            close64(
                &[loss],
                &golden.wide(&format!("{before}/loss")),
                TOLERANCE,
                &what("loss"),
            );
            let gradients = reference.gradients(&batch, L2::default()).unwrap();
            for (param, gradient) in plan.params().iter().zip(&gradients) {
                let want = golden.wide(&format!("{before}/grad/{}", param.name));
                close64(
                    gradient,
                    &want,
                    TOLERANCE,
                    &what(&format!("gradient of {}", param.name)),
                );
            }

            reference.step(&batch, &optimizer, L2::default()).unwrap();
            for (p, param) in plan.params().iter().enumerate() {
                let want = golden.wide(&format!("{mode}/step{step}/after/{}", param.name));
                close64(reference.value(p), &want, TOLERANCE, &what(&param.name));
            }
        }
    }
}

#[test]
fn reference_as_executor_equals_pytorch() {
    let make =
        |plan: Plan| -> Box<dyn Executor> { Box::new(Reference::new(&plan, &State::initial(&plan, 1, true)).unwrap()) };
    check_executor(make, 1e-6);
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
            check_executor(make, 1e-5);
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
        check_executor(make, 1e-5);
    }
}
