//! The table of trials: live where somebody looks, else a line a trial that reaches its rung.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use pocketrec::{
    Result,
    tune::{Domain, Ended, Event, Space, State, Study, Tuner},
};

use crate::common::{
    output::{line, say},
    tables::{TERMINAL, cut, wrapped},
};

/// Trials that are shown at once.
const SHOWN: usize = 12;
/// Failed trials whose reasons are said.
const REASONS: usize = 3;

/// Shows a search while it runs.
pub struct Board {
    quiet: bool,
    bar: Option<ProgressBar>,
    columns: Columns,
    last: u32,
}

impl Board {
    pub fn new(tuner: &Tuner, quiet: bool) -> Result<Self> {
        let columns = Columns::of(&tuner.search().space);
        let bar = (!quiet && std::io::stdout().is_terminal()).then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stdout());
            bar.with_style(ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        if !quiet && bar.is_none() {
            say!("{}", columns.header())?;
        }
        Ok(Board {
            quiet,
            bar,
            columns,
            last: tuner.search().halving.last,
        })
    }

    /// Shows what has happened.
    pub fn show(&mut self, study: &Study, event: &Event) -> Result<()> {
        match (&self.bar, *event) {
            (Some(bar), event) => {
                bar.set_message(self.table(study, event));
                Ok(())
            }
            (None, Event::Ended { trial }) if !self.quiet => {
                line(format_args!("{}", self.columns.row(study, trial, self.last, None)))
            }
            _ => Ok(()),
        }
    }

    /// The best trials, and the one that is at work.
    fn table(&self, study: &Study, event: Event) -> String {
        let (at_work, share) = match event {
            Event::Progress { trial, report } => (trial, Some(100 * report.done / report.total.max(1))),
            Event::Begun { trial } | Event::Epoch { trial, .. } | Event::Ended { trial } => (trial, None),
            _ => return String::new(),
        };
        let mut lines = vec![self.columns.header()];
        let best = by_value(study)
            .into_iter()
            .filter(|&trial| trial != at_work)
            .take(SHOWN - 1);
        lines.extend(best.map(|trial| self.columns.row(study, trial, self.last, None)));
        lines.push(self.columns.row(study, at_work, self.last, share));
        let (trials, failed) = (study.trials().len(), study.failed().count());
        lines.push(format!("{trials} trials, {failed} failed, {} epochs", study.epochs()));
        lines.join("\n")
    }

    pub fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Trials with a value, the best first.
fn by_value(study: &Study) -> Vec<usize> {
    let values = study.trials().iter().enumerate();
    let mut known: Vec<(f64, usize)> = values.filter_map(|(at, trial)| Some((trial.value()?, at))).collect();
    known.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    known.into_iter().map(|(_, at)| at).collect()
}

/// One line: why and at what cost the search ended.
pub fn ended(tuner: &Tuner, ended: Ended) -> String {
    let study = tuner.study();
    let reason = match ended {
        Ended::Finished => "nothing is left to try",
        Ended::OutOfEpochs => "the epochs are spent",
        Ended::OutOfTime => "the time is over",
        Ended::Stopped => "stopped",
    };
    let (trials, epochs, seconds) = (study.trials().len(), study.epochs(), study.seconds());
    format!("{reason}: {trials} trials, {epochs} epochs in {seconds:.1} s\n")
}

/// The header, and so many trials, the best first.
pub fn best(tuner: &Tuner, count: usize) -> Vec<String> {
    let (columns, study) = (Columns::of(&tuner.search().space), tuner.study());
    let last = tuner.search().halving.last;
    let rows = by_value(study).into_iter().take(count);
    let mut lines = vec![columns.header()];
    lines.extend(rows.map(|trial| columns.row(study, trial, last, None)));
    lines
}

/// Why trials failed.
pub fn failed(tuner: &Tuner) -> Result<()> {
    let failed: Vec<(usize, &str)> = tuner.study().failed().collect();
    for (trial, reason) in failed.iter().take(REASONS) {
        say!("{}", wrapped("failed", &format!("trial {}: {reason}", trial + 1)))?;
    }
    match failed.len().saturating_sub(REASONS) {
        0 => Ok(()),
        more => say!("          and {more} more"),
    }
}

/// The columns of settings: their names, and how wide they are.
struct Columns(Vec<(String, usize)>);

impl Columns {
    fn of(space: &Space) -> Self {
        let width = |domain: &Domain| match domain {
            Domain::Choice(values) => values.iter().map(|value| value.to_string().len()).max().unwrap_or(0),
            Domain::Integers { low, high } => low.to_string().len().max(high.to_string().len()),
            _ => 10, // five digits behind zeros
        };
        let columns = space.parameters().iter().map(|parameter| {
            let width = width(&parameter.domain).max(parameter.name.len());
            (parameter.name.clone(), width)
        });
        Columns(columns.collect())
    }

    fn header(&self) -> String {
        let names = self.0.iter().map(|(name, width)| format!("  {name:>width$}"));
        cut(
            &format!("trial epochs NDCG@10 state   {}", names.collect::<String>()),
            TERMINAL,
        )
    }

    /// A trial; `share` are the per cent of the present epoch that are done.
    fn row(&self, study: &Study, trial: usize, last: u32, share: Option<u64>) -> String {
        let Some(about) = study.trials().get(trial) else {
            return String::new();
        };
        let state = match (&about.state, share) {
            (State::Running, Some(share)) => format!("{share:>3} %"),
            (State::Running, None) => "running".into(),
            (State::Paused, _) => "paused".into(),
            (State::Finished, _) => "done".into(),
            (State::Failed(_), _) => "failed".into(),
        };
        let value = about.value().map_or_else(String::new, |value| format!("{value:.4}"));
        let best = study.winner().is_some_and(|winner| winner.trial == trial);
        let settings = self.0.iter().map(|(name, width)| {
            let value = about.settings.get(name).map(ToString::to_string).unwrap_or_default();
            format!("  {value:>width$}")
        });
        let row = format!(
            "{:>5} {:>2}/{last:<3} {value:>6}{} {state:<8}{}",
            trial + 1,
            about.epochs(),
            if best { '*' } else { ' ' },
            settings.collect::<String>()
        );
        cut(&row, TERMINAL)
    }
}
