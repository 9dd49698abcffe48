//! The mean of the parameters over late epochs.
//!
//! With a step size that does not fall to zero, parameters end up wandering about a good place without settling in it.
//! Their mean over the path is nearer to it: Polyak and Juditsky, *Acceleration of Stochastic Approximation by
//! Averaging*, SIAM J. Control and Optimization 30(4), 1992; for networks, with one point an epoch, Izmailov et al.,
//! *Averaging Weights Leads to Wider Optima and Better Generalization* (stochastic weight averaging), UAI 2018. Unlike
//! there, the optimiser and its step size stay as they are. Plans with batch statistics are refused: the mean of running
//! statistics is not the statistics of the mean, and to take these anew takes passes in training mode that move nothing,
//! which executors do not have.
//!
//! Training never sees the mean, and everything else sees nothing but the mean. So there are two sets of parameters:
//! one is in the executor and the other here, and they change places. Moments and step count stay in the executor.

#[cfg(feature = "checkpoint")]
use alloc::string::String;
use alloc::{format, vec::Vec};

use super::progress::{copy_of, values_of};
use crate::{
    Error, Result,
    executor::Executor,
    plan::{ParamKind, Plan, State},
};
#[cfg(feature = "checkpoint")]
use crate::{checks::check_state, train::progress::fresh_state};

/// One entry a parameter, in the plan's order.
pub(crate) type Values = Vec<Vec<f32>>;

/// The parameters that the executor does not hold.
#[derive(Debug, Default)]
pub(crate) enum AveragedWeights {
    /// There is no mean.
    #[default]
    None,
    /// The mean: the executor holds the parameters that training goes on from.
    Mean(Values),
    /// The parameters that training goes on from: the executor holds the mean.
    Training(Values),
}

impl AveragedWeights {
    /// Makes everything but training see the mean, if there is one.
    pub fn use_mean(&mut self, executor: &mut dyn Executor) -> Result<()> {
        if let AveragedWeights::Mean(values) = self {
            exchange(executor, values)?;
            *self = AveragedWeights::Training(core::mem::take(values));
        }
        Ok(())
    }

    /// Puts the parameters back that training goes on from.
    pub fn use_training(&mut self, executor: &mut dyn Executor) -> Result<()> {
        if let AveragedWeights::Training(values) = self {
            exchange(executor, values)?;
            *self = AveragedWeights::Mean(core::mem::take(values));
        }
        Ok(())
    }

    /// The mean with the parameters at the end of `epoch` in it, and of how many epochs it then is; nothing where
    /// averaging has not begun. `averaged` epochs are in the old mean, which stays: the epoch may yet turn out to have
    /// diverged.
    ///
    /// # Errors
    /// [`Error::Memory`] where there is not enough.
    pub fn next_mean(
        &self,
        from: Option<u32>,
        epoch: u32,
        averaged: u32,
        state: &State,
    ) -> Result<Option<(Values, u32)>> {
        if from.is_none_or(|from| epoch < from) {
            return Ok(None);
        }
        let AveragedWeights::Mean(mean) = self else {
            return Ok(Some((values_of(state)?, 1)));
        };
        let count = averaged.saturating_add(1);
        let mut mean = copy_of(mean)?;
        add_to_mean(&mut mean, state, count);
        Ok(Some((mean, count)))
    }

    /// Makes of the executor's state the one that training goes on from, and the mean beside it.
    #[cfg(feature = "checkpoint")]
    ///
    /// # Errors
    /// [`Error::Memory`] where there is not enough.
    pub fn both(&self, mut state: State) -> Result<(State, Option<Values>)> {
        let mean = match self {
            AveragedWeights::None => None,
            AveragedWeights::Mean(mean) => Some(copy_of(mean)?),
            AveragedWeights::Training(values) => {
                let mut mean = copy_of(values)?;
                swap_values(&mut state, &mut mean);
                Some(mean)
            }
        };
        Ok((state, mean))
    }

    /// The parameters that the executor does not hold, if there are two sets.
    pub fn values_mut(&mut self) -> Option<&mut Values> {
        match self {
            AveragedWeights::None => None,
            AveragedWeights::Mean(values) | AveragedWeights::Training(values) => Some(values),
        }
    }

    /// Takes a mean from a checkpoint into use.
    #[cfg(feature = "checkpoint")]
    pub fn adopt(executor: &mut dyn Executor, mean: Values) -> Result<Self> {
        let state = fresh_state(mean);
        check_state(executor.plan(), &state)?;
        let mut averaged = AveragedWeights::Mean(state.tensors.into_iter().map(|tensor| tensor.value).collect());
        averaged.use_mean(executor)?;
        Ok(averaged)
    }
}

/// Refuses averaging for a plan with batch statistics.
pub(crate) fn check_averaging(plan: &Plan, average_from: Option<u32>) -> Result<()> {
    let mut params = plan.params().iter();
    match params.find(|param| average_from.is_some() && param.kind == ParamKind::Statistic) {
        None => Ok(()),
        Some(param) => Err(Error::config(
            "average_from",
            format!(
                "{} is a statistic of batches, and its mean is not the statistic of the mean; set None, or take a unit \
                 without batch normalisation",
                param.name
            ),
        )),
    }
}

/// Why a mean of `averaged` epochs after `epoch` ones, or none, contradicts the settings and the position.
#[cfg(feature = "checkpoint")]
pub(crate) fn mean_fault(average_from: Option<u32>, epoch: u32, averaged: u32, has_mean: bool) -> Option<String> {
    match (has_mean, averaged, average_from) {
        (false, 0, _) => None,
        (false, ..) => Some(format!(
            "a mean of {averaged} epochs is counted, but its values are missing"
        )),
        (true, 0, _) => Some("there is a mean of parameters, but the position counts no epoch in it".into()),
        (true, _, None) => Some("there is a mean of parameters, but average_from is not set".into()),
        (true, _, Some(from)) => {
            let most = epoch.saturating_add(1).saturating_sub(from);
            let reason = || format!("a mean of {averaged} epochs, after epoch {epoch} and from epoch {from} on");
            (averaged > most).then(reason)
        }
    }
}

/// `mean += (value - mean) / count`, in `f64`, where it cannot overflow. The mean is kept as `f32`: its error after
/// `count` epochs is at most `(count + 1) / 2` roundings, and it does not drift, as older ones shrink with their weight.
fn add_to_mean(mean: &mut Values, state: &State, count: u32) {
    let count = f64::from(count);
    for (mean, tensor) in mean.iter_mut().zip(&state.tensors) {
        for (mean, &value) in mean.iter_mut().zip(&tensor.value) {
            let old = f64::from(*mean);
            *mean = (old + (f64::from(value) - old) / count) as f32;
        }
    }
}

/// Exchanges the executor's parameters for `values`; moments and step count stay.
fn exchange(executor: &mut dyn Executor, values: &mut Values) -> Result<()> {
    let mut state = executor.state().wait()?;
    swap_in(executor, &mut state, values)
}

/// Exchanges the parameters of `state` for `values` and gives it to the executor; on an error nothing is exchanged.
pub(crate) fn swap_in(executor: &mut dyn Executor, state: &mut State, values: &mut Values) -> Result<()> {
    swap_values(state, values);
    let set = executor.set_state(state).wait();
    if set.is_err() {
        swap_values(state, values);
    }
    set
}

fn swap_values(state: &mut State, values: &mut Values) {
    for (tensor, values) in state.tensors.iter_mut().zip(values) {
        core::mem::swap(&mut tensor.value, values);
    }
}
