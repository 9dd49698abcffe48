//! Two batches: one is trained on while the other is filled.

use super::task::Position;
use crate::{
    Result,
    data::Batch,
    executor::Executor,
    plan::{L2, Optimizer},
};

/// Fills batches with the samples of a position.
pub(crate) trait Fill: Send {
    /// Samples of an epoch.
    fn total(&self) -> u64;

    /// Fills and sorts the batch at a position: `size` samples, or what is left of the epoch.
    fn fill(&mut self, at: Position, size: usize, batch: &mut Batch);
}

/// Batches of one size, each filled while the one before is trained on.
pub(crate) struct Prefetch<F> {
    source: F,
    size: usize,
    now: Batch,
    next: Batch,
    /// The position that `next` holds.
    ready: Option<Position>,
}

impl<F: Fill> Prefetch<F> {
    /// Batches of `size` samples, which are filled into the two that are given.
    pub fn new(source: F, size: usize, [now, next]: [Batch; 2]) -> Self {
        Prefetch {
            source,
            size,
            now,
            next,
            ready: None,
        }
    }

    /// Samples of an epoch.
    pub fn total(&self) -> u64 {
        self.source.total()
    }

    /// What batches are filled from.
    #[cfg(feature = "std")]
    pub fn source(&self) -> &F {
        &self.source
    }

    /// What batches were filled from.
    pub fn into_source(self) -> F {
        self.source
    }

    /// One step on the batch at `at`. Gives the number of samples.
    pub fn step(&mut self, executor: &mut dyn Executor, optimizer: &Optimizer, l2: L2, at: Position) -> Result<u64> {
        let following = self.after(at);
        let (source, size, next) = (&mut self.source, self.size, &mut self.next);
        if self.ready.take() == Some(at) {
            core::mem::swap(&mut self.now, next);
        } else {
            source.fill(at, size, &mut self.now);
        }
        executor
            .step(&self.now, optimizer, l2, &mut || source.fill(following, size, next))
            .wait()?;
        self.ready = Some(following);
        Ok(self.now.len() as u64)
    }

    fn after(&self, (epoch, sample): Position) -> Position {
        match sample.saturating_add(self.size as u64) {
            next if next < self.total() => (epoch, next),
            _ => (epoch.saturating_add(1), 0),
        }
    }
}
