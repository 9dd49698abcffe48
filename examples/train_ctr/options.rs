//! What the command line says.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use pocketrec::{
    Result,
    data::samples::Layout,
    device::Device,
    models::{ClickModel, DeepFm, Dien, Din, Fm, Lr, Unit, WideDeep},
    plan::{AdamConfig, L2, Optimizer},
    train::{ClickConfig, ClickMetric},
};

/// Trains a model that predicts clicks.
///
/// Without --data, on clicks made up on the spot, for which the best that any model could do is known.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Options {
    /// A folder: train.tsv (or .csv), dev and test with a header, and beside them items and users to join by their
    /// first column; or libfm files whose names begin with train, validation (or dev), and test.
    #[arg(long, value_name = "DIR", help_heading = "Data")]
    pub data: Option<PathBuf>,
    /// Columns that are numbers and not keys, in delimited files.
    #[arg(long, value_name = "NAME,...", value_delimiter = ',', help_heading = "Data")]
    pub numbers: Vec<String>,
    /// Columns to leave out, in delimited files and in the files that are joined.
    #[arg(long, value_name = "NAME,...", value_delimiter = ',', help_heading = "Data")]
    pub skip: Vec<String>,
    /// Keys that come less often in training than this count as unknown.
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Data")]
    pub min_count: u32,
    /// Events that a history holds at most, in delimited files with a user, an item and a time.
    #[arg(long, value_name = "N", default_value_t = 20, help_heading = "Data")]
    pub history: u32,

    /// Which model.
    #[arg(long, value_enum, default_value_t = Kind::Deepfm, help_heading = "Model")]
    pub model: Kind,
    /// Width of an embedding.
    #[arg(long, value_name = "N", default_value_t = 16, help_heading = "Model")]
    pub factors: usize,
    /// Widths of the deep part's hidden layers.
    #[arg(
        long,
        value_name = "N,...",
        value_delimiter = ',',
        default_value = "64,32",
        help_heading = "Model"
    )]
    pub hidden: Vec<usize>,
    /// Share of hidden values left out in training.
    #[arg(long, value_name = "X", default_value_t = 0.0, help_heading = "Model")]
    pub dropout: f32,

    /// What follows each hidden layer.
    #[arg(long, value_enum, default_value_t = UnitKind::Relu, help_heading = "Model")]
    pub unit: UnitKind,
    /// Widths of the hidden layers of DIN's attention unit.
    #[arg(
        long,
        value_name = "N,...",
        value_delimiter = ',',
        default_value = "64",
        help_heading = "Model"
    )]
    pub attention: Vec<usize>,
    /// What follows each of them.
    #[arg(long, value_enum, default_value_t = UnitKind::Sigmoid, help_heading = "Model")]
    pub attention_unit: UnitKind,
    /// DIN's weights of a history add up to 1.
    #[arg(long, help_heading = "Model")]
    pub softmax: bool,

    /// Passes over the training rows at most.
    #[arg(long, value_name = "N", default_value_t = 10, help_heading = "Training")]
    pub epochs: u32,
    /// Rows a step.
    #[arg(long, value_name = "N", default_value_t = 1024, help_heading = "Training")]
    pub batch: usize,
    /// Learning rate.
    #[arg(long, value_name = "X", default_value_t = 0.001, help_heading = "Training")]
    pub lr: f32,
    /// What the learning rate is multiplied by after an epoch that was not better on the dev rows.
    #[arg(long, value_name = "X", default_value_t = 1.0, help_heading = "Training")]
    pub plateau: f32,
    /// The learning rate of an epoch over that of the one before.
    #[arg(long, value_name = "X", default_value_t = 1.0, help_heading = "Training")]
    pub decay: f32,
    /// Adam on every row of the tables each step, as in the papers' code, instead of on the batch's rows.
    #[arg(long, help_heading = "Training")]
    pub dense: bool,
    /// Weight of the squared norm of embeddings, by each sample that uses one.
    #[arg(long, value_name = "X", default_value_t = 0.0, help_heading = "Training")]
    pub l2_tables: f32,
    /// Weight of the squared norm of every row that a step moves: with --dense of whole tables, as in the papers' code.
    #[arg(long, value_name = "X", default_value_t = 0.0, help_heading = "Training")]
    pub l2_rows: f32,
    /// Weight of the squared norm of all other parameters.
    #[arg(long, value_name = "X", default_value_t = 0.0, help_heading = "Training")]
    pub l2_dense: f32,
    /// Stop after so many epochs without a better dev evaluation, with the parameters of the best; 0 trains all.
    #[arg(long, value_name = "N", default_value_t = 2, help_heading = "Training")]
    pub patience: u32,
    /// From this epoch on, evaluate and keep the mean of the parameters after each epoch.
    #[arg(long, value_name = "EPOCH", help_heading = "Training")]
    pub average_from: Option<u32>,
    /// By what dev evaluations are compared; data without labels are ranked, by NDCG@10.
    #[arg(long, value_enum, help_heading = "Training")]
    pub metric: Option<Metric>,
    /// Items drawn for each row of data without labels, as not chosen [default: 4].
    #[arg(long, value_name = "N", help_heading = "Training")]
    pub negatives: Option<u32>,
    /// Seed of everything random.
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Training")]
    pub seed: u64,

    /// Save the model here after each epoch, with what encodes its fields.
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub checkpoint: Option<PathBuf>,
    /// Go on from the checkpoint: its model, and the settings of this command line.
    #[arg(long, requires = "checkpoint", help_heading = "Output")]
    pub resume: bool,
    /// Draw predicted against observed clicks of the test rows here, as SVG.
    #[arg(long, value_name = "FILE.svg", help_heading = "Output")]
    pub plot: Option<PathBuf>,

    /// auto, cpu, gpu, or part of a graphics device's name; the latter two with +mixed for mixed precision.
    #[arg(long, value_name = "NAME", help_heading = "Device")]
    pub device: Option<String>,
    /// Threads of the CPU; all cores if not given.
    #[arg(long, value_name = "N", help_heading = "Device")]
    pub threads: Option<usize>,
}

