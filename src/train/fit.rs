//! The training loop.

use alloc::format;

use super::{
    BestEpoch, Control, EpochReport, Event, FitReport, IntoControl, ProgressReport, StopReason, TrainConfig, Trainer,
    average::{Aside, Values},
    clock::Stopwatch,
    events::rate,
    loader::Loader,
    progress::{Snapshot, fresh_state, not_finite, values_of},
};
use crate::{
    Error, Result,
    data::{Sampler, Split},
    eval::{self, Protocol, RankingReport},
    executor::LossSum,
    models::Loss,
    plan::State,
};

/// One call: its budget and what it did.
struct Run<'a> {
    watch: &'a mut dyn FnMut(&Event) -> Control,
    clock: Stopwatch,
    budget: Option<f64>,
    report: FitReport,
    /// Samples and seconds of the epoch, in this call.
    epoch_samples: u64,
    epoch_seconds: f64,
}

impl Trainer {
    /// Trains until all epochs are done, patience is over, or the callback returns [`Control::Stop`]. The callback is
    /// called once an epoch; it may return nothing. A call after a stop goes on with the next sample, with the same
    /// bits as if it had never stopped.
    ///
    /// The parameters at the beginning of the epoch are kept on the host (and those of the best epoch, where
    /// `patience` is set, and their mean, where `average_from` is): memory for one and, with Adam, two moments a
    /// parameter.
    ///
    /// # Errors
    /// [`Error::Config`] where the split does not fit the model or cannot be evaluated; [`Error::Diverged`] where the
    /// loss or a parameter is no longer finite: parameters and position are then those of the beginning of the epoch
    /// or of this call, whichever was later.
    pub fn fit<R: IntoControl>(
        &mut self,
        split: &Split,
        mut on_epoch: impl FnMut(&EpochReport) -> R,
    ) -> Result<FitReport> {
        self.run(split, None, &mut |event| match event {
            Event::Epoch(report) => on_epoch(report).into_control(),
            Event::Progress(_) => Control::Continue,
        })
    }

    /// As [`fit`](Trainer::fit), with a callback that also sees progress within epochs and can stop there.
    ///
    /// # Errors
    /// Those of [`fit`](Trainer::fit).
    pub fn fit_events<R: IntoControl>(
        &mut self,
        split: &Split,
        mut on_event: impl FnMut(&Event) -> R,
    ) -> Result<FitReport> {
        self.run(split, None, &mut |event| on_event(event).into_control())
    }

    /// As [`fit_events`](Trainer::fit_events), for so much time: it returns after the first step that ends later. It
    /// makes one step at least. An evaluation that falls due is done to its end.
    ///
    /// A call begins by indexing the training part, in time proportional to its size: give seconds rather than the
    /// milliseconds of a frame. Where a call ends within a reporting interval, the reported loss of that epoch can
    /// differ in its last bit from that of an uninterrupted run, as sums are grouped otherwise; nothing else does.
    ///
    /// # Errors
    /// Those of [`fit`](Trainer::fit).
    #[cfg(feature = "std")]
    pub fn train_for<R: IntoControl>(
        &mut self,
        split: &Split,
        time: std::time::Duration,
        mut on_event: impl FnMut(&Event) -> R,
    ) -> Result<FitReport> {
        let budget = Some(time.as_secs_f64());
        self.run(split, budget, &mut |event| on_event(event).into_control())
    }

    /// Ranks the test items of a split with the present parameters, or their mean once there is one.
    ///
    /// # Errors
    /// Those of [`eval::evaluate`], and [`Error::Config`] where the split's users or items have other keys than those that
    /// the model was trained with.
    pub fn evaluate(&mut self, split: &Split, protocol: Protocol, k: usize) -> Result<RankingReport> {
        self.check_keys(split)?;
        eval::evaluate(&mut *self.executor, split, protocol, k)
    }

