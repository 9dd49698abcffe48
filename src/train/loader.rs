//! Batches for training: drawn on the device where the executor can, else two, of which one is trained on while the other
//! is filled.

use crate::{
    Result,
    data::{Batch, Sampler},
    executor::Executor,
    plan::{L2, Optimizer},
};

/// A position: epoch and sample within it.
type At = (u32, u64);

pub(super) struct Loader {
    sampler: Sampler,
    batch_size: usize,
    now: Batch,
    next: Batch,
    /// What `next` holds.
    ready: Option<At>,
    /// Whether the executor draws samples itself.
    drawn: bool,
}

impl Loader {
    /// # Errors
    /// Those of [`Executor::keep_sampler`].
    pub fn new(sampler: Sampler, batch_size: usize, executor: &mut dyn Executor) -> Result<Self> {
        let drawn = executor.keep_sampler(&sampler, batch_size)?;
        let samples = if drawn { 0 } else { sampler.samples_per_epoch() };
        let capacity = batch_size.min(usize::try_from(samples).unwrap_or(usize::MAX));
        Ok(Loader {
            drawn,
            sampler,
            batch_size,
            now: Batch::new(2, capacity),
            next: Batch::new(2, capacity),
            ready: None,
        })
    }

    /// Samples of an epoch.
    pub fn total(&self) -> u64 {
        self.sampler.samples_per_epoch()
    }

    /// One step on the batch at `at`; the next one is filled in that time. Gives the number of samples.
    pub fn step(&mut self, executor: &mut dyn Executor, optimizer: &Optimizer, l2: L2, at: At) -> Result<u64> {
        if self.drawn {
            return executor.step_drawn(at.0, at.1, self.batch_size, optimizer, l2);
        }
        if self.ready.take() == Some(at) {
            core::mem::swap(&mut self.now, &mut self.next);
        } else {
            self.sampler.fill(at.0, at.1, self.batch_size, &mut self.now);
        }
        let following = self.after(at);
        let (sampler, size, next) = (&self.sampler, self.batch_size, &mut self.next);
        executor.step(&self.now, optimizer, l2, &mut || {
            sampler.fill(following.0, following.1, size, next);
        })?;
        self.ready = Some(following);
        Ok(self.now.len() as u64)
    }

    fn after(&self, (epoch, sample): At) -> At {
        let next = sample.saturating_add(self.batch_size as u64);
        if next < self.total() {
            (epoch, next)
        } else {
            (epoch.wrapping_add(1), 0)
        }
    }
}
