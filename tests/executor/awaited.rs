//! A graphics device that is awaited by runtimes of two kinds does what it does for one who waits, and what is dropped
//! midway leaves it as its documentation says.

use std::{
    future::Future,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use pocketrec::{
    Result,
    data::{Batch, Interactions, Sampler},
    executor::{Executor, LossSum, Query, Rank, keep_sampler, rank_catalogue, step_drawn, top_catalogue},
    gpu::{Gpu, GpuExecutor, GpuOptions},
    models::{Gmf, Mf, NeuMf},
    plan::{L2, Optimizer, Plan, State},
};

use crate::common::{bits, id_columns, random_batch, random_state};

fn open() -> Option<Gpu> {
    crate::common::gpu::open(GpuOptions {
        draw_from: Some(1),
        ..GpuOptions::default()
    })
}

fn new(gpu: &Gpu, plan: &Plan) -> GpuExecutor {
    GpuExecutor::new(gpu, plan.clone(), &random_state(plan, 0.2, 5)).unwrap()
}

/// Counts how often it is woken.
#[derive(Default)]
struct Woken(AtomicU32);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A runtime of one task, which is polled when it was woken and at no other time; gives how often it was polled besides.
fn run<T>(task: impl Future<Output = T>) -> (T, u32) {
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(woken.clone());
    let (mut task, mut seen, mut polls) = (pin!(task), 0, 0);
    loop {
        polls += 1;
        if let Poll::Ready(done) = task.as_mut().poll(&mut Context::from_waker(&waker)) {
            return (done, polls);
        }
        let now = woken.0.load(Ordering::SeqCst);
        assert!(now > seen, "nothing will poll this again");
        seen = now;
    }
}

/// Everything that comes back of some training, to be compared.
#[derive(Debug, PartialEq)]
struct Outcome {
    losses: Vec<LossSum>,
    logits: Vec<Vec<u32>>,
    rows: Vec<u32>,
    best: Vec<(u32, u32)>,
    ranks: Vec<Rank>,
    drawn: u64,
    state: Vec<Vec<u32>>,
}

fn words(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

fn plan() -> Plan {
    NeuMf::new(50, 60).factors(8).layers([32, 16, 8]).plan().unwrap()
}

fn sampler() -> Sampler {
    let pairs: Vec<(u32, u32)> = (0..400).map(|i| (i % 50, (i * 7 + i / 50) % 60)).collect();
    Sampler::new(&Interactions::from_pairs(&pairs).unwrap(), 4, 42).unwrap()
}

/// The calls of an executor, each awaited.
async fn outcome(executor: &mut dyn Executor) -> Result<Outcome> {
    let plan = executor.plan().clone();
    let (adam, l2) = (Optimizer::default(), L2::default());
    let mut losses = Vec::new();
    for seed in 0..5 {
        let batch = random_batch(&plan, 700, seed);
        executor.step(&batch, &adam, l2, &mut || ()).await?;
    }
    losses.push(executor.take_loss().await?);
    losses.push(executor.take_auxiliary().await?);
    let batch = random_batch(&plan, 90, 9);
    let (mut by_ids, mut by_batch, mut rows) = (vec![0.0; 90], vec![0.0; 90], vec![0.0; 24]);
    executor.score(&id_columns(&batch), &mut by_ids).await?;
    executor.score_batch(&batch, &mut by_batch).await?;
    executor.read_rows(0, 5, &mut rows).await?;
    executor.write_rows(0, 7, &rows).await?;
    executor.grow(1, 70).await?;
    let sampler = sampler();
    assert!(keep_sampler(executor, &sampler, 256).await?);
    let mut drawn = 0;
    for start in [0, 256, 512] {
        drawn += step_drawn(executor, 0, start, 256, &adam, l2).await?;
    }
    let queries = [3, 9].map(|user| Query { user, known: &[1, 8] });
    let best = top_catalogue(executor, &queries, 4).await?;
    let ranks = rank_catalogue(executor, &queries, &[2, 8], 70).await?;
    let state = executor.state().await?;
    executor.set_state(&state).await?;
    Ok(Outcome {
        losses,
        logits: vec![words(&by_ids), words(&by_batch)],
        rows: words(&rows),
        best: best
            .into_iter()
            .flatten()
            .map(|(item, score)| (item, score.to_bits()))
            .collect(),
        ranks,
        drawn,
        state: bits(&executor.state().await?),
    })
}

/// The same calls, each waited for.
fn waited(executor: &mut dyn Executor) -> Outcome {
    use pocketrec::executor::Pending;
    Pending::start(outcome(executor)).wait().unwrap()
}

#[test]
fn any_runtime_gets_what_waiting_gets() {
    let Some(gpu) = open() else { return };
    let plan = plan();
    let want = waited(&mut new(&gpu, &plan));
    assert_eq!((want.losses[0].samples, want.drawn), (5 * 700, 768));
    assert_eq!(want.best.len(), 8);

    let mut executor = new(&gpu, &plan);
    let (got, polls) = run(outcome(&mut executor));
    assert_eq!(got.unwrap(), want);
    assert!(polls > 1, "the device was never waited for");

    let got = pollster::block_on(async {
        let mut executor = GpuExecutor::new_async(&gpu, plan.clone(), &random_state(&plan, 0.2, 5)).await?;
        outcome(&mut executor).await
    });
    assert_eq!(got.unwrap(), want);
}

/// Work that keeps a device busy for a while, so that what comes after it is not ready at once.
fn keep_busy(executor: &mut GpuExecutor) -> Vec<Batch> {
    let batches: Vec<Batch> = (0..6).map(|seed| random_batch(executor.plan(), 4000, seed)).collect();
    for batch in &batches {
        // Dropped: the step is under way all the same.
        drop(executor.step(batch, &Optimizer::default(), L2::default(), &mut || ()));
    }
    batches
}

/// What keeps it busy, waited for step by step.
fn kept_busy(executor: &mut GpuExecutor) {
    for seed in 0..6 {
        let batch = random_batch(executor.plan(), 4000, seed);
        executor
            .step(&batch, &Optimizer::default(), L2::default(), &mut || ())
            .wait()
            .unwrap();
    }
}

#[test]
fn steps_that_nobody_waits_for_are_done_and_polls_tell_when() {
    let Some(gpu) = open() else { return };
    let plan = plan();
    let (mut dropped, mut other) = (new(&gpu, &plan), new(&gpu, &plan));
    keep_busy(&mut dropped);
    let mut polls = 1u64;
    while !dropped.poll().unwrap() {
        polls += 1;
    }
    assert!(polls > 1, "six large steps were done before the first look");
    kept_busy(&mut other);
    assert_eq!(
        bits(&dropped.state().wait().unwrap()),
        bits(&other.state().wait().unwrap())
    );
    assert_eq!(dropped.take_loss().wait().unwrap(), other.take_loss().wait().unwrap());
    assert!(dropped.poll().unwrap());
}

#[test]
fn reads_and_scores_that_are_dropped_midway_lose_nothing() {
    let Some(gpu) = open() else { return };
    let plan = plan();
    let (mut dropped, mut other) = (new(&gpu, &plan), new(&gpu, &plan));
    let batch = random_batch(&plan, 90, 9);
    let columns = id_columns(&batch);
    let (mut logits, mut more, mut want, mut rows) = (vec![0.0; 90], vec![0.0; 90], vec![0.0; 90], vec![0.0; 8]);
    let query = [Query { user: 3, known: &[] }];
    for round in 0..2 {
        // A call each, dropped while the device is busy with what came before.
        let calls: [&mut dyn FnMut(&mut GpuExecutor) -> bool; 6] = [
            &mut |executor| executor.state().is_ready(),
            &mut |executor| executor.take_loss().is_ready(),
            &mut |executor| executor.read_rows(0, 2, &mut rows).is_ready(),
            &mut |executor| executor.score(&columns, &mut logits).is_ready(),
            &mut |executor| executor.score_batch(&batch, &mut more).is_ready(),
            &mut |executor| top_catalogue(executor, &query, 3).is_ready(),
        ];
        for (index, call) in calls.into_iter().enumerate() {
            keep_busy(&mut dropped);
            assert!(
                !call(&mut dropped),
                "call {index} of round {round} was not dropped midway"
            );
            kept_busy(&mut other);
        }
        // Awaited once, and dropped then.
        keep_busy(&mut dropped);
        kept_busy(&mut other);
        {
            let mut half = pin!(dropped.score(&columns, &mut logits));
            assert!(half.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        }
        dropped.score(&columns, &mut logits).wait().unwrap();
        other.score(&columns, &mut want).wait().unwrap();
        assert_eq!(words(&logits), words(&want), "round {round}");
    }
    let [got, want] = [&mut dropped, &mut other].map(|executor| executor.take_loss().wait().unwrap());
    assert_eq!(got.samples, 2 * 7 * 6 * 4000);
    assert_eq!(got, want);
    assert_eq!(
        bits(&dropped.state().wait().unwrap()),
        bits(&other.state().wait().unwrap())
    );
}

/// A plan whose tables are longer than a piece of an upload, so that writing them takes several.
fn long_tables() -> Plan {
    Mf::new(70_000, 40).factors(64).plan().unwrap()
}

#[test]
fn changes_that_are_dropped_midway_are_refused_until_a_state_is_set() {
    let Some(gpu) = open() else { return };
    let plan = long_tables();
    let state = random_state(&plan, 0.2, 5);
    let mut executor = GpuExecutor::new(&gpu, plan.clone(), &state).unwrap();
    let rows = vec![1.0; 70_000 * 64];
    let half: [&mut dyn FnMut(&mut GpuExecutor) -> bool; 2] =
        [&mut |executor| executor.set_state(&state).is_ready(), &mut |executor| {
            executor.write_rows(0, 0, &rows).is_ready()
        }];
    for call in half {
        keep_busy(&mut executor);
        assert!(!call(&mut executor), "it was not dropped midway");
        let refused: [Result<()>; 5] = [
            executor.state().wait().map(drop),
            executor.take_loss().wait().map(drop),
            executor.read_rows(0, 0, &mut [0.0; 64]).wait(),
            executor.grow(1, 50).wait(),
            executor.poll().map(drop),
        ];
        for refused in refused {
            let text = refused.unwrap_err().to_string();
            assert!(text.contains("interrupted") && text.contains("set_state"), "{text}");
        }
        executor.set_state(&state).wait().unwrap();
        assert_eq!(bits(&executor.state().wait().unwrap()), bits(&state));
        assert_eq!(executor.take_loss().wait().unwrap(), LossSum::default());
    }
}

#[test]
fn a_growth_that_is_dropped_midway_has_not_begun() {
    let Some(gpu) = open() else { return };
    let plan = Gmf::new(50, 60).factors(8).plan().unwrap();
    let (mut dropped, mut other) = (new(&gpu, &plan), new(&gpu, &plan));
    for executor in [&mut dropped, &mut other] {
        kept_busy(executor);
    }
    keep_busy(&mut dropped);
    assert!(!dropped.grow(1, 600).is_ready(), "it was not dropped midway");
    assert_eq!(dropped.plan(), &plan);
    kept_busy(&mut other);
    let same = |a: &mut GpuExecutor, b: &mut GpuExecutor| {
        let [a, b] = [a, b].map(|executor| -> State { executor.state().wait().unwrap() });
        assert_eq!(bits(&a), bits(&b));
    };
    same(&mut dropped, &mut other);
    for executor in [&mut dropped, &mut other] {
        executor.grow(1, 600).wait().unwrap();
        kept_busy(executor);
    }
    same(&mut dropped, &mut other);
}
