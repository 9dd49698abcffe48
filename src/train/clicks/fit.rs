//! Training on click data.

use super::{
    ClickEpoch, ClickEvaluation, ClickEvent, ClickFit, ClickTrainer, support::count_training_rows, task::ClickTask,
};
use crate::{
    Result,
    data::clicks::Samples,
    train::{Control, IntoControl, clock::Stopwatch, run::Watch},
};
#[cfg(feature = "std")]
use crate::{
    plan::RowType,
    train::cost::{Cost, bytes_of_file},
};

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
    /// [`Error::Config`](crate::Error::Config) where the samples are empty, too many (2^32 - 2), or lack a field of the model, or where
    /// negatives are to be drawn and a row is no choice or the encoder does not say what to draw;
    /// [`Error::Diverged`](crate::Error::Diverged) where the loss or a parameter is no longer finite: the state is then that of the last
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

    /// What training on these rows takes, by so many seconds of it: it gives away the trainer, whose parameters have moved then,
    /// from wherever they were. Make another for training. [`Cost::data`] is zero: rows share much with one another.
    ///
    /// # Errors
    /// Those of [`fit`](ClickTrainer::fit), and [`Error::Memory`](crate::Error::Memory).
    #[cfg(feature = "std")]
    pub fn cost(mut self, train: &Samples, dev: Option<&Samples>, time: std::time::Duration) -> Result<Cost> {
        self.core.restore_moments()?;
        let checkpoint = self.checkpoint()?;
        let file = bytes_of_file(|to| checkpoint.write_to(to))?;
        let export = checkpoint.export(RowType::I8)?;
        let export = bytes_of_file(|to| export.write_to(to))?;
        let fields = (self.model.layout(), self.encoder.as_ref());
        let mut task = ClickTask::new((train, dev), &self.config, fields, &mut *self.core.executor)?;
        let (schedule, seconds) = (self.config.schedule(), time.as_secs_f64());
        let cost = Cost::of(&mut task, &mut self.core, &schedule, dev.is_some(), seconds)?;
        Ok(Cost {
            checkpoint: file,
            export,
            ..cost
        })
    }

    fn run(
        &mut self,
        train: &Samples,
        dev: Option<&Samples>,
        budget: Option<f64>,
        watch: Watch<'_, ClickEvaluation>,
    ) -> Result<ClickFit> {
        let clock = Stopwatch::start();
        let fields = (self.model.layout(), self.encoder.as_ref());
        let mut task = ClickTask::new((train, dev), &self.config, fields, &mut *self.core.executor)?;
        self.core.restore_moments()?;
        count_training_rows(&mut self.support, self.model.layout(), train);
        self.core
            .train(&mut task, self.config.schedule(), (clock, budget), watch)
    }
}
