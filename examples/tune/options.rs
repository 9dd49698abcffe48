//! The command line, and the space that it says.

use std::path::PathBuf;

use clap::{Args, Parser, ValueEnum};
use pocketrec::{
    Error, Result,
    tune::{Budget, Halving, Search, Space},
};

use crate::common::{
    device::DeviceOptions,
    interactions::{model::ModelName, options::DataOptions},
    messages::Names,
};

/// Epochs of all trials together on made-up data, where no budget is given.
const MADE_UP_EPOCHS: u64 = 42;

/// What the library calls a setting, and the option that sets it.
pub const NAMES: Names = &[
    ("budget.epochs", "--epochs"),
    ("budget.minutes", "--minutes"),
    ("budget.trials", "--trials"),
    ("budget", "--epochs, --minutes, --trials"),
    ("folder", "--study"),
    ("objective", "--data"),
    ("halving", "--first, --last, --eta"),
    ("eta", "--eta"),
    ("random", "--random"),
    ("seed", "--seed"),
    ("model", "--models"),
    ("lr", "--lr"),
    ("learning_rate", "--lr"),
    ("factors", "--factors"),
    ("batch", "--batch"),
    ("negatives", "--negatives"),
    ("split", "--data"),
    ("min_rating", "--min-rating"),
    ("device", "--device"),
    ("threads", "--threads"),
    ("simd", "--simd"),
];

/// Searches for the settings of MF, GMF, MLP and NeuMF: many trials a little, few of them long.
///
/// Without arguments: on data that is made up on the spot, in under a minute. Trials are compared by NDCG@10 on an item a
/// user that is held out of the training part; the test items are ranked once, by the winner.
#[derive(Debug, Parser)]
#[command(name = "tune", version, max_term_width = 80, allow_negative_numbers = true)]
pub struct Options {
    #[command(flatten)]
    pub data: DataOptions,
    #[command(flatten)]
    space: SpaceOptions,
    #[command(flatten)]
    search: SearchOptions,
    #[command(flatten)]
    pub device: DeviceOptions,
    #[command(flatten)]
    pub output: OutputOptions,
}

/// Of numbers two are bounds, and more or one are what there is to choose from.
#[derive(Debug, Args)]
#[command(next_help_heading = "What is tried")]
struct SpaceOptions {
    /// Models to choose from
    #[arg(long, value_name = "MODELS", value_delimiter = ',', default_value = "gmf,mlp,neumf")]
    models: Vec<ModelName>,
    /// Step sizes: two are bounds, and all orders of magnitude between them are alike; other counts are choices
    #[arg(long, value_name = "RATES", value_delimiter = ',', default_value = "0.0005,0.02")]
    lr: Vec<f64>,
    /// Predictive factors to choose from; a tower is 8f,4f,2f,f
    #[arg(long, value_name = "COUNTS", value_delimiter = ',', default_value = "4,8,16")]
    factors: Vec<u32>,
    /// Negatives of a positive: two are bounds, other counts are choices
    #[arg(long, value_name = "COUNTS", value_delimiter = ',', default_value = "1,6")]
    negatives: Vec<u32>,
    /// Samples a step, to choose from
    #[arg(long, value_name = "COUNTS", value_delimiter = ',', default_value = "256,1024")]
    batch: Vec<u32>,
}

impl SpaceOptions {
    fn space(&self) -> Space {
        let models: Vec<_> = self.models.iter().filter_map(ValueEnum::to_possible_value).collect();
        let space = Space::new().choice("model", models.iter().map(|model| model.get_name()));
        let space = match self.lr[..] {
            [low, high] => space.log_uniform("lr", low, high),
            _ => space.choice("lr", self.lr.iter().copied()),
        };
        let space = space.choice("factors", self.factors.iter().copied());
        let space = match self.negatives[..] {
            [low, high] => space.integers("negatives", low.into(), high.into()),
            _ => space.choice("negatives", self.negatives.iter().copied()),
        };
        space.choice("batch", self.batch.iter().copied())
    }
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Search")]
struct SearchOptions {
    /// Epochs of all trials together [default: 42 on made-up data]
    #[arg(long, value_name = "N")]
    epochs: Option<u64>,
    /// Minutes of all runs together
    #[arg(long, value_name = "MINUTES")]
    minutes: Option<f64>,
    /// Trials that begin; the best of them go on to the end
    #[arg(long, value_name = "N")]
    trials: Option<u32>,
    /// Epochs of every trial
    #[arg(long, value_name = "N", default_value_t = Halving::default().first)]
    first: u32,
    /// Epochs of the best trials
    #[arg(long, value_name = "N", default_value_t = Halving::default().last)]
    last: u32,
    /// Of so many trials one goes on, for so many times as long
    #[arg(long, value_name = "N", default_value_t = Halving::default().eta)]
    eta: u32,
    /// Trials at random before the estimator takes over
    #[arg(long, value_name = "N", default_value_t = 10)]
    random: usize,
    /// Seed of the settings that are tried; that of training is 0
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub struct OutputOptions {
    /// Keep the study in this folder, and go on with what is there
    #[arg(long, value_name = "FOLDER")]
    pub study: Option<PathBuf>,
    /// Save the winner to this file, for recommend
    #[arg(long, value_name = "FILE")]
    pub checkpoint: Option<PathBuf>,
    /// Draw the metric over epochs, and against each setting
    #[arg(long, value_name = "FILE.svg")]
    pub plot: Option<PathBuf>,
    /// No table while trials run, just the results
    #[arg(long)]
    pub quiet: bool,
}

impl Options {
    /// The search, checked.
    pub fn search(&self) -> Result<Search> {
        let options = &self.search;
        let mut budget = Budget {
            epochs: options.epochs,
            minutes: options.minutes,
            trials: options.trials,
        };
        if budget == Budget::default() {
            match self.data.data {
                None => budget.epochs = Some(MADE_UP_EPOCHS),
                Some(_) => {
                    let reason = "your data may be large, so say when to end: give at least one of them";
                    return Err(Error::config("budget", reason));
                }
            }
        }
        let search = Search {
            space: self.space.space(),
            halving: Halving {
                first: options.first,
                last: options.last,
                eta: options.eta,
            },
            budget,
            seed: options.seed,
            random: options.random,
        };
        search.check()?;
        Ok(search)
    }
}
