//! What the command line says.

use std::path::PathBuf;

use clap::{Args, Parser};

use crate::{
    common::{device::DeviceOptions, export::ExportOptions, messages::Names},
    model::ModelOptions,
    reading::DataOptions,
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
    ("embedding_dim", "--embedding-dim"),
    ("hidden", "--hidden"),
    ("dropout", "--dropout"),
    ("attention", "--attention"),
    ("data", "--data"),
    ("parting", "--part"),
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
    #[command(flatten)]
    pub export: ExportOptions,
    /// Say what training takes, in time, memory and files, by some seconds of it, and train nothing
    #[arg(long, conflicts_with_all = ["checkpoint", "plot", "export"])]
    pub dry_run: bool,
    /// Draw the learning curve here, and predicted against observed clicks of the test rows
    #[arg(long, value_name = "FILE.svg")]
    pub plot: Option<PathBuf>,
    /// Say what was looked at in the history of a user for each of their test rows
    #[arg(long)]
    pub why: bool,
    /// No progress and no line an epoch, just the results
    #[arg(long)]
    pub quiet: bool,
}
