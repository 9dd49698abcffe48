//! Learning from new rows after training.
//!
//! As with pairs ([`crate::train::Trainer::absorb`]) a click must show, and nothing that was trained may be forgotten: dense
//! parameters keep their values, the rows of the user's own key follow plain gradient descent, and any other row moves by
//! `min(1, 2 / n)` of its step, where `n` training rows had it. Row 0, which stands for unknown keys, stays.
//!
//! What else the user's rows know is preserved by distillation: each row is learnt together with some candidates drawn at
//! random, whose labels are what the model predicted for them before (Li and Hoiem, *Learning without Forgetting*, ECCV
//! 2016). Without them a click would lift all the user's predictions alike, since a user's row acts mostly as a bias.

use alloc::format;

use super::{ClickAbsorbConfig, ClickRow, ClickTrainer, held_batch::Learnt, history::ClickHistory};
use crate::{
    Error, Result,
    checks::check_growth,
    data::clicks::{Encoder, Layout},
    executor::put_back,
};

/// What absorbing did.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ClickAbsorbReport {
    /// Rows given.
    pub rows: usize,
    /// Keys that were unknown and have a row of their vocabulary now.
    pub new_keys: usize,
    /// Steps made.
    pub steps: u64,
    /// Mean cross-entropy of the given rows before, new keys in their starting place.
    pub before: f64,
    /// Mean cross-entropy of the given rows afterwards.
    pub after: f64,
}

impl ClickTrainer {
    /// Learns from new rows, one at a time or many together, with the default settings.
    ///
    /// Keys that the encoder does not know get a row of their vocabulary, and the tables grow; a new row starts from
    /// the mean of its table. Then a fixed number of gradient steps moves the rows of the users' own keys, and other
    /// rows in so far as they rest on few training rows. Dense parameters, running statistics, optimiser moments and
    /// the position in training stay as they are; the best epoch is forgotten, since its parameters are now old, and a
    /// mean over epochs becomes the parameters. Rows with a label from 0.5 on go on their users' histories: predictions
    /// by [`rank`](ClickTrainer::rank) and rows after them see them behind the events that are given.
    ///
    /// Time does not depend on the size of the tables, but for a copy of the state at the first call after `fit`, whose
    /// moments are kept until training goes on. The same calls give the same bits.
    ///
    /// ```
    /// use pocketrec::{data::clicks::PlantedClicks, device::Device, models::Din, train::*};
    /// let data = PlantedClicks { users: 100, rows_per_user: 30, ..PlantedClicks::default() }.generate()?;
    /// let model = Din::new(data.train.layout()).embedding_dim(4).hidden([8]);
    /// let config = ClickConfig { epochs: 1, ..ClickConfig::default() };
    /// let mut trainer = ClickTrainer::new(model, Device::cpu(), config)?;
    /// trainer.fit(&data.train, Some(&data.dev), |_| ())?;
    /// trainer.set_encoder(data.encoder)?;
    /// let click = [("user", "ann"), ("item", "3"), ("hour", "7")]; // ann is new
    /// let report = trainer.absorb(&[ClickRow { values: &click, events: &[], label: 1.0 }])?;
    /// assert!(report.new_keys == 1 && report.after < report.before);
    /// assert_eq!(trainer.history().clicks("ann"), 1);
    /// # Ok::<(), pocketrec::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Config`] where no encoder was set, a name is no column of the schema, a value is no number though its
    /// field is one, or a label is not in 0..=1. Nothing is changed then. [`Error::Diverged`] where a prediction is no
    /// longer finite: table rows and histories are then as before the call, new keys in their starting place.
    pub fn absorb(&mut self, rows: &[ClickRow]) -> Result<ClickAbsorbReport> {
        self.absorb_with(rows, &ClickAbsorbConfig::default())
    }

    /// As [`absorb`](ClickTrainer::absorb), with settings of one's own.
    ///
    /// # Errors
    /// Those of [`absorb`](ClickTrainer::absorb), and [`Error::Config`] where a setting is out of range.
    pub fn absorb_with(&mut self, rows: &[ClickRow], config: &ClickAbsorbConfig) -> Result<ClickAbsorbReport> {
        config.validate()?;
        let mut encoder = self.encoder.take().ok_or_else(ClickTrainer::no_encoder)?;
        let absorbed = self.absorb_by(&mut encoder, rows, config);
        self.encoder = Some(encoder);
        absorbed
    }

    /// The clicks that were absorbed.
    pub fn history(&self) -> &ClickHistory {
        &self.history
    }

    fn absorb_by(
        &mut self,
        encoder: &mut Encoder,
        rows: &[ClickRow],
        config: &ClickAbsorbConfig,
    ) -> Result<ClickAbsorbReport> {
        Self::check_rows(encoder, rows)?;
        if rows.is_empty() {
            return Ok(ClickAbsorbReport::default());
        }
        let old: u64 = encoder.table_rows().into_iter().map(u64::from).sum();
        self.add_keys(encoder, rows)?;
        let new: u64 = encoder.table_rows().into_iter().map(u64::from).sum();
        self.core.forget_best();

        let users = rows.iter().filter_map(|row| encoder.user_of(row.values));
        let history = self.history.keep(users);
        let mut learnt = Learnt::default();
        for group in rows.chunks(config.group) {
            if let Err(error) = self.learn(encoder, group, config, &mut learnt) {
                self.history.go_back(history);
                self.count(&learnt.ids, |count| count - 1);
                for saved in learnt.saved.iter().rev() {
                    put_back(&mut *self.core.executor, saved)?;
                }
                return Err(error);
            }
        }
        Ok(ClickAbsorbReport {
            rows: rows.len(),
            new_keys: (new - old) as usize,
            steps: learnt.steps,
            before: learnt.before / rows.len() as f64,
            after: learnt.after / rows.len() as f64,
        })
    }

    /// Finds out before anything is changed that rows cannot be learnt from.
    fn check_rows(encoder: &Encoder, rows: &[ClickRow]) -> Result<()> {
        for (index, row) in rows.iter().enumerate() {
            if !(0.0..=1.0).contains(&row.label) {
                let reason = format!("{} of row {index} is not in 0..=1", row.label);
                return Err(Error::config("label", reason));
            }
            encoder.events(row.events)?;
        }
        Ok(())
    }

    /// Gives new keys their rows: in the encoder, in the tables and in the model.
    fn add_keys(&mut self, encoder: &mut Encoder, rows: &[ClickRow]) -> Result<()> {
        let old = encoder.table_rows();
        encoder.add_keys(rows.iter().map(|row| row.values))?;
        let prepared = self
            .check_tables(encoder.layout())
            .and_then(|()| self.core.prepare_absorb());
        if prepared.is_err() {
            encoder.truncate(&old);
            return prepared;
        }
        let grown = self.grow_tables(encoder.layout());
        if grown.is_err() {
            self.keep_rows(encoder);
        }
        self.support_for(encoder.layout());
        *self.model.layout_mut() = encoder.layout().clone();
        grown
    }

    /// The place of a vocabulary in the plan, if its tables are read.
    pub(super) fn table(&self, name: &str) -> Option<usize> {
        self.plan().vocabularies().iter().position(|other| other == name)
    }

    pub(super) fn check_tables(&self, layout: &Layout) -> Result<()> {
        layout
            .vocabularies
            .iter()
            .try_for_each(|table| match self.table(&table.name) {
                Some(at) => check_growth(self.plan(), at, table.rows as usize),
                None => Ok(()),
            })
    }
}
