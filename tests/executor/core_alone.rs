//! A backend with the core of an executor and nothing else, whose results are never ready at once: all of training, ranking,
//! recommending and saving works on it, and does what the processor does.

use std::{
    future::poll_fn,
    sync::atomic::{AtomicU32, Ordering},
    task::Poll,
};

use pocketrec::{
    Error, Result,
    checkpoint::Checkpoint,
    cpu::{CpuExecutor, Isa},
    data::{Batch, Sampler},
    device::Device,
    executor::{
        Executor, LossSum, Pending, Query, attention_rollout, keep_sampler, profile, profile_drawn, rank_catalogue,
        score_with, step_drawn, top_catalogue,
    },
    models::{NeuMf, SasRec},
    plan::{L2, Optimizer, Plan, State},
    train::Trainer,
};

use crate::planted::{ITEMS, USERS, config, split};

/// The processor's core, whose results come late.
struct Late {
    inner: CpuExecutor,
    late: &'static AtomicU32,
}

impl Late {
    fn new(plan: &Plan, state: State, late: &'static AtomicU32) -> Self {
        let inner = CpuExecutor::new(plan.clone(), state, Isa::available()[0], 1).unwrap();
        Late { inner, late }
    }
}

/// A result that is there when it was asked for twice more, counted where it was not there at once.
fn late<'a, T: Send>(count: &'static AtomicU32, result: impl FnOnce() -> Result<T> + Send + 'a) -> Pending<'a, T> {
    let mut left = 2;
    let mut result = Some(result);
    let pending = Pending::start(poll_fn(move |context| {
        if left > 0 {
            left -= 1;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(result.take().expect("polled behind its end")())
    }));
    count.fetch_add(u32::from(!pending.is_ready()), Ordering::Relaxed);
    pending
}

impl Executor for Late {
    fn plan(&self) -> &Plan {
        self.inner.plan()
    }
    fn device(&self) -> String {
        "a device of one's own".into()
    }
    fn step(&mut self, batch: &Batch, by: &Optimizer, l2: L2, prefetch: &mut (dyn FnMut() + Send)) -> Pending<'_, ()> {
        let done = self.inner.step(batch, by, l2, prefetch).wait();
        late(self.late, || done)
    }
    fn poll(&mut self) -> Result<bool> {
        self.inner.poll()
    }
    fn take_loss(&mut self) -> Pending<'_, LossSum> {
        late(self.late, || self.inner.take_loss().wait())
    }
    fn score<'a>(&'a mut self, columns: &'a [&'a [u32]], out: &'a mut [f32]) -> Pending<'a, ()> {
        late(self.late, || self.inner.score(columns, out).wait())
    }
    fn score_batch<'a>(&'a mut self, batch: &'a Batch, out: &'a mut [f32]) -> Pending<'a, ()> {
        late(self.late, || self.inner.score_batch(batch, out).wait())
    }
    fn state(&mut self) -> Pending<'_, State> {
        late(self.late, || self.inner.state().wait())
    }
    fn set_state<'a>(&'a mut self, state: &'a State) -> Pending<'a, ()> {
        late(self.late, || self.inner.set_state(state).wait())
    }
    fn read_rows<'a>(&'a mut self, param: usize, first: usize, out: &'a mut [f32]) -> Pending<'a, ()> {
        late(self.late, move || self.inner.read_rows(param, first, out).wait())
    }
    fn write_rows<'a>(&'a mut self, param: usize, first: usize, values: &'a [f32]) -> Pending<'a, ()> {
        late(self.late, move || self.inner.write_rows(param, first, values).wait())
    }
    fn grow(&mut self, vocabulary: usize, rows: usize) -> Pending<'_, ()> {
        late(self.late, move || self.inner.grow(vocabulary, rows).wait())
    }
}

fn model() -> NeuMf {
    NeuMf::new(USERS as usize, ITEMS as usize).factors(4).layers([16, 8])
}

