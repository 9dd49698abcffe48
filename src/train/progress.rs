//! Where training stands, and copies of the state to go back to.

#[cfg(feature = "checkpoint")]
use alloc::vec;
use alloc::vec::Vec;

use super::BestEpoch;
use crate::{
    Result,
    eval::RankingReport,
    executor::LossSum,
    memory,
    plan::{Plan, State, Tensor},
};

/// Where training stands: together with the state and the settings, all that a resumed run needs. Random numbers
/// are functions of the seed and this position, so that there is no generator to keep.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress<V = RankingReport> {
    /// Epochs completed.
    pub epoch: u32,
    /// Samples done of the next one, negatives among them.
    pub sample: u64,
    /// Steps since the beginning of training, those of `absorb` not counted.
    pub step: u64,
    /// Losses of the epoch so far.
    pub loss: LossSum,
    /// The best evaluation.
    pub best: Option<BestEpoch<V>>,
    /// Evaluations since the best.
    pub evaluations_since_best: u32,
    /// Evaluations that were not better than the best before them.
    pub plateaus: u32,
    /// Whether the parameters (their mean, once there is one) are those of the best evaluation.
    pub at_best: bool,
    /// Groups of interactions or rows absorbed.
    pub absorbed: u64,
    /// Epochs in the mean of the parameters, the last one completed among them; 0 where there is no mean.
    pub averaged: u32,
}

impl<V> Default for Progress<V> {
    /// The beginning of training.
    fn default() -> Self {
        Progress {
            epoch: 0,
            sample: 0,
            step: 0,
            loss: LossSum::default(),
            best: None,
            evaluations_since_best: 0,
            plateaus: 0,
            at_best: false,
            absorbed: 0,
            averaged: 0,
        }
    }
}

impl<V> Progress<V> {
    /// One step more, on so many samples.
    pub(super) fn next_step(&mut self, samples: u64) {
        self.sample = self.sample.saturating_add(samples);
        self.step = self.step.saturating_add(1);
        self.at_best = false;
    }

    /// The beginning of the next epoch.
    pub(super) fn next_epoch(&mut self) {
        self.epoch = self.epoch.saturating_add(1);
        self.sample = 0;
        self.loss = LossSum::default();
    }
}

/// The most epochs, samples of an epoch, and anything else counted with which training can go on. No device gets there:
/// larger counts are those of a damaged file, and near the ends of their types they could overflow.
#[cfg(feature = "checkpoint")]
pub(crate) const MOST: (u64, u64, u64) = (1 << 31, u32::MAX as u64 - 1, 1 << 53);
/// The largest sum of losses, far below infinity.
#[cfg(feature = "checkpoint")]
const MOST_LOSS: f64 = 1e300;

/// A position as counts by name, each with the most that it can be.
#[cfg(feature = "checkpoint")]
pub(crate) struct Counts {
    pub counts: Vec<(&'static str, u64, u64)>,
    pub loss: LossSum,
}

#[cfg(feature = "checkpoint")]
impl Counts {
    /// Why training cannot go on from here, if it cannot; `optimizer_step` is the count of the state.
    pub fn fault(&self, optimizer_step: u64) -> Option<alloc::string::String> {
        let others = [
            ("optimizer_step", optimizer_step, MOST.2),
            ("loss_samples", self.loss.samples, MOST.2),
        ];
        let mut counts = self.counts.iter().chain(&others);
        if let Some((name, count, most)) = counts.find(|(_, count, most)| count > most) {
            return Some(alloc::format!("{name} is {count}; training counts to {most} at most"));
        }
        match self.loss.sum {
            sum if (0.0..=MOST_LOSS).contains(&sum) => None,
            sum => Some(alloc::format!("loss_sum is {sum}, which is no sum of losses")),
        }
    }
}

#[cfg(feature = "checkpoint")]
impl<V: Copy> Progress<V> {
    /// What is counted; `sample` is what files call the samples of the epoch.
    pub(crate) fn counts(&self, sample: &'static str) -> Counts {
        let (epochs, samples, others) = MOST;
        Counts {
            counts: vec![
                ("epoch", self.epoch.into(), epochs),
                ("best epoch", self.best.map_or(0, |best| best.epoch).into(), epochs),
                ("stale", self.evaluations_since_best.into(), epochs),
                ("plateaus", self.plateaus.into(), epochs),
                ("averaged", self.averaged.into(), epochs),
                (sample, self.sample, samples),
                ("step", self.step, others),
                ("absorbed", self.absorbed, others),
            ],
            loss: self.loss,
        }
    }
}

/// A state known to be finite, and where it was.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot<V> {
    pub state: State,
    pub progress: Progress<V>,
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

/// Whether all are finite; in blocks of bits without a branch, so that it runs at the speed of memory.
pub(crate) fn all_finite(values: &[f32]) -> bool {
    const EXPONENT: u32 = 0x7f80_0000;
    // One more than the largest exponent is in the sign's place.
    let carry = |x: &f32| (x.to_bits() & EXPONENT) + (1 << 23);
    let bad = |block: &[f32]| block.iter().fold(0, |bits, x| bits | carry(x)) >> 31 == 1;
    !values.chunks(1024).any(bad)
}

/// A copy of the parameters alone.
///
/// # Errors
/// [`Error::Memory`](crate::Error::Memory) where there is not enough.
pub(super) fn values_of(state: &State) -> Result<Vec<Vec<f32>>> {
    copies(state.tensors.iter().map(|tensor| &tensor.value[..]))
}

/// A copy of parameters.
///
/// # Errors
/// [`Error::Memory`](crate::Error::Memory) where there is not enough.
pub(super) fn copies<'a>(values: impl Iterator<Item = &'a [f32]>) -> Result<Vec<Vec<f32>>> {
    values
        .map(|values| memory::copy(values, || "a copy of the parameters".into()))
        .collect()
}

/// A copy of a set of parameters.
///
/// # Errors
/// [`Error::Memory`](crate::Error::Memory) where there is not enough.
pub(super) fn copy_of(values: &[Vec<f32>]) -> Result<Vec<Vec<f32>>> {
    copies(values.iter().map(Vec::as_slice))
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
