//! Saving a trainer to a file, and going on from one.

use std::path::Path;

use super::{Checkpoint, Contents, save};
use crate::{
    Error, Result,
    device::Device,
    plan::State,
    train::{Core, Trainer},
};

impl Trainer {
    /// Writes everything to a safetensors file that [`Trainer::load`] reads and PyTorch opens
    /// ([`crate::checkpoint`]). An older file of that name is replaced once the new one is whole and on the
    /// disk, and not before.
    ///
    /// # Errors
    /// Those of [`Checkpoint::save`].
    pub fn save(&mut self, path: impl AsRef<Path>) -> Result<()> {
        let (state, mean) = self.core.both()?;
        save(&self.contents(&state, mean.as_deref()), path.as_ref())
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
        let (state, mean) = self.core.both()?;
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
            relations: contents.relations.cloned(),
            knowledge: contents.knowledge.cloned(),
            state,
        })
    }

    /// A trainer that goes on from a checkpoint.
    ///
    /// # Errors
    /// [`Error::Config`] and [`Error::Length`] where parts of it do not
    /// fit together, and [`Error::Device`].
    pub fn from_checkpoint(checkpoint: Checkpoint, device: Device) -> Result<Self> {
        if let Some(reason) = checkpoint.progress.counts("sample").fault(checkpoint.state.step) {
            return Err(Error::config("progress", reason));
        }
        let mut trainer = Self::with_state(checkpoint.model, device, checkpoint.config, checkpoint.state)?;
        trainer.core = Core::resume(
            trainer.core.executor,
            &checkpoint.config.schedule(),
            checkpoint.progress,
            checkpoint.best_values,
            checkpoint.average_values,
        )?;
        trainer.keyed = checkpoint.keyed;
        trainer.user_ids = checkpoint.user_ids;
        trainer.item_ids = checkpoint.item_ids;
        trainer.titles = checkpoint.titles;
        trainer.history = checkpoint.history;
        if let Some(relations) = &checkpoint.relations {
            trainer.check_relations(relations)?;
        }
        trainer.relations = checkpoint.relations;
        if let Some(knowledge) = checkpoint.knowledge {
            trainer.check_knowledge(&knowledge)?;
            trainer.give_knowledge(knowledge);
        }
        trainer.give_graph()?;
        Ok(trainer)
    }

    fn contents<'a>(&'a self, state: &'a State, mean: Option<&'a [Vec<f32>]>) -> Contents<'a> {
        Contents {
            model: &self.model,
            config: &self.config,
            state,
            progress: &self.core.progress,
            best_values: self.core.other_best_values(),
            average_values: mean,
            keyed: self.keyed,
            user_ids: &self.user_ids,
            item_ids: &self.item_ids,
            titles: &self.titles,
            history: &self.history,
            relations: self.relations.as_ref(),
            knowledge: self.knowledge.as_deref(),
        }
    }
}
