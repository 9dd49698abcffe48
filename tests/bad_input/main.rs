//! Executors refuse what does not fit, say what it was, and go on as if nothing had been asked; what fits they do alike.

mod batches;
#[path = "../common/mod.rs"]
mod common;
mod names;

use common::{odd_models, random_batch, trained_state};
use pocketrec::{
    Error, Result,
    cpu::{CpuExecutor, Isa},
    data::Batch,
    executor::{Executor, score_catalogue},
    plan::{AdamConfig, L2, Optimizer, Plan, State},
    reference::Reference,
};

fn plan() -> Plan {
    let mut models = odd_models(6, 9).into_iter();
    models.find(|(name, _)| *name == "NeuMF").unwrap().1
}

/// The executors, each in the same state, with moments and steps behind it.
fn executors() -> Vec<Box<dyn Executor>> {
    let (plan, state) = (plan(), trained_state(&plan(), 0.5, 5, 1));
    let mut executors: Vec<Box<dyn Executor>> = vec![Box::new(Reference::new(&plan, &state).unwrap())];
    for threads in if cfg!(feature = "parallel") { &[1, 2][..] } else { &[1] } {
        let isa = Isa::available()[0];
        executors.push(Box::new(
            CpuExecutor::new(plan.clone(), state.clone(), isa, *threads).unwrap(),
        ));
    }
    executors
}

fn step(executor: &mut dyn Executor, batch: &Batch) -> Result<()> {
    executor
        .step(batch, &Optimizer::default(), L2::default(), &mut || ())
        .wait()
}

/// Checks that every executor answers `ask` with an error that says all of `telling`, and that nothing is changed.
#[track_caller]
fn refused(telling: &[&str], ask: impl Fn(&mut dyn Executor) -> Result<()>) {
    for mut executor in executors() {
        let device = executor.device();
        let before = (executor.plan().clone(), executor.state().wait().unwrap());
        let text = match ask(&mut *executor) {
            Ok(()) => panic!("{device}: nothing was refused, though {telling:?}"),
            Err(error) => error.to_string(),
        };
        for telling in telling {
            assert!(text.contains(telling), "{device}: {text:?} does not say {telling:?}");
        }
        let after = (executor.plan().clone(), executor.state().wait().unwrap());
        assert!(before == after, "{device}: {text}: yet something was changed");
        assert_eq!(executor.take_loss().wait().unwrap().samples, 0, "{device}: {text}");
        step(&mut *executor, &random_batch(&plan(), 20, 1)).unwrap();
    }
}

/// Does the same on every executor and returns the first one's answer, which all others must equal.
#[track_caller]
fn alike<T: PartialEq + std::fmt::Debug>(ask: impl Fn(&mut dyn Executor) -> T) -> T {
    let mut answers = executors().into_iter().map(|mut executor| ask(&mut *executor));
    let first = answers.next().unwrap();
    answers.for_each(|answer| assert_eq!(answer, first));
    first
}

#[test]
fn ids_beyond_the_table() {
    for (ids, telling) in [
        (
            [&[0, 6u32][..], &[0, 8]],
            "user id 6 is out of range: the table has 6 rows (0 to 5)",
        ),
        (
            [&[5, 5u32][..], &[9, 0]],
            "item id 9 is out of range: the table has 9 rows (0 to 8)",
        ),
        ([&[0, u32::MAX][..], &[0, 0]], "user id 4294967295 is out of range"),
    ] {
        let batch = Batch::from_columns(&ids, &[1.0, 0.0]).unwrap();
        refused(&[telling], |executor| step(executor, &batch));
        refused(&[telling], |executor| executor.score(&ids, &mut [0.0; 2]).wait());
    }
}

#[test]
fn columns_that_are_not_the_plans() {
    for count in [0, 1, 3] {
        let ids = vec![&[1u32, 2][..]; count];
        let batch = Batch::from_columns(&ids, &[1.0, 0.0]).unwrap();
        let telling = ["id columns", &format!("expected 2, got {count}")];
        refused(&telling, |executor| step(executor, &batch));
        refused(&telling, |executor| executor.score(&ids, &mut [0.0; 2]).wait());
    }
}

