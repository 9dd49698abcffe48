//! Saving a trainer to a file, and going on from one.

use std::path::Path;

use super::{
    Progress, Trainer,
    average::{Aside, Values, mean_fault},
    progress::values_of,
};
use crate::{
    Error, Result,
    checkpoint::{self, Checkpoint, Contents},
    device::Device,
    plan::State,
};

impl Trainer {
    /// Writes everything to a safetensors file that [`Trainer::load`] reads and PyTorch opens
    /// ([`crate::checkpoint`]). An older file of that name is replaced once the new one is whole and on the
    /// disk, and not before.
    ///
    /// # Errors
    /// Those of [`Checkpoint::save`].
    pub fn save(&mut self, path: impl AsRef<Path>) -> Result<()> {
        let (state, mean) = self.both()?;
        checkpoint::save(&self.contents(&state, mean.as_deref()), path.as_ref())
    }

    /// A trainer that goes on where the saved one was: [`fit`](Trainer::fit) continues with the next sample, on the
    /// same kind of device with the same bits as if there had been no interruption.
    ///
    /// # Errors
    /// Those of [`Checkpoint::load`], and [`Error::Device`] where the device lacks what was
    /// asked for.
    pub fn load(path: impl AsRef<Path>, device: Device) -> Result<Self> {
        Self::from_checkpoint(Checkpoint::load(path)?, device)
    }

    /// All that [`Trainer::save`] writes, as plain data.
    ///
    /// # Errors
    /// Where the device is lost.
    pub fn checkpoint(&mut self) -> Result<Checkpoint> {
        let (state, mean) = self.both()?;
        let contents = self.contents(&state, None);
        Ok(Checkpoint {
            model: contents.model.clone(),
            config: *contents.config,
            progress: *contents.progress,
            best_values: contents.best_values.map(<[_]>::to_vec),
            average_values: mean,
            keyed: contents.keyed,
            user_ids: contents.user_ids.clone(),
            item_ids: contents.item_ids.clone(),
            titles: contents.titles.to_vec(),
            history: contents.history.clone(),
            state,
        })
    }

    /// A trainer that goes on from a checkpoint.
    ///
    /// # Errors
    /// [`Error::Config`] and [`Error::Length`] where parts of it do not
    /// fit together, and [`Error::Device`].
    pub fn from_checkpoint(checkpoint: Checkpoint, device: Device) -> Result<Self> {
        if let Some(reason) = checkpoint.progress.counts().fault(checkpoint.state.step) {
            return Err(Error::config("progress", reason));
        }
        let best_values = match (checkpoint.config.patience, checkpoint.progress.at_best) {
            (Some(_), true) => {
                let mean = checkpoint.average_values.clone();
                Some(mean.unwrap_or_else(|| values_of(&checkpoint.state)))
            }
            _ => checkpoint.best_values,
        };
        let mut trainer = Self::with_state(checkpoint.model, device, checkpoint.config, checkpoint.state)?;
        trainer.progress = checkpoint.progress;
        trainer.best_values = best_values;
        trainer.keyed = checkpoint.keyed;
        trainer.user_ids = checkpoint.user_ids;
        trainer.item_ids = checkpoint.item_ids;
        trainer.titles = checkpoint.titles;
        trainer.history = checkpoint.history;
        trainer.adopt_mean(checkpoint.average_values)?;
        Ok(trainer)
    }

    fn contents<'a>(&'a self, state: &'a State, mean: Option<&'a [Vec<f32>]>) -> Contents<'a> {
        Contents {
            model: &self.model,
            config: &self.config,
            state,
            progress: &self.progress,
            best_values: self.best_values.as_deref().filter(|_| !self.progress.at_best),
            average_values: mean,
            keyed: self.keyed,
            user_ids: &self.user_ids,
            item_ids: &self.item_ids,
            titles: &self.titles,
            history: &self.history,
        }
    }

    /// The state that training goes on from, and the mean.
    fn both(&mut self) -> Result<(State, Option<Values>)> {
        let state = self.state()?;
        Ok(self.aside.both(state))
    }

    /// Takes a mean from a checkpoint into use.
    fn adopt_mean(&mut self, mean: Option<Values>) -> Result<()> {
        let Progress { epoch, averaged, .. } = self.progress;
        if let Some(reason) = mean_fault(self.config.average_from, epoch, averaged, mean.is_some()) {
            return Err(Error::config("average_values", reason));
        }
        if let Some(mean) = mean {
            self.aside = Aside::adopt(&mut *self.executor, mean)?;
        }
        Ok(())
    }
}
