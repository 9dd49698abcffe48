//! The command line.

use std::path::PathBuf;

use clap::{ArgMatches, Args, Command, Parser, ValueEnum, parser::ValueSource};
use pocketrec::{
    Error, Result,
    classical::{IalsConfig, Rp3BetaConfig, Solver},
    models::Loss,
    train::TrainConfig,
};

use crate::common::{
    device::DeviceOptions,
    interactions::{options::DataOptions, settings::TrainingOptions},
    messages::Names,
};

/// Epochs of LightGCN on made-up data, and on others.
const EPOCHS: [u32; 2] = [20, 60];

/// What the library calls a setting, and the option that sets it.
pub const NAMES: Names = &[
    ("alpha", "--alpha"),
    ("beta", "--beta"),
    ("neighbours", "--neighbours"),
    ("factors", "--factors"),
    ("iterations", "--iterations"),
    ("unobserved", "--unobserved"),
    ("l2_exponent", "--l2-exponent"),
    ("steps", "--steps"),
    ("k", "--k"),
    ("epochs", "--epochs"),
    ("batch_size", "--batch"),
    ("negatives", "--negatives"),
    ("learning_rate", "--lr"),
    ("layers", "--layers"),
    ("device", "--device"),
    ("threads", "--threads"),
    ("simd", "--simd"),
];

/// Fits a model of who has what, and says how well it ranks the whole catalogue.
///
/// Without arguments RP3beta on data that is made up on the spot and whose best possible ranking is known.
#[derive(Debug, Parser)]
#[command(name = "train_graph", version, max_term_width = 80, allow_negative_numbers = true)]
pub struct Options {
    /// The model
    #[arg(long, value_enum, default_value_t = ModelName::Rp3beta)]
    pub model: ModelName,
    /// Places of a list that are looked at
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub k: usize,
    /// Recommend to this user [default: the first with a test item]
    #[arg(long, value_name = "KEY")]
    pub user: Option<String>,
    /// Save the model to this file (safetensors; replaced at once or not at all)
    #[arg(long, value_name = "FILE")]
    pub save: Option<PathBuf>,
    /// No progress and no line an epoch, just the results
    #[arg(long)]
    pub quiet: bool,
    #[command(flatten)]
    pub data: DataOptions,
    #[command(flatten)]
    pub rp3beta: Rp3BetaOptions,
    #[command(flatten)]
    pub ials: IalsOptions,
    /// Layers of propagation
    #[arg(long, value_name = "N", default_value_t = 3, help_heading = LIGHTGCN)]
    pub layers: usize,
    #[command(flatten)]
    pub training: TrainingOptions,
    #[command(flatten)]
    pub device: DeviceOptions,
}

/// Headings of options that belong to one model.
const RP3BETA: &str = "RP3beta";
const IALS: &str = "iALS";
const LIGHTGCN: &str = "LightGCN";
const TRAINING: &str = "Training";

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ModelName {
    /// Walks between items
    Rp3beta,
    /// Alternating least squares
    Ials,
    /// Propagation over the graph of users and items, trained by BPR
    Lightgcn,
    /// The number of an item's users: the baseline
    Popularity,
}

impl ModelName {
    /// The headings of its own options.
    fn own(self) -> &'static [&'static str] {
        match self {
            ModelName::Rp3beta => &[RP3BETA],
            ModelName::Ials => &[IALS],
            ModelName::Lightgcn => &[LIGHTGCN, TRAINING],
            ModelName::Popularity => &[],
        }
    }
}

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

impl Options {
    /// The settings of what is trained by epochs. Lists of several test items a user are ranked at the end alone.
    pub fn config(&self) -> Result<TrainConfig> {
        self.training.config(TrainConfig {
            epochs: EPOCHS[usize::from(self.data.data.is_some())],
            batch_size: 2048,
            negatives: 1,
            loss: Loss::Bpr,
            eval_every: 0,
            ..TrainConfig::default()
        })
    }

    /// Refuses options of other models than the one that is fitted, which would be ignored.
    pub fn check(&self, command: &Command, given: &ArgMatches) -> Result<()> {
        for option in command.get_arguments() {
            let (id, heading) = (option.get_id().as_str(), option.get_help_heading().unwrap_or_default());
            let is_given = given.value_source(id) == Some(ValueSource::CommandLine);
            let of_models = [RP3BETA, IALS, LIGHTGCN, TRAINING].contains(&heading);
            if is_given && of_models && !self.model.own().contains(&heading) {
                let name = option.get_long().unwrap_or(id);
                let model = self.model.to_possible_value();
                let model = model.as_ref().map_or("another", |value| value.get_name());
                let reason = format!("it says nothing of --model {model}; leave it out");
                return Err(Error::config(format!("--{name}"), reason));
            }
        }
        if self.k == 0 {
            return Err(Error::config("--k", "0 places hold no item; 20 is usual"));
        }
        if self.model == ModelName::Popularity && self.save.is_some() {
            return Err(Error::config(
                "--save",
                "popularity is no model that could be saved; leave it out",
            ));
        }
        let best = ["validate", "patience"]
            .into_iter()
            .find(|&id| given.value_source(id) == Some(ValueSource::CommandLine));
        match best {
            Some(id) => Err(Error::config(
                format!("--{id}"),
                "epochs are not ranked here, so that none can be the best; leave it out",
            )),
            None => Ok(()),
        }
    }
}
