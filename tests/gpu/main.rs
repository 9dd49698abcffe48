//! How the GPU executor behaves: the same bits, a known number of dispatches, nothing made in a warm step; in modules
//! errors instead of panics, states that go to the CPU and back, and the trainer.
#![cfg(feature = "gpu")]

mod batch;
mod click_models;
mod click_stages;
mod click_training;
#[path = "../common/mod.rs"]
mod common;
mod mixed;
mod parity;
#[path = "../planted/mod.rs"]
mod planted;
mod propagation;
mod recurrent;
mod refusals;
mod search;
mod shaders;
mod states;
mod trainer;

use common::{bits, random_batch, random_state};
use pocketrec::{
    Error,
    data::Batch,
    executor::{Executor, profile, score_catalogue},
    gpu::{Gpu, GpuExecutor, GpuOptions},
    models::{Mf, NeuMf},
    plan::{L2, Optimizer, Plan},
};

fn open() -> Option<Gpu> {
    common::gpu::open(GpuOptions::default())
}

fn neumf(users: usize, items: usize) -> Plan {
    NeuMf::new(users, items).factors(8).layers([32, 16, 8]).plan().unwrap()
}

fn executor(gpu: &Gpu, plan: &Plan) -> GpuExecutor {
    GpuExecutor::new(gpu, plan.clone(), &random_state(plan, 0.2, 5)).unwrap()
}

fn step(executor: &mut dyn Executor, batch: &Batch) {
    executor
        .step(batch, &Optimizer::default(), L2::default(), &mut || ())
        .wait()
        .unwrap();
}

fn device_error<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
    match result {
        Err(Error::Device(text)) => text,
        other => panic!("wanted Error::Device, got {other:?}"),
    }
}

#[test]
fn runs_give_the_same_bits_and_resume_where_they_stopped() {
    let Some(gpu) = open() else { return };
    let plan = neumf(50, 60);
    // The last batch of an epoch is shorter than the others: what came before must not matter.
    let batches: Vec<_> = [700, 700, 90]
        .iter()
        .map(|&n| random_batch(&plan, n, n as u64))
        .collect();
    let mut whole = executor(&gpu, &plan);
    let mut again = executor(&gpu, &plan);
    for (index, batch) in batches.iter().enumerate() {
        step(&mut whole, batch);
        step(&mut again, batch);
        assert_eq!(
            bits(&whole.state().wait().unwrap()),
            bits(&again.state().wait().unwrap()),
            "step {index}"
        );
        assert_eq!(whole.take_loss().wait().unwrap(), again.take_loss().wait().unwrap());
        let state = again.state().wait().unwrap();
        again = GpuExecutor::new(&gpu, plan.clone(), &state).unwrap();
    }
    assert_eq!(whole.state().wait().unwrap().step, 3);
}

/// A change that adds a dispatch is seen here.
#[test]
fn a_step_is_one_submit_and_makes_nothing_once_warm() {
    let Some(gpu) = open() else { return };
    let plan = neumf(500, 600);
    let mut executor = executor(&gpu, &plan);
    let batches: Vec<_> = (0..4).map(|seed| random_batch(&plan, 1024, seed)).collect();
    step(&mut executor, &batches[0]);
    let (counts, created) = (executor.counts(), gpu.created());
    for batch in &batches[1..] {
        step(&mut executor, batch);
    }
    assert_eq!(gpu.created(), created, "made in a warm step");
    let more = executor.counts();
    assert_eq!(more.submits - counts.submits, 3);
    // Forward: 4 gathers, 1 product, 2 + 1 linear layers. Backward: 1 loss, 3 x 2 linear, 2 product. Updates: 1 for all
    // dense parameters, 4 tables with 2 passes each, as both columns have a row that more than 32 samples pick.
    assert_eq!(more.dispatches - counts.dispatches, 3 * (8 + 9 + 9));
    executor.take_loss().wait().unwrap();
    let created = gpu.created();
    step(&mut executor, &batches[0]);
    executor.take_loss().wait().unwrap();
    assert_eq!(gpu.created(), created, "made while a loss was taken");
}

