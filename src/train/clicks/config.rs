//! The settings of training on click data.

use alloc::{format, string::String};
use core::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    Error, Result,
    data::clicks::Samples,
    eval::{ClickReport, clicks::grouped_auc},
    plan::{L2, Optimizer},
    train::{AbsorbConfig, TrainConfig, task::Schedule},
};

/// What makes one evaluation better than another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClickMetric {
    /// Higher AUC.
    #[default]
    Auc,
    /// Higher AUC by group.
    GroupedAuc,
    /// Lower log loss.
    LogLoss,
    /// Higher NDCG of each dev row's own candidate among the row's negatives.
    Ndcg,
}

impl ClickMetric {
    /// The metric's value in a report, so that more is better; nothing where it is undefined, or measures rankings.
    pub fn of(self, report: &ClickReport) -> Option<f64> {
        match self {
            ClickMetric::Auc => report.auc,
            ClickMetric::GroupedAuc => report.grouped.map(|grouped| grouped.auc),
            ClickMetric::LogLoss => Some(-report.log_loss),
            ClickMetric::Ndcg => None,
        }
    }

    /// Refuses dev rows on which the metric is undefined, whatever is predicted: before the first step.
    pub(super) fn check(self, dev: &Samples) -> Result<()> {
        let reason = match self {
            ClickMetric::Auc => one_class(dev.labels()),
            ClickMetric::GroupedAuc if dev.groups().is_empty() => Some(
                "the rows have no groups; name the user's column by Schema::group, or compare by another metric".into(),
            ),
            // Any score tells which groups count.
            ClickMetric::GroupedAuc => {
                match grouped_auc(dev.labels(), dev.labels(), dev.groups())? {
                    Some(_) => None,
                    None => Some(one_class(dev.labels()).unwrap_or_else(|| {
                        "no group has both clicks and rows without; compare by another metric".into()
                    })),
                }
            }
            ClickMetric::Ndcg if !dev.has_negatives() => {
                let reason = "NDCG wants dev rows with negatives to rank among; see Schema::negatives";
                return Err(Error::config("metric", reason));
            }
            ClickMetric::Ndcg if dev.negatives_report().none == dev.len() as u64 => {
                Some("no row has negatives to rank among; see Schema::negatives".into())
            }
            ClickMetric::Ndcg | ClickMetric::LogLoss => None,
        };
        match reason {
            None => Ok(()),
            Some(reason) => Err(Error::config(
                "dev",
                format!("{self} is undefined on the dev rows: {reason}"),
            )),
        }
    }
}

/// What is wrong where all labels are of one class.
fn one_class(labels: &[f32]) -> Option<String> {
    let clicks = labels.iter().filter(|&&label| label >= 0.5).count();
    match (clicks, labels.len()) {
        (0, rows) => Some(format!("none of {rows} is a click")),
        (clicks, rows) if clicks == rows => Some(format!("all {rows} are clicks")),
        _ => None,
    }
}

impl fmt::Display for ClickMetric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ClickMetric::Auc => "AUC",
            ClickMetric::GroupedAuc => "grouped AUC",
            ClickMetric::LogLoss => "log loss",
            ClickMetric::Ndcg => "NDCG",
        })
    }
}

