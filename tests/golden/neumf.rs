//! Three training steps of NeuMF as PyTorch computes them (`tests/golden/README.md`).

use pocketrec::{
    data::Batch,
    models::NeuMf,
    plan::{L2, Plan, State},
    reference::Reference,
};

use crate::common::{
    close, close64,
    golden::{Golden, Make, before, on_every_cpu, on_reference},
    id_columns,
};

const FILE: &[u8] = include_bytes!("neumf.safetensors");

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
}

/// Puts an executor through all steps of the file, from any state on.
fn check(make: Make<'_>, tolerance: f64) {
    let golden = Golden::read(FILE);
    let plan = golden.plan();
    for (mode, optimizer) in golden.optimizers() {
        let mut executor = make(plan.clone(), State::initial(&plan, 1, true).unwrap());
        executor.set_state(&golden.initial(&plan)).wait().unwrap();
        for step in 0..golden.setting("steps") {
            let (before, batch) = (before(mode, step), golden.batch(step));
            golden.check_logits(&mut *executor, &batch, &before, tolerance);
            let mut logits = vec![f32::NAN; batch.len()];
            executor.score(&id_columns(&batch), &mut logits).wait().unwrap();
            close(
                &logits,
                &golden.wide(&format!("{before}/logit")),
                tolerance,
                &format!("{}, {before}: logit by ids", executor.device()),
            );
            golden.check_gradients(&mut *executor, &batch, &before, tolerance);
            golden.check_step(&mut *executor, &batch, &optimizer, &before, tolerance);
            golden.check_values(&mut *executor, &format!("{mode}/step{step}"), tolerance);
        }
    }
}

#[test]
fn plan_has_the_files_parameters() {
    let golden = Golden::read(FILE);
    golden.check_parameters(&golden.plan());
}

#[test]
fn reference_equals_pytorch() {
    const TOLERANCE: f64 = 1e-6;
    let golden = Golden::read(FILE);
    let plan = golden.plan();
    for (mode, optimizer) in golden.optimizers() {
        let mut reference = Reference::new(&plan, &golden.initial(&plan)).unwrap();
        for step in 0..golden.setting("steps") {
            let what = |name: &str| format!("{mode}, step {step}: {name}");
            let (before, batch) = (before(mode, step), golden.batch(step));

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
    on_reference(check);
}

#[test]
fn cpu_equals_pytorch() {
    on_every_cpu(check);
}

#[cfg(feature = "gpu")]
#[test]
fn gpu_equals_pytorch() {
    crate::common::golden::on_every_gpu(check);
}