    fn run(
        &mut self,
        split: &Split,
        budget: Option<f64>,
        watch: &mut dyn FnMut(&Event) -> Control,
    ) -> Result<FitReport> {
        let clock = Stopwatch::start();
        self.check_keys(split)?;
        self.check_evaluation(split)?;
        self.adopt(split)?;
        self.thaw()?;
        let TrainConfig {
            loss, negatives, seed, ..
        } = self.config;
        let sampler = match loss {
            Loss::CrossEntropy => Sampler::new(&split.train, negatives, seed)?,
            Loss::Bpr => Sampler::pairwise(&split.train, negatives, seed)?,
        };
        let mut loader = Loader::new(sampler, self.config.batch_size, &mut *self.executor)?;
        let mut run = Run {
            watch,
            clock,
            budget,
            report: FitReport {
                reason: StopReason::Finished,
                epochs: 0,
                steps: 0,
                samples: 0,
                seconds: 0.0,
                last: None,
                best: None,
            },
            epoch_samples: 0,
            epoch_seconds: 0.0,
        };
        self.aside.use_plain(&mut *self.executor)?;
        let reason = self.run_epochs(split, &mut loader, &mut run);
        let in_use = self.aside.use_mean(&mut *self.executor);
        run.report.reason = reason?;
        in_use?;
        run.report.best = self.progress.best;
        run.report.seconds = run.clock.seconds();
        Ok(run.report)
    }

    fn run_epochs(&mut self, split: &Split, loader: &mut Loader, run: &mut Run) -> Result<StopReason> {
        loop {
            if let Some(reason) = self.finished() {
                self.restore_best()?;
                return Ok(reason);
            }
            self.keep_good_state()?;
            if let Some(reason) = self.run_steps(loader, run)? {
                return Ok(reason);
            }
            if self.end_epoch(split, run)? == Control::Stop {
                return Ok(StopReason::Stopped);
            }
        }
    }

    fn finished(&self) -> Option<StopReason> {
        let tired = |patience| self.progress.stale >= patience;
        if self.config.patience.is_some_and(tired) {
            return Some(StopReason::Patience);
        }
        (self.progress.epoch >= self.config.epochs).then_some(StopReason::Finished)
    }

    /// The rest of the epoch's steps; a reason where it is left before its end.
    fn run_steps(&mut self, loader: &mut Loader, run: &mut Run) -> Result<Option<StopReason>> {
        let total = loader.total();
        let interval = u64::from(self.config.report_every).saturating_mul(self.config.batch_size as u64);
        let optimizer = self.config.optimizer_of(self.progress.epoch);
        let mut clock = Stopwatch::start();
        let mut since_report = Stopwatch::start();
        while self.progress.sample < total {
            let at = (self.progress.epoch, self.progress.sample);
            let samples = loader.step(&mut *self.executor, &optimizer, self.config.l2, at)?;
            self.progress.sample = self.progress.sample.saturating_add(samples);
            self.progress.step = self.progress.step.saturating_add(1);
            self.progress.at_best = false;
            run.report.steps += 1;
            run.report.samples += samples;
            run.epoch_samples += samples;
            let mut answer = Control::Continue;
            if self.progress.sample < total && self.progress.sample.is_multiple_of(interval) {
                let loss = self.fetch_loss()?;
                run.epoch_seconds += clock.lap();
                answer = (run.watch)(&Event::Progress(ProgressReport {
                    epoch: self.progress.epoch.saturating_add(1),
                    done: self.progress.sample,
                    total,
                    loss: loss.mean(),
                    samples_per_second: rate(loss.samples, since_report.lap()),
                }));
                clock.lap(); // the caller's time is not training's
            }
            let over = run.budget.is_some_and(|budget| run.clock.seconds() >= budget);
            if answer == Control::Stop || over {
                self.fetch_loss()?;
                let stopped = answer == Control::Stop;
                return Ok(Some(if stopped {
                    StopReason::Stopped
                } else {
                    StopReason::OutOfTime
                }));
            }
        }
        self.fetch_loss()?; // waits for the last step
        run.epoch_seconds += clock.lap();
        Ok(None)
    }

    /// Evaluates, keeps the state, moves on to the next epoch and tells the caller.
    fn end_epoch(&mut self, split: &Split, run: &mut Run) -> Result<Control> {
        let mut state = self.executor.state()?;
        if not_finite(self.executor.plan(), &state).is_some() {
            return Err(self.diverge(f64::NAN));
        }
        let mut clock = Stopwatch::start();
        let epoch = self.progress.epoch.saturating_add(1);
        let (from, averaged) = (self.config.average_from, self.progress.averaged);
        let (mut mean, averaged) = self.aside.next_mean(from, epoch, averaged, &state).unzip();
        let averaged = averaged.unwrap_or(0);
        let every = self.config.eval_every;
        let ranking = match every > 0 && epoch.is_multiple_of(every) {
            true => Some(self.evaluate_epoch(split, &mut state, mean.as_mut())?),
            false => None,
        };
        let eval_seconds = clock.lap();
        let best = ranking.is_some_and(|ranking| {
            let evaluated = BestEpoch {
                epoch,
                ranking,
                averaged,
            };
            self.note(evaluated, || mean.clone().unwrap_or_else(|| values_of(&state)))
        });
        let report = EpochReport {
            epoch,
            loss: self.progress.loss.mean(),
            ranking,
            best,
            averaged,
            samples: core::mem::take(&mut run.epoch_samples),
            seconds: core::mem::take(&mut run.epoch_seconds),
            eval_seconds,
        };
        self.progress.next_epoch();
        self.progress.averaged = averaged;
        self.aside = mean.map_or(Aside::Nothing, Aside::Mean);
        let progress = self.progress;
        self.good = Some(Snapshot { state, progress });
        run.report.epochs += 1;
        run.report.last = Some(report);
        Ok((run.watch)(&Event::Epoch(report)))
    }

