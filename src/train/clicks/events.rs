//! What training on clicks tells its caller.

use core::fmt;

use crate::{
    eval::{ClickReport, RankingReport},
    train::{BestEpoch, EpochReport, Event, FitReport, Progress},
};

/// An evaluation on dev rows: what the metric is taken of. Its `Display` is part of a line.
#[derive(Clone, Debug, PartialEq)]
pub enum ClickEvaluation {
    /// How well clicks are predicted.
    Clicks(ClickReport),
    /// How the rows' candidates are ranked among their negatives, where that is the metric
    /// ([`ClickMetric::Ndcg`](super::ClickMetric::Ndcg)).
    Ranking(RankingReport),
}

impl ClickEvaluation {
    /// How well clicks are predicted, if that is the metric.
    pub fn clicks(&self) -> Option<&ClickReport> {
        match self {
            ClickEvaluation::Clicks(report) => Some(report),
            ClickEvaluation::Ranking(_) => None,
        }
    }

    /// How candidates are ranked, if that is the metric.
    pub fn ranking(&self) -> Option<&RankingReport> {
        match self {
            ClickEvaluation::Clicks(_) => None,
            ClickEvaluation::Ranking(report) => Some(report),
        }
    }
}

impl fmt::Display for ClickEvaluation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ClickEvaluation::Clicks(report) => write!(f, "dev {report}"),
            ClickEvaluation::Ranking(report) => write!(f, "dev {report}"),
        }
    }
}

/// One epoch on clicks.
pub type ClickEpoch = EpochReport<ClickEvaluation>;

/// What happens while clicks are trained on; samples are rows, negatives among them.
pub type ClickEvent = Event<ClickEvaluation>;

/// The best evaluation so far; its value is the metric's, more being better.
pub type BestClickEpoch = BestEpoch<f64>;

/// Where training on clicks stands; samples are rows, negatives among them.
pub type ClickProgress = Progress<f64>;

/// What a call of [`fit`](super::ClickTrainer::fit) did.
pub type ClickFit = FitReport<ClickEvaluation, f64>;
