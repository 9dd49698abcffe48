//! The training loop over click data.

use alloc::{format, vec::Vec};
use core::mem;

use super::{
    BestClickEpoch, ClickEpoch, ClickEvent, ClickFit, ClickMetric, ClickProgress, ClickTrainer,
    loader::{Loader, RowsOf},
};
use crate::{
    Error, Result,
    data::{
        Batch,
        clicks::{CandidateSampler, Samples},
    },
    executor::LossSum,
    plan::State,
    rng::Rng,
    train::{
        Control, IntoControl, ProgressReport, StopReason,
        average::{Aside, Values, swap_in},
        clock::Stopwatch,
        events::rate,
        not_finite,
        progress::{fresh_state, values_of},
        rows::thaw,
    },
};

/// One call: whom it tells, and its share of the epoch that is under way.
struct Run<'a> {
    watch: &'a mut dyn FnMut(&ClickEvent) -> Control,
    clock: Stopwatch,
    /// Seconds that the call may take.
    budget: Option<f64>,
    epochs: u32,
    steps: u64,
    rows: u64,
    seconds: f64,
    /// The state at the beginning of the epoch, and where that was: what the end of the epoch before left.
    snapshot: Option<(State, ClickProgress)>,
}

impl Run<'_> {
    fn is_out_of_time(&self) -> bool {
        let over = |budget| self.clock.seconds() >= budget;
        self.steps > 0 && self.budget.is_some_and(over)
    }
}