#[test]
fn scores_of_another_length() {
    refused(&["expected 2, got 1"], |executor| {
        executor.score(&[&[1, 2], &[3]], &mut [0.0; 2]).wait()
    });
    refused(&["score"], |executor| {
        executor.score(&[&[1, 2], &[3, 4]], &mut [0.0; 3]).wait()
    });
    refused(&["score"], |executor| {
        executor.score(&[&[1, 2], &[3, 4]], &mut []).wait()
    });
    assert!(alike(|executor| executor.score(&[&[], &[]], &mut []).wait().is_ok()));
}

/// The specification needs no order; the CPU executor's updates go by it.
#[test]
fn batch_that_is_not_sorted() {
    let mut batch = random_batch(&plan(), 10, 3);
    batch.push(&[1, 1], 1.0);
    let state = trained_state(&plan(), 0.5, 5, 1);
    let mut executor = CpuExecutor::new(plan(), state.clone(), Isa::Scalar, 1).unwrap();
    let mut asked = 0;
    let mut prefetch = || asked += 1;
    let error = executor
        .step(&batch, &Optimizer::default(), L2::default(), &mut prefetch)
        .wait()
        .unwrap_err();
    let telling = "batch: its ids may have changed since it was sorted; call Batch::sort before a step";
    assert_eq!((error.to_string().as_str(), asked), (telling, 0));
    assert_eq!(executor.state().wait().unwrap(), state);
    batch.sort();
    step(&mut executor, &batch).unwrap();
}

#[test]
fn optimiser_settings_out_of_range() {
    let batch = random_batch(&plan(), 10, 3);
    let adam = AdamConfig::default();
    for (telling, optimizer) in [
        (
            "learning_rate: NaN",
            Optimizer::Sgd {
                learning_rate: f32::NAN,
            },
        ),
        (
            "beta2: 1 is not in 0..1",
            Optimizer::Adam(AdamConfig { beta2: 1.0, ..adam }),
        ),
        (
            "epsilon: 0 is not",
            Optimizer::LazyAdam(AdamConfig { epsilon: 0.0, ..adam }),
        ),
    ] {
        refused(&[telling], |executor| {
            executor.step(&batch, &optimizer, L2::default(), &mut || ()).wait()
        });
    }
}

#[test]
fn states_of_another_plan() {
    let good = trained_state(&plan(), 0.1, 9, 2);
    let spoilt = |spoil: fn(&mut State)| {
        let mut state = good.clone();
        spoil(&mut state);
        state
    };
    let (first, last) = (plan().params()[0].clone(), plan().params().len() - 1);
    let float = format!("expected {}, got {}", first.len(), first.len() + 1);
    for (telling, state) in [
        (
            ["tensors of the state", &format!("got {last}")],
            spoilt(|state| drop(state.tensors.pop())),
        ),
        (
            [first.name.as_str(), &float],
            spoilt(|state| state.tensors[0].value.push(0.0)),
        ),
        (
            [first.name.as_str(), &float],
            spoilt(|state| state.tensors[0].m.push(0.0)),
        ),
        (
            [first.name.as_str(), "got 1"],
            spoilt(|state| state.tensors[0].v.truncate(1)),
        ),
        (
            ["logit.bias", "expected 1, got 0"],
            spoilt(|state| state.tensors.last_mut().unwrap().value.clear()),
        ),
    ] {
        refused(&telling, |executor| executor.set_state(&state).wait());
        let made = CpuExecutor::new(plan(), state.clone(), Isa::Scalar, 1).err().unwrap();
        assert!(matches!(made, Error::Length { .. }), "{made}");
    }
    let taken = alike(|executor| {
        executor.set_state(&good).wait().unwrap();
        executor.state().wait().unwrap()
    });
    assert_eq!(taken, good);
}

