//! Learning from new rows after training.
//!
//! As with pairs ([`crate::train::Trainer::absorb`]) a click must show and nothing that was trained be forgotten: dense
//! parameters keep their values, the rows of the user's own key follow plain gradient descent, and any other row goes
//! `min(1, 2 / n)` of its way, where `n` training rows had it. Row 0, for all that is unknown, stays.
//!
//! What the user's rows know beside is held by the model itself: each row is learnt together with some candidates drawn
//! at random, whose labels are what was predicted for them before (Li and Hoiem, *Learning without Forgetting*, ECCV
//! 2016). Without them a click would lift all the user's predictions alike, as a row has most of all a say in the bias.

use alloc::{format, vec, vec::Vec};

use super::{ClickAbsorbConfig, ClickTrainer, history::ClickHistory, lesson::Learnt};
use crate::{
    Error, Result,
    checks::check_growth,
    data::clicks::{Encoder, Layout, Samples, Values},
    train::rows::Frozen,
};

/// The count of a row that was trained before rows were counted.
pub(super) const NEVER_COUNTED: u32 = u32::MAX;

/// A row to learn from after training.
#[derive(Clone, Copy, Debug)]
pub struct ClickRow<'v> {
    /// Values by the names of their columns, those of the context and of the candidate. A value that is not given counts
    /// as empty.
    pub values: &'v Values<'v>,
    /// What the user did before, oldest first, as [`rank`](ClickTrainer::rank) takes it: without the clicks that were
    /// absorbed, which follow by themselves.
    pub events: &'v [&'v Values<'v>],
    /// 1 for a click, 0 for none, or between; from 0.5 on the row is an event of the user's history.
    pub label: f32,
}

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
    /// let model = Din::new(data.train.layout()).factors(4).hidden([8]);
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
        // What was kept of earlier is of other tables, or would undo this.
        self.best = None;
        self.progress.best = None;
        self.progress.stale = 0;

        let users = rows.iter().filter_map(|row| encoder.user_of(row.values));
        let history = self.history.keep(users);
        let mut learnt = Learnt::default();
        for group in rows.chunks(config.group) {
            if let Err(error) = self.learn(encoder, group, config, &mut learnt) {
                self.history.go_back(history);
                self.count(&learnt.ids, |count| count - 1);
                for saved in learnt.saved.iter().rev() {
                    saved.restore(&mut *self.executor)?;
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

    /// Counts in how many training rows each row of a table is; what more is known of it stays.
    pub(super) fn count_support(&mut self, train: &Samples) {
        let (counted, names) = (train.count_ids(), &train.layout().vocabularies);
        let known = self.support.take().unwrap_or_default();
        let tables = self.model.layout().vocabularies.iter().enumerate();
        let support = tables.map(|(index, table)| {
            let found = names.iter().position(|other| other.name == table.name);
            let mut counts = found.map_or_else(Vec::new, |at| counted[at].clone());
            counts.resize(table.rows as usize, 0);
            for (count, &known) in counts.iter_mut().zip(known.get(index).into_iter().flatten()) {
                if known != NEVER_COUNTED {
                    *count = known.max(*count);
                }
            }
            counts
        });
        self.support = Some(support.collect());
    }

    /// Changes the counts of rows by one for each of these ids, in the vocabularies of the layout.
    pub(super) fn count(&mut self, ids: &[(usize, u32)], change: impl Fn(u32) -> u32) {
        let Some(support) = &mut self.support else { return };
        for &(vocabulary, id) in ids {
            let count = &mut support[vocabulary][id as usize];
            if *count != NEVER_COUNTED {
                *count = change(*count);
            }
        }
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
        let prepared = self.check_tables(encoder.layout()).and_then(|()| self.freeze());
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

    /// Notes what must be put back before training goes on, and ends a mean by making it the parameters.
    fn freeze(&mut self) -> Result<()> {
        self.aside.use_mean(&mut *self.executor)?;
        self.forget_mean();
        if self.frozen.is_none() {
            self.frozen = Some(Frozen::of(self.executor.state()?));
        }
        Ok(())
    }

    /// Counts of all rows; old ones that were never counted stay as good as where they are.
    pub(super) fn support_for(&mut self, layout: &Layout) {
        let support = self.support.get_or_insert_with(|| {
            let old = &self.model.layout().vocabularies;
            old.iter()
                .map(|table| vec![NEVER_COUNTED; table.rows as usize])
                .collect()
        });
        for (support, table) in support.iter_mut().zip(&layout.vocabularies) {
            support.resize(table.rows as usize, 0);
        }
    }
}