    fn evaluate_epoch(&mut self, split: &Split, state: &mut State, mean: Option<&mut Values>) -> Result<RankingReport> {
        match self.rank(split, state, mean) {
            // Finite parameters can be so large that a logit is not.
            Err(Error::Config { field, .. }) if field == "score" => Err(self.diverge(f64::NAN)),
            result => result,
        }
    }

    /// Compares an evaluation, of `values`, with the best one.
    fn note(&mut self, evaluated: BestEpoch, values: impl FnOnce() -> Values) -> bool {
        let better = self.progress.best.is_none_or(|best| {
            let (old, new) = (&best.ranking, &evaluated.ranking);
            new.hr > old.hr || (new.hr == old.hr && new.ndcg > old.ndcg)
        });
        if better {
            self.progress.best = Some(evaluated);
            self.progress.stale = 0;
            self.progress.at_best = true;
            self.best_values = self.config.patience.map(|_| values());
        } else {
            self.progress.stale = self.progress.stale.saturating_add(1);
        }
        better
    }

    /// Puts the best parameters back, where early stopping is on and they are not the present ones.
    fn restore_best(&mut self) -> Result<()> {
        if self.config.patience.is_none() || self.progress.at_best {
            return Ok(());
        }
        if let Some(values) = &self.best_values {
            self.executor.set_state(&fresh_state(values.clone()))?;
            self.forget_mean();
            self.progress.at_best = true;
            self.good = None;
        }
        Ok(())
    }

    /// Keeps a copy of the state to go back to, unless there is one of this epoch.
    fn keep_good_state(&mut self) -> Result<()> {
        let epoch = self.progress.epoch;
        if self.good.as_ref().is_some_and(|good| good.progress.epoch == epoch) {
            return Ok(());
        }
        let state = self.executor.state()?;
        if not_finite(self.executor.plan(), &state).is_some() {
            return Err(self.diverge(f64::NAN));
        }
        let progress = self.progress;
        self.good = Some(Snapshot { state, progress });
        Ok(())
    }

    /// Adds the losses since the last fetch to the epoch's and gives them.
    fn fetch_loss(&mut self) -> Result<LossSum> {
        let loss = self.executor.take_loss()?;
        if !loss.sum.is_finite() {
            return Err(self.diverge(loss.sum / loss.samples.max(1) as f64));
        }
        self.progress.loss.sum += loss.sum;
        self.progress.loss.samples = self.progress.loss.samples.saturating_add(loss.samples);
        Ok(loss)
    }

    /// Goes back to the last good state. Gives the error to return.
    fn diverge(&mut self, loss: f64) -> Error {
        let step = self.progress.step;
        if let Some(good) = &self.good {
            let restored = self.executor.set_state(&good.state);
            // Losses of the steps that are undone.
            if let Err(error) = restored.and_then(|()| self.executor.take_loss()) {
                return error;
            }
            self.progress = good.progress;
        }
        Error::Diverged { step, loss }
    }

    /// Finds out before the first epoch, not after it, that a split cannot be evaluated.
    fn check_evaluation(&self, split: &Split) -> Result<()> {
        let reason = match self.config.protocol {
            _ if self.config.eval_every == 0 => return Ok(()),
            _ if split.test.is_empty() => "the split has no test cases",
            Protocol::Sampled if !split.has_negatives() => "the split carries no negatives and protocol is Sampled",
            Protocol::Sampled if split.report().no_candidates as usize == split.test.len() => {
                "no test case has a candidate, as every user has every item"
            }
            _ => return Ok(()),
        };
        Err(Error::config(
            "eval_every",
            format!("{reason}; 0 trains without evaluation"),
        ))
    }
}
