//! The training loop, of whatever task.

use alloc::format;

use super::{
    BestEpoch, Control, EpochReport, Event, FitReport, ProgressReport, StopReason,
    averaging::{AveragedWeights, Values, swap_in},
    clock::Stopwatch,
    core::Core,
    events::rate,
    progress::{Snapshot, copy_of, fresh_state, not_finite, values_of},
    task::{Schedule, Task},
};
use crate::{
    Error, Result,
    executor::LossSum,
    plan::{RowType, State},
};

/// The callback that is told what happens.
pub(crate) type Watch<'a, E> = &'a mut dyn FnMut(&Event<E>) -> Control;

/// One call: its task, its budget and what it did.
struct Run<'a, T: Task> {
    task: &'a mut T,
    schedule: Schedule,
    watch: Watch<'a, T::Evaluation>,
    clock: Stopwatch,
    /// Seconds that the call may take.
    budget: Option<f64>,
    report: FitReport<T::Evaluation, T::Value>,
    /// Samples and seconds of the epoch, in this call.
    epoch_samples: u64,
    epoch_seconds: f64,
}

impl<V: Copy> Core<V> {
    /// Trains until all epochs are done, patience or the time has run out, or the callback says stop. `clock` has run
    /// since the call began.
    pub(super) fn train<T: Task<Value = V>>(
        &mut self,
        task: &mut T,
        schedule: Schedule,
        (clock, budget): (Stopwatch, Option<f64>),
        watch: Watch<'_, T::Evaluation>,
    ) -> Result<FitReport<T::Evaluation, V>> {
        self.check_trainable()?;
        let mut run = Run {
            task,
            schedule,
            watch,
            clock,
            budget,
            report: FitReport::new(),
            epoch_samples: 0,
            epoch_seconds: 0.0,
        };
        run.report.total = run.task.total();
        self.averaged.use_training(&mut *self.executor)?;
        let reason = self.run_epochs(&mut run);
        let in_use = self.averaged.use_mean(&mut *self.executor);
        run.report.reason = reason?;
        in_use?;
        run.report.best = self.progress.best;
        run.report.seconds = run.clock.seconds();
        Ok(run.report)
    }

    /// Refuses tables whose rows do not change.
    pub(crate) fn check_trainable(&self) -> Result<()> {
        let row_type = self.executor.plan().row_type();
        if row_type != RowType::F32 {
            let reason = format!(
                "they are kept as {}: this is a model to use, which learns by absorb; train what it was exported from, or its \
                 State::with_tables_as(.., RowType::F32)",
                row_type.name()
            );
            return Err(Error::config("tables", reason));
        }
        Ok(())
    }

    fn run_epochs<T: Task<Value = V>>(&mut self, run: &mut Run<T>) -> Result<StopReason> {
        loop {
            if let Some(reason) = self.finished(&run.schedule) {
                self.restore_best::<T>(&run.schedule)?;
                self.snapshot = None; // a copy of all parameters, for which there is no more use
                return Ok(reason);
            }
            self.keep_snapshot()?;
            match self.run_epoch(run) {
                Ok(None) => {}
                Ok(Some(reason)) => return Ok(reason),
                Err(error) => return Err(self.go_back(error)),
            }
        }
    }

    /// Why training is over, if it is.
    pub(crate) fn finished(&self, schedule: &Schedule) -> Option<StopReason> {
        let tired = |patience| self.progress.evaluations_since_best >= patience;
        if schedule.patience.is_some_and(tired) {
            return Some(StopReason::Patience);
        }
        (self.progress.epoch >= schedule.epochs).then_some(StopReason::Finished)
    }

    /// One epoch, or what is left of it where an earlier call stopped within; a reason where this call is over.
    fn run_epoch<T: Task<Value = V>>(&mut self, run: &mut Run<T>) -> Result<Option<StopReason>> {
        if let Some(reason) = self.run_steps(run)? {
            return Ok(Some(reason));
        }
        let answer = self.end_epoch(run)?;
        Ok((answer == Control::Stop).then_some(StopReason::Stopped))
    }

    /// The rest of the epoch's steps; a reason where it is left before its end.
    fn run_steps<T: Task<Value = V>>(&mut self, run: &mut Run<T>) -> Result<Option<StopReason>> {
        let (total, schedule) = (run.task.total(), run.schedule);
        // Intervals are counted from the epoch's beginning, so that losses add up alike wherever a call began.
        let interval = u64::from(schedule.report_every).saturating_mul(schedule.batch_size as u64);
        let optimizer = schedule.optimizer_of(self.progress.epoch, self.progress.plateaus);
        let mut clock = Stopwatch::start();
        let mut since_report = Stopwatch::start();
        while self.progress.sample < total {
            let at = (self.progress.epoch, self.progress.sample);
            let samples = run.task.step(&mut *self.executor, &optimizer, schedule.l2, at)?;
            self.progress.next_step(samples);
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
            let reason = match run.budget {
                _ if answer == Control::Stop => StopReason::Stopped,
                Some(budget) if run.clock.seconds() >= budget => StopReason::OutOfTime,
                _ => continue,
            };
            self.fetch_loss()?;
            return Ok(Some(reason));
        }
        self.fetch_loss()?; // waits for the last step
        run.epoch_seconds += clock.lap();
        Ok(None)
    }

