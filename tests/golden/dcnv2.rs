//! Three training steps of DCN-v2 in both structures, and of low rank, as `tests/golden/dcnv2.py` computes them.

use pocketrec::{
    models::{DcnV2, Structure},
    plan::Plan,
};

use crate::common::golden::{Golden, Make, before, on_every_cpu, on_reference};

const FILE: &[u8] = include_bytes!("dcnv2.safetensors");

/// The file's variants.
fn plans(golden: &Golden) -> [(&'static str, Plan); 3] {
    let hidden: Vec<usize> = golden.setting("layers");
    let rank: usize = golden.setting("rank");
    let model = DcnV2::new(&golden.fields()).embedding_dim(golden.setting("embedding_dim"));
    let model = model.cross(golden.setting("cross")).hidden(hidden);
    [
        ("stacked", model.clone().structure(Structure::Stacked)),
        ("parallel", model.clone().structure(Structure::Parallel)),
        ("low_rank", model.structure(Structure::Parallel).rank(rank)),
    ]
    .map(|(variant, model)| (variant, model.plan().unwrap()))
}

/// Three steps of each variant, dense and lazy.
fn check(make: Make<'_>, tolerance: f64) {
    let golden = Golden::read(FILE);
    for (variant, plan) in plans(&golden) {
        for (mode, optimizer) in golden.optimizers() {
            let mut executor = make(plan.clone(), golden.initial_of(&plan, &format!("{variant}/init")));
            for step in 0..golden.setting("steps") {
                let (before, batch) = (format!("{variant}/{}", before(mode, step)), golden.fields_batch(step));
                golden.check_logits(&mut *executor, &batch, &before, tolerance);
                golden.check_gradients(&mut *executor, &batch, &before, tolerance);
                golden.check_step(&mut *executor, &batch, &optimizer, &before, tolerance);
                golden.check_values(&mut *executor, &format!("{variant}/{mode}/step{step}"), tolerance);
            }
        }
    }
}

/// As counted by hand of the paper's equations: 17 columns, two cross layers, hidden layers of 7 and 5.
#[test]
fn plans_have_the_papers_parameters() {
    let golden = Golden::read(FILE);
    let tables = (13 + 17 + 5 + 8 + 3) * 3;
    let deep = (7 * 17 + 7) + (5 * 7 + 5) + (5 + 1);
    let cross = 2 * (17 * 17 + 17);
    let low_rank = 2 * (17 * 4 + 4 * 17 + 17);
    let counts = [
        tables + cross + deep,
        tables + cross + 17 + deep,
        tables + low_rank + 17 + deep,
    ];
    for ((variant, plan), count) in plans(&golden).into_iter().zip(counts) {
        assert_eq!(plan.weights(), count, "{variant}");
        let there = golden.under(&format!("{variant}/init/"));
        assert_eq!(there.values().map(Vec::len).sum::<usize>(), count, "{variant}");
    }
}

#[test]
fn reference_equals_the_file() {
    on_reference(check);
}

#[test]
fn cpu_equals_the_file() {
    on_every_cpu(check);
}

#[cfg(feature = "gpu")]
#[test]
fn gpu_equals_the_file() {
    crate::common::golden::on_every_gpu(check);
}
