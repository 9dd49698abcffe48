//! The search: trials one after the other, each to its rung.

use std::{collections::HashSet, path::Path};

use super::{
    clock::Clock,
    estimator::propose,
    halving::Job,
    objective::Objective,
    record::Record,
    search::Search,
    settings::Settings,
    store::{Key, Store},
    study::{State, Study, Trial},
};
use crate::{
    Error, Result,
    train::{Control, IntoControl, ProgressReport},
};

/// Where no trial so far has a value and so many failed, something is wrong with all of them.
const FAILED_AT_FIRST: usize = 8;

/// What happens in a search; trials are counted from 0.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A trial begins, or goes on to the next rung.
    Begun {
        /// Which.
        trial: usize,
    },
    /// A part of an epoch is done.
    Progress {
        /// Of which trial.
        trial: usize,
        /// Where the epoch stands.
        report: ProgressReport,
    },
    /// An epoch is done.
    Epoch {
        /// Of which trial.
        trial: usize,
        /// The metric then.
        value: f64,
        /// Whether it is the best of all trials so far.
        best: bool,
    },
    /// A trial stands on its rung, or has failed: its state says which.
    Ended {
        /// Which.
        trial: usize,
    },
}

/// Why a search ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// There is nothing left to try and nobody to promote.
    Finished,
    /// The epochs left are not enough for anything.
    OutOfEpochs,
    /// The time is over.
    OutOfTime,
    /// The callback said so. Another run goes on.
    Stopped,
}

/// A search with what it knows so far.
#[derive(Debug)]
pub struct Tuner {
    search: Search,
    rungs: Vec<u32>,
    /// All settings, where they can be listed.
    all: Option<Vec<Settings>>,
    study: Study,
    store: Store,
    /// What the trials so far have in common.
    objective: Option<String>,
}

impl Tuner {
    /// A search that is kept in memory.
    ///
    /// # Errors
    /// Those of [`Search::check`].
    pub fn new(search: Search) -> Result<Self> {
        search.check()?;
        Ok(Tuner {
            rungs: search.halving.rungs()?,
            all: search.space.all(),
            study: Study::default(),
            store: Store::Memory(Default::default()),
            objective: None,
            search,
        })
    }

    /// A search that is kept in a folder, and goes on with the study that is there. What is there after each epoch, and
    /// after a stop within one, is enough to go on with the same bits: `study.json`, which is replaced once a new one is
    /// whole, and a checkpoint of each trial that may still be promoted, and of the best. The budget may differ from
    /// before; space, rungs and seed may not.
    ///
    /// # Errors
    /// Those of [`Search::check`]; [`Error::Config`] where the study is of another search, the folder has other things in
    /// it, or another search is at work there; [`Error::Checkpoint`] where the study is damaged; [`Error::Io`].
    pub fn in_folder(search: Search, path: impl AsRef<Path>) -> Result<Self> {
        let mut tuner = Tuner::new(search)?;
        let (store, text) = Store::folder(path.as_ref())?;
        tuner.store = store;
        if let Some(text) = text {
            tuner.adopt(&text)?;
        }
        Ok(tuner)
    }

    /// What is known so far.
    pub fn study(&self) -> &Study {
        &self.study
    }

    /// The settings of the search.
    pub fn search(&self) -> &Search {
        &self.search
    }

    /// The epochs of the rungs.
    pub fn rungs(&self) -> &[u32] {
        &self.rungs
    }

    /// The best trial's trainer as it was at its best.
    ///
    /// # Errors
    /// [`Error::Config`] where no trial has a value yet, and where it cannot be restored.
    pub fn best<O: Objective>(&self, objective: &mut O) -> Result<O::Trainer> {
        let Some(winner) = self.study.winner() else {
            let why = match self.study.failed().last() {
                Some((trial, reason)) => format!("trial {trial} failed: {reason}"),
                None => "run the search first".into(),
            };
            return Err(Error::config("study", format!("no trial has a value: {why}")));
        };
        objective.restore(&self.store.load((winner.trial, winner.save))?)
    }

