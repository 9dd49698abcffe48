//! The options that say how a NeuMF is joined from a GMF and an MLP.

use std::path::PathBuf;

use clap::Args;
use pocketrec::{
    Result,
    plan::{AdamConfig, Optimizer},
    train::TrainConfig,
};

use crate::common::interactions::settings::SGD_RATE;

/// Epochs of GMF and of MLP before they are joined, where none are given.
const PRETRAIN_EPOCHS: u32 = 20;

#[derive(Debug, Args)]
#[command(next_help_heading = "Training")]
pub struct PretrainingOptions {
    /// Train GMF and MLP first (with Adam), join them, and go on with gradient descent (--optimizer sgd, unless that says
    /// otherwise): NeuMF's section 3.4.1
    #[arg(long, conflicts_with = "resume", group = "pretraining")]
    pub pretrain: bool,
    /// As --pretrain, from a GMF and an MLP that were trained and saved before
    #[arg(long, num_args = 2, value_names = ["GMF", "MLP"], conflicts_with = "resume", group = "pretraining")]
    pub pretrain_from: Vec<PathBuf>,
    /// Epochs of GMF and of MLP [default: 20]
    #[arg(long, requires = "pretrain", value_name = "N")]
    pretrain_epochs: Option<u32>,
    /// Step size of GMF and MLP [default: 0.001]
    #[arg(long, requires = "pretrain", value_name = "RATE")]
    pretrain_lr: Option<f32>,
    /// GMF's share in the joined output; MLP has the rest
    #[arg(long, requires = "pretraining", default_value_t = 0.5, value_name = "SHARE")]
    pub alpha: f32,
}

impl PretrainingOptions {
    /// Whether the model is joined from two.
    pub fn is_pretrained(&self) -> bool {
        self.pretrain || !self.pretrain_from.is_empty()
    }

    /// The settings of GMF and MLP before they are joined.
    pub fn pretrain_config(&self, config: TrainConfig) -> Result<TrainConfig> {
        let adam = Optimizer::LazyAdam(AdamConfig::default());
        let config = TrainConfig {
            epochs: self.pretrain_epochs.unwrap_or(PRETRAIN_EPOCHS),
            optimizer: adam.with_learning_rate(self.pretrain_lr.unwrap_or(adam.learning_rate())),
            average_from: None, // it counts the epochs of the joined model
            ..config
        };
        config.validate()?;
        Ok(config)
    }

    /// What the joined model is trained by where no option says otherwise.
    pub fn optimizer(&self, base: Optimizer) -> Optimizer {
        match self.is_pretrained() {
            true => Optimizer::Sgd {
                learning_rate: SGD_RATE,
            },
            false => base,
        }
    }
}
