//! How often training reads the state back: on a graphics device each time is a copy of all parameters and moments.

use alloc::{boxed::Box, string::String, sync::Arc};
use core::{
    mem,
    sync::atomic::{AtomicUsize, Ordering},
};

use super::{ClickConfig, ClickTrainer};
use crate::{
    Result,
    data::{Batch, clicks::PlantedClicks},
    device::Device,
    executor::{Executor, LossSum, Pending},
    models::Fm,
    plan::{L2, Optimizer, Plan, State},
};

/// Counts reads of the state.
struct Counted {
    executor: Box<dyn Executor>,
    reads: Arc<AtomicUsize>,
}

impl Executor for Counted {
    fn plan(&self) -> &Plan {
        self.executor.plan()
    }
    fn device(&self) -> String {
        self.executor.device()
    }
    fn step(&mut self, batch: &Batch, by: &Optimizer, l2: L2, also: &mut (dyn FnMut() + Send)) -> Pending<'_, ()> {
        self.executor.step(batch, by, l2, also)
    }
    fn poll(&mut self) -> Result<bool> {
        self.executor.poll()
    }
    fn take_loss(&mut self) -> Pending<'_, LossSum> {
        self.executor.take_loss()
    }
    fn score<'a>(&'a mut self, columns: &'a [&'a [u32]], out: &'a mut [f32]) -> Pending<'a, ()> {
        self.executor.score(columns, out)
    }
    fn score_batch<'a>(&'a mut self, batch: &'a Batch, out: &'a mut [f32]) -> Pending<'a, ()> {
        self.executor.score_batch(batch, out)
    }
    fn state(&mut self) -> Pending<'_, State> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.executor.state()
    }
    fn set_state<'a>(&'a mut self, state: &'a State) -> Pending<'a, ()> {
        self.executor.set_state(state)
    }
    fn read_rows<'a>(&'a mut self, param: usize, first: usize, out: &'a mut [f32]) -> Pending<'a, ()> {
        self.executor.read_rows(param, first, out)
    }
    fn write_rows<'a>(&'a mut self, param: usize, first: usize, values: &'a [f32]) -> Pending<'a, ()> {
        self.executor.write_rows(param, first, values)
    }
    fn grow(&mut self, vocabulary: usize, rows: usize) -> Pending<'_, ()> {
        self.executor.grow(vocabulary, rows)
    }
}

#[test]
fn an_epoch_reads_the_state_once() {
    let clicks = PlantedClicks {
        users: 20,
        rows_per_user: 20,
        ..PlantedClicks::default()
    };
    let data = clicks.generate().unwrap();
    let config = ClickConfig {
        epochs: 4,
        ..ClickConfig::default()
    };
    let model = Fm::new(data.train.layout()).embedding_dim(2);
    let mut trainer = ClickTrainer::new(model.clone(), Device::cpu(), config).unwrap();
    let spare = ClickTrainer::new(model, Device::cpu(), config).unwrap().core.executor;
    let reads = Arc::new(AtomicUsize::new(0));
    let executor = mem::replace(&mut trainer.core.executor, spare);
    trainer.core.executor = Box::new(Counted {
        executor,
        reads: reads.clone(),
    });
    trainer.fit(&data.train, Some(&data.dev), |_| ()).unwrap();
    assert_eq!(reads.load(Ordering::Relaxed), 1 + 4); // at the beginning of the call, and at the end of each epoch
}
