//! Training with a line an epoch and a checkpoint an epoch.

use std::path::PathBuf;

use pocketrec::train::{ClickEpoch, ClickEvent, ClickFit, ClickTrainer, Control, StopReason};

use crate::{
    common::{ending::Ending, watch::Watch},
    data::Data,
};

/// What is done beside training.
pub struct Training {
    pub watch: Watch,
    pub checkpoint: Option<PathBuf>,
    /// The epochs of this run.
    pub curve: Vec<ClickEpoch>,
}

impl Training {
    fn event(&mut self, event: &ClickEvent) -> Control {
        match event {
            ClickEvent::Progress(report) => self.watch.progress(report),
            ClickEvent::Epoch(report) => {
                self.curve.push(report.clone());
                match (self.watch.epoch(report.epoch, report), &self.checkpoint) {
                    // A trainer cannot be saved while it trains: return, save, go on.
                    (Control::Stop, _) | (_, Some(_)) => Control::Stop,
                    _ => Control::Continue,
                }
            }
            _ => Control::Continue,
        }
    }

    /// Trains to the end. Saves the trainer after each epoch, where a file for it is set, and before it gives up
    /// because of a signal or a closed pipe.
    pub fn fit(&mut self, trainer: &mut ClickTrainer, data: &Data) -> Result<ClickFit, Ending> {
        loop {
            let fit = trainer.fit_events(&data.train, Some(&data.dev), |event| self.event(event))?;
            if let Some(path) = &self.checkpoint {
                trainer.save(path)?;
            }
            self.watch.check(self.checkpoint.as_deref())?;
            if fit.reason != StopReason::Stopped {
                return Ok(fit);
            }
        }
    }
}
