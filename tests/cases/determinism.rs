//! Runs of the CPU executor on any number of threads, against each other bit by bit.

use pocketrec::{
    cpu::{CpuExecutor, Isa},
    data::Batch,
    executor::Executor,
    plan::L2,
};

use crate::common::{
    bits,
    cases::{Case, cases},
    give_graph, optimizers, trained_state,
};

const REGULARISED: L2 = L2 {
    tables: 0.1,
    per_row: 0.01,
    dense: 0.01,
};

/// Bits of all that steps leave behind: losses, logits, parameters and moments.
fn run(case: &Case, batches: &[Batch], turn: usize, isa: Isa, threads: usize) -> (Vec<u64>, Vec<u32>, Vec<Vec<u32>>) {
    let (_, optimizer) = optimizers()[turn % 3];
    let state = trained_state(&case.plan, 0.4, 3, 8);
    let mut executor = CpuExecutor::new(case.plan.clone(), state, isa, threads).unwrap();
    give_graph(&mut executor);
    let mut losses = Vec::new();
    for batch in batches {
        executor
            .step(batch, &optimizer, REGULARISED, &mut || ())
            .wait()
            .unwrap();
        losses.push(executor.take_loss().wait().unwrap().sum.to_bits());
        losses.push(executor.take_auxiliary().wait().unwrap().sum.to_bits());
    }
    let last = batches.last().unwrap();
    let mut logits = vec![f32::NAN; last.len()];
    executor.score_batch(last, &mut logits).wait().unwrap();
    assert!(logits.iter().all(|x| x.is_finite()), "{}", case.name);
    let logits = logits.iter().map(|x| x.to_bits()).collect();
    (losses, logits, bits(&executor.state().wait().unwrap()))
}

#[test]
fn threads_do_not_change_the_bits() {
    let others = if cfg!(feature = "parallel") {
        &[1, 2, 3, 5][..]
    } else {
        &[1]
    };
    for (turn, case) in cases([2, 3], [9, 7]).iter().enumerate() {
        let batches: Vec<Batch> = (0..3).map(|step| case.batch(700, 40 + step)).collect();
        for isa in Isa::available() {
            let want = run(case, &batches, turn, isa, 1);
            for &threads in others {
                let got = run(case, &batches, turn, isa, threads);
                assert!(got == want, "{}, {isa}, {threads} threads", case.name);
            }
        }
    }
}
