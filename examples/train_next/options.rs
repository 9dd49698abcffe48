//! The command line.

use clap::{Args, CommandFactory, FromArgMatches, Parser};
use pocketrec::{
    models::{Loss, SampledSoftmax, SasRec},
    train::TrainConfig,
};

use crate::common::{
    device::DeviceOptions,
    interactions::{
        options::{DataOptions, OutputOptions},
        settings::TrainingOptions,
    },
    messages::Names,
};

/// Epochs on made-up data.
const MADE_UP_EPOCHS: u32 = 10;
/// Epochs on others.
const EPOCHS: u32 = 40;
/// Histories of a step.
const BATCH: usize = 128;

/// What the library calls a setting, and the option that sets it.
pub const NAMES: Names = &[
    ("epochs", "--epochs"),
    ("batch_size", "--batch"),
    ("negatives", "--negatives"),
    ("learning_rate", "--lr"),
    ("beta1", "--beta1"),
    ("beta2", "--beta2"),
    ("decay", "--decay"),
    ("l2.tables", "--l2-tables"),
    ("l2.per_row", "--l2-rows"),
    ("l2.dense", "--l2-dense"),
    ("seed", "--seed"),
    ("patience", "--patience"),
    ("average_from", "--average-from"),
    ("embedding_dim", "--embedding-dim"),
    ("blocks", "--blocks"),
    ("heads", "--heads"),
    ("length", "--length"),
    ("dropout", "--dropout"),
    ("candidates", "--candidates"),
    ("split", "--data"),
    ("min_rating", "--min-rating"),
    ("device", "--device"),
    ("threads", "--threads"),
    ("simd", "--simd"),
];

/// Trains SASRec (Kang and McAuley, ICDM 2018) by a softmax over items, and says how well it ranks what comes next.
///
/// Without arguments on data that is made up on the spot and whose best possible ranking is known.
#[derive(Debug, Parser)]
#[command(name = "train_next", version, max_term_width = 80, allow_negative_numbers = true)]
pub struct Options {
    #[command(flatten)]
    pub data: DataOptions,
    #[command(flatten)]
    pub model: ModelOptions,
    #[command(flatten)]
    pub training: TrainingOptions,
    #[command(flatten)]
    pub device: DeviceOptions,
    #[command(flatten)]
    pub output: OutputOptions,
}

impl Options {
    /// Those of the command line, where options that all such programs have are said to be what they are here.
    pub fn read() -> Self {
        let epochs = format!(
            "Passes over the histories [default: {EPOCHS}; {MADE_UP_EPOCHS} on made-up data; no end with --minutes]"
        );
        let command = Options::command()
            .mut_arg("epochs", |arg| arg.help(epochs))
            .mut_arg("batch", |arg| arg.help(format!("Histories a step [default: {BATCH}]")))
            .mut_arg("negatives", |arg| arg.hide(true)); // refused, with the reason
        let read = Options::from_arg_matches(&command.get_matches());
        read.unwrap_or_else(|error| error.exit())
    }

    /// What holds where no option and no checkpoint says otherwise.
    pub fn base(&self) -> TrainConfig {
        TrainConfig {
            epochs: match self.data.data {
                Some(_) => EPOCHS,
                None => MADE_UP_EPOCHS,
            },
            batch_size: BATCH,
            loss: self.model.loss(),
            ..TrainConfig::default()
        }
    }
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Model")]
pub struct ModelOptions {
    /// Width of the embeddings and of all layers
    #[arg(long, value_name = "N", default_value_t = 64, conflicts_with = "resume")]
    embedding_dim: usize,
    /// Blocks of attention
    #[arg(long, value_name = "N", default_value_t = 2, conflicts_with = "resume")]
    blocks: usize,
    /// Heads of each block
    #[arg(long, value_name = "N", default_value_t = 1, conflicts_with = "resume")]
    heads: usize,
    /// Steps of a history at most
    #[arg(long, value_name = "N", default_value_t = 200, conflicts_with = "resume")]
    length: usize,
    /// Share of values that is left out in training
    #[arg(long, value_name = "SHARE", default_value_t = 0.2, conflicts_with = "resume")]
    dropout: f32,
    /// Items that are drawn for each batch, which those that come next are told from [default: all items]
    #[arg(long, value_name = "N", conflicts_with = "resume")]
    candidates: Option<u32>,
}

impl ModelOptions {
    fn loss(&self) -> Loss {
        match SasRec::loss() {
            Loss::SampledSoftmax(softmax) => Loss::SampledSoftmax(SampledSoftmax {
                candidates: self.candidates,
                ..softmax
            }),
            other => other,
        }
    }

    /// What is wrong with drawing candidates out of so many items.
    pub fn too_many(&self, items: u32) -> Option<String> {
        let candidates = self.candidates.filter(|&candidates| candidates >= items)?;
        Some(format!(
            "{candidates} drawn out of {items} items, which cost more than all of them; give fewer, or leave it out"
        ))
    }

    /// The model for so many users and items.
    pub fn build(&self, users: usize, items: usize) -> SasRec {
        SasRec::new(users, items)
            .embedding_dim(self.embedding_dim)
            .blocks(self.blocks)
            .heads(self.heads)
            .length(self.length)
            .dropout(self.dropout)
    }
}
