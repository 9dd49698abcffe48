//! The settings of training.

use alloc::format;

use serde::{Deserialize, Serialize};

use crate::{
    Error, Result,
    data::Sampling,
    eval::Protocol,
    models::Loss,
    plan::{L2, Optimizer},
    train::task::Schedule,
};

/// Samples of a batch beyond this are refused: a batch must fit in memory whatever a checkpoint says.
const LARGEST_BATCH: usize = 1 << 22;

/// The settings of training; the defaults are those of He et al., *Neural Collaborative Filtering*, WWW 2017.
///
/// ```
/// use pocketrec::train::TrainConfig;
/// let config = TrainConfig { epochs: 5, patience: Some(2), ..TrainConfig::default() };
/// assert_eq!(config.batch_size, 256);
/// assert!(TrainConfig { batch_size: 0, ..config }.validate().is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainConfig {
    /// Passes over the training part, counted from the beginning of training and not from a call of `fit`.
    pub epochs: u32,
    /// What is learnt, and so what a sample is. A trainer keeps the loss that it began with.
    #[serde(default, skip_serializing_if = "is_default")]
    pub loss: Loss,
    /// Samples a step: positives and negatives together, pairs of both, or positives alone, as [`loss`](TrainConfig::loss)
    /// says.
    pub batch_size: usize,
    /// Negatives drawn for each positive, anew in each epoch. [`Softmax`](Loss::Softmax) draws none: the items of a block
    /// are each other's.
    pub negatives: u32,
    /// Which positives an epoch goes through.
    #[serde(default, skip_serializing_if = "is_default")]
    pub sampling: Sampling,
    /// How parameters follow their gradient.
    pub optimizer: Optimizer,
    /// The learning rate of an epoch over that of the epoch before; 1 keeps it as it is.
    pub decay: f32,
    /// Weight of the squared norm.
    pub l2: L2,
    /// Seed of everything random: initial values, order, negatives.
    pub seed: u64,
    /// Evaluate after every so many epochs; 0 for never.
    pub eval_every: u32,
    /// What test items are ranked among.
    pub protocol: Protocol,
    /// The cut-off of HR@k and NDCG@k.
    pub k: usize,
    /// Stop after so many evaluations in a row without a better HR@k (NDCG@k where it is equal), and end with the
    /// parameters of the best. `None` trains all epochs and ends with the last parameters.
    ///
    /// This picks the epoch by the test items, as the papers do. For an honest figure hold out a validation part
    /// first (split the training part of a split again).
    pub patience: Option<u32>,
    /// The first epoch, counted from 1 as in reports, whose parameters go into a mean over epochs; `None` for no mean.
    ///
    /// From the end of that epoch on the mean of the parameters after each epoch is what is evaluated, compared for
    /// `patience` and, once `fit` returns, recommended and scored with, though `fit` returned in the middle of a later
    /// epoch. Training itself goes on from the parameters as they are, in this call of `fit` and the next, as if there
    /// were no mean. An epoch beyond `epochs` is no error, as training may go on later.
    ///
    /// This takes memory on the host for one more copy of the parameters, and for another while an epoch ends; each
    /// call of `fit` copies the state to the device and back. What evens out is noise of late epochs: begin where the
    /// loss or the evaluation has flattened, as a mean over steep epochs lags behind.
    ///
    /// A mean ends, and the next epoch's end begins a new one: when [`absorb`](super::Trainer::absorb) learns, from the
    /// mean, which becomes the parameters; when training has ended with the best of earlier epochs (`patience`); and
    /// when this setting is changed.
    ///
    /// Source: Polyak and Juditsky, *Acceleration of Stochastic Approximation by Averaging*, SIAM J. Control and
    /// Optimization 30(4), 1992; Izmailov et al., *Averaging Weights Leads to Wider Optima and Better Generalization*,
    /// UAI 2018.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub average_from: Option<u32>,
    /// Fetch the loss and report progress after every so many steps of an epoch. A fetch waits for the device.
    pub report_every: u32,
}

impl Default for TrainConfig {
    fn default() -> Self {
        TrainConfig {
            epochs: 20,
            loss: Loss::default(),
            batch_size: 256,
            negatives: 4,
            sampling: Sampling::default(),
            optimizer: Optimizer::default(),
            decay: 1.0,
            l2: L2::default(),
            seed: 0,
            eval_every: 1,
            protocol: Protocol::Sampled,
            k: 10,
            patience: None,
            average_from: None,
            report_every: 512,
        }
    }
}

/// Whether a setting need not be stored.
fn is_default<T: Default + PartialEq>(setting: &T) -> bool {
    *setting == T::default()
}

