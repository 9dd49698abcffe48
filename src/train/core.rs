//! What every trainer holds, whatever it is trained on.

use alloc::{boxed::Box, vec::Vec};

#[cfg(feature = "checkpoint")]
use super::{
    averaging::mean_fault,
    progress::{copy_of, fresh_state, values_of},
    task::Schedule,
};
use super::{
    averaging::{AveragedWeights, Values},
    progress::{Progress, Snapshot},
    rows::OptimizerState,
};
#[cfg(feature = "checkpoint")]
use crate::{Error, checks::check_state};
use crate::{
    Result,
    data::Batch,
    executor::{Executor, step_tables},
    plan::{L2, Optimizer, State},
};

/// Parameters, position, and what is kept beside them.
pub(crate) struct Core<V> {
    pub executor: Box<dyn Executor>,
    pub progress: Progress<V>,
    pub averaged: AveragedWeights,
    /// Parameters of the best evaluation, where `patience` is set.
    pub best_values: Option<Values>,
    /// The state at the beginning of the epoch (or of a call within it), known to be finite.
    pub snapshot: Option<Snapshot<V>>,
    /// What is to be put back of moments and step count of training, while `absorb` learns without them.
    pub kept: Option<OptimizerState>,
}

impl<V: Copy> Core<V> {
    pub fn new(executor: Box<dyn Executor>) -> Self {
        Core {
            executor,
            progress: Progress::default(),
            averaged: AveragedWeights::default(),
            best_values: None,
            snapshot: None,
            kept: None,
        }
    }

    /// A copy of the state: the parameters in use, and moments and step count of training.
    pub fn state(&mut self) -> Result<State> {
        let mut state = self.executor.state().wait()?;
        if let Some(kept) = &self.kept {
            kept.put_into(&mut state);
        }
        Ok(state)
    }

    /// Makes ready for learning outside of the loop: a mean becomes the parameters, and moments and step count are kept
    /// until training goes on.
    pub fn prepare_absorb(&mut self) -> Result<()> {
        self.averaged.use_mean(&mut *self.executor)?;
        self.forget_mean();
        if self.kept.is_none() {
            self.kept = Some(OptimizerState::of(&mut *self.executor)?);
        }
        Ok(())
    }

    /// A step outside of the loop, once [all is ready](Core::prepare_absorb): rows of tables move, and dense parameters may.
    pub fn step_tables(&mut self, batch: &Batch, optimizer: &Optimizer) -> Result<()> {
        step_tables(&mut *self.executor, batch, optimizer, L2::default()).wait()?;
        if let Some(kept) = &mut self.kept {
            kept.leave_out_step();
        }
        Ok(())
    }

    /// Puts moments and step count back, where they were kept.
    pub fn restore_moments(&mut self) -> Result<()> {
        if let Some(kept) = &self.kept {
            let mut state = self.executor.state().wait()?;
            kept.put_into(&mut state);
            self.executor.set_state(&state).wait()?;
            self.kept = None;
        }
        Ok(())
    }

    /// Forgets the best epoch and the state to go back to: they are of other tables, or would undo what was learnt since.
    pub fn forget_best(&mut self) {
        self.snapshot = None;
        self.best_values = None;
        self.progress.best = None;
        (self.progress.evaluations_since_best, self.progress.at_best) = (0, false);
    }

    /// Ends the mean by going back to the parameters without it.
    pub fn drop_mean(&mut self) -> Result<()> {
        self.averaged.use_training(&mut *self.executor)?;
        self.forget_mean();
        Ok(())
    }

    /// Leaves the parameters in the executor as the only ones.
    pub fn forget_mean(&mut self) {
        if !matches!(self.averaged, AveragedWeights::None) {
            self.averaged = AveragedWeights::None;
            self.progress.averaged = 0;
            self.progress.at_best = false;
            self.snapshot = None; // it counts epochs that are no longer in a mean
        }
    }

    /// Every set of parameters beside the executor's, to grow with its tables. The snapshot is dropped, since its tables
    /// have the old lengths.
    pub fn other_values(&mut self) -> impl Iterator<Item = &mut Vec<Vec<f32>>> {
        self.snapshot = None;
        self.best_values.iter_mut().chain(self.averaged.values_mut())
    }
}

#[cfg(feature = "checkpoint")]
impl<V: Copy> Core<V> {
    /// The state that training goes on from, and the mean, to be stored.
    pub fn both(&mut self) -> Result<(State, Option<Values>)> {
        let state = self.state()?;
        self.averaged.both(state)
    }

    /// The best parameters, where they are not those in use.
    pub fn other_best_values(&self) -> Option<&[Vec<f32>]> {
        self.best_values.as_deref().filter(|_| !self.progress.at_best)
    }

    /// Goes on from what was stored. The executor has `state` already.
    ///
    /// # Errors
    /// [`Error::Config`] and [`Error::Length`] where the parts do not fit together.
    pub fn resume(
        executor: Box<dyn Executor>,
        schedule: &Schedule,
        progress: Progress<V>,
        best_values: Option<Values>,
        mean: Option<Values>,
    ) -> Result<Self> {
        let plan = executor.plan();
        let (epoch, averaged) = (progress.epoch, progress.averaged);
        if let Some(reason) = mean_fault(schedule.average_from, epoch, averaged, mean.is_some()) {
            return Err(Error::config("average_values", reason));
        }
        if best_values.is_some() && progress.best.is_none() {
            return Err(Error::config(
                "best_values",
                "they are there, but the progress has no best epoch",
            ));
        }
        let best_values = match best_values.map(fresh_state) {
            Some(best) => {
                check_state(plan, &best)?;
                Some(best.tensors.into_iter().map(|tensor| tensor.value).collect())
            }
            None => None,
        };
        let mut core = Core::new(executor);
        core.progress = progress;
        core.best_values = match schedule.patience {
            Some(_) if progress.at_best => Some(match &mean {
                Some(mean) => copy_of(mean)?,
                None => values_of(&core.executor.state().wait()?)?,
            }),
            _ => best_values,
        };
        if let Some(mean) = mean {
            core.averaged = AveragedWeights::adopt(&mut *core.executor, mean)?;
        }
        Ok(core)
    }
}
