//! Histories as a task: at each step the next item, and the ranking of test items by what histories come to.

use super::histories::ByHistory;
#[cfg(feature = "std")]
use crate::plan::MAX_SEQUENCES;
use crate::{
    Error, Result,
    data::{Batch, SequenceSampler, Split},
    eval::{Protocol, RankingReport},
    executor::Executor,
    models::Draw,
    plan::{L2, Optimizer},
    train::{
        TrainConfig,
        prefetch::{Fill, Prefetch},
        task::{Position, Task},
    },
};

/// Histories of a split's training part, and the ranking of its test items.
pub(super) struct SequenceTask<'a> {
    split: &'a Split,
    batches: Prefetch<SequenceSampler>,
    by: ByHistory,
    eval_every: u32,
    protocol: Protocol,
    k: usize,
}

impl<'a> SequenceTask<'a> {
    /// # Errors
    /// Those of [`SequenceSampler::new`].
    pub fn new(split: &'a Split, config: &TrainConfig, by: ByHistory, columns: usize) -> Result<Self> {
        let candidates = match config.loss.draw() {
            Draw::Listed { candidates } => candidates,
            Draw::Labels | Draw::Pairs | Draw::Positives { .. } => None, // which no such model is trained by
        };
        let sampler = SequenceSampler::new(&split.train, by.length, candidates, config.seed)?;
        let batches = [0; 2].map(|_| Batch::new(columns, 0));
        Ok(SequenceTask {
            split,
            batches: Prefetch::new(sampler, config.batch_size, batches),
            by,
            eval_every: config.eval_every,
            protocol: config.protocol,
            k: config.k,
        })
    }
}

impl Fill for SequenceSampler {
    fn total(&self) -> u64 {
        self.samples_per_epoch()
    }

    fn fill(&mut self, (epoch, start): Position, size: usize, batch: &mut Batch) {
        SequenceSampler::fill(self, epoch, start, size, batch);
    }
}

impl Task for SequenceTask<'_> {
    type Evaluation = RankingReport;
    type Value = RankingReport;

    const RESTARTS_MOMENTS_AT_BEST: bool = false;

    fn total(&self) -> u64 {
        self.batches.total()
    }

    #[cfg(feature = "std")]
    fn steps(&self) -> [u64; MAX_SEQUENCES] {
        let mut steps = [0; MAX_SEQUENCES];
        steps[0] = self.batches.source().steps_per_epoch();
        steps
    }

    fn step(&mut self, executor: &mut dyn Executor, optimizer: &Optimizer, l2: L2, at: Position) -> Result<u64> {
        self.batches.step(executor, optimizer, l2, at)
    }

    fn is_due(&self, epoch: u32) -> bool {
        self.eval_every > 0 && epoch.is_multiple_of(self.eval_every)
    }

    fn evaluate(&mut self, executor: &mut dyn Executor, step: u64) -> Result<RankingReport> {
        match self.by.evaluate(executor, self.split, self.protocol, self.k) {
            // Finite parameters can be so large that a score is not.
            Err(Error::Config { field, .. }) if field == "score" => Err(Error::Diverged { step, loss: f64::NAN }),
            result => result,
        }
    }

    fn value(&self, ranking: &RankingReport) -> Result<RankingReport> {
        Ok(*ranking)
    }

    fn is_better(new: &RankingReport, best: &RankingReport) -> bool {
        super::task::InteractionTask::is_better(new, best)
    }
}
