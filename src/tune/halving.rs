//! Which trial is trained next, and how far: successive halving without waiting.

use serde::{Deserialize, Serialize};

use super::study::{State, Trial};
use crate::{Error, Result};

/// Rungs that a ladder may have.
const MOST_RUNGS: u32 = 16;

/// How far trials are trained before they are compared: to the epochs of a *rung*, the first by all, each further one,
/// `eta` times as high, by the best of `1 / eta` of those that stand on the rung below.
///
/// Nobody waits for a rung to be full: whenever there is something to do, the highest rung is looked at first, and the
/// best trial on it that is among its best `1 / eta` and has not gone on yet is *promoted*: it goes on from where it
/// stands. Where no rung has one, a new trial begins. Once there is nothing new to try, parts of a trial count as one,
/// so that the best gets to the top whatever the number of trials.
///
/// Li et al.: *A System for Massively Parallel Hyperparameter Tuning*, MLSys 2020, algorithm 2.
///
/// ```
/// use pocketrec::tune::Halving;
/// let halving = Halving { first: 1, last: 9, eta: 3 };
/// assert_eq!(halving.rungs()?, [1, 3, 9]);
/// assert_eq!(halving.least()?, 9 * 1 + 3 * 2 + 1 * 6); // epochs for one trial to reach the top by comparison
/// # Ok::<(), pocketrec::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Halving {
    /// Epochs of the first rung.
    pub first: u32,
    /// Epochs of the last rung: how long the best trials are trained.
    pub last: u32,
    /// Of so many trials one goes on; 3 is usual.
    pub eta: u32,
}

/// 1, 3 and 9 epochs.
impl Default for Halving {
    fn default() -> Self {
        Halving {
            first: 1,
            last: 9,
            eta: 3,
        }
    }
}

/// A trial that is to be trained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Job {
    /// A new one, to the first rung.
    New,
    /// This one, which stands on the rung below.
    Promote { trial: usize, rung: usize },
}

impl Halving {
    /// Epochs of the rungs; the last is what it is, though it be less than `eta` times the one below.
    ///
    /// # Errors
    /// [`Error::Config`] where there is no such ladder.
    pub fn rungs(&self) -> Result<Vec<u32>> {
        if self.eta < 2 {
            let reason = format!(
                "{}: of so many trials one goes on; give 2 or more, 3 is usual",
                self.eta
            );
            return Err(Error::config("eta", reason));
        }
        if self.first == 0 || self.first > self.last {
            let reason = format!(
                "epochs from {} to {}; give 1 or more, and the smaller number first",
                self.first, self.last
            );
            return Err(Error::config("halving", reason));
        }
        let mut rungs = vec![self.first];
        while let Some(&top) = rungs.last().filter(|&&top| top < self.last) {
            rungs.push(top.saturating_mul(self.eta).min(self.last));
        }
        if rungs.len() as u32 > MOST_RUNGS {
            let reason = format!("{} rungs; give a higher first one, or a larger eta", rungs.len());
            return Err(Error::config("halving", reason));
        }
        Ok(rungs)
    }

    /// Epochs that it takes for one trial to reach the top by comparison: what a search must have, unless it has fewer
    /// trials than that wants.
    ///
    /// # Errors
    /// Those of [`rungs`](Halving::rungs).
    pub fn least(&self) -> Result<u64> {
        let above = self.rungs()?.len() as u32 - 1;
        self.cost(u64::from(self.eta).saturating_pow(above))
    }

    /// Epochs of a search that ends with so many trials.
    ///
    /// # Errors
    /// Those of [`rungs`](Halving::rungs).
    pub fn cost(&self, trials: u64) -> Result<u64> {
        let (mut trials, mut below, mut epochs) = (trials, 0, 0u64);
        for rung in self.rungs()? {
            epochs = epochs.saturating_add(trials.saturating_mul(u64::from(rung - below)));
            trials = trials.div_ceil(u64::from(self.eta));
            below = rung;
        }
        Ok(epochs)
    }

    /// What is to be done next, of what `left` epochs are enough for; `has_new` says whether there is anything new to
    /// try.
    pub(super) fn next(&self, rungs: &[u32], trials: &[Trial], left: u64, has_new: bool) -> Option<Job> {
        for rung in (1..rungs.len()).rev() {
            let cost = u64::from(rungs[rung] - rungs[rung - 1]);
            let promotable = self.promotable(rungs[rung - 1], trials, has_new);
            if let Some(trial) = promotable.filter(|_| cost <= left) {
                return Some(Job::Promote { trial, rung });
            }
        }
        (has_new && u64::from(rungs[0]) <= left).then_some(Job::New)
    }

    /// The best trial on the rung of so many epochs that is among the best `1 / eta` and has not gone on.
    fn promotable(&self, epochs: u32, trials: &[Trial], has_new: bool) -> Option<usize> {
        // One that has failed takes nobody's place.
        let alive = (0..).zip(trials).filter(|(_, trial)| !trial.has_failed());
        let values = alive.map(|(at, trial)| (trial.value_at(epochs), at));
        let mut there: Vec<(f64, usize)> = values.filter_map(|(value, at)| Some((value?, at))).collect();
        // Of equals the earlier one.
        there.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let eta = self.eta as usize;
        let best = match has_new {
            true => there.len() / eta,
            false => there.len().div_ceil(eta),
        };
        let stands = |at: usize| trials[at].epochs() == epochs && trials[at].state == State::Paused;
        there[..best].iter().map(|&(_, at)| at).find(|&at| stands(at))
    }
}
