//! Whole models on the CPU executor: logits, loss, gradients, then parameters and moments after each of three steps.
//! Plans of every operation are in `tests/cases`.

use pocketrec::{
    cpu::{CpuExecutor, Isa},
    data::Batch,
    models::{Mlp, NeuMf},
    plan::{AdamConfig, L2, Optimizer, Plan},
    rng::Rng,
};

use crate::common::{check_parity, odd_models, random_batch, trained_state};

/// Relative to the largest magnitude of each tensor.
const TOLERANCE: f64 = 1e-5;
const OPTIMIZERS: [Optimizer; 3] = [
    Optimizer::LazyAdam(CONFIG),
    Optimizer::Adam(CONFIG),
    Optimizer::Sgd { learning_rate: 0.1 },
];
const CONFIG: AdamConfig = AdamConfig {
    learning_rate: 0.01,
    beta1: 0.9,
    beta2: 0.999,
    epsilon: 1e-8,
};
const WITH_AND_WITHOUT_L2: [L2; 2] = [
    L2 {
        tables: 0.0,
        per_row: 0.0,
        dense: 0.0,
    },
    L2 {
        tables: 0.2,
        per_row: 0.03,
        dense: 0.03,
    },
];

/// One thread and several, by turns, so that both meet every kind of plan and batch.
fn threads(turn: usize) -> usize {
    if cfg!(feature = "parallel") { 1 + turn % 3 } else { 1 }
}

fn check(name: &str, plan: &Plan, samples: usize, turn: usize) {
    let batches: Vec<Batch> = (0..3).map(|step| random_batch(plan, samples, 10 + step)).collect();
    let state = trained_state(plan, 0.5, 7, 3);
    for isa in Isa::available() {
        let threads = threads(turn);
        let mut executor = CpuExecutor::new(plan.clone(), state.clone(), isa, threads).unwrap();
        for optimizer in OPTIMIZERS {
            for l2 in WITH_AND_WITHOUT_L2 {
                let what = format!("{name}, {samples} samples, {isa}, {threads} threads, {optimizer:?}, {l2:?}");
                check_parity(&mut executor, &state, &batches, (&optimizer, l2), TOLERANCE, &what);
            }
        }
    }
}

/// Weights beyond 8,192 floats, for which tiles are longer; tables so small that every row is picked many times.
#[test]
fn models_of_usual_widths() {
    let wide = NeuMf::new(50, 3).factors(16).plan().unwrap();
    check("NeuMF-16", &wide, 257, 1);
    let deep = Mlp::new(1, 97).layers([130, 33, 17, 65, 1]).plan().unwrap();
    check("MLP of 130", &deep, 200, 0);
}

/// Some batches of any size, on any model.
#[test]
fn batches_of_many_sizes() {
    let models = odd_models(5, 9);
    let rng = Rng::new(99);
    for turn in 0..12 {
        let samples = 1 + rng.below(turn, 700) as usize;
        let (name, plan) = &models[turn as usize % models.len()];
        check(name, plan, samples, turn as usize);
    }
}