/// The settings of training on click data.
///
/// ```
/// use pocketrec::train::ClickConfig;
/// let config = ClickConfig { batch_size: 4096, ..ClickConfig::default() };
/// assert!(config.validate().is_ok());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClickConfig {
    /// Passes over the training rows, counted from the beginning of training.
    pub epochs: u32,
    /// Rows a step.
    pub batch_size: usize,
    /// How parameters follow their gradient.
    pub optimizer: Optimizer,
    /// The learning rate of an epoch over that of the epoch before; 1 keeps it as it is.
    pub decay: f32,
    /// What the learning rate is multiplied by after an evaluation that was not better than the best; 1 keeps it.
    pub plateau: f32,
    /// Weight of the squared norm.
    pub l2: L2,
    /// Seed of everything random: initial values, order, negatives, dropout.
    pub seed: u64,
    /// Stop after so many evaluations in a row that were not better, and end with the parameters of the best. `None`
    /// trains all epochs and ends with the last parameters.
    pub patience: Option<u32>,
    /// By what evaluations are compared.
    pub metric: ClickMetric,
    /// Places that [`ClickMetric::Ndcg`] looks at.
    pub k: usize,
    /// Candidates drawn anew in each epoch for every training row, uniformly among those that the row's user has in no
    /// row, with label 0: for rows that are all choices, to learn a ranking. The trainer needs the encoder for it, whose
    /// schema says by [`Schema::negatives`](crate::data::clicks::Schema::negatives) what a candidate is.
    pub negatives: u32,
    /// The first epoch, counted from 1, whose parameters go into a mean over epochs; `None` for no mean.
    ///
    /// From the end of that epoch on the mean of the parameters after each epoch is what is evaluated on the dev rows,
    /// compared for `patience` and `plateau`, kept as the best and, once `fit` returns, predicted, ranked and
    /// explained with; training itself goes on from the parameters as they are. It is that of
    /// [`TrainConfig::average_from`], with its sources and costs. A mean ends, and the next epoch's end begins a new
    /// one, when [`absorb`](super::ClickTrainer::absorb) learns, from the mean, which becomes the parameters; when `fit`
    /// ends with the parameters of the best (`patience`); and when this setting is changed.
    ///
    /// Models with batch normalisation or Dice are refused: the mean of running statistics is not the statistics of
    /// the mean.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub average_from: Option<u32>,
    /// Fetch the loss and report progress after every so many steps of an epoch. A fetch waits for the device.
    pub report_every: u32,
}

impl Default for ClickConfig {
    fn default() -> Self {
        ClickConfig {
            epochs: 10,
            batch_size: 1024,
            optimizer: Optimizer::default(),
            decay: 1.0,
            plateau: 1.0,
            l2: L2::default(),
            seed: 0,
            patience: Some(2),
            metric: ClickMetric::default(),
            k: 10,
            negatives: 0,
            average_from: None,
            report_every: 512,
        }
    }
}

impl ClickConfig {
    /// Checks the settings.
    ///
    /// # Errors
    /// [`Error::Config`] names the setting that is out of range.
    pub fn validate(&self) -> Result<()> {
        let common = TrainConfig {
            batch_size: self.batch_size,
            optimizer: self.optimizer,
            decay: self.decay,
            l2: self.l2,
            patience: self.patience,
            k: self.k,
            average_from: self.average_from,
            report_every: self.report_every,
            ..TrainConfig::default()
        };
        common.validate()?;
        if !(self.plateau > 0.0 && self.plateau <= 1.0) {
            let reason = format!(
                "{} is not in 0..=1, 0 left out; 1 keeps the learning rate",
                self.plateau
            );
            return Err(Error::config("plateau", reason));
        }
        Ok(())
    }

    /// What the training loop goes by.
    pub(crate) fn schedule(&self) -> Schedule {
        Schedule {
            epochs: self.epochs,
            batch_size: self.batch_size,
            report_every: self.report_every,
            patience: self.patience,
            average_from: self.average_from,
            optimizer: self.optimizer,
            decay: self.decay,
            plateau: self.plateau,
            l2: self.l2,
        }
    }
}

/// The settings of [`ClickTrainer::absorb_with`](super::ClickTrainer::absorb_with).
///
/// ```
/// use pocketrec::train::ClickAbsorbConfig;
/// assert!(ClickAbsorbConfig { steps: 0, ..ClickAbsorbConfig::default() }.validate().is_ok()); // new keys alone
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClickAbsorbConfig {
    /// Steps on each group of rows, no more and no fewer.
    pub steps: u32,
    /// Rows that are learnt from together.
    pub group: usize,
    /// Candidates drawn for each row, whose predictions are held.
    pub held: u32,
    /// Step size of gradient descent, on the mean gradient of the table row that most samples of a group share. A row
    /// that fewer samples share moves less, in proportion.
    pub learning_rate: f32,
}

impl Default for ClickAbsorbConfig {
    fn default() -> Self {
        ClickAbsorbConfig {
            steps: 20,
            group: 32,
            held: 4,
            learning_rate: 0.5,
        }
    }
}

impl ClickAbsorbConfig {
    /// Checks the settings.
    ///
    /// # Errors
    /// [`Error::Config`] names the setting that is out of range.
    pub fn validate(&self) -> Result<()> {
        let common = AbsorbConfig {
            steps: self.steps,
            group: self.group,
            learning_rate: self.learning_rate,
            ..AbsorbConfig::default()
        };
        common.validate()?;
        match self.held {
            0..=1000 => Ok(()),
            held => Err(Error::config("held", format!("{held}; give 0 to 1000"))),
        }
    }
}
