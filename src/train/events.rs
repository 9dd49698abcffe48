//! What training tells its caller, and what the caller may answer.

use core::fmt;

use crate::eval::RankingReport;

/// The answer of a callback.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Control {
    /// Go on.
    #[default]
    Continue,
    /// Return from `fit` before the next step. Nothing is lost: the next call goes on with the next sample.
    Stop,
}

/// What a callback may return: nothing, or a [`Control`].
pub trait IntoControl {
    /// As a [`Control`].
    fn into_control(self) -> Control;
}

impl IntoControl for () {
    fn into_control(self) -> Control {
        Control::Continue
    }
}

impl IntoControl for Control {
    fn into_control(self) -> Control {
        self
    }
}

/// What happens during training.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event<E = RankingReport> {
    /// Some steps of an epoch are done.
    Progress(ProgressReport),
    /// An epoch is done, and evaluated if that was due.
    Epoch(EpochReport<E>),
}

/// Where an epoch stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ProgressReport {
    /// The epoch, counted from 1.
    pub epoch: u32,
    /// Samples of this epoch that are done.
    pub done: u64,
    /// Samples of an epoch.
    pub total: u64,
    /// Mean loss since the last report.
    pub loss: f64,
    /// Samples a second since the last report; 0 where there is no clock.
    pub samples_per_second: f64,
}

/// One epoch. Its `Display` is one line: epoch, loss, evaluation, samples/s.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EpochReport<E = RankingReport> {
    /// The epoch, counted from 1.
    pub epoch: u32,
    /// Mean loss of its samples, cross-entropy or what else the plan ends in, without the L2 terms, each before its step.
    pub loss: f64,
    /// The evaluation, if one was due.
    pub evaluation: Option<E>,
    /// Whether the evaluation is the best so far.
    pub best: bool,
    /// Epochs in the mean of the parameters that was evaluated; 0 for the parameters as they are.
    pub averaged: u32,
    /// Samples trained on, in this call: fewer than the epoch's where the call began within it.
    pub samples: u64,
    /// Time those samples took, evaluation not counted, in seconds; 0 where there is no clock.
    pub seconds: f64,
    /// Time of the evaluation in seconds; 0 where there is no clock.
    pub eval_seconds: f64,
}

impl<E> EpochReport<E> {
    /// Samples a second; 0 where there is no clock.
    pub fn samples_per_second(&self) -> f64 {
        rate(self.samples, self.seconds)
    }
}

pub(super) fn rate(samples: u64, seconds: f64) -> f64 {
    if seconds > 0.0 { samples as f64 / seconds } else { 0.0 }
}

/// `12.3M` and the like.
fn write_rate(f: &mut fmt::Formatter<'_>, rate: f64) -> fmt::Result {
    match rate {
        r if r <= 0.0 => Ok(()),
        r if r < 1e4 => write!(f, "  {r:.0} samples/s"),
        r if r < 1e6 => write!(f, "  {:.0}k samples/s", r / 1e3),
        r => write!(f, "  {:.2}M samples/s", r / 1e6),
    }
}

impl<E: fmt::Display> fmt::Display for EpochReport<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "epoch {:>3}  loss {:.4}", self.epoch, self.loss)?;
        if let Some(evaluation) = &self.evaluation {
            write!(f, "  {evaluation}{}", if self.best { " *" } else { "  " })?;
            if self.averaged > 0 {
                write!(f, "  mean of {:>2}", self.averaged)?;
            }
        }
        write_rate(f, self.samples_per_second())
    }
}

impl fmt::Display for ProgressReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let share = 100.0 * self.done as f64 / self.total.max(1) as f64;
        write!(f, "epoch {:>3}  {share:>5.1} %  loss {:.4}", self.epoch, self.loss)?;
        write_rate(f, self.samples_per_second)
    }
}

impl<E: fmt::Display> fmt::Display for Event<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::Progress(report) => report.fmt(f),
            Event::Epoch(report) => report.fmt(f),
        }
    }
}

/// Why `fit` returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// All epochs are done.
    Finished,
    /// The evaluation did not get better for as long as `patience` allows.
    Patience,
    /// The callback said so.
    Stopped,
    /// The time is over.
    OutOfTime,
}

/// The best evaluation so far.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BestEpoch<V = RankingReport> {
    /// The epoch, counted from 1.
    pub epoch: u32,
    /// What evaluations are compared by.
    pub value: V,
    /// Epochs in the mean of the parameters that was evaluated; 0 for the parameters as they are.
    pub averaged: u32,
}

/// What a call of `fit` did.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FitReport<E = RankingReport, V = RankingReport> {
    /// Why it returned.
    pub reason: StopReason,
    /// Epochs completed in this call.
    pub epochs: u32,
    /// Steps made in this call.
    pub steps: u64,
    /// Samples trained on in this call.
    pub samples: u64,
    /// Samples of an epoch: what [`Progress::sample`](super::Progress::sample) counts to.
    pub total: u64,
    /// Time of the call in seconds, evaluation included; 0 where there is no clock.
    pub seconds: f64,
    /// The last epoch completed in this call.
    pub last: Option<EpochReport<E>>,
    /// The best evaluation since training began (or since the last `absorb`).
    pub best: Option<BestEpoch<V>>,
}

impl<E, V> FitReport<E, V> {
    /// Of a call that has done nothing so far.
    pub(super) fn new() -> Self {
        FitReport {
            reason: StopReason::Finished,
            epochs: 0,
            steps: 0,
            samples: 0,
            total: 0,
            seconds: 0.0,
            last: None,
            best: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn an_epoch_is_one_line() {
        let ranking = RankingReport {
            k: 10,
            hr: 0.6881,
            ndcg: 0.41,
            mrr: 0.3,
            cases: 1,
            left_out: 0,
            scored: 100,
        };
        let mut report = EpochReport {
            epoch: 3,
            loss: 0.28714,
            evaluation: Some(ranking),
            best: true,
            averaged: 0,
            samples: 3_000_000,
            seconds: 2.0,
            eval_seconds: 0.0,
        };
        let line = "epoch   3  loss 0.2871  HR@10 0.6881  NDCG@10 0.4100 *  1.50M samples/s";
        assert_eq!(report.to_string(), line);
        report.averaged = 12;
        let line = "epoch   3  loss 0.2871  HR@10 0.6881  NDCG@10 0.4100 *  mean of 12  1.50M samples/s";
        assert_eq!(report.to_string(), line);
        (report.evaluation, report.seconds) = (None, 0.0);
        assert_eq!(report.to_string(), "epoch   3  loss 0.2871");
    }
}
