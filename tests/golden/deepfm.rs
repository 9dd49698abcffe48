//! Logistic regression, a factorisation machine and three training steps of DeepFM as PyTorch computes them
//! (`tests/golden/README.md`).

use pocketrec::{
    models::{ClickModel, DeepFm, Fm, Lr, Unit},
    plan::Plan,
};

use crate::common::golden::{Golden, Make, before, on_every_cpu, on_reference};

const FILE: &[u8] = include_bytes!("deepfm.safetensors");
/// The same with batch normalisation in the hidden layers.
const NORMED: &[u8] = include_bytes!("deepfm_batch_norm.safetensors");

/// DeepFM as a file has it.
fn deepfm(golden: &Golden, unit: Unit) -> Plan {
    let hidden: Vec<usize> = golden.setting("layers");
    let model = DeepFm::new(&golden.fields()).embedding_dim(golden.setting("factors"));
    model.hidden(hidden).unit(unit).plan().unwrap()
}

/// DeepFM's first order, and its first and second; then the whole in training.
fn check(make: Make<'_>, tolerance: f64) {
    check_parts(make, tolerance);
    for (file, unit) in [(FILE, Unit::Relu), (NORMED, Unit::BatchNormRelu)] {
        let golden = Golden::read(file);
        check_training(make, &golden, &deepfm(&golden, unit), tolerance);
    }
}

fn check_parts(make: Make<'_>, tolerance: f64) {
    let golden = Golden::read(FILE);
    let layout = golden.fields();
    let parts: [(&str, ClickModel); 2] = [
        ("lr", Lr::new(&layout).into()),
        ("fm", Fm::new(&layout).embedding_dim(golden.setting("factors")).into()),
    ];
    for (name, model) in parts {
        let (plan, batch) = (model.plan().unwrap(), golden.fields_batch(0));
        let mut executor = make(plan.clone(), golden.initial(&plan));
        golden.check_logits(&mut *executor, &batch, name, tolerance);
        golden.check_gradients(&mut *executor, &batch, name, tolerance);
    }
}

/// Three steps, dense and lazy.
fn check_training(make: Make<'_>, golden: &Golden, plan: &Plan, tolerance: f64) {
    for (mode, optimizer) in golden.optimizers() {
        let mut executor = make(plan.clone(), golden.initial(plan));
        for step in 0..golden.setting("steps") {
            let (before, batch) = (before(mode, step), golden.fields_batch(step));
            golden.check_logits(&mut *executor, &batch, &before, tolerance);
            golden.check_gradients(&mut *executor, &batch, &before, tolerance);
            golden.check_step(&mut *executor, &batch, &optimizer, &before, tolerance);
            golden.check_values(&mut *executor, &format!("{mode}/step{step}"), tolerance);
        }
    }
}

#[test]
fn plans_have_the_files_parameters() {
    for (file, unit) in [(FILE, Unit::Relu), (NORMED, Unit::BatchNormRelu)] {
        let golden = Golden::read(file);
        golden.check_parameters(&deepfm(&golden, unit));
    }
}

#[test]
fn reference_equals_pytorch() {
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
