//! The GPU executor against the specification, on every row that is of one operation.
//!
//! Plans of several operations, and batches in slices, are in `tests/gpu_*.rs`.

use pocketrec::{
    data::Batch,
    gpu::{GpuExecutor, GpuOptions},
    plan::L2,
};

use crate::common::{self, cases::op_cases, check_parity, optimizers, trained_state};

/// Relative to the largest magnitude of each tensor.
const TOLERANCE: f64 = 2e-5;

#[test]
fn every_operation_equals_the_specification() {
    let Some(gpu) = common::gpu::open(GpuOptions::default()) else {
        return;
    };
    let l2 = L2 {
        tables: 0.1,
        per_row: 0.01,
        dense: 0.01,
    };
    for (turn, case) in op_cases().iter().enumerate() {
        let (by, optimizer) = optimizers()[turn % 3];
        let state = trained_state(&case.plan, 0.3, 7, 11);
        let batches: Vec<Batch> = [1, 7, 130].map(|samples| case.batch(samples, samples as u64)).into();
        let mut executor = GpuExecutor::new(&gpu, case.plan.clone(), &state).unwrap();
        let what = format!("{}, {by}", case.name);
        check_parity(
            &mut executor,
            &state,
            &batches,
            (&optimizer, l2),
            case.slack * TOLERANCE,
            &what,
        );
    }
}
