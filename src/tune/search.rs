//! What is searched, how, and at what cost.

use super::{halving::Halving, space::Space};
use crate::{Error, Result};

/// What a search may cost: the first of these limits that is reached ends it. Epochs and time are those of all runs of a
/// study together, so that a search that was stopped goes on with what is left; a later run may be given more.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Budget {
    /// Epochs of all trials together.
    pub epochs: Option<u64>,
    /// Minutes: the epoch in which they end is kept and can be gone on with.
    pub minutes: Option<f64>,
    /// Trials that begin. Those among them that are promoted go on to the end.
    pub trials: Option<u32>,
}

impl Budget {
    /// So many epochs of all trials together.
    pub fn epochs(epochs: u64) -> Self {
        Budget {
            epochs: Some(epochs),
            ..Budget::default()
        }
    }

    /// So many minutes.
    pub fn minutes(minutes: f64) -> Self {
        Budget {
            minutes: Some(minutes),
            ..Budget::default()
        }
    }

    /// So many trials.
    pub fn trials(trials: u32) -> Self {
        Budget {
            trials: Some(trials),
            ..Budget::default()
        }
    }
}

/// What is searched, how, and at what cost.
#[derive(Clone, Debug, PartialEq)]
pub struct Search {
    /// What may be tried.
    pub space: Space,
    /// How far trials are trained before they are compared.
    pub halving: Halving,
    /// What it may cost. A space of real numbers has no end by itself, so that it wants one.
    pub budget: Budget,
    /// Seed of the settings that are drawn; that of training is the trainers' own.
    pub seed: u64,
    /// Trials with settings at random before the estimator takes over.
    pub random: usize,
}

impl Search {
    /// Of a space, with rungs of 1, 3 and 9 epochs, 10 trials at random, and no budget.
    pub fn new(space: Space) -> Self {
        Search {
            space,
            halving: Halving::default(),
            budget: Budget::default(),
            seed: 0,
            random: 10,
        }
    }

    /// Checks everything that can be before time is spent.
    ///
    /// # Errors
    /// [`Error::Config`] names what cannot be searched or paid, and says what would do.
    pub fn check(&self) -> Result<()> {
        self.space.check()?;
        let least = self.halving.least()?;
        let Budget {
            epochs,
            minutes,
            trials,
        } = self.budget;
        if let Some(minutes) = minutes.filter(|minutes| !(*minutes > 0.0 && minutes.is_finite())) {
            let reason = format!("{minutes} minutes are no length of time; give a positive number");
            return Err(Error::config("budget.minutes", reason));
        }
        if trials == Some(0) {
            return Err(Error::config("budget.trials", "0 trials try nothing; give 1 or more"));
        }
        let size = self.space.all().map(|all| all.len() as u64);
        if epochs.is_none() && minutes.is_none() && trials.is_none() && size.is_none() {
            let reason = "the space has no end, so that the search wants one: give epochs, minutes or trials";
            return Err(Error::config("budget", reason));
        }
        // Fewer trials than fill the rungs cost less.
        let most = [trials.map(u64::from), size].into_iter().flatten().min();
        let least = most.map_or(Ok(least), |trials| {
            self.halving.cost(trials).map(|cost| cost.min(least))
        })?;
        match epochs {
            Some(epochs) if epochs < least => {
                let reason = format!(
                    "{epochs} epochs do not bring one trial to {} epochs by comparison with others; give {least} or more, or a \
                     lower last rung",
                    self.halving.last
                );
                Err(Error::config("budget.epochs", reason))
            }
            _ => Ok(()),
        }
    }
}
