//! What stands beside training: a progress bar, lines, signals, and time that is limited.

use std::{
    fmt,
    io::IsTerminal,
    path::Path,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};
use pocketrec::{
    Error, Result,
    train::{Control, ProgressReport},
};

use super::{ending::Ending, output, signals::Stop};

/// Looks on while a model is trained, and says when to stop.
pub struct Watch {
    pub quiet: bool,
    pub deadline: Option<Instant>,
    /// The option that names a file to save to, in programs that have one.
    pub saved_by: Option<&'static str>,
    bar: ProgressBar,
    stop: Stop,
    /// What went wrong with the output: it ends training, but not before that is saved.
    fault: Option<Error>,
    at: Position,
}

/// Where training stands.
#[derive(Clone, Copy, Debug, Default)]
struct Position {
    /// The epoch, counted from 1; 0 where nothing is known yet.
    epoch: u32,
    /// Per cent of it that are done.
    share: f64,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.epoch, self.share) {
            (0, _) => f.write_str("stopped before training"),
            (epoch, share) if share >= 100.0 => write!(f, "stopped after epoch {epoch}"),
            (epoch, share) => write!(f, "stopped in epoch {epoch} at {share:.0} %"),
        }
    }
}

impl Watch {
    /// Shows progress where somebody looks, unless `quiet`.
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
            deadline: time.and_then(|time| Instant::now().checked_add(time)),
            saved_by: None,
            bar,
            stop: Stop::default(),
            fault: None,
            at: Position::default(),
        }
    }

    /// Begins to look on: signals stop training from now on instead of the program.
    pub fn begin(&self) -> Result<()> {
        self.stop
            .install()
            .map_err(|error| Error::io("signals such as that of Ctrl-C", error))
    }

    /// A part of an epoch is done.
    pub fn progress(&mut self, report: &ProgressReport) -> Control {
        self.at = Position {
            epoch: report.epoch,
            share: (100.0 * report.done as f64 / report.total.max(1) as f64).min(99.0),
        };
        if self.bar.position() > report.done {
            self.bar.reset();
        }
        self.bar.set_length(report.total);
        self.bar.set_prefix(format!("epoch {:>3}", report.epoch));
        self.bar.set_message(format!(
            "loss {:.4}  {} samples/s",
            report.loss,
            output::short(report.samples_per_second)
        ));
        self.bar.set_position(report.done);
        self.control()
    }

    /// An epoch is done: `line` says how.
    pub fn epoch(&mut self, epoch: u32, line: &dyn fmt::Display) -> Control {
        self.at = Position { epoch, share: 100.0 };
        if !self.quiet && self.fault.is_none() {
            let written = self.bar.suspend(|| output::line(format_args!("{line}")));
            self.fault = written.err();
        }
        self.control()
    }

    fn control(&self) -> Control {
        match self.fault.is_some() || self.stop.signal().is_some() {
            true => Control::Stop,
            false => Control::Continue,
        }
    }

    /// Ends the program where it was asked to or cannot write, after everything is saved: in `saved`, if there is one.
    pub fn check(&mut self, saved: Option<&Path>) -> Result<(), Ending> {
        let at = self.at;
        let saved = match (saved, self.saved_by) {
            (Some(path), _) => format!("saved to {}; go on with --resume", path.display()),
            (None, Some(option)) => format!("nothing was saved, as there is no {option}"),
            (None, None) => "nothing was saved".into(),
        };
        if let Some(signal) = self.stop.signal() {
            self.bar.finish_and_clear();
            let text = format!("{at}: {saved}");
            return Err(Ending::Stopped { signal, text });
        }
        let Some(fault) = self.fault.take() else {
            return Ok(());
        };
        self.bar.finish_and_clear();
        Err(Ending::Failed(match fault {
            Error::Io { path, source } => {
                let text = format!("{source} ({at}: {saved})");
                Error::io(path, std::io::Error::new(source.kind(), text))
            }
            other => other,
        }))
    }

    /// Training is over: a signal ends the program again.
    pub fn end(&self) {
        self.bar.finish_and_clear();
        self.stop.disarm();
    }
}
