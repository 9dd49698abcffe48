//! Tables whose rows are kept as halves or bytes, against tables of the floats that these stand for: scores and steps give the
//! same bits on a processor, on every row of the table of cases.

use pocketrec::{
    cpu::{CpuExecutor, Isa},
    executor::Executor,
    plan::{AdamConfig, Optimizer, Plan, RowType, State},
};

use crate::{
    WITHOUT_L2,
    common::{
        bits,
        cases::{Case, cases},
        give_graph, trained_state,
    },
};

/// The case's plan with its tables as `kind` and a state of them, and the floats that they stand for.
fn both(case: &Case, kind: RowType) -> (Plan, State, State) {
    let plan = case.plan.clone().with_tables_as(kind);
    let stored = trained_state(&case.plan, 0.4, 3, 8);
    let stored = stored.with_tables_as(&case.plan, kind).unwrap();
    let floats = stored.with_tables_as(&case.plan, RowType::F32).unwrap();
    (plan, stored, floats)
}

fn optimizer(turn: usize) -> Optimizer {
    match turn % 3 {
        0 => Optimizer::Sgd { learning_rate: 0.1 },
        1 => Optimizer::LazyAdam(AdamConfig::default()),
        _ => Optimizer::Adam(AdamConfig::default()), // a row without moments and without a gradient stays where it is
    }
}

/// Bits of scores before and after steps, and of the state as floats.
fn run(executor: &mut dyn Executor, case: &Case, turn: usize, kind: RowType) -> (Vec<u32>, Vec<Vec<u32>>) {
    give_graph(executor);
    let mut logits = Vec::new();
    let score = |executor: &mut dyn Executor, samples| {
        let batch = case.batch(samples, 5);
        let mut out = vec![f32::NAN; batch.len()];
        executor.score_batch(&batch, &mut out).wait().unwrap();
        out.into_iter().map(f32::to_bits)
    };
    for step in 0..3 {
        logits.extend(score(executor, 40));
        let batch = case.batch(60, 40 + step);
        let step = executor.step(&batch, &optimizer(turn), WITHOUT_L2, &mut || ());
        step.wait().unwrap();
        logits.push(executor.take_loss().wait().unwrap().sum.to_bits() as u32);
    }
    logits.extend(score(executor, 130));
    let state = executor.state().wait().unwrap();
    assert_eq!(state.row_type(), kind, "{}", case.name);
    if kind != RowType::F32 {
        // A state is taken over as it is handed out.
        executor.set_state(&state).wait().unwrap();
        assert_eq!(executor.state().wait().unwrap(), state, "{}", case.name);
    }
    (logits, bits(&state.with_tables_as(&case.plan, RowType::F32).unwrap()))
}

#[test]
fn steps_on_stored_rows_are_steps_on_their_floats() {
    let threads = if cfg!(feature = "parallel") { 2 } else { 1 };
    for (turn, case) in cases([2, 3], [9, 7]).iter().enumerate() {
        for (index, kind) in [RowType::F16, RowType::I8].into_iter().enumerate() {
            let isas = Isa::available();
            let isa = isas[(turn + index) % isas.len()];
            let (plan, stored, floats) = both(case, kind);
            let mut on_floats = CpuExecutor::new(case.plan.clone(), floats, isa, threads).unwrap();
            let mut on_stored = CpuExecutor::new(plan, stored, isa, threads).unwrap();
            let want = run(&mut on_floats, case, turn, RowType::F32);
            let got = run(&mut on_stored, case, turn, kind);
            assert!(got == want, "{}, {isa}, {}", case.name, kind.name());
        }
    }
}
