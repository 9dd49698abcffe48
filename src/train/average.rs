//! The mean of the parameters over late epochs.
//!
//! With a step size that does not fall to zero, parameters end up wandering about a good place without settling in it.
//! Their mean over the path is nearer to it: Polyak and Juditsky, *Acceleration of Stochastic Approximation by
//! Averaging*, SIAM J. Control and Optimization 30(4), 1992; for networks, with one point an epoch, Izmailov et al.,
//! *Averaging Weights Leads to Wider Optima and Better Generalization* (stochastic weight averaging), UAI 2018. Unlike
//! there, the optimiser and its step size stay as they are. The models trained here have no batch normalisation, whose
//! statistics would have to be taken anew for the mean.
//!
//! Training never sees the mean, and everything else sees nothing but the mean. So there are two sets of parameters:
//! one is in the executor and the other here, and they change places. Moments and step count stay in the executor.

use alloc::vec::Vec;

use super::{Trainer, progress::values_of};
use crate::{
    Result,
    data::Split,
    eval::{self, RankingReport},
    executor::Executor,
    plan::State,
};

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

impl Trainer {
    /// Makes everything but training see the mean, if there is one.
    pub(super) fn use_mean(&mut self) -> Result<()> {
        if let Aside::Mean(values) = &mut self.aside {
            exchange(&mut *self.executor, values)?;
            self.aside = Aside::Plain(core::mem::take(values));
        }
        Ok(())
    }

    /// Puts the parameters back that training goes on from.
    pub(super) fn use_plain(&mut self) -> Result<()> {
        if let Aside::Plain(values) = &mut self.aside {
            exchange(&mut *self.executor, values)?;
            self.aside = Aside::Mean(core::mem::take(values));
        }
        Ok(())
    }

    /// The mean with the parameters at the end of `epoch` in it, and of how many epochs it then is; nothing where
    /// averaging has not begun. The old mean stays: the epoch may yet turn out to have diverged.
    pub(super) fn next_mean(&self, epoch: u32, state: &State) -> Option<(Values, u32)> {
        self.config.average_from.filter(|&from| epoch >= from)?;
        let Aside::Mean(mean) = &self.aside else {
            return Some((values_of(state), 1));
        };
        let count = self.progress.averaged.saturating_add(1);
        let mut mean = mean.clone();
        add_to_mean(&mut mean, state, count);
        Some((mean, count))
    }

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
        swap_values(state, mean);
        let ranking = executor
            .set_state(state)
            .and_then(|()| eval::evaluate(executor, split, protocol, k));
        swap_values(state, mean);
        executor.set_state(state)?;
        ranking
    }

    /// Ends the mean by making it the parameters, for good.
    pub(super) fn settle_on_mean(&mut self) -> Result<()> {
        self.use_mean()?;
        self.forget_mean();
        Ok(())
    }

    /// Ends the mean by going back to the parameters without it.
    pub(super) fn drop_mean(&mut self) -> Result<()> {
        self.use_plain()?;
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
    swap_values(&mut state, values);
    let set = executor.set_state(&state);
    if set.is_err() {
        swap_values(&mut state, values);
    }
    set
}

pub(super) fn swap_values(state: &mut State, values: &mut Values) {
    for (tensor, values) in state.tensors.iter_mut().zip(values) {
        core::mem::swap(&mut tensor.value, values);
    }
}
