//! Training with a line an epoch and a checkpoint an epoch.

use std::{path::PathBuf, time::Instant};

use pocketrec::{
    data::Split,
    train::{Control, EpochReport, Event, FitReport, StopReason, Trainer},
};

use crate::common::{ending::Ending, watch::Watch};

/// What is done beside training.
pub struct Training {
    pub watch: Watch,
    pub checkpoint: Option<PathBuf>,
    /// The epochs of this run.
    pub curve: Vec<EpochReport>,
}

impl Training {
    pub fn new(watch: Watch) -> Self {
        Training {
            watch,
            checkpoint: None,
            curve: Vec::new(),
        }
    }

    fn event(&mut self, event: &Event) -> Control {
        match event {
            Event::Progress(report) => self.watch.progress(report),
            Event::Epoch(report) => {
                self.curve.push(*report);
                match (self.watch.epoch(report.epoch, report), &self.checkpoint) {
                    // A trainer cannot be saved while it trains: return, save, go on.
                    (Control::Stop, _) | (_, Some(_)) => Control::Stop,
                    _ => Control::Continue,
                }
            }
            _ => Control::Continue,
        }
    }

    /// Trains to the end, or until time is over. Saves the trainer after each epoch and at the end, where a file for
    /// it is set, and before it gives up because of a signal or a closed pipe.
    pub fn fit(&mut self, trainer: &mut Trainer, split: &Split) -> Result<FitReport, Ending> {
        self.curve.clear();
        let (mut epochs, mut samples, mut seconds) = (0, 0, 0.0);
        loop {
            let mut report = match self.watch.deadline {
                None => trainer.fit_events(split, |event| self.event(event))?,
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    trainer.train_for(split, left, |event| self.event(event))?
                }
            };
            if let Some(path) = &self.checkpoint {
                trainer.save(path)?;
            }
            self.watch.check(self.checkpoint.as_deref())?;
            epochs += report.epochs;
            samples += report.samples;
            seconds += report.seconds;
            if report.reason != StopReason::Stopped {
                (report.epochs, report.samples, report.seconds) = (epochs, samples, seconds);
                return Ok(report);
            }
        }
    }
}