    /// Searches until the budget is spent, there is nothing left to do, or the callback, which is told of all that happens,
    /// returns [`Control::Stop`]. A call after that goes on, with the same bits as if it had never stopped.
    ///
    /// # Errors
    /// [`Error::Config`] where the objective is another than that of the study so far, or all of the first trials fail;
    /// [`Error::Checkpoint`] and [`Error::Io`] where a checkpoint cannot be kept or read. A trial that fails ends itself
    /// alone.
    pub fn run<O: Objective, R: IntoControl>(
        &mut self,
        objective: &mut O,
        mut watch: impl FnMut(&Study, &Event) -> R,
    ) -> Result<Ended> {
        self.check_objective(objective)?;
        let mut watch = |study: &Study, event: &Event| watch(study, event).into_control();
        let mut clock = Clock::new(&self.study, self.search.budget.minutes);
        loop {
            if clock.is_over() {
                return Ok(Ended::OutOfTime);
            }
            let (trial, target) = match self.next_job() {
                Ok(next) => next,
                Err(ended) => return Ok(ended),
            };
            let mut answer = watch(&self.study, &Event::Begun { trial });
            if answer == Control::Continue {
                answer = self.train(objective, (trial, target), &mut watch, &mut clock)?;
            }
            if answer == Control::Stop {
                let is_over = clock.is_over();
                return Ok(if is_over { Ended::OutOfTime } else { Ended::Stopped });
            }
        }
    }

    /// The trial that is trained next, and to how many epochs; or why there is none.
    fn next_job(&mut self) -> Result<(usize, u32), Ended> {
        let above = |epochs: u32| self.rungs.iter().copied().find(|&rung| rung > epochs);
        let running = self.study.trials.iter().position(|trial| trial.state == State::Running);
        if let Some(trial) = running {
            let target = above(self.study.trials[trial].epochs());
            return Ok((trial, target.unwrap_or(self.search.halving.last)));
        }
        let left = self.search.budget.epochs.unwrap_or(u64::MAX);
        let left = left.saturating_sub(self.study.epochs());
        let proposed = self.proposed();
        let (halving, trials) = (self.search.halving, &self.study.trials);
        match halving.next(&self.rungs, trials, left, proposed.is_some()) {
            Some(Job::Promote { trial, rung }) => {
                self.study.trials[trial].state = State::Running;
                Ok((trial, self.rungs[rung]))
            }
            Some(Job::New) => {
                self.study.trials.extend(proposed.map(Trial::new));
                Ok((self.study.trials.len() - 1, self.rungs[0]))
            }
            None => match halving.next(&self.rungs, trials, u64::MAX, proposed.is_some()) {
                Some(_) => Err(Ended::OutOfEpochs),
                None => Err(Ended::Finished),
            },
        }
    }

    /// The settings of a new trial, if one may begin.
    fn proposed(&self) -> Option<Settings> {
        let Search {
            space, seed, random, ..
        } = &self.search;
        let tried = self.study.trials.len();
        let limits = [
            self.search.budget.trials.map(|most| most as usize),
            self.all.as_ref().map(Vec::len),
        ];
        match limits.into_iter().flatten().any(|most| tried >= most) {
            true => None,
            false => propose(space, self.all.as_deref(), &self.study.trials, *seed, *random),
        }
    }

    /// Trains a trial up to so many epochs, or until it is told to stop; keeps it after each.
    fn train<O: Objective>(
        &mut self,
        objective: &mut O,
        (trial, target): (usize, u32),
        watch: &mut dyn FnMut(&Study, &Event) -> Control,
        clock: &mut Clock,
    ) -> Result<Control> {
        let mut trainer = match self.trainer(objective, trial)? {
            Ok(trainer) => trainer,
            Err(error) => return self.fail(trial, error, watch, clock),
        };
        while self.study.trials[trial].epochs() < target {
            let (study, mut is_told) = (&self.study, false);
            let trained = objective.train_epoch(&mut trainer, &mut |report| {
                let answer = watch(study, &Event::Progress { trial, report: *report });
                is_told |= answer == Control::Stop || clock.is_over();
                if is_told { Control::Stop } else { Control::Continue }
            });
            let value = match trained {
                Ok(Some(value)) if value.is_finite() => Some(value),
                Ok(None) if is_told => None,
                Ok(other) => return self.fail(trial, undefined(other), watch, clock),
                Err(error) => return self.fail(trial, error, watch, clock),
            };
            let bytes = match objective.save(&mut trainer) {
                Ok(bytes) => bytes,
                Err(error) => return self.fail(trial, error, watch, clock),
            };
            let best = self.keep(trial, value, target, bytes, clock)?;
            let Some(value) = value else {
                return Ok(Control::Stop);
            };
            let mut answer = watch(&self.study, &Event::Epoch { trial, value, best });
            if self.study.trials[trial].epochs() >= target
                && watch(&self.study, &Event::Ended { trial }) == Control::Stop
            {
                answer = Control::Stop;
            }
            if answer == Control::Stop || clock.is_over() {
                return Ok(Control::Stop);
            }
        }
        Ok(Control::Continue)
    }