impl TrainConfig {
    /// The optimiser of an epoch, counted from 0: the learning rate falls by `decay` each epoch, as far as the
    /// smallest normal number.
    pub fn optimizer_of(&self, epoch: u32) -> Optimizer {
        self.schedule().optimizer_of(epoch, 0)
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
            plateau: 1.0,
            l2: self.l2,
        }
    }

    /// Checks the settings.
    ///
    /// # Errors
    /// [`Error::Config`] names the setting that is out of range or contradicts another.
    pub fn validate(&self) -> Result<()> {
        if self.batch_size == 0 || self.batch_size > LARGEST_BATCH {
            let reason = format!("{} samples; give 1 to {LARGEST_BATCH}", self.batch_size);
            return Err(Error::config("batch_size", reason));
        }
        self.optimizer.validate()?;
        self.loss.validate()?;
        if self.loss.is_pairwise() && self.negatives == 0 {
            let reason = format!(
                "0: {} compares each positive with a negative; give at least 1",
                self.loss.name()
            );
            return Err(Error::config("negatives", reason));
        }
        if !(self.decay > 0.0 && self.decay <= 1.0) {
            let reason = format!("{} is not in 0..=1, 0 left out; 1 keeps the learning rate", self.decay);
            return Err(Error::config("decay", reason));
        }
        for (field, weight) in [
            ("l2.tables", self.l2.tables),
            ("l2.per_row", self.l2.per_row),
            ("l2.dense", self.l2.dense),
        ] {
            if !(weight >= 0.0 && weight.is_finite()) {
                return Err(Error::config(field, format!("{weight} is not a number from 0 up")));
            }
        }
        if self.loss.is_related() && self.l2.tables > 0.0 {
            let reason = format!(
                "{}: samples of related items have a user that stands for nothing, whose row this would count; give 0, and \
                 l2.per_row a number",
                self.l2.tables
            );
            return Err(Error::config("l2.tables", reason));
        }
        if self.k == 0 {
            return Err(Error::config("k", "0 places hold no item; 10 is usual"));
        }
        if self.report_every == 0 {
            let reason = "0 steps; give 1 or more (a large number for a report an epoch)";
            return Err(Error::config("report_every", reason));
        }
        if self.average_from == Some(0) {
            let reason = "there is no epoch 0, they are counted from 1; give 1 or more, or None";
            return Err(Error::config("average_from", reason));
        }
        match self.patience {
            Some(0) => Err(Error::config("patience", "0 evaluations; give 1 or more, or None")),
            Some(_) if self.eval_every == 0 => {
                let reason = "patience needs evaluations, and eval_every is 0; set eval_every to 1";
                Err(Error::config("patience", reason))
            }
            _ => Ok(()),
        }
    }
}

/// The settings of [`Trainer::absorb_with`](super::Trainer::absorb_with).
///
/// ```
/// use pocketrec::train::AbsorbConfig;
/// assert!(AbsorbConfig { steps: 0, ..AbsorbConfig::default() }.validate().is_ok()); // new rows alone, no learning
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct AbsorbConfig {
    /// Steps on each group of new interactions, no more and no fewer.
    pub steps: u32,
    /// New interactions that are learnt from together.
    pub group: usize,
    /// Negatives drawn for each positive, anew in each step.
    pub negatives: u32,
    /// Older interactions of the same user that are gone through again beside each new one, so that the user's row
    /// does not forget them.
    pub replay: u32,
    /// Step size of gradient descent, on the mean gradient of the row that most samples of a group share. A row that
    /// fewer samples share moves less, in proportion.
    pub learning_rate: f32,
    /// How far beyond the last row a new id may lie. A larger id is taken for a mistake.
    pub max_new_rows: u32,
}

impl Default for AbsorbConfig {
    fn default() -> Self {
        AbsorbConfig {
            steps: 20,
            group: 32,
            negatives: 4,
            replay: 3,
            learning_rate: 0.5,
            max_new_rows: 65_536,
        }
    }
}

impl AbsorbConfig {
    /// Checks the settings.
    ///
    /// # Errors
    /// [`Error::Config`] names the setting that is out of range.
    pub fn validate(&self) -> Result<()> {
        let bounds = [
            ("steps", self.steps as usize, 0, 10_000),
            ("group", self.group, 1, 4096),
            ("negatives", self.negatives as usize, 0, 1000),
            ("replay", self.replay as usize, 0, 1000),
        ];
        for (field, value, least, most) in bounds {
            if !(least..=most).contains(&value) {
                return Err(Error::config(field, format!("{value}; give {least} to {most}")));
            }
        }
        if !(self.learning_rate > 0.0 && self.learning_rate <= 1000.0) {
            let reason = format!("{} is not above 0 and at most 1000", self.learning_rate);
            return Err(Error::config("learning_rate", reason));
        }
        Ok(())
    }
}
