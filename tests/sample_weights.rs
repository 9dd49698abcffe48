//! Weights of samples, from the objective down to the bits: by its definition, and on every instruction set.

mod common;

use common::{
    close64,
    differences::{STEP, TOLERANCE},
    feature_plans, random_batch, random_state,
    recurrent::recurrent_plans,
    weighted,
};
use pocketrec::{
    Error,
    cpu::{CpuExecutor, Isa},
    data::Batch,
    executor::{Executor, LossSum},
    models::NeuMf,
    ops::{Reference, sigmoid_cross_entropy::sample_loss},
    plan::{L2, Optimizer, Plan, State},
};

fn plans() -> Vec<(&'static str, Plan)> {
    let mut plans = vec![("NeuMF", NeuMf::new(17, 23).factors(3).plan().unwrap())];
    plans.extend(feature_plans());
    plans.extend(recurrent_plans([4, 3]));
    plans
}

fn executors(plan: &Plan, state: &State) -> Vec<CpuExecutor> {
    let threads = if cfg!(feature = "parallel") { &[1, 2][..] } else { &[1] };
    let each = |isa: Isa| threads.iter().map(move |&threads| (isa, threads));
    let of = Isa::available().into_iter().flat_map(each);
    of.map(|(isa, threads)| CpuExecutor::new(plan.clone(), state.clone(), isa, threads).unwrap())
        .collect()
}

/// The loss is `1/n sum of w l`, from the logits alone.
#[test]
fn the_loss_is_by_its_definition() {
    let plan = NeuMf::new(17, 23).factors(3).plan().unwrap();
    let state = random_state(&plan, 0.5, 3);
    let batch = weighted(&random_batch(&plan, 40, 5));
    let reference = Reference::new(&plan, &state).unwrap();
    let logits = reference.forward_batch(&batch).unwrap();
    let samples = logits.iter().zip(batch.labels()).zip(batch.weights());
    let want: f64 = samples
        .map(|((&x, &y), &w)| f64::from(w) * sample_loss(x, y.into()))
        .sum();
    close64(
        &[reference.loss(&batch).unwrap()],
        &[want / 40.0],
        1e-13,
        "specification",
    );
    for mut executor in executors(&plan, &state) {
        executor
            .step(&batch, &Optimizer::default(), L2::default(), &mut || ())
            .unwrap();
        let LossSum { sum, samples } = executor.take_loss().unwrap();
        assert_eq!(samples, 40);
        close64(&[sum], &[want], 1e-5, &executor.device());
    }
}

/// The specification's gradients of every parameter, through every stage, auxiliary losses among them.
#[test]
fn gradients_are_those_of_the_objective() {
    for (name, plan) in plans() {
        let batch = weighted(&random_batch(&plan, 7, 2));
        let l2 = L2 {
            tables: 0.1,
            per_row: 0.01,
            dense: 0.02,
        };
        let mut reference = Reference::new(&plan, &random_state(&plan, 0.4, 1)).unwrap();
        let gradients = reference.gradients(&batch, l2).unwrap();
        for (index, param) in plan.params().iter().enumerate() {
            if param.name.ends_with(".mean") || param.name.ends_with(".variance") {
                continue; // statistics have no gradient
            }
            // A few of each: every float would take minutes.
            for at in (0..param.len()).step_by((param.len() / 5).max(1)) {
                let mut objective = |by: f64| {
                    reference.value_mut(index)[at] += by;
                    let objective = reference.objective(&batch, l2).unwrap();
                    reference.value_mut(index)[at] -= by;
                    objective
                };
                let slope = (objective(STEP) - objective(-STEP)) / (2.0 * STEP);
                let (got, size) = (
                    gradients[index][at],
                    gradients[index].iter().fold(0.1, |a: f64, g| a.max(g.abs())),
                );
                let off = (got - slope).abs();
                assert!(
                    off <= 20.0 * TOLERANCE * size,
                    "{name}: {} [{at}]: {got}, not {slope}",
                    param.name
                );
            }
        }
    }
}

/// Ones are as good as none, to the bit; a sample of weight 0 moves nothing of its own.
#[test]
fn ones_change_no_bit_and_zeros_leave_out() {
    for (name, plan) in plans() {
        let state = random_state(&plan, 0.4, 1);
        let batch = random_batch(&plan, 100, 2);
        let mut ones = batch.clone();
        ones.weights_mut().resize(100, 1.0);
        let step = |executor: &mut CpuExecutor, batch: &Batch| {
            let optimizer = Optimizer::Sgd { learning_rate: 0.1 };
            executor.step(batch, &optimizer, L2::default(), &mut || ()).unwrap();
            let losses = (executor.take_loss().unwrap(), executor.take_auxiliary().unwrap());
            (losses, executor.state().unwrap())
        };
        for (mut without, mut with) in executors(&plan, &state).into_iter().zip(executors(&plan, &state)) {
            let what = format!("{name}, {}", with.device());
            assert!(step(&mut without, &batch) == step(&mut with, &ones), "{what}");
            let mut zeros = batch.clone();
            zeros.weights_mut().resize(100, 0.0);
            let before = with.state().unwrap();
            let ((loss, auxiliary), after) = step(&mut with, &zeros);
            assert_eq!((loss.sum, auxiliary.sum, loss.samples), (0.0, 0.0, 100), "{what}");
            for (param, (after, before)) in plan.params().iter().zip(after.tensors.iter().zip(&before.tensors)) {
                let statistic = param.name.ends_with(".mean") || param.name.ends_with(".variance");
                assert!(statistic || after.value == before.value, "{what}: {}", param.name);
            }
        }
    }
}

#[test]
fn weights_that_are_none_are_refused() {
    let plan = NeuMf::new(17, 23).factors(3).plan().unwrap();
    let state = random_state(&plan, 0.5, 3);
    for (weights, telling) in [
        (vec![1.0, 2.0], "expected 3, got 2"),
        (
            vec![1.0, -0.5, 1.0],
            "weight of sample 1: -0.5 is not a finite number of at least 0",
        ),
        (vec![1.0, 1.0, f32::NAN], "weight of sample 2: NaN"),
        (vec![f32::INFINITY, 1.0, 1.0], "weight of sample 0: inf"),
    ] {
        let mut batch = random_batch(&plan, 3, 1);
        *batch.weights_mut() = weights;
        for mut executor in executors(&plan, &state) {
            let error = executor
                .step(&batch, &Optimizer::default(), L2::default(), &mut || ())
                .unwrap_err();
            assert!(matches!(error, Error::Config { .. } | Error::Length { .. }));
            assert!(error.to_string().contains(telling), "{error}");
            assert!(executor.state().unwrap() == state);
        }
        let reference = Reference::new(&plan, &state).unwrap();
        assert!(reference.loss(&batch).unwrap_err().to_string().contains(telling));
    }
}