impl ClickTrainer {
    /// Trains until all epochs are done, patience is over, or the callback, called once an epoch, returns
    /// [`Control::Stop`]. A call after a stop goes on with the next row, with the same bits as if it had never stopped.
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
        self.fit_events(train, dev, |event| match event {
            ClickEvent::Epoch(report) => on_epoch(report).into_control(),
            ClickEvent::Progress(_) => Control::Continue,
        })
    }

    /// As [`fit`](ClickTrainer::fit), with a callback that also sees progress within epochs, after every
    /// [`report_every`](super::ClickConfig::report_every) steps of an epoch, and can stop there.
    ///
    /// # Errors
    /// Those of [`fit`](ClickTrainer::fit).
    pub fn fit_events<R: IntoControl>(
        &mut self,
        train: &Samples,
        dev: Option<&Samples>,
        mut on_event: impl FnMut(&ClickEvent) -> R,
    ) -> Result<ClickFit> {
        self.run(train, dev, None, &mut |event| on_event(event).into_control())
    }

    /// As [`fit_events`](ClickTrainer::fit_events), for so much time: it returns after the first step that ends later. It
    /// makes one step at least. An evaluation that falls due is done to its end.
    ///
    /// A call begins by preparing the training rows, in time proportional to their number: give seconds rather than the
    /// milliseconds of a frame. Where a call ends within a reporting interval, the reported loss of that epoch can
    /// differ in its last bit from that of an uninterrupted run, as sums are grouped otherwise; nothing else does.
    ///
    /// # Errors
    /// Those of [`fit`](ClickTrainer::fit).
    #[cfg(feature = "std")]
    pub fn train_for<R: IntoControl>(
        &mut self,
        train: &Samples,
        dev: Option<&Samples>,
        time: std::time::Duration,
        mut on_event: impl FnMut(&ClickEvent) -> R,
    ) -> Result<ClickFit> {
        let budget = Some(time.as_secs_f64());
        self.run(train, dev, budget, &mut |event| on_event(event).into_control())
    }

    fn run(
        &mut self,
        train: &Samples,
        dev: Option<&Samples>,
        budget: Option<f64>,
        watch: &mut dyn FnMut(&ClickEvent) -> Control,
    ) -> Result<ClickFit> {
        let clock = Stopwatch::start();
        let mut loader = self.loader(train)?;
        if let Some(dev) = dev {
            self.feed(dev)?;
            self.config.metric.check(dev)?;
        }
        thaw(&mut self.frozen, &mut *self.executor)?;
        self.count_support(train);
        self.aside.use_plain(&mut *self.executor)?;
        let mut run = Run {
            watch,
            clock,
            budget,
            epochs: 0,
            steps: 0,
            rows: 0,
            seconds: 0.0,
            snapshot: None,
        };
        let reason = self.run_epochs(&mut loader, dev, &mut run);
        let in_use = self.aside.use_mean(&mut *self.executor);
        let reason = reason?;
        in_use?;
        Ok(ClickFit {
            reason,
            epochs: run.epochs,
            steps: run.steps,
            best: self.progress.best,
        })
    }

    fn run_epochs(&mut self, loader: &mut Loader<'_>, dev: Option<&Samples>, run: &mut Run<'_>) -> Result<StopReason> {
        let patience = self.config.patience;
        let reason = loop {
            if self.progress.epoch >= self.config.epochs {
                break StopReason::Finished;
            }
            if patience.is_some_and(|patience| self.progress.stale >= patience) {
                break StopReason::Patience;
            }
            if run.is_out_of_time() {
                return Ok(StopReason::OutOfTime);
            }
            let report = match self.epoch(loader, dev, run)? {
                Ok(report) => report,
                Err(reason) => return Ok(reason),
            };
            run.epochs += 1;
            if (run.watch)(&ClickEvent::Epoch(report)) == Control::Stop {
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
        Ok(Loader {
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
        })
    }

    /// One epoch, or what is left of it where an earlier call stopped within; the reason where this one does.
    fn epoch(
        &mut self,
        loader: &mut Loader<'_>,
        dev: Option<&Samples>,
        run: &mut Run,
    ) -> Result<Result<ClickEpoch, StopReason>> {
        let snapshot = match run.snapshot.take() {
            Some(snapshot) => snapshot,
            None => (self.executor.state()?, self.progress),
        };
        let trained = self.steps(loader, run).and_then(|report| match report {
            Ok(report) => self.judge(report, dev).map(Ok),
            Err(reason) => Ok(Err(reason)),
        });
        match trained {
            Ok(Ok((report, state))) => {
                run.snapshot = Some((state, self.progress));
                Ok(Ok(report))
            }
            Ok(Err(reason)) => Ok(Err(reason)),
            Err(error) => {
                self.go_back(snapshot)?;
                Err(error)
            }
        }
    }

    fn go_back(&mut self, (state, progress): (State, ClickProgress)) -> Result<()> {
        self.executor.take_loss()?;
        self.executor.set_state(&state)?;
        self.progress = progress;
        Ok(())
    }

    /// The rest of the epoch's steps; the reason where it is left before its end.
    fn steps(&mut self, loader: &mut Loader<'_>, run: &mut Run) -> Result<Result<ClickEpoch, StopReason>> {
        let (epoch, total) = (self.progress.epoch, u64::from(loader.rows.total()));
        let interval = u64::from(self.config.report_every).saturating_mul(self.config.batch_size as u64);
        let optimizer = self.config.optimizer_of(epoch, self.progress.plateaus);
        let mut clock = Stopwatch::start();
        let mut since_report = Stopwatch::start();
        if self.progress.row >= total {
            // An earlier call stopped further on, with more rows to an epoch: those there are now are done.
            (self.progress.epoch, self.progress.row) = (epoch.saturating_add(1), 0);
        }
        while self.progress.epoch == epoch {
            let first = self.progress.row;
            self.step(loader, &optimizer)?;
            let over = self.progress.epoch != epoch;
            let done = if over { total } else { self.progress.row };
            (run.steps, run.rows) = (run.steps + 1, run.rows + (done - first));
            // Intervals are counted from the epoch's beginning, so that losses add up alike wherever a call began.
            if !over && done.is_multiple_of(interval) {
                let loss = self.take_loss()?;
                run.seconds += clock.lap();
                let answer = (run.watch)(&ClickEvent::Progress(ProgressReport {
                    epoch: epoch.saturating_add(1),
                    done,
                    total,
                    loss: loss.mean(),
                    samples_per_second: rate(loss.samples, since_report.lap()),
                }));
                clock.lap(); // the caller's time is not training's
                if answer == Control::Stop {
                    return Ok(Err(StopReason::Stopped));
                }
            }
            if !over && run.is_out_of_time() {
                self.take_loss()?;
                return Ok(Err(StopReason::OutOfTime));
            }
        }
        self.take_loss()?; // waits for the last step
        let loss = mem::take(&mut self.progress.loss);
        Ok(Ok(ClickEpoch {
            epoch: self.progress.epoch,
            loss: loss.mean(),
            dev: None,
            ranking: None,
            best: false,
            averaged: 0,
            samples: mem::take(&mut run.rows),
            seconds: mem::take(&mut run.seconds) + clock.lap(),
        }))
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

    /// Adds the losses since the last time to the epoch's and gives them.
    fn take_loss(&mut self) -> Result<LossSum> {
        let loss = self.executor.take_loss()?;
        let LossSum { sum, samples } = loss;
        if !sum.is_finite() {
            return Err(Error::Diverged {
                step: self.progress.step,
                loss: sum / samples.max(1) as f64,
            });
        }
        self.progress.loss.sum += sum;
        self.progress.loss.samples += samples;
        Ok(loss)
    }

    /// Takes the epoch into the mean, evaluates on the dev rows and keeps the best. Gives with the report the state at
    /// the epoch's end, which is the next one's beginning.
    fn judge(&mut self, mut report: ClickEpoch, dev: Option<&Samples>) -> Result<(ClickEpoch, State)> {
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
        Ok((report, state))
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
