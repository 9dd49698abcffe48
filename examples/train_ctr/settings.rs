//! The options that say how it is trained.

use clap::{Args, ValueEnum};
use pocketrec::{
    Error, Result,
    plan::{AdamConfig, L2, Optimizer},
    train::{ClickConfig, ClickMetric},
};

/// Items drawn for a row of data without labels, if the command line does not say.
const NEGATIVES: u32 = 4;

/// How it is trained. On --resume the checkpoint's settings hold unless they are given anew.
#[derive(Debug, Args)]
#[command(next_help_heading = "Training")]
pub struct TrainingOptions {
    /// Passes over the training rows at most [default: 10]
    #[arg(long, value_name = "N")]
    pub epochs: Option<u32>,
    /// Rows a step [default: 1024]
    #[arg(long, value_name = "N")]
    pub batch: Option<usize>,
    /// Learning rate [default: 0.001]
    #[arg(long, value_name = "X")]
    pub lr: Option<f32>,
    /// What the learning rate is multiplied by after an epoch that was not better on the dev rows [default: 1]
    #[arg(long, value_name = "X")]
    pub plateau: Option<f32>,
    /// The learning rate of an epoch over that of the one before [default: 1]
    #[arg(long, value_name = "X")]
    pub decay: Option<f32>,
    /// Adam on every row of the tables each step, as in the papers' code, instead of on the batch's rows
    #[arg(long, value_name = "true|false", num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    pub dense: Option<bool>,
    /// Weight of the squared norm of embeddings, by each sample that uses one [default: 0]
    #[arg(long, value_name = "X")]
    pub l2_tables: Option<f32>,
    /// Weight of the squared norm of every row that a step moves: with --dense of whole tables, as in the papers' code
    /// [default: 0]
    #[arg(long, value_name = "X")]
    pub l2_rows: Option<f32>,
    /// Weight of the squared norm of all other parameters [default: 0]
    #[arg(long, value_name = "X")]
    pub l2_dense: Option<f32>,
    /// Stop after so many epochs without a better dev evaluation, with the parameters of the best; 0 trains all
    /// [default: 2]
    #[arg(long, value_name = "N")]
    pub patience: Option<u32>,
    /// From this epoch on, evaluate and keep the mean of the parameters after each epoch
    #[arg(long, value_name = "EPOCH")]
    pub average_from: Option<u32>,
    /// By what dev evaluations are compared [default: auc; ndcg, at 10 places, where the data has no labels]
    #[arg(long, value_enum, value_name = "METRIC")]
    pub metric: Option<Metric>,
    /// Items drawn for each row of data without labels, as not chosen [default: 4]
    #[arg(long, value_name = "N")]
    pub negatives: Option<u32>,
    /// Seed of everything random [default: 1]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
}

/// What dev evaluations are compared by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
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

impl TrainingOptions {
    /// The settings of a new model, on data with labels or without.
    pub fn defaults(labels: bool) -> ClickConfig {
        ClickConfig {
            optimizer: Optimizer::LazyAdam(AdamConfig::default()),
            seed: 1,
            metric: if labels { ClickMetric::Auc } else { ClickMetric::Ndcg },
            negatives: if labels { 0 } else { NEGATIVES },
            ..ClickConfig::default()
        }
    }

    /// `base` with what the command line says otherwise.
    ///
    /// # Errors
    /// Where a setting is out of range or comes to nothing.
    pub fn config(&self, base: ClickConfig) -> Result<ClickConfig> {
        let rate = self.lr.unwrap_or(base.optimizer.learning_rate());
        let optimizer = match (self.dense, base.optimizer) {
            (Some(true), Optimizer::LazyAdam(adam)) => Optimizer::Adam(adam),
            (Some(false), Optimizer::Adam(adam)) => Optimizer::LazyAdam(adam),
            (_, optimizer) => optimizer,
        };
        let config = ClickConfig {
            epochs: self.epochs.unwrap_or(base.epochs),
            batch_size: self.batch.unwrap_or(base.batch_size),
            optimizer: optimizer.with_learning_rate(rate),
            decay: self.decay.unwrap_or(base.decay),
            plateau: self.plateau.unwrap_or(base.plateau),
            l2: L2 {
                tables: self.l2_tables.unwrap_or(base.l2.tables),
                per_row: self.l2_rows.unwrap_or(base.l2.per_row),
                dense: self.l2_dense.unwrap_or(base.l2.dense),
            },
            seed: self.seed.unwrap_or(base.seed),
            patience: match self.patience {
                Some(patience) => (patience > 0).then_some(patience),
                None => base.patience,
            },
            metric: self.metric.map_or(base.metric, Metric::of),
            average_from: self.average_from.or(base.average_from),
            negatives: self.negatives.unwrap_or(base.negatives),
            ..base
        };
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

    /// Refuses what does not go with the data's having labels, or having none.
    pub fn check_labels(&self, labels: bool) -> Result<()> {
        match (labels, self.metric, self.negatives) {
            (true, Some(Metric::Ndcg), _) => {
                let reason = "ndcg ranks choices among what was not chosen, and the data has labels; give another";
                Err(Error::config("--metric", reason))
            }
            (false, Some(Metric::Auc | Metric::Gauc | Metric::LogLoss), _) => {
                let reason = "AUC and log loss compare clicks with rows without, and the data has no labels; it is \
                              ranked by ndcg";
                Err(Error::config("--metric", reason))
            }
            (true, _, Some(1..)) => {
                let reason = "items are drawn for data without labels, and this has some; leave it out";
                Err(Error::config("--negatives", reason))
            }
            (false, _, Some(0)) => {
                let reason =
                    "rows that are all choices teach nothing without items that were not chosen; give 1 or more";
                Err(Error::config("--negatives", reason))
            }
            _ => Ok(()),
        }
    }
}

impl Metric {
    fn of(self) -> ClickMetric {
        match self {
            Metric::Auc => ClickMetric::Auc,
            Metric::Gauc => ClickMetric::GroupedAuc,
            Metric::LogLoss => ClickMetric::LogLoss,
            Metric::Ndcg => ClickMetric::Ndcg,
        }
    }
}
