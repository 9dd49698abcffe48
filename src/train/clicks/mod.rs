//! Training of click-through models.
//!
//! ```
//! use pocketrec::{data::clicks::PlantedClicks, device::Device, models::DeepFm, train::*};
//! let data = PlantedClicks { users: 200, rows_per_user: 50, ..PlantedClicks::default() }.generate()?;
//! let model = DeepFm::new(data.train.layout()).embedding_dim(8).hidden([32, 16]);
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
mod explain;
mod feed;
mod fit;
mod grow;
mod held_batch;
mod history;
mod predict;
mod predictor;
#[cfg(test)]
mod reads;
mod similar;
mod support;
mod task;

pub use absorb::ClickAbsorbReport;
pub use config::{ClickAbsorbConfig, ClickConfig, ClickMetric};
pub use events::{BestClickEpoch, ClickEpoch, ClickEvaluation, ClickEvent, ClickFit, ClickProgress};
pub use held_batch::ClickRow;
pub use history::ClickHistory;
#[cfg(feature = "checkpoint")]
pub(crate) use history::absorbed_fault;

use alloc::{boxed::Box, format, string::String, vec::Vec};
use core::fmt;

use crate::{
    Error, Result,
    data::clicks::Encoder,
    device::Device,
    executor::Executor,
    models::ClickModel,
    plan::{Plan, State},
    train::{averaging::check_averaging, core::Core},
};

/// Trains a click-through model and predicts clicks with it.
///
/// The same calls with the same seed on the same device give the same bits, on any number of threads.
pub struct ClickTrainer {
    pub(crate) model: ClickModel,
    pub(crate) config: ClickConfig,
    pub(crate) core: Core<f64>,
    pub(crate) encoder: Option<Encoder>,
    /// How many training rows have each row of a table, by vocabulary of the layout, where it is known.
    pub(crate) support: Option<Vec<Vec<u32>>>,
    /// Clicks that were absorbed.
    pub(crate) history: ClickHistory,
}

impl fmt::Debug for ClickTrainer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClickTrainer")
            .field("model", &self.model)
            .field("device", &self.core.executor.device())
            .field("config", &self.config)
            .field("progress", &self.core.progress)
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
        Self::with_state(model, device, config, state)
    }

    /// A trainer that begins from a given state, such as one made elsewhere.
    ///
    /// # Errors
    /// Those of [`ClickTrainer::new`], and [`Error::Length`] where the state does not fit the model.
    pub fn with_state(model: impl Into<ClickModel>, device: Device, config: ClickConfig, state: State) -> Result<Self> {
        let model = model.into();
        config.validate()?;
        let plan = model.plan()?.with_tables_as(state.row_type());
        let executor = device.executor(plan, state)?;
        Self::with_executor(model, executor, config)
    }

    /// A trainer on an executor of one's own, whose present state is where training begins.
    ///
    /// # Errors
    /// [`Error::Config`] where a setting is out of range or does not go with the model, or where the executor's plan is
    /// not that of the model.
    pub fn with_executor(
        model: impl Into<ClickModel>,
        executor: Box<dyn Executor>,
        config: ClickConfig,
    ) -> Result<Self> {
        let model = model.into();
        config.validate()?;
        check_averaging(executor.plan(), config.average_from)?;
        if *executor.plan() != model.plan()?.with_tables_as(executor.plan().row_type()) {
            let reason = format!(
                "the executor's plan is not that of {} with these settings",
                model.name()
            );
            return Err(Error::config("model", reason));
        }
        Ok(ClickTrainer {
            model,
            config,
            core: Core::new(executor),
            encoder: None,
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
        self.core.executor.plan()
    }

    /// The device, for people: `cpu avx512, 2 threads`.
    pub fn device(&self) -> String {
        self.core.executor.device()
    }

    /// The settings.
    pub fn config(&self) -> &ClickConfig {
        &self.config
    }

    /// Where training stands.
    pub fn progress(&self) -> &ClickProgress {
        &self.core.progress
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
            self.core.drop_mean()?;
        }
        self.config = config;
        Ok(())
    }

    /// A copy of parameters, moments and step count. The parameters are those that predict: their mean over epochs,
    /// once there is one ([`ClickConfig::average_from`]). Moments and step count are training's;
    /// [`checkpoint`](ClickTrainer::checkpoint) has the parameters that go with them.
    ///
    /// # Errors
    /// Where the device is lost.
    pub fn state(&mut self) -> Result<State> {
        self.core.state()
    }

    fn no_encoder() -> Error {
        Error::config("encoder", "there is none; give it with set_encoder")
    }
}
