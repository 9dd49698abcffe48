//! Where training stands, and copies of the state to go back to.

use alloc::vec::Vec;

use super::BestEpoch;
use crate::{
    executor::LossSum,
    plan::{Plan, State, Tensor},
};

/// Where training stands: together with the state and the settings, all that a resumed run needs. Random numbers
/// are functions of the seed and this position, so that there is no generator to keep.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Progress {
    /// Epochs completed.
    pub epoch: u32,
    /// Samples done of the next one.
    pub sample: u64,
    /// Steps since the beginning of training, those of `absorb` not counted.
    pub step: u64,
    /// Losses of the epoch so far.
    pub loss: LossSum,
    /// The best evaluation.
    pub best: Option<BestEpoch>,
    /// Evaluations since the best.
    pub stale: u32,
    /// Whether the parameters (their mean, once there is one) are those of the best evaluation.
    pub at_best: bool,
    /// Groups of interactions absorbed.
    pub absorbed: u64,
    /// Epochs in the mean of the parameters, the last one completed among them; 0 where there is no mean.
    pub averaged: u32,
}

impl Progress {
    /// The beginning of the next epoch.
    pub(super) fn next_epoch(&mut self) {
        self.epoch = self.epoch.saturating_add(1);
        self.sample = 0;
        self.loss = LossSum::default();
    }
}

/// A state known to be finite, and where it was.
#[derive(Clone, Debug)]
pub(super) struct Snapshot {
    pub state: State,
    pub progress: Progress,
}

/// Name of the first parameter with a value or moment that is not finite.
pub(crate) fn not_finite<'a>(plan: &'a Plan, state: &State) -> Option<&'a str> {
    let finite = |tensor: &Tensor| {
        let all = [&tensor.value, &tensor.m, &tensor.v];
        all.into_iter().all(|values| all_finite(values))
    };
    let mut both = plan.params().iter().zip(&state.tensors);
    both.find(|(_, tensor)| !finite(tensor))
        .map(|(param, _)| param.name.as_str())
}

/// Whether all are finite; in blocks, so that it runs at the speed of memory.
pub(crate) fn all_finite(values: &[f32]) -> bool {
    const EXPONENT: u32 = 0x7f80_0000;
    let bad = |block: &[f32]| {
        block
            .iter()
            .fold(false, |bad, x| bad | (x.to_bits() & EXPONENT == EXPONENT))
    };
    !values.chunks(1024).any(bad)
}

/// The parameters alone.
pub(super) fn values_of(state: &State) -> Vec<Vec<f32>> {
    state.tensors.iter().map(|tensor| tensor.value.clone()).collect()
}

/// A state of parameters alone: moments and their step count begin anew.
pub(super) fn fresh_state(values: Vec<Vec<f32>>) -> State {
    let tensor = |value| Tensor {
        value,
        ..Tensor::default()
    };
    State {
        step: 0,
        tensors: values.into_iter().map(tensor).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_bad_value_is_found_anywhere() {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            for at in [0, 1023, 1024, 2999] {
                let mut values = alloc::vec![f32::MAX; 3000];
                assert!(all_finite(&values));
                values[at] = bad;
                assert!(!all_finite(&values));
            }
        }
        assert!(all_finite(&[]) && all_finite(&[0.0, f32::MIN_POSITIVE / 2.0]));
    }
}
