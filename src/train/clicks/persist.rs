//! Saving a trainer of click-through models to a file, and going on from one.

use std::path::Path;

use super::{ClickHistory, ClickProgress, ClickTrainer};
use crate::{
    Error, Result,
    checkpoint::ClickCheckpoint,
    data::clicks::Layout,
    device::Device,
    train::{
        average::{Aside, check_averaging, mean_fault},
        progress::{Counts, MOST},
    },
};

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
    /// Those of [`ClickCheckpoint::load`], and [`Error::Device`] where the device lacks what was
    /// asked for.
    pub fn load(path: impl AsRef<Path>, device: Device) -> Result<Self> {
        Self::from_checkpoint(ClickCheckpoint::load(path)?, device)
    }

    /// All that [`ClickTrainer::save`] writes, as plain data.
    ///
    /// # Errors
    /// Where the device is lost.
    pub fn checkpoint(&mut self) -> Result<ClickCheckpoint> {
        let state = self.state()?;
        let (state, average_values) = self.aside.both(state);
        Ok(ClickCheckpoint {
            model: self.model.clone(),
            config: self.config,
            state,
            progress: self.progress,
            best_values: self.best.clone(),
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
        let config = &checkpoint.config;
        config.validate()?;
        let plan = checkpoint.model.plan()?;
        check_averaging(&plan, config.average_from)?;
        if let Some(reason) = checkpoint.progress.counts().fault(checkpoint.state.step) {
            return Err(Error::config("progress", reason));
        }
        let ClickProgress { epoch, averaged, .. } = checkpoint.progress;
        let has_mean = checkpoint.average_values.is_some();
        if let Some(reason) = mean_fault(config.average_from, epoch, averaged, has_mean) {
            return Err(Error::config("average_values", reason));
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
        let mut executor = device.executor(plan, checkpoint.state)?;
        let aside = match checkpoint.average_values {
            Some(mean) => Aside::adopt(&mut *executor, mean)?,
            None => Aside::Nothing,
        };
        let mut trainer = ClickTrainer {
            model: checkpoint.model,
            config: checkpoint.config,
            executor,
            progress: checkpoint.progress,
            aside,
            best: checkpoint.best_values,
            encoder: None,
            frozen: None,
            support: checkpoint.support,
            history: checkpoint.history,
        };
        if let Some(encoder) = checkpoint.encoder {
            trainer.set_encoder(encoder)?;
        }
        Ok(trainer)
    }
}

impl ClickProgress {
    /// What is counted.
    pub(crate) fn counts(&self) -> Counts {
        let (epochs, samples, others) = MOST;
        Counts {
            counts: vec![
                ("epoch", self.epoch.into(), epochs),
                ("best epoch", self.best.map_or(0, |best| best.epoch).into(), epochs),
                ("stale", self.stale.into(), epochs),
                ("plateaus", self.plateaus.into(), epochs),
                ("averaged", self.averaged.into(), epochs),
                ("row", self.row, samples),
                ("step", self.step, others),
                ("absorbed", self.absorbed, others),
            ],
            loss: self.loss,
        }
    }
}

/// Why what is known of rows and users does not go with a model's fields.
pub(crate) fn absorbed_fault(layout: &Layout, support: Option<&[Vec<u32>]>, history: &ClickHistory) -> Option<String> {
    let tables = &layout.vocabularies;
    let counted = support.is_none_or(|support| {
        let mut both = support.iter().zip(tables);
        support.len() == tables.len() && both.all(|(counts, table)| counts.len() == table.rows as usize)
    });
    match counted {
        true => history.fault(layout),
        false => Some("there is not one count of training rows for each row of the tables".into()),
    }
}