#[test]
fn a_profiled_step_is_a_step() {
    let Some(gpu) = open() else { return };
    let plan = neumf(50, 60);
    let batch = random_batch(&plan, 1000, 1);
    let [mut timed, mut untimed] = [executor(&gpu, &plan), executor(&gpu, &plan)];
    step(&mut untimed, &batch);
    match profile(&mut timed, &batch, &Optimizer::default(), L2::default()).wait() {
        Ok(stages) => {
            assert_eq!(stages.len() as u64, timed.counts().dispatches);
            let forward = stages
                .iter()
                .find(|stage| stage.name == "linear forward 32 to 16")
                .unwrap();
            assert_eq!(forward.flops, 1000.0 * 2.0 * 32.0 * 16.0);
            assert!(stages.iter().map(|stage| stage.seconds).sum::<f64>() > 0.0);
            assert_eq!(
                bits(&timed.state().wait().unwrap()),
                bits(&untimed.state().wait().unwrap())
            );
        }
        Err(error) => assert!(error.to_string().contains("cannot take the time"), "{error}"),
    }
}

#[test]
fn losses_of_many_steps_keep_their_precision() {
    let Some(gpu) = open() else { return };
    let options = GpuOptions {
        max_binding: Some(16 << 10), // room for 4096 sums: they are fetched in between
        ..GpuOptions::default()
    };
    let Some(small) = common::gpu::open(options) else {
        return;
    };
    let plan = Mf::new(3, 3).factors(1).plan().unwrap();
    let batch = random_batch(&plan, 3, 1);
    let mut means = Vec::new();
    for gpu in [&gpu, &small] {
        let mut executor = executor(gpu, &plan);
        let still = Optimizer::Sgd { learning_rate: 1e-30 };
        executor.step(&batch, &still, L2::default(), &mut || ()).wait().unwrap();
        let one = executor.take_loss().wait().unwrap();
        for _ in 0..4200 {
            executor.step(&batch, &still, L2::default(), &mut || ()).wait().unwrap();
        }
        let all = executor.take_loss().wait().unwrap();
        assert_eq!(all.samples, 4200 * 3);
        assert!(
            (all.mean() - one.mean()).abs() < 1e-12,
            "{} and {}",
            all.mean(),
            one.mean()
        );
        assert_eq!(executor.take_loss().wait().unwrap().samples, 0);
        means.push(all.mean());
    }
    assert_eq!(means[0], means[1]);
}

#[test]
fn a_catalogue_is_scored_as_its_pairs_are() {
    let options = GpuOptions {
        slice_rows: Some(70),
        ..GpuOptions::default()
    };
    let Some(gpu) = common::gpu::open(options) else { return };
    let plan = neumf(9, 80);
    let mut executor = executor(&gpu, &plan);
    let users = [3, 0, 8, 3];
    let (mut catalogue, mut pairs) = (vec![0.0; 4 * 80], vec![0.0; 4 * 80]);
    score_catalogue(&mut executor, &users, &mut catalogue).wait().unwrap();
    let user: Vec<u32> = users.iter().flat_map(|&user| [user; 80]).collect();
    let item: Vec<u32> = (0..80).cycle().take(4 * 80).collect();
    executor.score(&[&user, &item], &mut pairs).wait().unwrap();
    assert_eq!(catalogue, pairs);
    score_catalogue(&mut executor, &[], &mut []).wait().unwrap();
    assert!(matches!(
        score_catalogue(&mut executor, &[9], &mut [0.0; 80]).wait(),
        Err(Error::Id { id: 9, .. })
    ));
    assert!(matches!(
        score_catalogue(&mut executor, &[8], &mut [0.0; 79]).wait(),
        Err(Error::Length { .. })
    ));
}
