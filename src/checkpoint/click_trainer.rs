//! Saving a trainer of click-through models to bytes, and going on from them.

use alloc::vec::Vec;

use super::ClickCheckpoint;
use crate::{
    Error, Result,
    device::Device,
    train::{ClickTrainer, Core, absorbed_fault},
};

impl ClickTrainer {
    /// The bytes of the file that `ClickTrainer::save` writes, for where there are no files.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] where a value is not finite, or the parts do not fit together; [`Error::Memory`].
    pub fn to_bytes(&mut self) -> Result<Vec<u8>> {
        self.checkpoint()?.to_bytes()
    }

    /// A trainer that goes on where the one was that these bytes were saved from, as `ClickTrainer::load` does from a
    /// file.
    ///
    /// # Errors
    /// Those of [`ClickCheckpoint::from_bytes`], and [`Error::Device`] where the device lacks what was asked for.
    pub fn from_bytes(bytes: &[u8], device: Device) -> Result<Self> {
        Self::from_checkpoint(ClickCheckpoint::from_bytes(bytes)?, device)
    }

    /// All that [`ClickTrainer::to_bytes`] gives, as plain data.
    ///
    /// # Errors
    /// Where the device is lost.
    pub fn checkpoint(&mut self) -> Result<ClickCheckpoint> {
        let (state, average_values) = self.core.both()?;
        Ok(ClickCheckpoint {
            model: self.model.clone(),
            config: self.config,
            state,
            progress: self.core.progress,
            best_values: self.core.other_best_values().map(<[_]>::to_vec),
            average_values,
            encoder: self.encoder.clone(),
            support: self.support.clone(),
            history: self.history.clone(),
        })
    }

    /// A trainer that goes on from a checkpoint.
    ///
    /// # Errors
    /// [`Error::Config`] and [`Error::Length`] where parts of it do not
    /// fit together, and [`Error::Device`].
    pub fn from_checkpoint(checkpoint: ClickCheckpoint, device: Device) -> Result<Self> {
        if let Some(reason) = checkpoint.progress.counts("row").fault(checkpoint.state.step) {
            return Err(Error::config("progress", reason));
        }
        let layout = checkpoint.model.layout();
        if let Some(reason) = absorbed_fault(layout, checkpoint.support.as_deref(), &checkpoint.history) {
            return Err(Error::config("absorbed", reason));
        }
        if let Some(reason) = checkpoint
            .encoder
            .as_ref()
            .and_then(|encoder| layout.difference(encoder))
        {
            return Err(Error::config("encoder", reason));
        }
        let mut trainer = Self::with_state(checkpoint.model, device, checkpoint.config, checkpoint.state)?;
        trainer.core = Core::resume(
            trainer.core.executor,
            &checkpoint.config.schedule(),
            checkpoint.progress,
            checkpoint.best_values,
            checkpoint.average_values,
        )?;
        trainer.support = checkpoint.support;
        trainer.history = checkpoint.history;
        if let Some(encoder) = checkpoint.encoder {
            trainer.set_encoder(encoder)?;
        }
        Ok(trainer)
    }
}
