//! What training on clicks tells its caller.

use core::fmt;

use crate::{
    eval::{ClickReport, RankingReport},
    train::{ProgressReport, StopReason, events::rate},
};

/// The best evaluation so far.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BestClickEpoch {
    /// The epoch, counted from 1.
    pub epoch: u32,
    /// The metric, more being better.
    pub value: f64,
}

/// One epoch. Its `Display` is one line.
#[derive(Clone, Debug, PartialEq)]
pub struct ClickEpoch {
    /// The epoch, counted from 1.
    pub epoch: u32,
    /// Mean cross-entropy of its rows, without the L2 terms, each before its step.
    pub loss: f64,
    /// The evaluation on the dev rows, if there are any; with [`ClickMetric::Ndcg`](super::ClickMetric::Ndcg) it is
    /// `ranking`.
    pub dev: Option<ClickReport>,
    /// How the dev rows' candidates are ranked among their negatives, if that is the metric.
    pub ranking: Option<RankingReport>,
    /// Whether the evaluation is the best so far.
    pub best: bool,
    /// Epochs in the mean of the parameters that was evaluated; 0 where it was the parameters themselves.
    pub averaged: u32,
    /// Rows trained on in this call, negatives among them.
    pub samples: u64,
    /// Time those rows took, in seconds; 0 where there is no clock.
    pub seconds: f64,
}

impl fmt::Display for ClickEpoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "epoch {:>3}  loss {:.4}", self.epoch, self.loss)?;
        let best = if self.best { " *" } else { "  " };
        if let Some(dev) = &self.dev {
            write!(f, "  dev {dev}{best}")?;
        }
        if let Some(ranking) = &self.ranking {
            write!(f, "  dev {ranking}{best}")?;
        }
        if self.averaged > 0 {
            write!(f, "  mean of {:>2}", self.averaged)?;
        }
        match rate(self.samples, self.seconds) {
            r if r <= 0.0 => Ok(()),
            r => write!(f, "  {:.0}k rows/s", r / 1e3),
        }
    }
}

/// What happens while clicks are trained on. Its `Display` is one line.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ClickEvent {
    /// Some steps of an epoch are done; samples are rows, negatives among them.
    Progress(ProgressReport),
    /// An epoch is done, and evaluated if there are dev rows.
    Epoch(ClickEpoch),
}

impl fmt::Display for ClickEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ClickEvent::Progress(report) => report.fmt(f),
            ClickEvent::Epoch(report) => report.fmt(f),
        }
    }
}

/// What a call of `fit` did.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClickFit {
    /// Why it returned.
    pub reason: StopReason,
    /// Epochs completed in it.
    pub epochs: u32,
    /// Steps made in it.
    pub steps: u64,
    /// The best evaluation since the beginning of training.
    pub best: Option<BestClickEpoch>,
}
