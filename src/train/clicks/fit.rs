//! The training loop over click data.

use alloc::{format, vec::Vec};
use core::{fmt, mem};

use super::{ClickMetric, ClickProgress, ClickTrainer, feed::Feed};
use crate::{
    Error, Result,
    data::{
        Batch,
        samples::{CandidateSampler, Pick, Samples},
    },
    eval::{ClickReport, RankingReport},
    executor::LossSum,
    plan::State,
    rng::{Permutation, Rng},
    train::{
        Control, IntoControl, StopReason,
        average::{Aside, Values, swap_in},
        clock::Stopwatch,
        events::rate,
        not_finite,
        progress::{fresh_state, values_of},
        rows::thaw,
    },
};

/// The streams of the seed that give an epoch's order, a step's dropout, and an epoch's negatives.
const ORDER_STREAM: u32 = 4;
const NOISE_STREAM: u32 = 5;
const NEGATIVE_STREAM: u32 = 6;

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
    /// The evaluation on the dev rows, if there are any; with [`ClickMetric::Ndcg`] it is `ranking`.
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

/// What a call of `fit` did.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClickFit {
    /// Why it returned.
    pub reason: StopReason,
    /// Epochs completed in it.
    pub epochs: u32,
    /// The best evaluation since the beginning of training.
    pub best: Option<BestClickEpoch>,
}

/// Two batches: one is trained on while the other is filled.
struct Loader<'a> {
    rows: RowsOf<'a>,
    now: Batch,
    next: Batch,
    /// The position that `next` holds.
    ready: Option<(u32, u64)>,
}

/// What batches are made of.
struct RowsOf<'a> {
    feed: Feed,
    samples: &'a Samples,
    drawn: Option<CandidateSampler>,
    rng: Rng,
    size: usize,
    /// Of the batch that is being filled.
    picks: Vec<Pick>,
}

impl RowsOf<'_> {
    fn total(&self) -> u32 {
        match &self.drawn {
            Some(drawn) => drawn.rows(),
            None => self.samples.len() as u32, // `fit` has checked it
        }
    }

    fn after(&self, (epoch, row): (u32, u64)) -> (u32, u64) {
        match row.saturating_add(self.size as u64) {
            next if next < self.total().into() => (epoch, next),
            _ => (epoch.saturating_add(1), 0),
        }
    }

    /// Fills and sorts the batch at a position.
    fn fill(&mut self, (epoch, row): (u32, u64), batch: &mut Batch) {
        let total = self.total();
        let order = Permutation::new(total, self.rng.stream(ORDER_STREAM).stream(epoch));
        let negatives = self.rng.stream(NEGATIVE_STREAM).stream(epoch);
        let end = row.saturating_add(self.size as u64).min(total.into()) as u32;
        let pick = |at: u32| match &self.drawn {
            Some(drawn) => drawn.pick(negatives, order.at(at)),
            None => Pick::own(order.at(at) as usize),
        };
        self.picks.clear();
        self.picks.extend((row as u32..end).map(pick));
        let noise = self.rng.stream(NOISE_STREAM).stream(epoch);
        let noise = noise.stream((row / self.size as u64) as u32);
        let drawn = self.drawn.as_ref();
        self.feed.fill(self.samples, drawn, &self.picks, noise, batch);
        batch.sort();
    }
}

impl ClickTrainer {
    /// Trains until all epochs are done, patience is over, or the callback, called once an epoch, returns
    /// [`Control::Stop`]. A call after a stop goes on with the next epoch, with the same bits as if it had never stopped.
    ///
    /// With dev rows each epoch is evaluated on them; with `patience` too, the parameters of the best epoch are kept
    /// and are the trainer's when `fit` returns because training is over; moments begin anew then. Where
    /// [`ClickConfig::negatives`](super::ClickConfig::negatives) are drawn, an epoch has that many more rows. With
    /// [`ClickConfig::average_from`](super::ClickConfig::average_from) it is the mean over epochs that is evaluated, kept
    /// and the trainer's.
    ///
    /// # Errors
    /// [`Error::Config`] where the samples are empty, too many (2^32 - 2), or lack a field of the model, or where
    /// negatives are to be drawn and a row is no choice or the encoder does not say what to draw;
    /// [`Error::Diverged`] where the loss or a parameter is no longer finite: the state is then that of the last
    /// epoch's end.
    pub fn fit<R: IntoControl>(
        &mut self,
        train: &Samples,
        dev: Option<&Samples>,
        mut on_epoch: impl FnMut(&ClickEpoch) -> R,
    ) -> Result<ClickFit> {
        let mut loader = self.loader(train)?;
        if let Some(dev) = dev {
            self.feed(dev)?;
            self.config.metric.check(dev)?;
        }
        thaw(&mut self.frozen, &mut *self.executor)?;
        self.count_support(train);
        self.aside.use_plain(&mut *self.executor)?;
        let mut epochs = 0;
        let reason = self.run_epochs(&mut loader, dev, &mut |epoch| {
            epochs += 1;
            on_epoch(epoch).into_control()
        });
        let in_use = self.aside.use_mean(&mut *self.executor);
        let reason = reason?;
        in_use?;
        Ok(ClickFit {
            reason,
            epochs,
            best: self.progress.best,
        })
    }

