//! The same bits on any number of threads, and run after run. Plans of every operation are in `tests/cases`.

use pocketrec::{
    cpu::{CpuExecutor, Isa},
    data::Batch,
    executor::{Executor, LossSum},
    models::NeuMf,
    plan::{AdamConfig, L2, Optimizer, Plan, State},
};

use crate::common::{odd_models, random_batch, trained_state};

const THREADS: &[usize] = if cfg!(feature = "parallel") {
    &[1, 2, 3, 5]
} else {
    &[1, 1]
};
const SAMPLES: [usize; 4] = [1, 100, 256, 5000];
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
const REGULARISED: L2 = L2 {
    tables: 0.1,
    per_row: 0.01,
    dense: 0.01,
};

/// Everything that steps leave behind: losses, scores and the state.
#[derive(Debug)]
struct Outcome {
    losses: Vec<LossSum>,
    scores: Vec<f32>,
    state: State,
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|x| x.to_bits()).collect()
}

/// Two zeros of different sign, and two NaN, are equal or not by their bits.
#[track_caller]
fn same_bits(plan: &Plan, got: &Outcome, want: &Outcome, what: &str) {
    for (step, (got, want)) in got.losses.iter().zip(&want.losses).enumerate() {
        assert_eq!(got.sum.to_bits(), want.sum.to_bits(), "{what}: loss of step {step}");
    }
    assert_eq!(bits(&got.scores), bits(&want.scores), "{what}: scores");
    assert_eq!(got.state.step, want.state.step, "{what}: steps");
    let tensors = got.state.tensors.iter().zip(&want.state.tensors);
    for (param, (got, want)) in plan.params().iter().zip(tensors) {
        for (part, got, want) in [
            ("value", &got.value, &want.value),
            ("m", &got.m, &want.m),
            ("v", &got.v, &want.v),
        ] {
            assert_eq!(got.len(), want.len(), "{what}: length of {part} of {}", param.name);
            let differs = got.iter().zip(want).position(|(g, w)| g.to_bits() != w.to_bits());
            assert_eq!(
                differs, None,
                "{what}: first differing float of {part} of {}",
                param.name
            );
        }
    }
}

fn run(plan: &Plan, batches: &[Batch], optimizer: &Optimizer, isa: Isa, threads: usize) -> Outcome {
    let mut executor = CpuExecutor::new(plan.clone(), trained_state(plan, 0.4, 3, 8), isa, threads).unwrap();
    let mut losses = Vec::new();
    for batch in batches {
        executor.step(batch, optimizer, REGULARISED, &mut || ()).wait().unwrap();
        losses.push(executor.take_loss().wait().unwrap());
    }
    let last = batches.last().unwrap();
    let mut scores = vec![f32::NAN; last.len()];
    executor.score_batch(last, &mut scores).wait().unwrap();
    assert!(losses.iter().all(|loss| loss.sum.is_finite()) && scores.iter().all(|x| x.is_finite()));
    let state = executor.state().wait().unwrap();
    Outcome { losses, scores, state }
}

/// The first count of threads twice, then all the others.
fn check(name: &str, plan: &Plan, samples: usize) {
    let batches: Vec<Batch> = (0..3).map(|step| random_batch(plan, samples, 40 + step)).collect();
    for isa in Isa::available() {
        for optimizer in OPTIMIZERS {
            let want = run(plan, &batches, &optimizer, isa, THREADS[0]);
            for &threads in THREADS {
                let got = run(plan, &batches, &optimizer, isa, threads);
                let what = format!("{name}, {isa}, {samples} samples, {threads} threads, {optimizer:?}");
                same_bits(plan, &got, &want, &what);
            }
        }
    }
}

#[test]
fn threads_do_not_change_the_bits() {
    let neumf = NeuMf::new(301, 207).factors(8).plan().unwrap();
    for samples in SAMPLES {
        check("NeuMF", &neumf, samples);
    }
}

/// More threads than rows of a table, and tables that one id dominates.
#[test]
fn nor_do_they_where_tables_are_small() {
    for samples in [100, 257] {
        for (name, plan) in odd_models(2, 3) {
            check(name, &plan, samples);
        }
    }
}

/// A table is cut between threads at places that depend on their number: rows beside the cuts are updated once.
#[test]
fn every_row_is_updated_once_however_tables_are_cut() {
    let (_, plan) = odd_models(1009, 13).swap_remove(1);
    check("GMF", &plan, 500);
}

/// What fills the next batch during a step has no part in the numbers, wherever and whenever it runs.
#[test]
fn prefetch_runs_once_and_changes_nothing() {
    let (_, plan) = odd_models(50, 60).swap_remove(4);
    let batch = random_batch(&plan, 300, 1);
    let state = trained_state(&plan, 0.4, 3, 8);
    let mut outcomes = Vec::new();
    for &threads in THREADS {
        for delay in [0, 2000] {
            let mut executor = CpuExecutor::new(plan.clone(), state.clone(), Isa::Scalar, threads).unwrap();
            for _ in 0..4 {
                let mut calls = 0;
                let mut prefetch = || {
                    calls += 1;
                    (0..delay).for_each(|_| std::hint::spin_loop());
                };
                executor
                    .step(&batch, &OPTIMIZERS[0], REGULARISED, &mut prefetch)
                    .wait()
                    .unwrap();
                assert_eq!(calls, 1, "{threads} threads");
            }
            outcomes.push(executor.state().wait().unwrap());
        }
    }
    assert!(outcomes.iter().all(|outcome| *outcome == outcomes[0]));
}
