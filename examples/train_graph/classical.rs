//! Options of the models that are fitted without gradients.

use clap::Args;
use pocketrec::{
    Error, Result,
    classical::{IalsConfig, Rp3BetaConfig, Solver},
};

/// Headings of their options.
pub const RP3BETA: &str = "RP3beta";
pub const IALS: &str = "iALS";

#[derive(Debug, Args)]
#[command(next_help_heading = RP3BETA)]
pub struct Rp3BetaOptions {
    /// Exponent of each step's probability [default: 0.6]
    #[arg(long, value_name = "A")]
    alpha: Option<f32>,
    /// Exponent of the popularity that a weight is divided by [default: 0.3]
    #[arg(long, value_name = "B")]
    beta: Option<f32>,
    /// Neighbours that are kept of an item [default: 100]
    #[arg(long, value_name = "N")]
    neighbours: Option<usize>,
    /// Whether the weights of an item are divided by their sum [default: true]
    #[arg(long, value_name = "true|false")]
    normalize: Option<bool>,
}

impl Rp3BetaOptions {
    pub fn config(&self) -> Result<Rp3BetaConfig> {
        let base = Rp3BetaConfig::default();
        let config = Rp3BetaConfig {
            alpha: self.alpha.unwrap_or(base.alpha),
            beta: self.beta.unwrap_or(base.beta),
            neighbours: self.neighbours.unwrap_or(base.neighbours),
            normalize: self.normalize.unwrap_or(base.normalize),
        };
        config.validate()?;
        Ok(config)
    }
}

#[derive(Debug, Args)]
#[command(next_help_heading = IALS)]
pub struct IalsOptions {
    /// Width of the vectors [default: 64]
    #[arg(long, value_name = "N")]
    factors: Option<usize>,
    /// How often the vectors of all users and items are solved for
    #[arg(long, value_name = "N")]
    iterations: Option<u32>,
    /// Weight of the square of every score
    #[arg(long, value_name = "W")]
    unobserved: Option<f32>,
    /// Weight of the squared norm of a vector
    #[arg(long = "ials-l2", value_name = "W")]
    ials_l2: Option<f32>,
    /// Exponent of the number of observations that it is multiplied by
    #[arg(long, value_name = "NU")]
    l2_exponent: Option<f32>,
    /// Steps of conjugate gradients a solution; 0 for exact ones [default: 3]
    #[arg(long, value_name = "N")]
    steps: Option<u32>,
    /// Seed of the vectors before training [default: 0]
    #[arg(long = "ials-seed", value_name = "N")]
    ials_seed: Option<u64>,
}

impl IalsOptions {
    pub fn config(&self) -> Result<IalsConfig> {
        let base = IalsConfig::default();
        let config = IalsConfig {
            factors: self.factors.unwrap_or(base.factors),
            iterations: self.iterations.unwrap_or(base.iterations),
            unobserved: self.unobserved.unwrap_or(base.unobserved),
            l2: self.ials_l2.unwrap_or(base.l2),
            l2_exponent: self.l2_exponent.unwrap_or(base.l2_exponent),
            solver: match self.steps {
                None => base.solver,
                Some(0) => Solver::Cholesky,
                Some(steps) => Solver::ConjugateGradient { steps },
            },
            seed: self.ials_seed.unwrap_or(base.seed),
            ..base
        };
        config.validate().map_err(|error| match error {
            Error::Config { field, reason } if field == "l2" => Error::config("--ials-l2", reason),
            other => other,
        })?;
        Ok(config)
    }
}
