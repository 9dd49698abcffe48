//! What a caller may rely on of any executor: results that are awaited as well as waited for (`awaited`, on a graphics
//! device; what is dropped midway is tested where the device can be made to seem busy, in `src/gpu/executor/tests.rs`), and
//! a core that is enough to train, rank, recommend and save (`core_alone`).

#[path = "../common/mod.rs"]
mod common;
#[path = "../planted/mod.rs"]
mod planted;

#[cfg(feature = "gpu")]
mod awaited;
#[cfg(feature = "std")]
mod core_alone;

use common::{id_columns, random_batch, random_state};
use pocketrec::{
    cpu::{CpuExecutor, Isa},
    executor::{Executor, Pending, score_catalogue, score_with, top_catalogue},
    models::Gmf,
    plan::{L2, Optimizer},
};

/// What a processor computes is there when a call returns.
#[test]
fn a_processor_is_always_ready() {
    let plan = Gmf::new(9, 8).factors(4).plan().unwrap();
    let mut executor = CpuExecutor::new(plan.clone(), random_state(&plan, 0.2, 5), Isa::available()[0], 1).unwrap();
    let batch = random_batch(&plan, 20, 1);
    let columns = id_columns(&batch);
    let (mut logits, mut rows, mut all) = ([0.0; 20], [0.0; 8], [0.0; 16]);
    fn ready<T>(pending: Pending<'_, T>) -> T {
        assert!(pending.is_ready());
        pending.wait().unwrap()
    }
    ready(executor.step(&batch, &Optimizer::default(), L2::default(), &mut || ()));
    assert!(executor.poll().unwrap());
    assert_eq!(ready(executor.take_loss()).samples, 20);
    assert_eq!(ready(executor.take_auxiliary()).samples, 20);
    ready(executor.score(&columns, &mut logits));
    ready(executor.score_batch(&batch, &mut logits));
    let state = ready(executor.state());
    ready(executor.set_state(&state));
    ready(executor.read_rows(0, 1, &mut rows));
    assert_eq!(rows, state.tensors[0].value[4..12]);
    ready(executor.write_rows(0, 0, &rows));
    ready(executor.grow(1, 11));
    ready(executor.grow(1, 12));
    ready(score_catalogue(&mut executor, &[3], &mut all[..12]));
    ready(top_catalogue(&mut executor, &[], 3));
    assert!(score_with(&mut executor, &batch, "attention", &mut logits).is_ready()); // an error, at once
}
