//! Where training stands, as JSON in the metadata. Floats are strings: decimal for people, and read back to the bit.

use alloc::string::String;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{
    eval::RankingReport,
    executor::LossSum,
    train::{BestClickEpoch, BestEpoch, ClickProgress, Progress},
};

/// A finite float that JSON carries to the bit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Exact(pub f64);

impl Serialize for Exact {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:?}", self.0))
    }
}

impl<'de> Deserialize<'de> for Exact {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
        number
            .map(Exact)
            .ok_or_else(|| de::Error::custom(format_args!("{text:?} is not a finite number")))
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProgressRecord {
    epoch: u32,
    sample: u64,
    step: u64,
    /// The optimiser's own count, which Adam's bias correction needs.
    pub optimizer_step: u64,
    loss_sum: Exact,
    loss_samples: u64,
    best: Option<BestRecord>,
    #[serde(rename = "stale")]
    evaluations_since_best: u32,
    #[serde(default, skip_serializing_if = "is_zero")]
    plateaus: u32,
    at_best: bool,
    absorbed: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    averaged: u32,
    pub keyed: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BestRecord {
    epoch: u32,
    k: usize,
    hr: Exact,
    ndcg: Exact,
    mrr: Exact,
    cases: u64,
    scored: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    left_out: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    averaged: u32,
}

/// What is left out where nothing is averaged, as in files from before there was averaging.
pub(super) fn is_zero<T: Default + PartialEq>(count: &T) -> bool {
    *count == T::default()
}

impl ProgressRecord {
    pub fn new(progress: &Progress, optimizer_step: u64, keyed: bool) -> Self {
        let best = |BestEpoch {
                        epoch,
                        value: ranking,
                        averaged,
                    }: BestEpoch| BestRecord {
            epoch,
            k: ranking.k,
            hr: Exact(ranking.hr),
            ndcg: Exact(ranking.ndcg),
            mrr: Exact(ranking.mrr),
            cases: ranking.cases,
            scored: ranking.scored,
            left_out: ranking.left_out,
            averaged,
        };
        ProgressRecord {
            epoch: progress.epoch,
            sample: progress.sample,
            step: progress.step,
            optimizer_step,
            loss_sum: Exact(progress.loss.sum),
            loss_samples: progress.loss.samples,
            best: progress.best.map(best),
            evaluations_since_best: progress.evaluations_since_best,
            plateaus: progress.plateaus,
            at_best: progress.at_best,
            absorbed: progress.absorbed,
            averaged: progress.averaged,
            keyed,
        }
    }

    pub fn progress(&self) -> Progress {
        let best = |best: &BestRecord| BestEpoch {
            epoch: best.epoch,
            value: RankingReport {
                k: best.k,
                hr: best.hr.0,
                ndcg: best.ndcg.0,
                mrr: best.mrr.0,
                cases: best.cases,
                scored: best.scored,
                left_out: best.left_out,
            },
            averaged: best.averaged,
        };
        Progress {
            epoch: self.epoch,
            sample: self.sample,
            step: self.step,
            loss: LossSum {
                sum: self.loss_sum.0,
                samples: self.loss_samples,
            },
            best: self.best.as_ref().map(best),
            evaluations_since_best: self.evaluations_since_best,
            plateaus: self.plateaus,
            at_best: self.at_best,
            absorbed: self.absorbed,
            averaged: self.averaged,
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClickProgressRecord {
    epoch: u32,
    row: u64,
    step: u64,
    pub optimizer_step: u64,
    loss_sum: Exact,
    loss_samples: u64,
    best: Option<(u32, Exact)>,
    #[serde(default, skip_serializing_if = "is_zero")]
    best_averaged: u32,
    #[serde(default, skip_serializing_if = "is_zero")]
    at_best: bool,
    #[serde(rename = "stale")]
    evaluations_since_best: u32,
    plateaus: u32,
    #[serde(default, skip_serializing_if = "is_zero")]
    averaged: u32,
    #[serde(default, skip_serializing_if = "is_zero")]
    absorbed: u64,
}

impl ClickProgressRecord {
    pub fn new(progress: &ClickProgress, optimizer_step: u64) -> Self {
        ClickProgressRecord {
            epoch: progress.epoch,
            row: progress.sample,
            step: progress.step,
            optimizer_step,
            loss_sum: Exact(progress.loss.sum),
            loss_samples: progress.loss.samples,
            best: progress.best.map(|best| (best.epoch, Exact(best.value))),
            best_averaged: progress.best.map_or(0, |best| best.averaged),
            at_best: progress.at_best,
            evaluations_since_best: progress.evaluations_since_best,
            plateaus: progress.plateaus,
            averaged: progress.averaged,
            absorbed: progress.absorbed,
        }
    }

    pub fn progress(&self) -> ClickProgress {
        ClickProgress {
            epoch: self.epoch,
            sample: self.row,
            step: self.step,
            loss: LossSum {
                sum: self.loss_sum.0,
                samples: self.loss_samples,
            },
            best: self.best.map(|(epoch, value)| BestClickEpoch {
                epoch,
                value: value.0,
                averaged: self.best_averaged,
            }),
            evaluations_since_best: self.evaluations_since_best,
            at_best: self.at_best,
            plateaus: self.plateaus,
            averaged: self.averaged,
            absorbed: self.absorbed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_keep_their_bits() {
        for number in [0.0, -0.0, 0.1 + 0.2, f64::MIN_POSITIVE / 3.0, 1e308, 2.0f64.powi(-1074)] {
            let json = serde_json::to_string(&Exact(number)).unwrap();
            let back: Exact = serde_json::from_str(&json).unwrap();
            assert_eq!(back.0.to_bits(), number.to_bits());
        }
        for json in ["\"NaN\"", "\"inf\"", "\"\"", "1.5"] {
            assert!(serde_json::from_str::<Exact>(json).is_err());
        }
    }
}
