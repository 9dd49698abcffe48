//! Training of click-through models.
//!
//! ```
//! use pocketrec::{data::clicks::PlantedClicks, device::Device, models::DeepFm, train::*};
//! let data = PlantedClicks { users: 200, rows_per_user: 50, ..PlantedClicks::default() }.generate()?;
//! let model = DeepFm::new(data.train.layout()).factors(8).hidden([32, 16]);
//! let config = ClickConfig { epochs: 2, batch_size: 256, ..ClickConfig::default() };
//! let mut trainer = ClickTrainer::new(model, Device::auto()?, config)?;
//! trainer.fit(&data.train, Some(&data.dev), |epoch| println!("{epoch}"))?;
//! let report = trainer.evaluate(&data.test)?;
//! assert!(report.auc.unwrap() > 0.5);
//! # Ok::<(), pocketrec::Error>(())
//! ```

mod absorb;
mod config;
mod events;
mod feed;
mod fit;
mod grow;
mod history;
mod lesson;
mod loader;
#[cfg(feature = "std")]
mod persist;
mod predict;

pub use absorb::{ClickAbsorbReport, ClickRow};
pub use config::{ClickAbsorbConfig, ClickConfig, ClickMetric};
pub use events::{BestClickEpoch, ClickEpoch, ClickEvent, ClickFit};
pub use history::ClickHistory;
#[cfg(feature = "std")]
pub(crate) use persist::absorbed_fault;

use alloc::{boxed::Box, string::String, vec::Vec};
use core::fmt;

use crate::{
    Error, Result,
    data::clicks::Encoder,
    device::Device,
    executor::{Executor, LossSum},
    models::ClickModel,
    plan::{Plan, State},
    train::{
        average::{Aside, check_averaging},
        rows::Frozen,
    },
};

/// Where training stands: with the state and the settings, all that a resumed run needs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ClickProgress {
    /// Epochs completed.
    pub epoch: u32,
    /// Rows done of the next one, negatives among them.
    pub row: u64,
    /// Steps since the beginning of training.
    pub step: u64,
    /// Losses of the epoch so far.
    pub loss: LossSum,
    /// The best evaluation.
    pub best: Option<BestClickEpoch>,
    /// Evaluations since the best.
    pub stale: u32,
    /// Evaluations that were not better than the best before them.
    pub plateaus: u32,
    /// Epochs in the mean of the parameters, the last one completed among them; 0 where there is no mean.
    pub averaged: u32,
    /// Groups of rows absorbed.
    pub absorbed: u64,
}

/// Trains a click-through model and predicts clicks with it.
///
/// The same calls with the same seed on the same device give the same bits, on any number of threads.
pub struct ClickTrainer {
    model: ClickModel,
    config: ClickConfig,
    executor: Box<dyn Executor>,
    progress: ClickProgress,
    /// What averaging keeps beside the executor's parameters.
    aside: Aside,
    /// Parameters of the best evaluation, where `patience` is set.
    best: Option<Vec<Vec<f32>>>,
    encoder: Option<Encoder>,
    /// What `absorb` must not change and executors do.
    frozen: Option<Frozen>,
    /// How many training rows have each row of a table, by vocabulary of the layout, where it is known.
    support: Option<Vec<Vec<u32>>>,
    /// Clicks that were absorbed.
    history: ClickHistory,
}

impl fmt::Debug for ClickTrainer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClickTrainer")
            .field("model", &self.model)
            .field("device", &self.executor.device())
            .field("config", &self.config)
            .field("progress", &self.progress)
            .finish_non_exhaustive()
    }
}

impl ClickTrainer {
    /// A trainer of a new model on a device.
    ///
    /// # Errors
    /// [`Error::Config`] where a setting of the model or of training is out of range or they do not go together,
    /// [`Error::Device`] where the device lacks what was asked for.
    pub fn new(model: impl Into<ClickModel>, device: Device, config: ClickConfig) -> Result<Self> {
        let model = model.into();
        config.validate()?;
        let plan = model.plan()?;
        check_averaging(&plan, config.average_from)?;
        device.check_memory(&plan, config.optimizer.has_moments())?;
        let state = State::initial(&plan, config.seed, config.optimizer.has_moments())?;
        let executor = device.executor(plan, state)?;
        Ok(ClickTrainer {
            model,
            config,
            executor,
            progress: ClickProgress::default(),
            aside: Aside::default(),
            best: None,
            encoder: None,
            frozen: None,
            support: None,
            history: ClickHistory::default(),
        })
    }

    /// The encoder, if one was set.
    pub fn encoder(&self) -> Option<&Encoder> {
        self.encoder.as_ref()
    }

    /// The model.
    pub fn model(&self) -> &ClickModel {
        &self.model
    }

    /// The plan.
    pub fn plan(&self) -> &Plan {
        self.executor.plan()
    }

    /// The device, for people: `cpu avx512, 2 threads`.
    pub fn device(&self) -> String {
        self.executor.device()
    }

    /// The settings.
    pub fn config(&self) -> &ClickConfig {
        &self.config
    }

    /// Where training stands.
    pub fn progress(&self) -> &ClickProgress {
        &self.progress
    }

    /// Changes the settings for the steps to come: more epochs, another optimiser, and so on. Another `average_from`
    /// ends a mean of parameters that there is: the parameters themselves are in use until a new mean begins.
    ///
    /// # Errors
    /// [`Error::Config`] where a setting is out of range or does not go with the model, and where the device is lost;
    /// the old ones stay then.
    pub fn set_config(&mut self, config: ClickConfig) -> Result<()> {
        config.validate()?;
        check_averaging(self.plan(), config.average_from)?;
        if config.average_from != self.config.average_from {
            self.aside.use_plain(&mut *self.executor)?;
            self.forget_mean();
        }
        self.config = config;
        Ok(())
    }

    /// Leaves the parameters in the executor as the only ones.
    fn forget_mean(&mut self) {
        self.aside = Aside::Nothing;
        self.progress.averaged = 0;
    }

    /// A copy of parameters, moments and step count. The parameters are those that predict: their mean over epochs,
    /// once there is one ([`ClickConfig::average_from`]). Moments and step count are training's;
    /// [`checkpoint`](ClickTrainer::checkpoint) has the parameters that go with them.
    ///
    /// # Errors
    /// Where the device is lost.
    pub fn state(&mut self) -> Result<State> {
        let mut state = self.executor.state()?;
        if let Some(frozen) = &self.frozen {
            frozen.patch(&mut state);
        }
        Ok(state)
    }

    fn no_encoder() -> Error {
        Error::config("encoder", "there is none; give it with set_encoder")
    }
}
