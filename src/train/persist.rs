//! Saving a trainer to a file, and going on from one.

use std::path::Path;

use super::{
    Progress, TrainConfig, Trainer,
    average::{Aside, Values, swap_values},
    progress::{fresh_state, values_of},
};
use crate::{
    Error, Result,
    checkpoint::{self, Checkpoint, Contents},
    checks::check_state,
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
        let mut state = self.state()?;
        let mean = match &self.aside {
            Aside::Nothing => None,
            Aside::Mean(mean) => Some(mean.clone()),
            Aside::Plain(plain) => {
                let mut mean = plain.clone();
                swap_values(&mut state, &mut mean);
                Some(mean)
            }
        };
        Ok((state, mean))
    }

    /// Takes a mean from a checkpoint into use.
    fn adopt_mean(&mut self, mean: Option<Values>) -> Result<()> {
        if let Some(reason) = mean_fault(&self.config, &self.progress, mean.is_some()) {
            return Err(Error::config("average_values", reason));
        }
        if let Some(mean) = mean {
            let state = fresh_state(mean);
            check_state(self.plan(), &state)?;
            self.aside = Aside::Mean(state.tensors.into_iter().map(|tensor| tensor.value).collect());
            self.use_mean()?;
        }
        Ok(())
    }
}

/// Why a mean, or none, contradicts the settings and the position.
pub(crate) fn mean_fault(config: &TrainConfig, progress: &Progress, has_mean: bool) -> Option<String> {
    let Progress { epoch, averaged, .. } = *progress;
    match (has_mean, averaged, config.average_from) {
        (false, 0, _) => None,
        (false, ..) => Some(format!(
            "a mean of {averaged} epochs is counted, but its values are missing"
        )),
        (true, 0, _) => Some("there is a mean of parameters, but the position counts no epoch in it".into()),
        (true, _, None) => Some("there is a mean of parameters, but average_from is not set".into()),
        (true, _, Some(from)) => {
            let most = epoch.saturating_add(1).saturating_sub(from);
            let reason = || format!("a mean of {averaged} epochs, after epoch {epoch} and from epoch {from} on");
            (averaged > most).then(reason)
        }
    }
}
