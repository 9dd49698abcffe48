//! The command line.

use clap::{Args, Parser};
use pocketrec::{
    Error, Result,
    models::{Gmf, Mf, Mlp, Model, NeuMf},
};

use crate::{features::FeatureOptions, loss::LossOptions, pretraining::PretrainingOptions};

use crate::common::{
    device::DeviceOptions,
    interactions::{
        model::ModelName,
        options::{DataOptions, OutputOptions},
        settings::TrainingOptions,
    },
    messages::Names,
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
    ("candidates", "--candidates"),
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
    ("left_out", "--left-out"),
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
    pub loss: LossOptions,
    #[command(flatten)]
    pub pretraining: PretrainingOptions,
    #[command(flatten)]
    pub features: FeatureOptions,
    #[command(flatten)]
    pub device: DeviceOptions,
    #[command(flatten)]
    pub output: OutputOptions,
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
