//! What was tried and what came of it.

use serde::{Deserialize, Serialize};

use super::{exact, settings::Settings};

/// Where a trial stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It is being trained, or was when the search stopped: it is gone on with first.
    Running,
    /// It stands on a rung, and goes on if it is among the best there.
    Paused,
    /// It stands on the last rung.
    Finished,
    /// It could not be made or trained, for this reason.
    Failed(String),
}

/// Settings, and the values after each epoch with them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trial {
    /// What it is trained with.
    pub settings: Settings,
    /// The metric after each epoch; more is better.
    #[serde(with = "exact::numbers")]
    pub curve: Vec<f64>,
    /// Where it stands.
    pub state: State,
    /// How often it was saved, and whether anything is kept of the last time.
    #[serde(default)]
    pub(super) saves: u32,
    #[serde(default)]
    pub(super) is_kept: bool,
}

impl Trial {
    /// A trial that is about to begin.
    pub(super) fn new(settings: Settings) -> Self {
        Trial {
            settings,
            curve: Vec::new(),
            state: State::Running,
            saves: 0,
            is_kept: false,
        }
    }

    /// Epochs that it has been trained for.
    pub fn epochs(&self) -> u32 {
        u32::try_from(self.curve.len()).unwrap_or(u32::MAX)
    }

    /// Whether it could not be made or trained.
    pub fn has_failed(&self) -> bool {
        matches!(self.state, State::Failed(_))
    }

    /// The best value so far, of whichever epoch.
    pub fn value(&self) -> Option<f64> {
        self.value_at(self.epochs())
    }

    /// The best value up to so many epochs; `None` before they are over.
    pub fn value_at(&self, epochs: u32) -> Option<f64> {
        let curve = self.curve.get(..epochs as usize)?;
        curve.iter().copied().reduce(f64::max)
    }

    /// The epoch of the best value, counted from 1, and the value.
    pub fn best(&self) -> Option<(u32, f64)> {
        let value = self.value()?;
        let at = self.curve.iter().position(|&other| other == value)?;
        Some((at as u32 + 1, value))
    }
}

/// The best there is so far: its checkpoint is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Winner {
    /// The trial's number, counted from 0.
    pub trial: usize,
    /// The epoch, counted from 1, after which it was as good as this.
    pub epoch: u32,
    /// The metric then.
    #[serde(with = "exact::number")]
    pub value: f64,
    /// Which of the trial's saves that was.
    pub(super) save: u32,
}

/// Everything a search knows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Study {
    pub(super) trials: Vec<Trial>,
    pub(super) winner: Option<Winner>,
    #[serde(with = "exact::number")]
    pub(super) seconds: f64,
}

impl Study {
    /// The trials, in the order in which they began.
    pub fn trials(&self) -> &[Trial] {
        &self.trials
    }

    /// The trial and epoch with the best value of all; the first of equals.
    pub fn winner(&self) -> Option<&Winner> {
        self.winner.as_ref()
    }

    /// The settings of the best.
    pub fn best_settings(&self) -> Option<&Settings> {
        let winner = self.winner.as_ref()?;
        self.trials.get(winner.trial).map(|trial| &trial.settings)
    }

    /// Epochs completed, by all trials together.
    pub fn epochs(&self) -> u64 {
        self.trials.iter().map(|trial| u64::from(trial.epochs())).sum()
    }

    /// Seconds spent, of all runs together.
    pub fn seconds(&self) -> f64 {
        self.seconds
    }

    /// Trials that failed, with their reasons.
    pub fn failed(&self) -> impl Iterator<Item = (usize, &str)> {
        self.trials
            .iter()
            .enumerate()
            .filter_map(|(at, trial)| match &trial.state {
                State::Failed(reason) => Some((at, reason.as_str())),
                _ => None,
            })
    }

    /// Takes the value of an epoch that is over into the trial, and says whether it is the best of all.
    pub(super) fn take(&mut self, trial: usize, value: f64) -> bool {
        self.trials[trial].curve.push(value);
        let is_best = self.winner.as_ref().is_none_or(|winner| value > winner.value);
        if is_best {
            let epoch = self.trials[trial].epochs();
            let save = self.trials[trial].saves;
            self.winner = Some(Winner {
                trial,
                epoch,
                value,
                save,
            });
        }
        is_best
    }
}

/// What is wrong with a study that was read, if anything is.
impl Study {
    pub(super) fn fault(&self, space: &super::Space, rungs: &[u32]) -> Option<String> {
        let running = self.trials.iter().filter(|trial| trial.state == State::Running).count();
        if running > 1 {
            return Some(format!("{running} trials run at once"));
        }
        if self.seconds < 0.0 {
            return Some(format!("it took {} seconds", self.seconds));
        }
        for (at, trial) in self.trials.iter().enumerate() {
            let (epochs, last) = (trial.epochs(), rungs.last().copied().unwrap_or(0));
            let fits = match trial.state {
                State::Paused => rungs.contains(&epochs) && epochs < last && trial.is_kept,
                State::Finished => epochs == last,
                State::Running => epochs < last && (epochs == 0 || trial.is_kept),
                State::Failed(_) => epochs <= last,
            };
            if !fits || !space.has(&trial.settings) {
                return Some(format!("trial {at} is none of this search: {trial:?}"));
            }
        }
        let winner = self.winner.as_ref()?;
        let value = self
            .trials
            .get(winner.trial)
            .and_then(|trial| trial.curve.get((winner.epoch as usize).checked_sub(1)?));
        (value != Some(&winner.value)).then(|| "the best is not what its trial says".into())
    }
}
