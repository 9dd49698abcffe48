//! Whole plans on the CPU executor: logits, loss, gradients, then parameters and moments after each of three steps.

use pocketrec::{
    cpu::{CpuExecutor, Isa},
    data::Batch,
    models::{Mlp, NeuMf},
    plan::{AdamConfig, L2, Optimizer, Param, ParamKind, Plan},
    rng::Rng,
};

use crate::common::{
    batch_of_steps, check_parity, feature_plans, odd_models, random_batch, recurrent::recurrent_plans, trained_state,
};

/// Relative to the largest magnitude of each tensor.
const TOLERANCE: f64 = 1e-5;
/// One sample, less than a tile, around a batch's usual size, and several tiles to a partial.
const SAMPLES: [usize; 5] = [1, 7, 64, 257, 1000];

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

/// The same on batches of one's own, with one optimiser and L2.
fn check_batches(name: &str, plan: &Plan, batches: &[Batch], turn: usize) {
    let (state, threads) = (trained_state(plan, 0.5, 7, 3), threads(turn));
    let settings = (&OPTIMIZERS[turn % 3], WITH_AND_WITHOUT_L2[1]);
    for isa in Isa::available() {
        let mut executor = CpuExecutor::new(plan.clone(), state.clone(), isa, threads).unwrap();
        let what = format!("{name}, {isa}, {threads} threads");
        check_parity(&mut executor, &state, batches, settings, TOLERANCE, &what);
    }
}

#[test]
fn models_of_odd_widths() {
    for (turn, samples) in SAMPLES.into_iter().enumerate() {
        for (model, (name, plan)) in odd_models(23, 41).iter().enumerate() {
            check(name, plan, samples, turn + model);
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

#[test]
fn plans_of_features_and_sequences() {
    for (turn, samples) in SAMPLES.into_iter().enumerate() {
        for (index, (name, plan)) in feature_plans().iter().enumerate() {
            check(name, plan, samples, turn + index);
        }
    }
}

#[test]
fn plans_of_recurrent_layers() {
    let widths = [[9, 7], [1, 2], [17, 16], [4, 33], [35, 3]];
    for (turn, (samples, hidden)) in SAMPLES.into_iter().zip(widths).enumerate() {
        for (index, (name, plan)) in recurrent_plans(hidden).iter().enumerate() {
            let batches: Vec<Batch> = (0..3).map(|step| random_batch(plan, samples, 10 + step)).collect();
            let (state, threads) = (trained_state(plan, 0.5, 7, 3), threads(turn + index));
            let settings = (&OPTIMIZERS[index % 3], WITH_AND_WITHOUT_L2[1]);
            for isa in Isa::available() {
                let mut executor = CpuExecutor::new(plan.clone(), state.clone(), isa, threads).unwrap();
                let what = format!("{name} of {hidden:?}, {samples} samples, {isa}, {threads} threads");
                check_parity(&mut executor, &state, &batches, settings, TOLERANCE, &what);
            }
        }
    }
}

/// On an executor that never had a step to make room for, and before and after batches that have some.
#[test]
fn histories_without_a_step() {
    let plans = recurrent_plans([35, 70]).into_iter().chain(feature_plans());
    for (turn, (name, plan)) in plans.enumerate() {
        let batches = [0, 6, 0].map(|longest| batch_of_steps(&plan, 9, longest, 5));
        check_batches(&format!("{name} without steps"), &plan, &batches, turn);
    }
}

/// Few samples and several partials that hold the running statistics, on an executor that never had statistics of a batch,
/// and between batches that move them.
#[test]
fn held_statistics() {
    let is_statistic = |param: &Param| param.kind == ParamKind::Statistic;
    let plans = feature_plans().into_iter();
    for (turn, (name, plan)) in plans
        .filter(|(_, plan)| plan.params().iter().any(is_statistic))
        .enumerate()
    {
        let batches = [(2, true), (64, false), (1, true), (1000, true), (257, false)].map(|(samples, hold)| {
            let mut batch = random_batch(&plan, samples, 5);
            batch.hold_statistics(hold);
            batch
        });
        check_batches(&format!("{name}, statistics held"), &plan, &batches, turn);
    }
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
