//! The options that say how the model is trained.

use std::time::Duration;

use clap::{Args, ValueEnum};
use pocketrec::{
    Error, Result,
    models::Loss,
    plan::{AdamConfig, L2, Optimizer},
    train::TrainConfig,
};

/// Step size of plain gradient descent where none is given.
pub const SGD_RATE: f32 = 0.01;

#[derive(Clone, Copy, Debug, ValueEnum)]
enum OptimizerName {
    /// Adam on every row at every step, as in the papers' code
    Adam,
    /// Adam on the rows of the batch alone
    LazyAdam,
    /// Plain gradient descent
    Sgd,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Training")]
pub struct TrainingOptions {
    /// Passes over the training part [default: 20; 8 on made-up data; no end with --minutes]
    #[arg(long, value_name = "N")]
    epochs: Option<u32>,
    /// Stop after so many minutes, also in the middle of an epoch
    #[arg(long, value_name = "MINUTES")]
    minutes: Option<f64>,
    /// Samples a step [default: 256]
    #[arg(long, value_name = "N")]
    batch: Option<usize>,
    /// Negatives drawn for each positive; softmax draws none [default: 4]
    #[arg(long, value_name = "N")]
    negatives: Option<u32>,
    /// [default: lazy-adam]
    #[arg(long, value_name = "NAME")]
    optimizer: Option<OptimizerName>,
    /// Step size [default: 0.001; 0.01 for sgd]
    #[arg(long, value_name = "RATE")]
    lr: Option<f32>,
    /// Decay of Adam's first moment [default: 0.9]
    #[arg(long, value_name = "B")]
    beta1: Option<f32>,
    /// Decay of Adam's second moment [default: 0.999]
    #[arg(long, value_name = "B")]
    beta2: Option<f32>,
    /// The step size of an epoch over that of the epoch before [default: 1]
    #[arg(long, value_name = "FACTOR")]
    decay: Option<f32>,
    /// Weight of the squared norm of everything [default: 0]
    #[arg(long, value_name = "W", conflicts_with_all = ["l2_tables", "l2_dense"])]
    l2: Option<f32>,
    /// Weight of the squared norm of embeddings, by each sample that uses one [default: 0]
    #[arg(long, value_name = "W")]
    l2_tables: Option<f32>,
    /// Weight of the squared norm of every embedding that a step moves: all of them with adam [default: 0]
    #[arg(long, value_name = "W")]
    l2_rows: Option<f32>,
    /// Weight of the squared norm of weights and biases [default: 0]
    #[arg(long, value_name = "W")]
    l2_dense: Option<f32>,
    /// Seed of everything random [default: 0]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Hold out a validation part of the training part, end with the epoch that is best on it, and report the test alone
    #[arg(long)]
    validate: bool,
    /// As --validate, and stop after so many epochs without a better one
    #[arg(long, value_name = "N")]
    patience: Option<u32>,
    /// From the end of this epoch on, rank and recommend with the mean of the parameters after each epoch; training
    /// itself goes on without it. On --resume another epoch than before begins a new mean
    #[arg(long, value_name = "EPOCH")]
    average_from: Option<u32>,
}

impl TrainingOptions {
    /// `base` with what the command line says otherwise.
    pub fn config(&self, base: TrainConfig) -> Result<TrainConfig> {
        if self.negatives.is_some() && matches!(base.loss, Loss::Softmax(_) | Loss::SampledSoftmax(_)) {
            let reason = "softmax tells an item from others of the batch or of a list and draws none; leave it out";
            return Err(Error::config("--negatives", reason));
        }
        let mut config = base;
        let no_end = self.minutes.map(|_| u32::MAX);
        config.epochs = self.epochs.or(no_end).unwrap_or(base.epochs);
        config.batch_size = self.batch.unwrap_or(base.batch_size);
        config.negatives = self.negatives.unwrap_or(base.negatives);
        config.decay = self.decay.unwrap_or(base.decay);
        config.seed = self.seed.unwrap_or(base.seed);
        config.l2 = L2 {
            per_row: self.l2_rows.unwrap_or(base.l2.per_row),
            tables: self.l2_tables.or(self.l2).unwrap_or(base.l2.tables),
            dense: self.l2_dense.or(self.l2).unwrap_or(base.l2.dense),
        };
        // Patience without end: nothing stops early, and the best epoch's parameters come back at the end.
        let validate = self.validate.then_some(u32::MAX);
        config.patience = self.patience.or(base.patience).or(validate);
        config.average_from = self.average_from.or(base.average_from);
        config.optimizer = self.optimizer(base.optimizer)?;
        config.validate()?;
        if let Some(epoch) = self.average_from.filter(|&epoch| epoch > config.epochs) {
            let reason = format!(
                "epoch {epoch} does not come; training ends after epoch {}",
                config.epochs
            );
            return Err(Error::config("--average-from", reason));
        }
        Ok(config)
    }

    fn optimizer(&self, base: Optimizer) -> Result<Optimizer> {
        let adam = AdamConfig::default();
        let sgd = Optimizer::Sgd {
            learning_rate: SGD_RATE,
        };
        let mut optimizer = match self.optimizer {
            Some(OptimizerName::Adam) => Optimizer::Adam(adam),
            Some(OptimizerName::LazyAdam) => Optimizer::LazyAdam(adam),
            Some(OptimizerName::Sgd) => sgd,
            None => base,
        };
        if let Some(rate) = self.lr {
            optimizer = optimizer.with_learning_rate(rate);
        }
        match &mut optimizer {
            Optimizer::Adam(config) | Optimizer::LazyAdam(config) => {
                config.beta1 = self.beta1.unwrap_or(config.beta1);
                config.beta2 = self.beta2.unwrap_or(config.beta2);
            }
            Optimizer::Sgd { .. } if self.beta1.is_some() || self.beta2.is_some() => {
                return Err(Error::config("--beta1, --beta2", "sgd has no moments; leave them out"));
            }
            Optimizer::Sgd { .. } => {}
        }
        Ok(optimizer)
    }

    /// How long to train, if that is limited.
    pub fn time(&self) -> Result<Option<Duration>> {
        let Some(minutes) = self.minutes else {
            return Ok(None);
        };
        match Duration::try_from_secs_f64(minutes * 60.0) {
            Ok(time) if !time.is_zero() => Ok(Some(time)),
            _ => Err(Error::config(
                "--minutes",
                format!("{minutes} is no length of time; give a positive number"),
            )),
        }
    }
}
