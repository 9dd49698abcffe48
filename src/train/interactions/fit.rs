//! Training on interactions.

use alloc::format;

use super::{
    Trainer,
    sequence_task::SequenceTask,
    task::{InteractionTask, sampler_of},
};
use crate::{
    Error, Result,
    data::{Sampler, Split},
    eval::{self, FullRanking, FullReport, Protocol, RankingReport},
    train::{Control, EpochReport, Event, FitReport, IntoControl, clock::Stopwatch, run::Watch},
};
#[cfg(feature = "std")]
use crate::{
    checkpoint::Export,
    train::cost::{Cost, bytes_of_file},
};

/// What is made of a split and the settings before the first step.
#[derive(Debug, Default)]
pub(crate) struct Prepared {
    /// Whether the split was found to fit, and its keys and histories taken over.
    is_adopted: bool,
    sampler: Option<Sampler>,
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
        match self.by_history() {
            Some(by) => by.evaluate(&mut *self.core.executor, split, protocol, k),
            None => eval::evaluate(&mut *self.core.executor, split, protocol, k),
        }
    }

    /// Ranks all items for every user with test items, with the present parameters, or their mean once there is one: recall,
    /// NDCG and more at `k` places, by groups of activity too.
    ///
    /// # Errors
    /// Those of [`FullRanking::of_model`](eval::FullRanking::of_model), and [`Error::Config`] where the split's users or
    /// items have other keys than those that the model was trained with.
    pub fn full_ranking(&mut self, split: &Split, ranking: FullRanking) -> Result<FullReport> {
        self.check_keys(split)?;
        ranking.of_model(&mut *self.core.executor, split)
    }

    /// [`train_for`](Trainer::train_for) for callers who come back with the same split and settings after milliseconds: what is
    /// made of both is made once.
    ///
    /// # Errors
    /// Those of [`fit`](Trainer::fit).
    #[cfg(all(feature = "web", target_arch = "wasm32", target_os = "unknown"))]
    pub(crate) fn train_slice(
        &mut self,
        split: &Split,
        prepared: &mut Prepared,
        seconds: f64,
        watch: Watch<'_, RankingReport>,
    ) -> Result<FitReport> {
        self.run_with(split, prepared, Some(seconds), watch)
    }

    /// What training on a split takes, by so many seconds of it: it gives away the trainer, whose parameters have moved then, from
    /// wherever they were. Make another for training.
    ///
    /// ```
    /// use pocketrec::{data::Planted, device::Device, models::NeuMf, train::*};
    /// # fn main() -> pocketrec::Result<()> {
    /// let split = Planted::default().generate()?.interactions.leave_one_out()?;
    /// let model = NeuMf::new(split.train.users() as usize, split.train.items() as usize);
    /// let probed = Trainer::new(model.clone(), Device::cpu(), TrainConfig::default())?;
    /// let cost = probed.cost(&split, std::time::Duration::from_millis(50))?;
    /// println!("{cost}");
    /// assert!(cost.memory() > cost.parameters);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Those of [`fit`](Trainer::fit), and [`Error::Memory`].
    #[cfg(feature = "std")]
    pub fn cost(mut self, split: &Split, time: std::time::Duration) -> Result<Cost> {
        self.prepare(split)?;
        let checkpoint = self.checkpoint()?;
        let file = bytes_of_file(|to| checkpoint.write_to(to))?;
        let export = checkpoint.export(&Export::default())?;
        let export = bytes_of_file(|to| export.write_to(to))?;
        let (schedule, seconds) = (self.config.schedule(), time.as_secs_f64());
        let evaluates = (1..=self.config.epochs).contains(&self.config.eval_every);
        let cost = match self.by_history() {
            Some(by) => {
                let mut task = SequenceTask::new(split, &self.config, by, self.plan().columns().len())?;
                Cost::of(&mut task, &mut self.core, &schedule, evaluates, seconds)
            }
            None => {
                let executor = &mut *self.core.executor;
                let sampler = sampler_of(split, &self.config, self.relations.as_ref(), executor)?;
                let mut task = InteractionTask::new(split, &self.config, sampler, executor)?;
                Cost::of(&mut task, &mut self.core, &schedule, evaluates, seconds)
            }
        };
        Ok(Cost {
            data: split.train.bytes(),
            checkpoint: file,
            export,
            ..cost?
        })
    }

    /// Sees that a split fits, and takes over its keys and histories.
    fn prepare(&mut self, split: &Split) -> Result<()> {
        self.check_knows()?;
        self.check_keys(split)?;
        self.check_evaluation(split)?;
        self.adopt(split)?;
        self.core.restore_moments()
    }

    fn run(&mut self, split: &Split, budget: Option<f64>, watch: Watch<'_, RankingReport>) -> Result<FitReport> {
        self.run_with(split, &mut Prepared::default(), budget, watch)
    }

    fn run_with(
        &mut self,
        split: &Split,
        prepared: &mut Prepared,
        budget: Option<f64>,
        watch: Watch<'_, RankingReport>,
    ) -> Result<FitReport> {
        let clock = Stopwatch::start();
        if !prepared.is_adopted {
            self.prepare(split)?;
            prepared.is_adopted = true;
        }
        self.core.restore_moments()?;
        let (schedule, time) = (self.config.schedule(), (clock, budget));
        match self.by_history() {
            Some(by) => {
                let mut task = SequenceTask::new(split, &self.config, by, self.plan().columns().len())?;
                self.core.train(&mut task, schedule, time, watch)
            }
            None => {
                let executor = &mut *self.core.executor;
                let sampler = match prepared.sampler.take() {
                    Some(sampler) => sampler,
                    None => sampler_of(split, &self.config, self.relations.as_ref(), executor)?,
                };
                let mut task = InteractionTask::new(split, &self.config, sampler, executor)?;
                let report = self.core.train(&mut task, schedule, time, watch);
                prepared.sampler = Some(task.into_sampler());
                report
            }
        }
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
