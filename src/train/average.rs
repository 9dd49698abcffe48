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

#[cfg(feature = "std")]
use alloc::string::String;
use alloc::{format, vec::Vec};

use super::{Trainer, progress::values_of};
use crate::{
    Error, Result,
    data::Split,
    eval::{self, RankingReport},
    executor::Executor,
    plan::{ParamKind, Plan, State},
};
#[cfg(feature = "std")]
use crate::{checks::check_state, train::progress::fresh_state};

/// One entry a parameter, in the plan's order.
pub(super) type Values = Vec<Vec<f32>>;

/// The parameters that the executor does not hold.
#[derive(Debug, Default)]
pub(super) enum Aside {
    /// There is no mean.
    #[default]
    Nothing,
    /// The mean: the executor holds the parameters that training goes on from.
    Mean(Values),
    /// The parameters that training goes on from: the executor holds the mean.
    Plain(Values),
}

impl Aside {
    /// Makes everything but training see the mean, if there is one.
    pub fn use_mean(&mut self, executor: &mut dyn Executor) -> Result<()> {
        if let Aside::Mean(values) = self {
            exchange(executor, values)?;
            *self = Aside::Plain(core::mem::take(values));
        }
        Ok(())
    }

    /// Puts the parameters back that training goes on from.
    pub fn use_plain(&mut self, executor: &mut dyn Executor) -> Result<()> {
        if let Aside::Plain(values) = self {
            exchange(executor, values)?;
            *self = Aside::Mean(core::mem::take(values));
        }
        Ok(())
    }

    /// The mean with the parameters at the end of `epoch` in it, and of how many epochs it then is; nothing where
    /// averaging has not begun. `averaged` epochs are in the old mean, which stays: the epoch may yet turn out to have
    /// diverged.
    pub fn next_mean(&self, from: Option<u32>, epoch: u32, averaged: u32, state: &State) -> Option<(Values, u32)> {
        from.filter(|&from| epoch >= from)?;
        let Aside::Mean(mean) = self else {
            return Some((values_of(state), 1));
        };
        let count = averaged.saturating_add(1);
        let mut mean = mean.clone();
        add_to_mean(&mut mean, state, count);
        Some((mean, count))
    }

    /// Makes of the executor's state the one that training goes on from, and the mean beside it.
    #[cfg(feature = "std")]
    pub fn both(&self, mut state: State) -> (State, Option<Values>) {
        let mean = match self {
            Aside::Nothing => None,
            Aside::Mean(mean) => Some(mean.clone()),
            Aside::Plain(plain) => {
                let mut mean = plain.clone();
                swap_values(&mut state, &mut mean);
                Some(mean)
            }
        };
        (state, mean)
    }

    /// Takes a mean from a checkpoint into use.
    #[cfg(feature = "std")]
    pub fn adopt(executor: &mut dyn Executor, mean: Values) -> Result<Self> {
        let state = fresh_state(mean);
        check_state(executor.plan(), &state)?;
        let mut aside = Aside::Mean(state.tensors.into_iter().map(|tensor| tensor.value).collect());
        aside.use_mean(executor)?;
        Ok(aside)
    }
}

impl Trainer {
    /// Ranks the test items with the mean where there is one, else with the parameters in the executor. These are
    /// `state`, and they are in the executor again afterwards.
    pub(super) fn rank(
        &mut self,
        split: &Split,
        state: &mut State,
        mean: Option<&mut Values>,
    ) -> Result<RankingReport> {
        let (protocol, k) = (self.config.protocol, self.config.k);
        let executor = &mut *self.executor;
        let Some(mean) = mean else {
            return eval::evaluate(executor, split, protocol, k);
        };
        swap_in(executor, state, mean)?;
        let ranking = eval::evaluate(executor, split, protocol, k);
        swap_in(executor, state, mean)?;
        ranking
    }

    /// Ends the mean by making it the parameters, for good.
    pub(super) fn settle_on_mean(&mut self) -> Result<()> {
        self.aside.use_mean(&mut *self.executor)?;
        self.forget_mean();
        Ok(())
    }

    /// Ends the mean by going back to the parameters without it.
    pub(super) fn drop_mean(&mut self) -> Result<()> {
        self.aside.use_plain(&mut *self.executor)?;
        self.forget_mean();
        Ok(())
    }

    /// Leaves the parameters in the executor as the only ones.
    pub(super) fn forget_mean(&mut self) {
        if !matches!(self.aside, Aside::Nothing) {
            self.aside = Aside::Nothing;
            self.progress.averaged = 0;
            self.progress.at_best = false;
            self.good = None; // it counts epochs that are no longer in a mean
        }
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
#[cfg(feature = "std")]
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
    let mut state = executor.state()?;
    swap_in(executor, &mut state, values)
}

/// Exchanges the parameters of `state` for `values` and gives it to the executor; on an error nothing is exchanged.
pub(super) fn swap_in(executor: &mut dyn Executor, state: &mut State, values: &mut Values) -> Result<()> {
    swap_values(state, values);
    let set = executor.set_state(state);
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
