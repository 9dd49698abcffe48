//! The optimisers, named after what they do.

use alloc::{format, string::ToString};

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// The settings of Adam (Kingma and Ba, ICLR 2015), with their usual values as default.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct AdamConfig {
    /// Step size.
    pub learning_rate: f32,
    /// Decay of the first moment.
    pub beta1: f32,
    /// Decay of the second moment.
    pub beta2: f32,
    /// Added to the root of the second moment.
    pub epsilon: f32,
}

impl Default for AdamConfig {
    fn default() -> Self {
        AdamConfig {
            learning_rate: 0.001,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
        }
    }
}

/// Weight of the squared norm in the loss, by group of parameters.
///
/// The loss of a sample gains `tables / 2 * |rows it picks|^2 + dense / 2 * |dense parameters|^2`. So a row's
/// gradient gains `tables * row * n / B` where `n` of the batch's `B` samples pick it: a row that is not picked is
/// not decayed, and a frequent one is decayed more often (as in Rendle et al., RecSys 2020).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct L2 {
    /// For embedding tables, by each sample that picks a row.
    pub tables: f32,
    /// For every row of the tables, picked or not: the loss gains `per_row / 2 * |row|^2`, as with an L2 term over whole
    /// tables or Adam's weight decay in PyTorch. Rare rows shrink then. `LazyAdam` still moves the batch's rows alone.
    pub per_row: f32,
    /// For weights and biases.
    pub dense: f32,
}

/// How parameters follow their gradient.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Optimizer {
    /// Adam on every row at every step, whether or not the batch picks it: what the papers' code does.
    Adam(AdamConfig),
    /// Adam on the rows of the batch alone; the moments of absent rows wait. Bias correction by the global step.
    LazyAdam(AdamConfig),
    /// `parameter -= learning_rate * gradient`.
    Sgd {
        /// Step size.
        learning_rate: f32,
    },
}

impl Default for Optimizer {
    fn default() -> Self {
        Optimizer::LazyAdam(AdamConfig::default())
    }
}

impl Optimizer {
    /// Whether it keeps two moments beside each parameter.
    pub fn has_moments(&self) -> bool {
        !matches!(self, Optimizer::Sgd { .. })
    }

    /// Whether it moves rows of tables that the batch does not pick.
    pub fn moves_every_row(&self, l2: L2) -> bool {
        match self {
            Optimizer::Adam(_) => true,
            Optimizer::LazyAdam(_) => false,
            Optimizer::Sgd { .. } => l2.per_row > 0.0, // else their gradient is zero
        }
    }

    /// The step size.
    pub fn learning_rate(&self) -> f32 {
        match self {
            Optimizer::Adam(config) | Optimizer::LazyAdam(config) => config.learning_rate,
            Optimizer::Sgd { learning_rate } => *learning_rate,
        }
    }

    /// The same optimiser with another step size.
    pub fn with_learning_rate(mut self, rate: f32) -> Self {
        match &mut self {
            Optimizer::Adam(config) | Optimizer::LazyAdam(config) => config.learning_rate = rate,
            Optimizer::Sgd { learning_rate } => *learning_rate = rate,
        }
        self
    }

    /// Checks the settings.
    ///
    /// # Errors
    /// [`Error::Config`] names the setting that is out of range.
    pub fn validate(&self) -> Result<()> {
        let positive = |field: &str, x: f32| match x > 0.0 && x.is_finite() {
            true => Ok(()),
            false => Err(Error::config(field, format!("{x} is not a positive number"))),
        };
        positive("learning_rate", self.learning_rate())?;
        if let Optimizer::Adam(config) | Optimizer::LazyAdam(config) = self {
            positive("epsilon", config.epsilon)?;
            for (field, beta) in [("beta1", config.beta1), ("beta2", config.beta2)] {
                if !(0.0..1.0).contains(&beta) {
                    return Err(Error::config(field.to_string(), format!("{beta} is not in 0..1")));
                }
            }
        }
        Ok(())
    }
}
