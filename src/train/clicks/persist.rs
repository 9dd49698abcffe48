//! Saving a trainer of click-through models to a file, and going on from one.

use std::path::Path;

use super::ClickTrainer;
use crate::{Result, checkpoint::ClickCheckpoint, device::Device};

impl ClickTrainer {
    /// Writes everything to a safetensors file that [`ClickTrainer::load`] reads and PyTorch opens
    /// ([`ClickCheckpoint`]).
    ///
    /// # Errors
    /// Those of [`ClickCheckpoint::save`].
    pub fn save(&mut self, path: impl AsRef<Path>) -> Result<()> {
        self.checkpoint()?.save(path)
    }

    /// A trainer that goes on where the saved one was, on the same kind of device with the same bits.
    ///
    /// # Errors
    /// Those of [`ClickCheckpoint::load`], and [`Error::Device`](crate::Error::Device) where the device lacks what was
    /// asked for.
    pub fn load(path: impl AsRef<Path>, device: Device) -> Result<Self> {
        Self::from_checkpoint(ClickCheckpoint::load(path)?, device)
    }

    /// All that [`ClickTrainer::save`] writes, as plain data.
    ///
    /// # Errors
    /// Where the device is lost.
    pub fn checkpoint(&mut self) -> Result<ClickCheckpoint> {
        Ok(ClickCheckpoint {
            model: self.model.clone(),
            config: self.config,
            state: self.state()?,
            progress: self.progress,
            best_values: self.best.clone(),
            encoder: self.encoder.clone(),
        })
    }

    /// A trainer that goes on from a checkpoint.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) and [`Error::Length`](crate::Error::Length) where parts of it do not
    /// fit together, and [`Error::Device`](crate::Error::Device).
    pub fn from_checkpoint(checkpoint: ClickCheckpoint, device: Device) -> Result<Self> {
        checkpoint.config.validate()?;
        let executor = device.executor(checkpoint.model.plan()?, checkpoint.state)?;
        let mut trainer = ClickTrainer {
            model: checkpoint.model,
            config: checkpoint.config,
            executor,
            progress: checkpoint.progress,
            best: checkpoint.best_values,
            encoder: None,
        };
        if let Some(encoder) = checkpoint.encoder {
            trainer.set_encoder(encoder)?;
        }
        Ok(trainer)
    }

    /// Changes the settings for the steps to come: more epochs, another optimiser, and so on.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) where a setting is out of range; the old ones stay then.
    pub fn set_config(&mut self, config: super::ClickConfig) -> Result<()> {
        config.validate()?;
        self.config = config;
        Ok(())
    }
}
