//! The GPU executor against the specification, on every row that is of one operation, on models of clicks and of features, with batches
//! whole and in slices. Other plans of several operations are in `tests/gpu_*.rs`.

use pocketrec::{
    data::Batch,
    gpu::{GpuExecutor, GpuOptions},
    plan::L2,
};

use crate::common::{
    self,
    cases::{click_cases, featured_cases, op_cases},
    check_parity, optimizers, trained_state,
};

/// Relative to the largest magnitude of each tensor.
const TOLERANCE: f64 = 2e-5;

/// Every row on a device of these options. Statistics of the batch are never sliced.
fn check_rows(options: GpuOptions) {
    let Some(gpu) = common::gpu::open(options) else {
        return;
    };
    let l2 = L2 {
        tables: 0.1,
        per_row: 0.01,
        dense: 0.01,
    };
    for case in op_cases().iter().chain(&click_cases()).chain(&featured_cases([23, 41])) {
        let (by, optimizer) = optimizers()[case.turn() % 3];
        let state = trained_state(&case.plan, 0.3, 7, 11);
        let batches: Vec<Batch> = [1, 7, 130].map(|samples| case.batch(samples, samples as u64)).into();
        let mut executor = GpuExecutor::new(&gpu, case.plan.clone(), &state).unwrap();
        let what = format!("{}, {by}, {:?}", case.name, gpu.options());
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

#[test]
fn operations_and_models_equal_the_specification() {
    check_rows(GpuOptions::default());
}

/// Batches of 130 samples in four slices, with the driver's checks of every access.
#[test]
fn so_it_does_in_slices() {
    check_rows(GpuOptions {
        slice_rows: Some(40),
        checked: true,
        ..GpuOptions::default()
    });
}
