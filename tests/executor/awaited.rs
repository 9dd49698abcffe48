//! A graphics device that is awaited by runtimes of two kinds does what it does for one who waits.

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
    data::{Interactions, Sampler},
    executor::{Executor, LossSum, Pending, Query, Rank, keep_sampler, rank_catalogue, step_drawn, top_catalogue},
    gpu::{Gpu, GpuExecutor, GpuOptions},
    models::NeuMf,
    plan::{L2, Optimizer, Plan},
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

/// A runtime of one task, which is polled when it was woken and at no other time.
fn run<T>(task: impl Future<Output = T>) -> T {
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(woken.clone());
    let (mut task, mut seen) = (pin!(task), 0);
    loop {
        if let Poll::Ready(done) = task.as_mut().poll(&mut Context::from_waker(&waker)) {
            return done;
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
    assert_eq!(run(outcome(&mut executor)).unwrap(), want);

    // Steps that nobody waits for are done all the same, and polls tell when.
    let [mut dropped, mut other] = [0, 1].map(|_| new(&gpu, &plan));
    for seed in 0..6 {
        let batch = random_batch(&plan, 700, seed);
        for executor in [&mut dropped, &mut other] {
            drop(executor.step(&batch, &Optimizer::default(), L2::default(), &mut || ()));
        }
        while !other.poll().unwrap() {}
    }
    let [dropped, other] = [&mut dropped, &mut other].map(|executor| bits(&executor.state().wait().unwrap()));
    assert_eq!(dropped, other);

    let got = pollster::block_on(async {
        let mut executor = GpuExecutor::new_async(&gpu, plan.clone(), &random_state(&plan, 0.2, 5)).await?;
        outcome(&mut executor).await
    });
    assert_eq!(got.unwrap(), want);
}
