//! Training with a progress bar, a line an epoch, and a checkpoint an epoch.

use std::{
    io::IsTerminal,
    path::PathBuf,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};
use pocketrec::{
    Result,
    data::Split,
    train::{Control, EpochReport, Event, FitReport, ProgressReport, StopReason, Trainer},
};

/// What is done beside training.
pub struct Watch {
    pub quiet: bool,
    pub checkpoint: Option<PathBuf>,
    pub deadline: Option<Instant>,
    /// The epochs of this run.
    pub curve: Vec<EpochReport>,
    bar: ProgressBar,
}

impl Watch {
    pub fn new(quiet: bool, time: Option<Duration>) -> Self {
        let bar = match quiet || !std::io::stderr().is_terminal() {
            true => ProgressBar::hidden(),
            false => ProgressBar::new(0).with_style(
                ProgressStyle::with_template("{prefix} {wide_bar:.cyan/blue} {percent:>3} %  {msg}  eta {eta}")
                    .unwrap_or_else(|_| ProgressStyle::default_bar()),
            ),
        };
        Watch {
            quiet,
            checkpoint: None,
            deadline: time.and_then(|time| Instant::now().checked_add(time)),
            curve: Vec::new(),
            bar,
        }
    }

    fn event(&mut self, event: &Event) -> Control {
        match event {
            Event::Progress(report) => self.progress(report),
            Event::Epoch(report) => {
                self.curve.push(*report);
                if !self.quiet {
                    self.bar.suspend(|| println!("{report}"));
                }
                // A trainer cannot be saved while it trains: return, save, go on.
                if self.checkpoint.is_some() {
                    return Control::Stop;
                }
            }
            _ => {}
        }
        Control::Continue
    }

    fn progress(&mut self, report: &ProgressReport) {
        if self.bar.position() > report.done {
            self.bar.reset();
        }
        self.bar.set_length(report.total);
        self.bar.set_prefix(format!("epoch {:>3}", report.epoch));
        self.bar.set_message(format!(
            "loss {:.4}  {:.2}M samples/s",
            report.loss,
            report.samples_per_second / 1e6
        ));
        self.bar.set_position(report.done);
    }

    /// Trains to the end, or until time is over. Saves the trainer after each epoch and at the end, where a file for
    /// it is set.
    pub fn fit(&mut self, trainer: &mut Trainer, split: &Split) -> Result<FitReport> {
        self.curve.clear();
        let (mut epochs, mut samples, mut seconds) = (0, 0, 0.0);
        loop {
            let mut report = match self.deadline {
                None => trainer.fit_events(split, |event| self.event(event))?,
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    trainer.train_for(split, left, |event| self.event(event))?
                }
            };
            if let Some(path) = &self.checkpoint {
                trainer.save(path)?;
            }
            epochs += report.epochs;
            samples += report.samples;
            seconds += report.seconds;
            if report.reason != StopReason::Stopped {
                self.bar.finish_and_clear();
                (report.epochs, report.samples, report.seconds) = (epochs, samples, seconds);
                return Ok(report);
            }
        }
    }
}
