//! The settings of RP3beta.

use alloc::format;

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// The largest exponent: beyond it walks through users with many items are too unlikely for `f32`.
const LARGEST_EXPONENT: f32 = 4.0;

/// The settings of [`Rp3Beta`](super::Rp3Beta). The defaults are those that are best on a held-out part of Gowalla.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rp3BetaConfig {
    /// Exponent of each step's probability, in 0..=4: above 1 the walk keeps away from items and users that have many ways on.
    pub alpha: f32,
    /// Exponent of the popularity that a weight is divided by, in 0..=4: 0 favours what is popular.
    pub beta: f32,
    /// Neighbours that are kept of an item, those with the largest weights.
    pub neighbours: usize,
    /// Whether the weights that are kept of an item are divided by their sum, so that each item of a history counts alike.
    pub normalize: bool,
}

impl Default for Rp3BetaConfig {
    fn default() -> Self {
        Rp3BetaConfig {
            alpha: 0.6,
            beta: 0.3,
            neighbours: 100,
            normalize: true,
        }
    }
}

impl Rp3BetaConfig {
    /// Looks whether the settings can be used.
    ///
    /// # Errors
    /// [`Error::Config`] with the first that cannot.
    pub fn validate(&self) -> Result<()> {
        for (name, exponent) in [("alpha", self.alpha), ("beta", self.beta)] {
            if !(0.0..=LARGEST_EXPONENT).contains(&exponent) {
                let reason = format!("{exponent} is not in 0..={LARGEST_EXPONENT}; 0.5 to 1.5 is usual");
                return Err(Error::config(name, reason));
            }
        }
        match self.neighbours {
            0 => Err(Error::config(
                "neighbours",
                "0: without neighbours nothing is recommended; 100 to 500 is usual",
            )),
            _ => Ok(()),
        }
    }
}