    fn run_epochs(
        &mut self,
        loader: &mut Loader<'_>,
        dev: Option<&Samples>,
        on_epoch: &mut dyn FnMut(&ClickEpoch) -> Control,
    ) -> Result<StopReason> {
        let patience = self.config.patience;
        let reason = loop {
            if self.progress.epoch >= self.config.epochs {
                break StopReason::Finished;
            }
            if patience.is_some_and(|patience| self.progress.stale >= patience) {
                break StopReason::Patience;
            }
            let report = self.epoch(loader, dev)?;
            if on_epoch(&report) == Control::Stop {
                return Ok(StopReason::Stopped);
            }
        };
        if let Some(best) = self.best.take() {
            self.executor.set_state(&fresh_state(best))?;
            self.forget_mean();
        }
        Ok(reason)
    }

    fn loader<'a>(&self, train: &'a Samples) -> Result<Loader<'a>> {
        if train.is_empty() {
            return Err(Error::config("train", "there are no rows to train on"));
        }
        if train.len() as u64 >= u64::from(u32::MAX) {
            return Err(Error::config("train", "there are more than 4294967294 rows"));
        }
        let drawn = match (self.config.negatives, &self.encoder) {
            (0, _) => None,
            (negatives, Some(encoder)) => Some(CandidateSampler::new(encoder, train, negatives)?),
            (_, None) => {
                let reason = "drawing them takes the encoder; give it with set_encoder";
                return Err(Error::config("negatives", reason));
            }
        };
        let loader = Loader {
            rows: RowsOf {
                feed: self.feed(train)?,
                samples: train,
                drawn,
                rng: Rng::new(self.config.seed),
                size: self.config.batch_size,
                picks: Vec::new(),
            },
            now: Batch::default(),
            next: Batch::default(),
            ready: None,
        };
        let (row, total) = (self.progress.row, loader.rows.total());
        if row >= u64::from(total) {
            let reason = format!("training stands at row {row} of an epoch, and these are {total}: give the same rows");
            return Err(Error::config("train", reason));
        }
        Ok(loader)
    }

    /// One epoch, with what is left of it where an earlier call stopped within.
    fn epoch(&mut self, loader: &mut Loader<'_>, dev: Option<&Samples>) -> Result<ClickEpoch> {
        let good = (self.executor.state()?, self.progress);
        let trained = self.steps(loader).and_then(|report| self.judge(report, dev));
        if trained.is_err() {
            self.go_back(good)?;
        }
        trained
    }

    fn go_back(&mut self, (state, progress): (State, ClickProgress)) -> Result<()> {
        self.executor.take_loss()?;
        self.executor.set_state(&state)?;
        self.progress = progress;
        Ok(())
    }

    /// All steps of an epoch.
    fn steps(&mut self, loader: &mut Loader<'_>) -> Result<ClickEpoch> {
        let clock = Stopwatch::start();
        let (epoch, first) = (self.progress.epoch, self.progress.row);
        let optimizer = self.config.optimizer_of(epoch, self.progress.plateaus);
        let mut steps = 0u32;
        while self.progress.epoch == epoch {
            self.step(loader, &optimizer)?;
            steps = steps.wrapping_add(1);
            if steps.is_multiple_of(self.config.report_every) || self.progress.epoch != epoch {
                self.take_loss()?;
            }
        }
        let loss = mem::take(&mut self.progress.loss);
        Ok(ClickEpoch {
            epoch: self.progress.epoch,
            loss: loss.mean(),
            dev: None,
            ranking: None,
            best: false,
            averaged: 0,
            samples: u64::from(loader.rows.total()) - first, // `loader` has checked it
            seconds: clock.seconds(),
        })
    }

    fn step(&mut self, loader: &mut Loader<'_>, optimizer: &crate::plan::Optimizer) -> Result<()> {
        let at = (self.progress.epoch, self.progress.row);
        let following = loader.rows.after(at);
        let Loader { rows, now, next, ready } = loader;
        if ready.take() == Some(at) {
            mem::swap(now, next);
        } else {
            rows.fill(at, now);
        }
        self.executor
            .step(now, optimizer, self.config.l2, &mut || rows.fill(following, next))?;
        *ready = Some(following);
        (self.progress.epoch, self.progress.row) = following;
        self.progress.step = self.progress.step.saturating_add(1);
        Ok(())
    }

    fn take_loss(&mut self) -> Result<()> {
        let LossSum { sum, samples } = self.executor.take_loss()?;
        if !sum.is_finite() {
            return Err(Error::Diverged {
                step: self.progress.step,
                loss: sum / samples.max(1) as f64,
            });
        }
        self.progress.loss.sum += sum;
        self.progress.loss.samples = self.progress.loss.samples.saturating_add(samples);
        Ok(())
    }

    /// Takes the epoch into the mean, evaluates on the dev rows and keeps the best.
    fn judge(&mut self, mut report: ClickEpoch, dev: Option<&Samples>) -> Result<ClickEpoch> {
        let mut state = self.executor.state()?;
        if not_finite(self.plan(), &state).is_some() {
            return Err(Error::Diverged {
                step: self.progress.step,
                loss: report.loss,
            });
        }
        let (from, averaged) = (self.config.average_from, self.progress.averaged);
        let next = self.aside.next_mean(from, report.epoch, averaged, &state);
        let (mut mean, averaged) = next.unzip();
        report.averaged = averaged.unwrap_or(0);
        if let Some(dev) = dev {
            let value = self.measure(&mut report, dev, &mut state, mean.as_mut())?;
            self.note(&mut report, value, || mean.clone().unwrap_or_else(|| values_of(&state)));
        }
        self.progress.averaged = report.averaged;
        self.aside = mean.map_or(Aside::Nothing, Aside::Mean);
        Ok(report)
    }

    /// Evaluates the mean where there is one, else the parameters in the executor. These are `state`, and they are in
    /// the executor again afterwards. Gives the metric.
    fn measure(
        &mut self,
        report: &mut ClickEpoch,
        dev: &Samples,
        state: &mut State,
        mean: Option<&mut Values>,
    ) -> Result<f64> {
        let Some(mean) = mean else {
            return self.measure_present(report, dev);
        };
        swap_in(&mut *self.executor, state, mean)?;
        let value = self.measure_present(report, dev);
        swap_in(&mut *self.executor, state, mean)?;
        value
    }

    fn measure_present(&mut self, report: &mut ClickEpoch, dev: &Samples) -> Result<f64> {
        if self.config.metric == ClickMetric::Ndcg {
            let ranking = self.evaluate_ranking(dev, self.config.k)?;
            report.ranking = Some(ranking);
            return Ok(ranking.ndcg);
        }
        let clicks = self.evaluate(dev)?;
        let value = self.config.metric.of(&clicks);
        report.dev = Some(clicks);
        value.ok_or_else(|| {
            let metric = self.config.metric;
            let reason = format!("{metric} is undefined on the dev rows: labels are all the same");
            Error::config("dev", reason)
        })
    }

    /// Compares an evaluation, of `values`, with the best one.
    fn note(&mut self, report: &mut ClickEpoch, value: f64, values: impl FnOnce() -> Values) {
        report.best = self.progress.best.is_none_or(|best| value > best.value);
        if report.best {
            let epoch = report.epoch;
            self.progress.best = Some(BestClickEpoch { epoch, value });
            self.progress.stale = 0;
            self.best = self.config.patience.map(|_| values());
        } else {
            self.progress.stale = self.progress.stale.saturating_add(1);
            self.progress.plateaus = self.progress.plateaus.saturating_add(1);
        }
    }
}
