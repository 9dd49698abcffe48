//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, ValueEnum};
use pocketrec::{
    Error, Result,
    data::{BadRows, Column, Delimited, Delimiter},
    models::{Gmf, Mf, Mlp, Model, NeuMf},
};

use crate::{
    common::{device::DeviceOptions, messages::Names},
    settings::TrainingOptions,
};

/// Epochs on made-up data: it is small, and from here on it is learnt by heart.
pub const MADE_UP_EPOCHS: u32 = 8;

/// What the library calls a setting, and the option that sets it.
pub const NAMES: Names = &[
    ("epochs", "--epochs"),
    ("batch_size", "--batch"),
    ("negatives", "--negatives"),
    ("loss", "--loss"),
    ("temperature", "--temperature"),
    ("log_sum", "--log-sum"),
    ("block", "--block"),
    ("margin", "--margin"),
    ("weight", "--negative-weight"),
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
    ("factors", "--factors"),
    ("layers", "--layers"),
    ("alpha", "--alpha"),
    ("split", "--data"),
    ("min_rating", "--min-rating"),
    ("device", "--device"),
    ("threads", "--threads"),
    ("simd", "--simd"),
];

/// Trains a model of He et al., Neural Collaborative Filtering (WWW 2017), and says how well it ranks.
///
/// Without arguments: NeuMF, on data that is made up on the spot and whose best possible ranking is known.
#[derive(Debug, Parser)]
#[command(name = "train_ncf", version, max_term_width = 80, allow_negative_numbers = true)]
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

#[derive(Debug, Args)]
#[command(next_help_heading = "Data")]
pub struct DataOptions {
    /// A file or folder: MovieLens, NCF's *.train.rating, or any delimited file [default: made-up data]
    #[arg(long, value_name = "PATH")]
    pub data: Option<PathBuf>,
    /// What stands between fields: one sign, tab, space or "::" [default: found from the rows]
    #[arg(long, requires = "data", value_name = "SIGN")]
    delimiter: Option<Delimiter>,
    /// Whether the first line names the columns [default: found from the rows]
    #[arg(long, requires = "data", value_name = "true|false")]
    header: Option<bool>,
    /// Column of users, by name or number from 1
    #[arg(long, requires = "data", value_name = "COLUMN")]
    user_column: Option<Column>,
    /// Column of items
    #[arg(long, requires = "data", value_name = "COLUMN")]
    item_column: Option<Column>,
    /// Column of ratings
    #[arg(long, requires = "data", value_name = "COLUMN")]
    rating_column: Option<Column>,
    /// Column of times
    #[arg(long, requires = "data", value_name = "COLUMN")]
    time_column: Option<Column>,
    /// Leave out rows with a lower rating
    #[arg(long, requires = "data", value_name = "RATING")]
    min_rating: Option<f32>,
    /// Whether each row is a user and any number of items [default: found from the rows]
    #[arg(long, requires = "data", value_name = "true|false")]
    lists: Option<bool>,
    /// Leave out rows that cannot be used, and count them
    #[arg(long, requires = "data")]
    skip_bad_rows: bool,
}

impl DataOptions {
    /// How to read a delimited file.
    pub fn delimited(&self) -> Delimited {
        Delimited {
            delimiter: self.delimiter,
            header: self.header,
            user: self.user_column.clone(),
            item: self.item_column.clone(),
            rating: self.rating_column.clone(),
            time: self.time_column.clone(),
            min_rating: self.min_rating,
            lists: self.lists,
            bad_rows: match self.skip_bad_rows {
                true => BadRows::Skip,
                false => BadRows::Refuse,
            },
        }
    }

    /// Refuses what says how to read a file for files that are read in one way alone.
    pub fn check_published(&self) -> Result<()> {
        let given = [
            ("--delimiter", self.delimiter.is_some()),
            ("--header", self.header.is_some()),
            ("--user-column", self.user_column.is_some()),
            ("--item-column", self.item_column.is_some()),
            ("--rating-column", self.rating_column.is_some()),
            ("--time-column", self.time_column.is_some()),
            ("--min-rating", self.min_rating.is_some()),
            ("--lists", self.lists.is_some()),
            ("--skip-bad-rows", self.skip_bad_rows),
        ];
        match given.into_iter().find(|(_, given)| *given) {
            Some((option, _)) => {
                let reason = "*.train.rating and the files beside it are read as published; leave it out";
                Err(Error::config(option, reason))
            }
            None => Ok(()),
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ModelName {
    Mf,
    Gmf,
    Mlp,
    Neumf,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Model")]
pub struct ModelOptions {
    /// Which model [default: neumf]
    #[arg(long, value_name = "MODEL", conflicts_with = "resume")]
    model: Option<ModelName>,
    /// Predictive factors: the width of MF's and GMF's embeddings; MLP's tower is 8f,4f,2f,f [default: 64 for MF, else 8]
    #[arg(long, value_name = "F", conflicts_with = "resume")]
    factors: Option<usize>,
    /// MLP's tower: the width of both embeddings together, then each hidden layer, as in 64,32,16,8
    #[arg(long, value_name = "WIDTHS", value_delimiter = ',', conflicts_with = "resume")]
    layers: Option<Vec<usize>>,
}

impl ModelOptions {
    /// The model for so many users and items.
    pub fn build(&self, users: usize, items: usize) -> Result<Model> {
        let name = self.model.unwrap_or(ModelName::Neumf);
        if let (ModelName::Mf | ModelName::Gmf, Some(_)) = (name, &self.layers) {
            return Err(Error::config("--layers", "mf and gmf have no layers; set --factors"));
        }
        Ok(match name {
            ModelName::Mf => {
                let model = Mf::new(users, items);
                let factors = self.factors.unwrap_or(model.factors);
                model.factors(factors).into()
            }
            ModelName::Gmf => {
                let model = Gmf::new(users, items);
                let factors = self.factors.unwrap_or(model.factors);
                model.factors(factors).into()
            }
            ModelName::Mlp => match (self.factors, &self.layers) {
                (Some(_), Some(_)) => {
                    let reason = "an MLP's factors are the last of its layers; give one of --factors and --layers";
                    return Err(Error::config("--factors", reason));
                }
                (_, Some(layers)) => Mlp::new(users, items).layers(layers.clone()).into(),
                (factors, None) => {
                    let tower = NeuMf::new(users, items).factors(factors.unwrap_or(8)).layers;
                    Mlp::new(users, items).layers(tower).into()
                }
            },
            ModelName::Neumf => {
                let model = NeuMf::new(users, items).factors(self.factors.unwrap_or(8));
                match &self.layers {
                    Some(layers) => model.layers(layers.clone()).into(),
                    None => model.into(),
                }
            }
        })
    }
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub struct OutputOptions {
    /// Save everything to this file after every epoch (safetensors; replaced at once or not at all)
    #[arg(long, value_name = "FILE")]
    pub checkpoint: Option<PathBuf>,
    /// Go on from --checkpoint; its settings hold unless they are given anew
    #[arg(long, requires = "checkpoint")]
    pub resume: bool,
    /// Rank among the whole catalogue as well
    #[arg(long)]
    pub full: bool,
    /// Before training, time each stage of a step on a copy of the model (graphics devices alone)
    #[arg(long)]
    pub profile: bool,
    /// Draw the learning curve
    #[arg(long, value_name = "FILE.svg")]
    pub plot: Option<PathBuf>,
    /// Recommend to this user [default: the first with a test item]
    #[arg(long, value_name = "KEY")]
    pub user: Option<String>,
    /// No progress and no line an epoch, just the results
    #[arg(long)]
    pub quiet: bool,
}
