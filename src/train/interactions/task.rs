//! Interactions as a task: positives with negatives, drawn on the device where the executor can.

use alloc::vec::Vec;

use crate::{
    Error, Result,
    data::{Batch, Relations, Sampler, Split},
    eval::{self, Protocol, RankingReport},
    executor::{Executor, keep_sampler, pair_of, step_drawn},
    models::Draw,
    plan::{L2, Optimizer},
    train::{
        TrainConfig,
        prefetch::{Fill, Prefetch},
        task::{Position, Task},
    },
};

/// Samples of a split's training part, and the ranking of its test items.
pub(super) struct InteractionTask<'a> {
    split: &'a Split,
    batches: Prefetch<Sampler>,
    /// Whether the executor draws samples itself.
    is_drawn: bool,
    batch_size: usize,
    eval_every: u32,
    protocol: Protocol,
    k: usize,
}

impl<'a> InteractionTask<'a> {
    /// On samples that [`sampler_of`] draws.
    ///
    /// # Errors
    /// Those of [`keep_sampler`].
    pub fn new(split: &'a Split, config: &TrainConfig, sampler: Sampler, executor: &mut dyn Executor) -> Result<Self> {
        let size = config.batch_size;
        let is_drawn = keep_sampler(executor, &sampler, size).wait()?;
        let samples = if is_drawn { 0 } else { sampler.samples_per_epoch() };
        let capacity = size.min(usize::try_from(samples).unwrap_or(usize::MAX));
        let batches = [0; 2].map(|_| Batch::new(executor.plan().columns().len(), capacity));
        Ok(InteractionTask {
            split,
            batches: Prefetch::new(sampler, size, batches),
            is_drawn,
            batch_size: size,
            eval_every: config.eval_every,
            protocol: config.protocol,
            k: config.k,
        })
    }

    /// What it drew samples by.
    pub fn into_sampler(self) -> Sampler {
        self.batches.into_source()
    }
}

/// What draws the samples of a split's training part. Where ids have features, negatives are items that somebody has there: an item that
/// nobody has would teach its features that they are disliked, though nobody was asked.
///
/// # Errors
/// Those of [`Sampler::new`], and where positives of related items are asked for and there are none.
pub(super) fn sampler_of(
    split: &Split,
    config: &TrainConfig,
    relations: Option<&Relations>,
    executor: &dyn Executor,
) -> Result<Sampler> {
    let sampler = match config.loss.draw() {
        Draw::Labels => Sampler::new(&split.train, config.negatives, config.seed)?,
        Draw::Pairs => Sampler::pairwise(&split.train, config.negatives, config.seed)?,
        Draw::Listed { candidates } => Sampler::with_list(&split.train, candidates, config.seed)?,
        Draw::Positives { log_q, .. } => Sampler::of_positives(&split.train, log_q, config.seed)?,
    };
    let mut sampler = sampler.with_sampling(config.sampling)?;
    if !executor.plan().featured().is_empty() {
        sampler = sampler.with_negatives_that_somebody_has(&split.train)?;
    }
    if let Draw::Positives { related: true, .. } = config.loss.draw() {
        let rows = pair_of(executor.plan()).map(|pair| executor.plan().rows_of(pair.candidate))?;
        let items = u32::try_from(rows).unwrap_or(u32::MAX);
        sampler = sampler.with_related(positive_pairs(relations)?, items)?;
    }
    if config.loss.is_pairwise() && executor.plan().has_heads() {
        let Some(relations) = relations else {
            let reason = "the model has a table of relations, and there are none: hand the trainer those that it was made for \
                          (Trainer::set_relations)";
            return Err(Error::config("relations", reason));
        };
        let rows = pair_of(executor.plan()).map(|pair| executor.plan().rows_of(pair.candidate))?;
        sampler = sampler.with_relations(relations, u32::try_from(rows).unwrap_or(u32::MAX))?;
    }
    Ok(sampler)
}

/// The pairs of related items that are positives.
fn positive_pairs(relations: Option<&Relations>) -> Result<Vec<(u32, u32)>> {
    let pairs: Vec<(u32, u32)> = relations
        .iter()
        .flat_map(|relations| relations.positive_pairs())
        .collect();
    match pairs.is_empty() {
        false => Ok(pairs),
        true => {
            let reason = "the loss takes related items as positives (Softmax::related), and there are none: hand the trainer some \
                          (Relations::positives, Trainer::set_relations)";
            Err(Error::config("relations", reason))
        }
    }
}

impl Fill for Sampler {
    fn total(&self) -> u64 {
        self.samples_per_epoch()
    }

    fn fill(&mut self, (epoch, start): Position, size: usize, batch: &mut Batch) {
        Sampler::fill(self, epoch, start, size, batch);
    }
}

impl Task for InteractionTask<'_> {
    type Evaluation = RankingReport;
    type Value = RankingReport;

    const RESTARTS_MOMENTS_AT_BEST: bool = false;

    fn total(&self) -> u64 {
        self.batches.total()
    }

    fn step(&mut self, executor: &mut dyn Executor, optimizer: &Optimizer, l2: L2, at: Position) -> Result<u64> {
        match self.is_drawn {
            true => step_drawn(executor, at.0, at.1, self.batch_size, optimizer, l2).wait(),
            false => self.batches.step(executor, optimizer, l2, at),
        }
    }

    fn is_due(&self, epoch: u32) -> bool {
        self.eval_every > 0 && epoch.is_multiple_of(self.eval_every)
    }

    fn evaluate(&mut self, executor: &mut dyn Executor, step: u64) -> Result<RankingReport> {
        match eval::evaluate(executor, self.split, self.protocol, self.k) {
            // Finite parameters can be so large that a logit is not.
            Err(Error::Config { field, .. }) if field == "score" => Err(Error::Diverged { step, loss: f64::NAN }),
            result => result,
        }
    }

    fn value(&self, ranking: &RankingReport) -> Result<RankingReport> {
        Ok(*ranking)
    }

    fn is_better(new: &RankingReport, best: &RankingReport) -> bool {
        new.hr > best.hr || (new.hr == best.hr && new.ndcg > best.ndcg)
    }
}
