//! The CPU executor against the specification: logits, loss, gradients, then parameters and moments after each of three
//! steps.

use pocketrec::{
    cpu::{CpuExecutor, Isa},
    data::Batch,
    plan::{L2, ParamKind},
};

use crate::{
    WITHOUT_L2,
    common::{
        batch_of_steps,
        cases::{Case, cases},
        check_parity, optimizers, trained_state,
    },
};

/// Relative to the largest magnitude of each tensor.
const TOLERANCE: f64 = 1e-5;
/// One sample, less than a tile, around a batch's usual size, and several tiles to a partial.
const SAMPLES: [usize; 5] = [1, 7, 64, 257, 1000];
/// Widths of recurrent layers.
const HIDDEN: [[usize; 2]; 5] = [[9, 7], [1, 2], [17, 16], [4, 33], [35, 3]];
const L2_OF_ALL: L2 = L2 {
    tables: 0.2,
    per_row: 0.03,
    dense: 0.03,
};

/// One thread and several, by turns, so that both meet every kind of plan and batch.
fn threads(turn: usize) -> usize {
    if cfg!(feature = "parallel") { 1 + turn % 3 } else { 1 }
}

/// On every instruction set; optimisers and L2 by turns.
fn check(case: &Case, batches: &[Batch], turn: usize) {
    let (state, threads) = (trained_state(&case.plan, 0.5, 7, 3), threads(turn));
    let (by, optimizer) = optimizers()[turn % 3];
    let l2 = [L2_OF_ALL, WITHOUT_L2][turn / 3 % 2];
    for isa in Isa::available() {
        let mut executor = CpuExecutor::new(case.plan.clone(), state.clone(), isa, threads).unwrap();
        let samples = batches[0].len();
        let what = format!(
            "{}, {samples} samples, {isa}, {threads} threads, {by}, {l2:?}",
            case.name
        );
        check_parity(
            &mut executor,
            &state,
            batches,
            (&optimizer, l2),
            case.slack * TOLERANCE,
            &what,
        );
    }
}

#[test]
fn every_instruction_set_equals_the_specification() {
    for (round, (samples, hidden)) in SAMPLES.into_iter().zip(HIDDEN).enumerate() {
        for case in &cases([23, 41], hidden) {
            let batches: Vec<Batch> = (0..3).map(|step| case.batch(samples, 10 + step)).collect();
            check(case, &batches, round + case.turn());
        }
    }
}

/// On an executor that never had a step to make room for, and before and after batches that have some.
#[test]
fn histories_without_a_step() {
    for case in &cases([5, 9], [35, 70]) {
        let batches = [0, 6, 0].map(|longest| batch_of_steps(&case.plan, 9, longest, 5));
        check(case, &batches, case.turn());
    }
}

/// Few samples and several partials that hold the running statistics, on an executor that never had statistics of a batch,
/// and between batches that move them.
#[test]
fn held_statistics() {
    let has_statistics = |case: &Case| case.plan.params().iter().any(|p| p.kind == ParamKind::Statistic);
    let cases = cases([5, 9], [9, 7]);
    for case in cases.iter().filter(|case| has_statistics(case)) {
        let batches = [(2, true), (64, false), (1, true), (1000, true), (257, false)].map(|(samples, hold)| {
            let mut batch = case.batch(samples, 5);
            batch.hold_statistics(hold);
            batch
        });
        check(case, &batches, case.turn());
    }
}