/// A checkpoint may claim any number of steps.
#[test]
fn step_counts_at_the_end_of_their_range() {
    let mut state = trained_state(&plan(), 0.1, 9, 2);
    state.step = u64::MAX;
    let batch = random_batch(&plan(), 10, 3);
    let steps = alike(|executor| {
        executor.set_state(&state).wait().unwrap();
        step(executor, &batch).unwrap();
        let state = executor.state().wait().unwrap();
        assert!(
            state
                .tensors
                .iter()
                .flat_map(|tensor| &tensor.value)
                .all(|x| x.is_finite())
        );
        state.step
    });
    assert_eq!(steps, u64::MAX);
}

#[test]
fn rows_that_are_not_there() {
    let param = plan().param("gmf.user.weight").unwrap();
    let width = plan().params()[param].width;
    for (param, first, len) in [
        (param, 0, width + 1),
        (param, 0, 7 * width),
        (param, 5, 2 * width),
        (param, 6, width),
        (param, usize::MAX, width),
        (param, usize::MAX / width + 1, width),
        (plan().params().len(), 0, width),
        (usize::MAX, 0, 0),
    ] {
        refused(&["expected", "got"], |executor| {
            executor.read_rows(param, first, &mut vec![0.0; len]).wait()
        });
        refused(&["expected", "got"], |executor| {
            executor.write_rows(param, first, &vec![1.0; len]).wait()
        });
    }
}

#[test]
fn rows_are_read_and_written_alike() {
    let (plan, before) = (plan(), trained_state(&plan(), 0.5, 5, 1));
    for (param, of) in plan.params().iter().enumerate() {
        let range = (of.rows - 1) * of.width..of.len();
        let values: Vec<f32> = (0..of.width).map(|i| i as f32 + 0.5).collect();
        let (read, after) = alike(|executor| {
            let mut read = vec![f32::NAN; of.width];
            executor.read_rows(param, of.rows - 1, &mut read).wait().unwrap();
            executor.read_rows(param, of.rows, &mut []).wait().unwrap();
            executor.write_rows(param, of.rows - 1, &values).wait().unwrap();
            executor.write_rows(param, of.rows, &[]).wait().unwrap();
            (read, executor.state().wait().unwrap())
        });
        assert_eq!(read, before.tensors[param].value[range.clone()], "{}", of.name);
        let mut want = before.clone();
        want.tensors[param].value[range.clone()].copy_from_slice(&values);
        want.tensors[param].m[range.clone()].fill(0.0);
        want.tensors[param].v[range].fill(0.0);
        assert!(
            after == want,
            "{}: value written, moments zero, all else as it was",
            of.name
        );
    }
}

/// Weights are kept in packed form too: what is written must show in the next score.
#[test]
fn written_weights_are_used() {
    let weight = plan().param("mlp.0.weight").unwrap();
    for mut executor in executors() {
        let mut scores = [0.0; 2];
        let mut score = |executor: &mut dyn Executor| {
            executor.score(&[&[1, 2], &[3, 4]], &mut scores).wait().unwrap();
            scores
        };
        let before = score(&mut *executor);
        let width = executor.plan().params()[weight].width;
        executor.write_rows(weight, 0, &vec![3.0; width]).wait().unwrap();
        let state = executor.state().wait().unwrap();
        let mut fresh = Reference::new(executor.plan(), &state).unwrap();
        let (written, want) = (score(&mut *executor), score(&mut fresh));
        assert_ne!(written, before, "{}", executor.device());
        common::close(&written, &common::wide(&want), 1e-5, &executor.device());
    }
}

#[test]
fn tables_that_cannot_grow() {
    refused(&["user", "6", "5"], |executor| executor.grow(0, 5).wait());
    refused(&["item", "9", "0"], |executor| executor.grow(1, 0).wait());
    #[cfg(target_pointer_width = "64")]
    refused(&["4294967296"], |executor| executor.grow(1, 1 << 32).wait());
    // With 32 bits there are as many ids, but no memory for their rows.
    refused(&[&usize::MAX.to_string()], |executor| {
        executor.grow(0, usize::MAX).wait()
    });
    refused(&["vocabulary 2"], |executor| executor.grow(2, 100).wait());
}