    /// A trial's trainer: the one that was kept, or a new one. The inner error is the trial's own.
    fn trainer<O: Objective>(&self, objective: &mut O, trial: usize) -> Result<Result<O::Trainer>> {
        let about = &self.study.trials[trial];
        if !about.is_kept {
            return Ok(objective.make(&about.settings, self.search.halving.last));
        }
        let trainer = objective.restore(&self.store.load((trial, about.saves))?)?;
        match objective.epochs(&trainer) {
            epochs if epochs == about.epochs() => Ok(Ok(trainer)),
            epochs => Err(self.damaged(format!(
                "trial {trial} has {} epochs in the study and {epochs} in its checkpoint",
                about.epochs()
            ))),
        }
    }

    /// Keeps a trial after an epoch, whose value is given, or within one. Says whether it is the best of all.
    fn keep(
        &mut self,
        trial: usize,
        value: Option<f64>,
        target: u32,
        bytes: Vec<u8>,
        clock: &mut Clock,
    ) -> Result<bool> {
        let last = self.search.halving.last;
        let about = &mut self.study.trials[trial];
        about.saves = about.saves.saturating_add(1);
        about.is_kept = true;
        let key = (trial, about.saves);
        let best = value.is_some_and(|value| self.study.take(trial, value));
        let about = &mut self.study.trials[trial];
        if about.epochs() >= target {
            let is_last = target >= last;
            about.state = if is_last { State::Finished } else { State::Paused };
            about.is_kept = !is_last; // nobody goes on from the top
        }
        if best || about.is_kept {
            self.store.save(key, bytes)?;
        }
        self.save(clock)?;
        Ok(best)
    }

    /// Takes note that a trial has failed.
    fn fail(
        &mut self,
        trial: usize,
        error: Error,
        watch: &mut dyn FnMut(&Study, &Event) -> Control,
        clock: &mut Clock,
    ) -> Result<Control> {
        let about = &mut self.study.trials[trial];
        (about.state, about.is_kept) = (State::Failed(error.to_string()), false);
        self.save(clock)?;
        let failed = self.study.failed().count();
        if self.study.winner.is_none() && failed >= FAILED_AT_FIRST {
            let reason = format!("all of the first {failed} trials failed, the last with: {error}");
            return Err(Error::config("space", reason));
        }
        Ok(watch(&self.study, &Event::Ended { trial }))
    }

    fn save(&mut self, clock: &mut Clock) -> Result<()> {
        self.study.seconds = clock.seconds();
        let mut kept: HashSet<Key> = HashSet::new();
        let trials = self.study.trials.iter().enumerate();
        kept.extend(
            trials
                .filter(|(_, trial)| trial.is_kept)
                .map(|(at, trial)| (at, trial.saves)),
        );
        kept.extend(self.study.winner.as_ref().map(|winner| (winner.trial, winner.save)));
        let text = match self.store.path() {
            Some(_) => {
                let objective = self.objective.clone().unwrap_or_default();
                let text = Record::of(&self.search, objective, self.study.clone()).text();
                text.map_err(|reason| self.damaged(reason))?
            }
            None => String::new(),
        };
        self.store.save_study(&text, &kept)
    }

    /// Goes on with the study of a file.
    fn adopt(&mut self, text: &str) -> Result<()> {
        let record = Record::read(text).map_err(|reason| self.damaged(reason))?;
        record.check(&self.search)?;
        if let Some(reason) = record.study.fault(&self.search.space, &self.rungs) {
            return Err(self.damaged(reason));
        }
        (self.study, self.objective) = (record.study, Some(record.objective));
        Ok(())
    }

    fn check_objective<O: Objective>(&mut self, objective: &O) -> Result<()> {
        let identity = objective.identity();
        match self.objective.replace(identity.clone()) {
            Some(before) if before != identity => {
                let reason =
                    format!("the study is of {before}, and this is {identity}: give the same data, or another folder");
                self.objective = Some(before);
                Err(Error::config("objective", reason))
            }
            _ => Ok(()),
        }
    }

    fn damaged(&self, reason: String) -> Error {
        let folder = self
            .store
            .path()
            .map(|path| path.join("study.json").display().to_string());
        Error::Checkpoint {
            path: folder.unwrap_or_else(|| "in memory".into()),
            reason,
        }
    }
}

/// Why there is no value where an epoch is over.
fn undefined(value: Option<f64>) -> Error {
    let reason = match value {
        Some(value) => format!("it is {value} after the epoch"),
        None => "it is undefined after the epoch".into(),
    };
    Error::config("metric", reason)
}
