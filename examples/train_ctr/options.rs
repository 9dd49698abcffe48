//! What the command line says.

use std::path::PathBuf;

use clap::{Args, Parser};
use pocketrec::{Error, Result};

use crate::{
    common::{device::DeviceOptions, messages::Names},
    model::ModelOptions,
    settings::TrainingOptions,
};

/// What the library calls a setting, and the option that sets it.
pub const NAMES: Names = &[
    ("epochs", "--epochs"),
    ("batch_size", "--batch"),
    ("negatives", "--negatives"),
    ("learning_rate", "--lr"),
    ("decay", "--decay"),
    ("plateau", "--plateau"),
    ("l2.tables", "--l2-tables"),
    ("l2.per_row", "--l2-rows"),
    ("l2.dense", "--l2-dense"),
    ("seed", "--seed"),
    ("patience", "--patience"),
    ("metric", "--metric"),
    ("average_from", "--average-from"),
    ("factors", "--factors"),
    ("hidden", "--hidden"),
    ("dropout", "--dropout"),
    ("attention", "--attention"),
    ("data", "--data"),
    ("device", "--device"),
    ("threads", "--threads"),
    ("simd", "--simd"),
];

/// Trains a model that predicts clicks.
///
/// Without --data, on clicks made up on the spot, for which the best that any model could do is known.
#[derive(Debug, Parser)]
#[command(name = "train_ctr", version, max_term_width = 80, allow_negative_numbers = true)]
pub struct Options {
    #[command(flatten)]
    pub data: DataOptions,
    #[command(flatten)]
    pub model: ModelOptions,
    #[command(flatten)]
    pub training: TrainingOptions,
    #[command(flatten)]
    pub output: OutputOptions,
    #[command(flatten)]
    pub device: DeviceOptions,
}

/// What is trained on.
#[derive(Debug, Args)]
#[command(next_help_heading = "Data")]
pub struct DataOptions {
    /// A folder: train.tsv (or .csv), dev and test with a header, and beside them items and users to join by their
    /// first column; or libfm files whose names begin with train, validation (or dev), and test [default: made-up data]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Columns that are numbers and not keys, in delimited files
    #[arg(long, value_name = "NAME,...", value_delimiter = ',', requires = "data")]
    pub numbers: Vec<String>,
    /// Columns to leave out, in delimited files and in the files that are joined
    #[arg(long, value_name = "NAME,...", value_delimiter = ',', requires = "data")]
    pub skip: Vec<String>,
    /// Keys that come less often in training than this count as unknown, in delimited files [default: 1]
    #[arg(long, value_name = "N", requires = "data")]
    pub min_count: Option<u32>,
    /// Events that a history holds at most, in delimited files with a user, an item and a time [default: 20]
    #[arg(long, value_name = "N", requires = "data")]
    pub history: Option<u32>,
}

impl DataOptions {
    /// Refuses what only delimited files have.
    pub fn check_libfm(&self) -> Result<()> {
        let given = [
            ("--numbers", !self.numbers.is_empty()),
            ("--skip", !self.skip.is_empty()),
            ("--min-count", self.min_count.is_some()),
            ("--history", self.history.is_some()),
        ];
        match given.into_iter().find(|(_, given)| *given) {
            Some((option, _)) => Err(Error::config(
                option,
                "libfm's files have no named columns; leave it out",
            )),
            None => Ok(()),
        }
    }
}

/// What is said and written.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub struct OutputOptions {
    /// Save the model here after each epoch, with what encodes its fields
    #[arg(long, value_name = "FILE")]
    pub checkpoint: Option<PathBuf>,
    /// Go on from --checkpoint: its model, and its settings unless they are given anew
    #[arg(long, requires = "checkpoint")]
    pub resume: bool,
    /// Draw the learning curve here, and predicted against observed clicks of the test rows
    #[arg(long, value_name = "FILE.svg")]
    pub plot: Option<PathBuf>,
    /// No progress and no line an epoch, just the results
    #[arg(long)]
    pub quiet: bool,
}
