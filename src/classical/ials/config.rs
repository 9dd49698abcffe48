//! The settings of iALS.

use alloc::format;

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// The widest vectors: the matrix of a row has their square.
const WIDEST: usize = 2048;

/// The settings of [`Ials`](super::Ials). The defaults are those of Rendle et al. for MovieLens, with fewer factors. Where there are many
/// items and short histories, less [`unobserved`](IalsConfig::unobserved) is better: 0.01 on Gowalla.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IalsConfig {
    /// Width of the vectors.
    pub factors: usize,
    /// How often the vectors of all users, and then of all items, are solved for.
    pub iterations: u32,
    /// Weight of the square of every score, `alpha0`: what is not observed is not wanted so much, and the more of it there is in all, the
    /// more popular the ranking.
    pub unobserved: f32,
    /// Weight of the squared norm of a vector, `lambda`.
    pub l2: f32,
    /// Exponent `nu` of the number of observations that `l2` is multiplied by: 0 regularises all vectors alike, 1 those of active users
    /// and popular items as often as they come.
    pub l2_exponent: f32,
    /// How a vector is solved for in training. Recommendations always go by exact solutions.
    pub solver: Solver,
    /// Standard deviation of a whole vector of an item before training; a coordinate's is that over the square root of `factors`.
    pub init_std: f32,
    /// Seed of the vectors before training.
    pub seed: u64,
}

/// How a row's vector is solved for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Solver {
    /// So many steps of conjugate gradients, from the vector of the iteration before.
    ConjugateGradient {
        /// Steps; 3 are usual.
        steps: u32,
    },
    /// Exactly, by factorising the matrix of each row.
    Cholesky,
}

impl Default for IalsConfig {
    fn default() -> Self {
        IalsConfig {
            factors: 64,
            iterations: 16,
            unobserved: 0.1,
            l2: 0.003,
            l2_exponent: 1.0,
            solver: Solver::ConjugateGradient { steps: 3 },
            init_std: 0.1,
            seed: 0,
        }
    }
}

impl IalsConfig {
    /// The settings of Hu, Koren and Volinsky, where what is observed has the weight `confidence` (above 1), all else the weight 1, and
    /// every vector the same `l2`: what is learnt is the same but for the scale of vectors and scores, and so are the rankings.
    /// In the library `implicit` they are called `alpha` and `regularization`.
    pub fn from_confidence(confidence: f32, l2: f32) -> Self {
        IalsConfig {
            unobserved: 1.0 / (confidence - 1.0),
            l2: l2 / confidence,
            l2_exponent: 0.0,
            ..IalsConfig::default()
        }
    }

    /// Looks whether the settings can be used.
    ///
    /// # Errors
    /// [`Error::Config`] with the first that cannot.
    pub fn validate(&self) -> Result<()> {
        if !(1..=WIDEST).contains(&self.factors) {
            let reason = format!("{} is not in 1..={WIDEST}; 64 is usual", self.factors);
            return Err(Error::config("factors", reason));
        }
        let ranges = [
            ("unobserved", self.unobserved, 0.0, 1e6, "0.01 to 1 is usual"),
            ("l2", self.l2, 1e-8, 1e6, "0.001 to 0.1 is usual"),
            ("l2_exponent", self.l2_exponent, 0.0, 2.0, "1 is usual"),
            ("init_std", self.init_std, 1e-6, 1e3, "0.1 is usual"),
        ];
        for (name, value, least, most, usual) in ranges {
            if !(least..=most).contains(&value) {
                return Err(Error::config(
                    name,
                    format!("{value} is not in {least}..={most}; {usual}"),
                ));
            }
        }
        match self.solver {
            Solver::ConjugateGradient { steps: 0 } => Err(Error::config(
                "steps",
                "0 steps of conjugate gradients change nothing; 3 are usual",
            )),
            _ => Ok(()),
        }
    }
}