#[test]
fn the_core_alone_trains_ranks_recommends_and_saves() {
    static LATE: AtomicU32 = AtomicU32::new(0);
    let (split, config) = (split(), config());
    let device = Device::cpu().threads(1).simd(Isa::available()[0]);
    let mut whole = Trainer::new(model(), device.clone(), config).unwrap();
    let plan = whole.plan().clone();
    let executor = Late::new(&plan, whole.state().unwrap(), &LATE);
    let mut alone = Trainer::with_executor(model(), Box::new(executor), config).unwrap();

    let [want, got] = [&mut whole, &mut alone].map(|trainer| trainer.fit(&split, |_| ()).unwrap());
    assert!(LATE.load(Ordering::Relaxed) > 100, "{LATE:?} results were late");
    assert_eq!(got.best, want.best);
    assert_eq!(alone.state().unwrap(), whole.state().unwrap());

    let [want, got] = [&mut whole, &mut alone].map(|trainer| trainer.recommend(5, 10).unwrap());
    let items = |best: &[(u32, f32)]| best.iter().map(|&(item, _)| item).collect::<Vec<_>>();
    assert_eq!(items(&got), items(&want));
    for ((_, got), (_, want)) in got.iter().zip(&want) {
        assert!((got - want).abs() < 1e-5, "{got} not {want}"); // the processor adds up what depends on the item first
    }

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("alone.safetensors");
    for trainer in [&mut whole, &mut alone] {
        trainer.absorb(&[(5, items(&want)[0]), (USERS, 3)]).unwrap(); // a user who is new besides
    }
    alone.save(&path).unwrap();
    let saved = Checkpoint::load(&path).unwrap();
    assert_eq!(saved.state, whole.state().unwrap());
    let mut loaded = Trainer::load(&path, device).unwrap();
    assert_eq!(loaded.recommend(USERS, 5).unwrap(), whole.recommend(USERS, 5).unwrap());
}

#[test]
fn what_needs_a_part_falls_back_on_the_core_or_says_who_has_it() {
    static LATE: AtomicU32 = AtomicU32::new(0);
    let plan = model().plan().unwrap();
    let state = crate::common::random_state(&plan, 0.3, 5);
    let mut alone = Late::new(&plan, state.clone(), &LATE);
    let sampler = Sampler::new(&split().train, 4, 1).unwrap();
    assert!(!keep_sampler(&mut alone, &sampler, 1 << 20).wait().unwrap());
    let batch = crate::common::random_batch(&plan, 20, 1);
    let (adam, l2, mut logits) = (Optimizer::default(), L2::default(), [0.0; 20]);
    let sequences = SasRec::new(1, 9).embedding_dim(4).length(5).plan().unwrap();
    let mut reads = Late::new(&sequences, crate::common::random_state(&sequences, 0.3, 5), &LATE);
    let histories = crate::common::random_batch(&sequences, 4, 1);
    let refused: [(Result<()>, &str); 5] = [
        (
            attention_rollout(&mut reads, &histories, &mut [0.0; 4])
                .wait()
                .map(drop),
            "does not hand out block.1.query",
        ),
        (
            step_drawn(&mut alone, 0, 0, 8, &adam, l2).wait().map(drop),
            "fill batches and call step",
        ),
        (
            profile(&mut alone, &batch, &adam, l2).wait().map(drop),
            "a device of one's own does not take",
        ),
        (
            profile_drawn(&mut alone, 0, 0, 8, &adam, l2).wait().map(drop),
            "profile steps",
        ),
        (
            score_with(&mut alone, &batch, "attention", &mut logits)
                .wait()
                .map(drop),
            "does not hand out attention",
        ),
    ];
    for (refused, telling) in refused {
        let text = refused.unwrap_err().to_string();
        assert!(text.contains(telling), "{text} does not say {telling}");
    }
    assert_eq!(alone.state().wait().unwrap(), state);

    // The catalogue by the core, and by hand from its scores.
    let user: Vec<u32> = [7; ITEMS as usize].into();
    let item: Vec<u32> = (0..ITEMS).collect();
    let mut scores = vec![0.0; ITEMS as usize];
    alone.score(&[&user, &item], &mut scores).wait().unwrap();
    let known = [2, 40];
    let mut want: Vec<(u32, f32)> = item.iter().copied().zip(scores.iter().copied()).collect();
    want.retain(|(item, _)| !known.contains(item));
    want.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    let query = [Query { user: 7, known: &known }];
    let before = LATE.load(Ordering::Relaxed);
    let best = top_catalogue(&mut alone, &query, 5).wait().unwrap();
    assert_eq!(best, [&want[..5]]);
    let target = want[3].0;
    let ranks = rank_catalogue(&mut alone, &query, &[target], ITEMS as usize)
        .wait()
        .unwrap();
    assert_eq!((ranks[0].better, ranks[0].ties), (3, 0));
    assert!(LATE.load(Ordering::Relaxed) > before);
    let none = rank_catalogue(&mut alone, &query, &[ITEMS], ITEMS as usize).wait();
    assert!(matches!(none, Err(Error::Id { .. })), "{none:?}");
}
