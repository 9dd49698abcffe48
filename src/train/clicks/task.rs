//! Clicks as a task: rows as they are, or with candidates that the user did not choose in their place.

use alloc::{format, vec::Vec};

use super::{ClickConfig, ClickEvaluation, ClickMetric, feed::Feed, predictor::Predictor};
#[cfg(feature = "std")]
use crate::plan::MAX_SEQUENCES;
use crate::{
    Error, Result,
    data::{
        Batch,
        clicks::{CandidateSampler, Encoder, Layout, Pick, Samples},
    },
    executor::Executor,
    plan::{L2, Optimizer},
    rng::{Permutation, Rng, streams},
    train::{
        prefetch::{Fill, Prefetch},
        task::{Position, Task},
    },
};

/// What batches are made of.
struct RowsOf<'a> {
    feed: Feed,
    samples: &'a Samples,
    drawn: Option<CandidateSampler>,
    rng: Rng,
    /// Of the batch that is being filled.
    picks: Vec<Pick>,
}

impl RowsOf<'_> {
    fn rows(&self) -> u32 {
        match &self.drawn {
            Some(drawn) => drawn.rows(),
            None => self.samples.len() as u32, // `rows_of` has checked it
        }
    }
}

impl Fill for RowsOf<'_> {
    fn total(&self) -> u64 {
        self.rows().into()
    }

    fn fill(&mut self, (epoch, row): Position, size: usize, batch: &mut Batch) {
        let total = self.rows();
        let order = Permutation::new(total, self.rng.stream(streams::CLICK_ORDER).stream(epoch));
        let negatives = self.rng.stream(streams::CLICK_NEGATIVES).stream(epoch);
        let end = row.saturating_add(size as u64).min(total.into()) as u32;
        let pick = |at: u32| match &self.drawn {
            Some(drawn) => drawn.pick(negatives, order.at(at)),
            None => Pick::own(order.at(at) as usize),
        };
        self.picks.clear();
        self.picks.extend((row as u32..end).map(pick));
        let noise = self.rng.stream(streams::CLICK_NOISE).stream(epoch);
        let noise = noise.stream((row / size as u64) as u32);
        let drawn = self.drawn.as_ref();
        self.feed.fill(self.samples, drawn, &self.picks, noise, batch);
        batch.sort();
    }
}

impl<'a> RowsOf<'a> {
    fn new(train: &'a Samples, feed: Feed, encoder: Option<&Encoder>, config: &ClickConfig) -> Result<Self> {
        if train.is_empty() {
            return Err(Error::config("train", "there are no rows to train on"));
        }
        if train.len() as u64 >= u64::from(u32::MAX) {
            return Err(Error::config("train", "there are more than 4294967294 rows"));
        }
        let drawn = match (config.negatives, encoder) {
            (0, _) => None,
            (negatives, Some(encoder)) => Some(CandidateSampler::new(encoder, train, negatives)?),
            (_, None) => {
                let reason = "drawing them takes the encoder; give it with set_encoder";
                return Err(Error::config("negatives", reason));
            }
        };
        Ok(RowsOf {
            feed,
            samples: train,
            drawn,
            rng: Rng::new(config.seed),
            picks: Vec::new(),
        })
    }
}

/// Rows to train on, and the evaluation on dev rows.
pub(super) struct ClickTask<'a> {
    batches: Prefetch<RowsOf<'a>>,
    dev: Option<&'a Samples>,
    metric: ClickMetric,
    k: usize,
    layout: &'a Layout,
    encoder: Option<&'a Encoder>,
}

impl<'a> ClickTask<'a> {
    /// # Errors
    /// Those of [`ClickTrainer::fit`](super::ClickTrainer::fit) that are found before the first step.
    pub fn new(
        (train, dev): (&'a Samples, Option<&'a Samples>),
        config: &ClickConfig,
        (layout, encoder): (&'a Layout, Option<&'a Encoder>),
        executor: &mut dyn Executor,
    ) -> Result<Self> {
        let predictor = Predictor {
            executor,
            layout,
            encoder,
            step: 0,
        };
        let rows = RowsOf::new(train, predictor.feed(train)?, encoder, config)?;
        if let Some(dev) = dev {
            predictor.feed(dev)?;
            config.metric.check(dev)?;
        }
        Ok(ClickTask {
            batches: Prefetch::new(rows, config.batch_size, Default::default()),
            dev,
            metric: config.metric,
            k: config.k,
            layout,
            encoder,
        })
    }
}

impl Task for ClickTask<'_> {
    type Evaluation = ClickEvaluation;
    type Value = f64;

    const RESTARTS_MOMENTS_AT_BEST: bool = true;

    fn total(&self) -> u64 {
        self.batches.total()
    }

    #[cfg(feature = "std")]
    fn steps(&self) -> [u64; MAX_SEQUENCES] {
        let rows = self.batches.source();
        // A candidate in a row's place has the row's history.
        let times = u64::from(rows.rows()) / rows.samples.len() as u64;
        rows.feed.steps(rows.samples).map(|steps| steps * times)
    }

    fn step(&mut self, executor: &mut dyn Executor, optimizer: &Optimizer, l2: L2, at: Position) -> Result<u64> {
        self.batches.step(executor, optimizer, l2, at)
    }

    fn is_due(&self, _epoch: u32) -> bool {
        self.dev.is_some()
    }

    fn evaluate(&mut self, executor: &mut dyn Executor, step: u64) -> Result<ClickEvaluation> {
        let Some(dev) = self.dev else {
            return Err(Error::config("dev", "there are no dev rows to evaluate on"));
        };
        let mut predictor = Predictor {
            executor,
            layout: self.layout,
            encoder: self.encoder,
            step,
        };
        match self.metric {
            ClickMetric::Ndcg => predictor.ranking(dev, self.k).map(ClickEvaluation::Ranking),
            _ => predictor.clicks(dev).map(ClickEvaluation::Clicks),
        }
    }

    fn value(&self, evaluation: &ClickEvaluation) -> Result<f64> {
        let value = match evaluation {
            ClickEvaluation::Clicks(report) => self.metric.of(report),
            ClickEvaluation::Ranking(report) => Some(report.ndcg),
        };
        value.ok_or_else(|| {
            let metric = self.metric;
            let reason = format!("{metric} is undefined on the dev rows: labels are all the same");
            Error::config("dev", reason)
        })
    }

    fn is_better(new: &f64, best: &f64) -> bool {
        new > best
    }
}
