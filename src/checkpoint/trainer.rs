//! Saving a trainer to bytes, and going on from them.

use alloc::vec::Vec;

use super::{Checkpoint, Contents, to_bytes};
use crate::{
    Error, Result,
    device::Device,
    plan::State,
    train::{Core, Trainer},
};

impl Trainer {
    /// The bytes of the file that `Trainer::save` writes, for where there are no files.
    ///
    /// ```
    /// use pocketrec::{device::Device, models::Gmf, train::*};
    /// let mut trainer = Trainer::new(Gmf::new(30, 20), Device::cpu(), TrainConfig::default())?;
    /// let bytes = trainer.to_bytes()?;
    /// let mut again = Trainer::from_bytes(&bytes, Device::cpu())?;
    /// assert_eq!(again.recommend(3, 10)?, trainer.recommend(3, 10)?);
    /// assert!(Trainer::from_bytes(&bytes[1..], Device::cpu()).is_err());
    /// # Ok::<(), pocketrec::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Checkpoint`] where a value is not finite: it would not be read again; [`Error::Memory`].
    pub fn to_bytes(&mut self) -> Result<Vec<u8>> {
        let (state, mean) = self.core.both()?;
        to_bytes(&self.contents(&state, mean.as_deref()))
    }

    /// A trainer that goes on where the one was that these bytes were saved from, as `Trainer::load` does from a file.
    ///
    /// # Errors
    /// Those of [`Checkpoint::from_bytes`], and [`Error::Device`] where the device lacks what was asked for.
    pub fn from_bytes(bytes: &[u8], device: Device) -> Result<Self> {
        Self::from_checkpoint(Checkpoint::from_bytes(bytes)?, device)
    }

    /// All that [`Trainer::to_bytes`] gives, as plain data.
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
            known: contents.known.cloned(),
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
        let (model, config, state) = (checkpoint.model, checkpoint.config, checkpoint.state);
        let mut trainer = match checkpoint.known {
            None => Self::with_state(model, device, config, state)?,
            Some(known) => Self::with_known_state(model, known, device, config, state)?,
        };
        trainer.core = Core::resume(
            trainer.core.executor,
            &config.schedule(),
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

    /// Takes over what a checkpoint of this trainer has become: the same model, with no fewer rows.
    pub(super) fn take_over(&mut self, checkpoint: Checkpoint) -> Result<()> {
        let plan = checkpoint.model.plan_for(checkpoint.config.loss)?;
        for vocabulary in 0..plan.vocabularies().len() {
            let rows = plan.rows(vocabulary);
            if rows > self.plan().rows(vocabulary) {
                self.core.executor.grow(vocabulary, rows).wait()?;
            }
        }
        self.core.executor.set_state(&checkpoint.state).wait()?;
        self.core.forget_best();
        self.core.forget_mean();
        (self.core.kept, self.core.progress) = (None, checkpoint.progress);
        self.model = checkpoint.model;
        (self.keyed, self.user_ids, self.item_ids) = (checkpoint.keyed, checkpoint.user_ids, checkpoint.item_ids);
        self.history = checkpoint.history;
        self.give_graph()
    }

    pub(super) fn contents<'a>(&'a self, state: &'a State, mean: Option<&'a [Vec<f32>]>) -> Contents<'a> {
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
            known: self.known.as_ref(),
        }
    }
}