    /// Takes the epoch into the mean, evaluates, keeps the state, moves on to the next epoch and tells the caller.
    fn end_epoch<T: Task<Value = V>>(&mut self, run: &mut Run<T>) -> Result<Control> {
        let mut state = self.executor.state().wait()?;
        self.check_finite(&state, self.progress.loss.mean())?;
        let mut clock = Stopwatch::start();
        let epoch = self.progress.epoch.saturating_add(1);
        let (from, averaged) = (run.schedule.average_from, self.progress.averaged);
        let (mut mean, averaged) = self.averaged.next_mean(from, epoch, averaged, &state)?.unzip();
        let averaged = averaged.unwrap_or(0);
        let mut evaluated = None;
        if run.task.is_due(epoch) {
            let evaluation = self.evaluate(run.task, &mut state, mean.as_mut())?;
            let value = run.task.value(&evaluation)?;
            evaluated = Some((evaluation, value));
        }
        let eval_seconds = clock.lap();
        let (evaluation, value) = evaluated.unzip();
        let mut is_best = false;
        if let Some(value) = value {
            let evaluated = BestEpoch { epoch, value, averaged };
            let values = || mean.as_deref().map_or_else(|| values_of(&state), copy_of);
            is_best = self.compare_with_best::<T>(evaluated, run.schedule.patience.map(|_| values))?;
        }
        let report = EpochReport {
            epoch,
            loss: self.progress.loss.mean(),
            evaluation,
            best: is_best,
            averaged,
            samples: core::mem::take(&mut run.epoch_samples),
            seconds: core::mem::take(&mut run.epoch_seconds),
            eval_seconds,
        };
        self.progress.next_epoch();
        self.progress.averaged = averaged;
        self.averaged = mean.map_or(AveragedWeights::None, AveragedWeights::Mean);
        let progress = self.progress;
        self.snapshot = Some(Snapshot { state, progress });
        run.report.epochs += 1;
        run.report.last = Some(report.clone());
        Ok((run.watch)(&Event::Epoch(report)))
    }

    /// Evaluates the mean where there is one, else the parameters in the executor. These are `state`, and they are in
    /// the executor again afterwards.
    fn evaluate<T: Task>(
        &mut self,
        task: &mut T,
        state: &mut State,
        mean: Option<&mut Values>,
    ) -> Result<T::Evaluation> {
        let (executor, step) = (&mut *self.executor, self.progress.step);
        let Some(mean) = mean else {
            return task.evaluate(executor, step);
        };
        swap_in(executor, state, mean)?;
        let evaluation = task.evaluate(executor, step);
        swap_in(executor, state, mean)?;
        evaluation
    }

    /// Compares an evaluation with the best one, and keeps its parameters if it is better and they are wanted.
    fn compare_with_best<T: Task<Value = V>>(
        &mut self,
        evaluated: BestEpoch<V>,
        values: Option<impl FnOnce() -> Result<Values>>,
    ) -> Result<bool> {
        let progress = &mut self.progress;
        let is_better = progress
            .best
            .is_none_or(|best| T::is_better(&evaluated.value, &best.value));
        if is_better {
            self.best_values = values.map(|values| values()).transpose()?;
            progress.best = Some(evaluated);
            progress.evaluations_since_best = 0;
            progress.at_best = true;
        } else {
            progress.evaluations_since_best = progress.evaluations_since_best.saturating_add(1);
            progress.plateaus = progress.plateaus.saturating_add(1);
        }
        Ok(is_better)
    }

    /// Puts the best parameters back, where early stopping is on and they are not the present ones.
    fn restore_best<T: Task>(&mut self, schedule: &Schedule) -> Result<()> {
        let is_there = self.progress.at_best && !T::RESTARTS_MOMENTS_AT_BEST;
        if schedule.patience.is_none() || is_there {
            return Ok(());
        }
        if let Some(values) = &self.best_values {
            self.executor.set_state(&fresh_state(copy_of(values)?)).wait()?;
            self.forget_mean();
            self.progress.at_best = true;
        }
        Ok(())
    }

    /// Keeps a copy of the state to go back to, unless there is one of this epoch.
    fn keep_snapshot(&mut self) -> Result<()> {
        let epoch = self.progress.epoch;
        if self.snapshot.as_ref().is_some_and(|kept| kept.progress.epoch == epoch) {
            return Ok(());
        }
        let state = self.executor.state().wait()?;
        self.check_finite(&state, f64::NAN)?;
        let progress = self.progress;
        self.snapshot = Some(Snapshot { state, progress });
        Ok(())
    }

    fn check_finite(&self, state: &State, loss: f64) -> Result<()> {
        match not_finite(self.executor.plan(), state) {
            None => Ok(()),
            Some(_) => Err(Error::Diverged {
                step: self.progress.step,
                loss,
            }),
        }
    }

    /// Adds the losses since the last fetch to the epoch's and gives them.
    fn fetch_loss(&mut self) -> Result<LossSum> {
        let loss = self.executor.take_loss().wait()?;
        if !loss.sum.is_finite() {
            return Err(Error::Diverged {
                step: self.progress.step,
                loss: loss.sum / loss.samples.max(1) as f64,
            });
        }
        self.progress.loss.sum += loss.sum;
        self.progress.loss.samples = self.progress.loss.samples.saturating_add(loss.samples);
        Ok(loss)
    }

    /// Goes back to the snapshot, where training has diverged or the executor takes nothing but a new state. After any
    /// other error what was trained stays, and the next call goes on there. Gives the error to return.
    fn go_back(&mut self, error: Error) -> Error {
        let diverged = matches!(error, Error::Diverged { .. });
        if !diverged && self.fetch_loss().is_ok() {
            return error;
        }
        if let Some(Snapshot { state, progress }) = &self.snapshot {
            let restored = self.executor.set_state(state);
            // Losses of the steps that are undone.
            if let Err(error) = restored.wait().and_then(|()| self.executor.take_loss().wait()) {
                return error;
            }
            self.progress = *progress;
        }
        error
    }
}