/// Items drawn for a row of data without labels, if the command line does not say.
const NEGATIVES: u32 = 4;

/// The models.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Kind {
    /// Logistic regression.
    Lr,
    /// Factorisation machine.
    Fm,
    /// Wide & Deep.
    #[value(name = "wide_deep")]
    WideDeep,
    /// DeepFM.
    Deepfm,
    /// DIN; wants a history.
    Din,
    /// DIEN; wants a history.
    Dien,
}

/// What follows a hidden layer.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum UnitKind {
    /// max(x, 0).
    Relu,
    /// Batch normalisation, then max(x, 0).
    BatchNormRelu,
    /// 1 / (1 + exp(-x)).
    Sigmoid,
    /// A learnt slope for negative x.
    Prelu,
    /// Dice, as in the paper.
    Dice,
}

impl From<UnitKind> for Unit {
    fn from(kind: UnitKind) -> Unit {
        match kind {
            UnitKind::Relu => Unit::Relu,
            UnitKind::BatchNormRelu => Unit::BatchNormRelu,
            UnitKind::Sigmoid => Unit::Sigmoid,
            UnitKind::Prelu => Unit::Prelu,
            UnitKind::Dice => Unit::Dice,
        }
    }
}

/// What dev evaluations are compared by.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Metric {
    /// AUC.
    Auc,
    /// Mean of the users' AUC.
    Gauc,
    /// Log loss.
    LogLoss,
    /// NDCG@10 among each dev row's negatives.
    Ndcg,
}

impl Options {
    /// The model over these fields.
    pub fn model(&self, layout: &Layout) -> ClickModel {
        let hidden = self.hidden.clone();
        match self.model {
            Kind::Lr => Lr::new(layout).into(),
            Kind::Fm => Fm::new(layout).factors(self.factors).into(),
            Kind::WideDeep => WideDeep::new(layout)
                .factors(self.factors)
                .hidden(hidden)
                .unit(self.unit.into())
                .dropout(self.dropout)
                .into(),
            Kind::Deepfm => DeepFm::new(layout)
                .factors(self.factors)
                .hidden(hidden)
                .unit(self.unit.into())
                .dropout(self.dropout)
                .into(),
            Kind::Din => {
                let din = Din::new(layout)
                    .factors(self.factors)
                    .hidden(hidden)
                    .dropout(self.dropout);
                din.attention(self.attention.clone(), self.attention_unit.into())
                    .softmax(self.softmax)
                    .unit(self.unit.into())
                    .into()
            }
            Kind::Dien => Dien::new(layout)
                .factors(self.factors)
                .attention(self.attention.clone())
                .hidden(hidden)
                .unit(self.unit.into())
                .dropout(self.dropout)
                .into(),
        }
    }

    /// The settings of training, on data with labels or without.
    pub fn config(&self, labels: bool) -> ClickConfig {
        let adam = AdamConfig {
            learning_rate: self.lr,
            ..AdamConfig::default()
        };
        ClickConfig {
            epochs: self.epochs,
            batch_size: self.batch,
            optimizer: if self.dense {
                Optimizer::Adam(adam)
            } else {
                Optimizer::LazyAdam(adam)
            },
            decay: self.decay,
            plateau: self.plateau,
            l2: L2 {
                tables: self.l2_tables,
                per_row: self.l2_rows,
                dense: self.l2_dense,
            },
            seed: self.seed,
            patience: (self.patience > 0).then_some(self.patience),
            metric: match self.metric {
                None if labels => ClickMetric::Auc,
                None => ClickMetric::Ndcg,
                Some(Metric::Auc) => ClickMetric::Auc,
                Some(Metric::Gauc) => ClickMetric::GroupedAuc,
                Some(Metric::LogLoss) => ClickMetric::LogLoss,
                Some(Metric::Ndcg) => ClickMetric::Ndcg,
            },
            average_from: self.average_from,
            negatives: self.negatives.unwrap_or(if labels { 0 } else { NEGATIVES }),
            ..ClickConfig::default()
        }
    }

    /// The device.
    pub fn device(&self) -> Result<Device> {
        let device = match &self.device {
            Some(name) => Device::named(name)?,
            None => Device::auto()?,
        };
        Ok(match self.threads {
            Some(threads) => device.threads(threads),
            None => device,
        })
    }
}
