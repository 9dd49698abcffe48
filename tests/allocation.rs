//! A warm step allocates nothing, on any thread, while the next batch is drawn; nor does a warm score.

mod common;

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use common::{
    cases::{Case, cases},
    give_graph, id_columns, random_batch,
};
use pocketrec::{
    cpu::{CpuExecutor, Isa},
    data::{Batch, IdMap, Interactions, ItemLinks, Knowledge, Relations, Sampler, Triples},
    executor::Executor,
    models::NeuMf,
    plan::{AdamConfig, L2, Optimizer, State},
    rng::Rng,
};

/// The system's allocator, which counts what it is asked for: by all threads, since a step runs on several.
struct Counting;

static CALLS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is handed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        CALLS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        CALLS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, old: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        CALLS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's.
        unsafe { System.realloc(old, layout, size) }
    }

    unsafe fn dealloc(&self, old: *mut u8, layout: Layout) {
        // SAFETY: the caller's.
        unsafe { System.dealloc(old, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The tests of this file count for the whole process, so they run one after the other. The test runner itself
/// allocates where it waits for a test to end, so [`count`] asks for one quiet round rather than for all.
static ALONE: Mutex<()> = Mutex::new(());

/// The fewest allocations of ten rounds: what the work itself allocates, without what others do now and then.
fn count(mut round: impl FnMut()) -> usize {
    let mut fewest = usize::MAX;
    for _ in 0..10 {
        let before = CALLS.load(Ordering::SeqCst);
        round();
        fewest = fewest.min(CALLS.load(Ordering::SeqCst) - before);
    }
    fewest
}

const USERS: u32 = 400;
const ITEMS: u32 = 300;
const SAMPLES: usize = 256;
const THREADS: &[usize] = if cfg!(feature = "parallel") { &[1, 2] } else { &[1] };

fn sampler() -> Sampler {
    let rng = Rng::new(5);
    let pairs: Vec<(u32, u32)> = (0..6000)
        .map(|i| (rng.stream(1).below(i, USERS), rng.stream(2).below(i, ITEMS)))
        .collect();
    Sampler::new(&Interactions::from_pairs(&pairs).unwrap(), 4, 1).unwrap()
}

fn executor(threads: usize) -> CpuExecutor {
    let plan = NeuMf::new(USERS as usize, ITEMS as usize).factors(8).plan().unwrap();
    let state = State::initial(&plan, 1, false).unwrap();
    CpuExecutor::new(plan, state, Isa::detect().unwrap(), threads).unwrap()
}

#[test]
fn counter_counts() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    assert_eq!(count(|| drop(std::hint::black_box(Vec::<u8>::with_capacity(100)))), 1);
    assert_eq!(count(|| drop(std::hint::black_box(vec![0u64; 1000]))), 1);
    let mut grown = Vec::with_capacity(1);
    assert!(count(|| (0..100).for_each(|_| grown.push(0u64))) <= 1);
    let mut growing = vec![0u64];
    assert!(
        count(|| {
            growing.shrink_to_fit();
            growing.push(0);
        }) > 0
    );
}

#[test]
fn warm_steps_allocate_nothing() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let sampler = sampler();
    let config = AdamConfig::default();
    let l2 = L2 {
        tables: 0.01,
        per_row: 0.01,
        dense: 0.01,
    };
    for &threads in THREADS {
        for optimizer in [
            Optimizer::LazyAdam(config),
            Optimizer::Adam(config),
            Optimizer::Sgd { learning_rate: 0.1 },
        ] {
            let mut executor = executor(threads);
            let (mut batch, mut next) = (Batch::new(2, SAMPLES), Batch::new(2, SAMPLES));
            sampler.fill(0, 0, SAMPLES, &mut batch);
            let mut position = 0;
            let mut step = || {
                position += SAMPLES as u64;
                let mut fill = || sampler.fill(0, position, SAMPLES, &mut next);
                executor.step(&batch, &optimizer, l2, &mut fill).wait().unwrap();
                std::mem::swap(&mut batch, &mut next);
            };
            step();
            step();
            // Ten steps a round, with batches that pick other rows each time.
            let allocations = count(|| (0..10).for_each(|_| step()));
            assert_eq!(allocations, 0, "{threads} threads, {optimizer:?}");
            assert_eq!(executor.take_loss().wait().unwrap().samples, 102 * SAMPLES as u64);
        }
    }
}

/// Every operation, among them sequences of changing lengths, attention with its own working memory, and statistics of the
/// whole batch.
#[test]
fn warm_steps_of_every_operation_allocate_nothing() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    for Case { name, plan, .. } in cases([50, 60], [6, 5]) {
        let batches = [
            random_batch(&plan, 500, 1),
            random_batch(&plan, 500, 2),
            random_batch(&plan, 33, 3),
        ];
        for &threads in THREADS {
            let state = State::initial(&plan, 1, true).unwrap();
            let mut executor = CpuExecutor::new(plan.clone(), state, Isa::detect().unwrap(), threads).unwrap();
            give_graph(&mut executor);
            let mut steps = || {
                for batch in &batches {
                    executor
                        .step(batch, &Optimizer::default(), L2::default(), &mut || ())
                        .wait()
                        .unwrap();
                }
            };
            // Which thread meets the longest tile is chance: each has to have met it.
            (0..20).for_each(|_| steps());
            assert_eq!(count(steps), 0, "{name}, {threads} threads");
        }
    }
}