#[test]
fn tables_grow_alike() {
    let before = trained_state(&plan(), 0.5, 5, 1);
    let (plan, state) = alike(|executor| {
        executor.grow(0, 6).wait().unwrap(); // as long as they are
        assert_eq!(executor.state().wait().unwrap(), before);
        executor.grow(0, 8).wait().unwrap();
        executor.grow(1, 1000).wait().unwrap();
        (executor.plan().clone(), executor.state().wait().unwrap())
    });
    assert_eq!((plan.rows(0), plan.rows(1)), (8, 1000));
    for (param, (old, new)) in plan.params().iter().zip(before.tensors.iter().zip(&state.tensors)) {
        for (old, new) in [(&old.value, &new.value), (&old.m, &new.m), (&old.v, &new.v)] {
            assert_eq!(
                (new.len(), &new[..old.len()]),
                (param.len(), &old[..]),
                "{}",
                param.name
            );
            assert!(
                new[old.len()..].iter().all(|&x| x == 0.0),
                "{}: new rows are zero",
                param.name
            );
        }
    }
    let batch = Batch::from_columns(&[&[7, 0, 7], &[999, 8, 9]], &[1.0, 0.0, 1.0]).unwrap();
    for mut executor in executors() {
        executor.grow(0, 8).wait().unwrap();
        executor.grow(1, 1000).wait().unwrap();
        let grown = executor.state().wait().unwrap();
        for optimizer in [Optimizer::default(), Optimizer::Adam(AdamConfig::default())] {
            let case = (&optimizer, L2::default());
            common::check_parity(
                &mut *executor,
                &grown,
                std::slice::from_ref(&batch),
                case,
                1e-5,
                "grown",
            );
        }
    }
}

/// A panic in the middle of a step leaves buffers lent out: all is refused by name until a state is set.
#[test]
fn executor_that_a_panic_interrupted() {
    let batch = random_batch(&plan(), 200, 3);
    let state = trained_state(&plan(), 0.5, 5, 1);
    for threads in if cfg!(feature = "parallel") {
        &[1, 2, 3][..]
    } else {
        &[1]
    } {
        let new = || CpuExecutor::new(plan(), state.clone(), Isa::available()[0], *threads).unwrap();
        let (mut executor, mut other) = (new(), new());
        step(&mut executor, &batch).unwrap();
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let mut prefetch = || panic!("planted");
            executor
                .step(&batch, &Optimizer::default(), L2::default(), &mut prefetch)
                .wait()
        }));
        assert!(caught.is_err());
        let mut out = [0.0; 200];
        for refused in [
            step(&mut executor, &batch),
            executor.score_batch(&batch, &mut out).wait(),
            executor.score(&[&[1], &[1]], &mut out[..1]).wait(),
            score_catalogue(&mut executor, &[1], &mut out[..9]).wait(),
            executor.state().wait().map(drop),
            executor.take_loss().wait().map(drop),
            executor.take_auxiliary().wait().map(drop),
            executor.read_rows(0, 0, &mut []).wait(),
            executor.write_rows(0, 0, &[]).wait(),
            executor.grow(0, 7).wait(),
        ] {
            let text = refused.unwrap_err().to_string();
            assert!(text.contains("interrupted") && text.contains("set_state"), "{text}");
        }
        executor.set_state(&state).wait().unwrap();
        assert_eq!(executor.take_loss().wait().unwrap().samples, 0);
        for _ in 0..3 {
            step(&mut executor, &batch).unwrap();
            step(&mut other, &batch).unwrap();
        }
        assert!(
            executor.state().wait().unwrap() == other.state().wait().unwrap(),
            "{threads} threads"
        );
        assert_eq!(executor.take_loss().wait().unwrap(), other.take_loss().wait().unwrap());
    }
}