/// The last batch of an epoch is short; a full one after it must fit what there is.
#[test]
fn batches_of_changing_size_allocate_nothing() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let sampler = sampler();
    for &threads in THREADS {
        let mut executor = executor(threads);
        let mut batch = Batch::new(2, 2000);
        let mut steps = || {
            for samples in [2000, 1, 256, 777] {
                sampler.fill(1, 0, samples, &mut batch);
                executor
                    .step(&batch, &Optimizer::default(), L2::default(), &mut || ())
                    .wait()
                    .unwrap();
            }
        };
        steps();
        assert_eq!(count(steps), 0, "{threads} threads");
    }
}

/// Interactions and pairs of related items, with the weights of who asks.
#[test]
fn warm_draws_of_related_items_allocate_nothing() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let pairs: Vec<(u32, u32)> = (0..500).map(|i| (i % 90, i % 70)).collect();
    let related = (0..70).map(|item| (item, (item + 1) % 70)).collect();
    let sampler = Sampler::of_positives(&Interactions::from_pairs(&pairs).unwrap(), true, 1).unwrap();
    let sampler = sampler.with_related(related, 70).unwrap();
    let (mut batch, mut epoch) = (Batch::new(3, 200), 0);
    let mut fill = || {
        epoch += 1;
        for (start, samples) in [(0, 200), (200, 1), (300, 150)] {
            sampler.fill(epoch, start, samples, &mut batch);
        }
    };
    fill();
    assert_eq!(count(fill), 0);
}

/// Interactions and triples of typed relations, of which one leaves a single item to be drawn.
#[test]
fn warm_draws_of_typed_relations_allocate_nothing() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let pairs: Vec<(u32, u32)> = (0..500).map(|i| (i % 90, i % 70)).collect();
    let train = Interactions::from_pairs(&pairs).unwrap();
    let keys: Vec<String> = (0..70).map(|item| item.to_string()).collect();
    let of_items = (0..70).map(|item| (&*keys[item], "with", &*keys[(item + 1) % 70]));
    let of_kinds = (0..69).map(|item| (&*keys[item], "kind", "tea"));
    let known = Triples::from_keys(of_items.chain(of_kinds)).unwrap();
    let links = ItemLinks::from_keys(keys.iter().map(|key| (&**key, &**key))).unwrap();
    let known = known.with_items(train.item_ids(), &links).unwrap();
    let relations = Relations::of(&known).unwrap().positives("with").unwrap();
    let relations = relations.attributes("kind").unwrap();
    let sampler = Sampler::pairwise(&train, 2, 1).unwrap();
    let sampler = sampler.with_relations(&relations, 70).unwrap();
    let (mut batch, mut epoch) = (Batch::new(6, 200), 0);
    let mut fill = || {
        epoch += 1;
        for (start, samples) in [(0, 200), (200, 1), (300, 150)] {
            sampler.fill(epoch, start, samples, &mut batch);
        }
    };
    fill();
    assert_eq!(count(fill), 0);
}

/// The neighbours of a batch's items, of which there are more and fewer from batch to batch.
#[test]
fn neighbours_are_filled_into_warm_batches_without_allocating() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let keys: Vec<String> = (0..ITEMS).map(|item| item.to_string()).collect();
    let links = ItemLinks::from_keys(keys.iter().map(|key| (&key[..], &key[..]))).unwrap();
    let tails = |n: u32| &keys[(n * n % ITEMS) as usize][..];
    let known = Triples::from_keys((0..ITEMS).map(|n| (&keys[n as usize][..], "with", tails(n)))).unwrap();
    let known = known.with_items(&IdMap::numbered(ITEMS), &links).unwrap();
    let knowledge = Knowledge::sample(&known, 8, 1).unwrap();
    let (sampler, mut pairs, mut batch) = (sampler(), Batch::new(2, SAMPLES), Batch::default());
    let mut fill = || {
        for start in [0, 256, 4000, 20_000] {
            sampler.fill(0, start, SAMPLES, &mut pairs);
            knowledge.expand(&pairs, &mut batch).unwrap();
        }
    };
    fill();
    assert_eq!(count(fill), 0);
}

#[test]
fn warm_scores_allocate_nothing() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let sampler = sampler();
    let mut batch = Batch::new(2, 5000);
    sampler.fill(0, 0, 5000, &mut batch);
    let columns = id_columns(&batch);
    for &threads in THREADS {
        let mut executor = executor(threads);
        let mut scores = vec![0.0; 5000];
        let mut score = || executor.score(&columns, &mut scores).wait().unwrap();
        score();
        assert_eq!(count(score), 0, "{threads} threads");
    }
}
