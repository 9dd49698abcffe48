//! The encoder of a trainer, and tables that grow with it.

use alloc::vec;

use super::ClickTrainer;
use crate::{
    Result,
    data::clicks::{Encoder, Layout},
    train::rows::{self, grow_values},
};

impl ClickTrainer {
    /// Keeps the encoder of the fields, so that [`rank`](ClickTrainer::rank) can be asked and checkpoints stand alone.
    ///
    /// An encoder that has grown from the model's own is welcome
    /// ([`Training::with_encoder`](crate::data::clicks::Training::with_encoder)): the tables get rows for its new keys,
    /// which start from the mean of their table, in the best epoch's parameters and in a mean over epochs too. All that
    /// was there keeps its bits.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) with the first field or vocabulary that differs, and how, where the
    /// encoder is another one: other fields, other keys, the same in another order, other scales. Nothing is changed
    /// then. Where memory is short, tables that have grown keep their new rows, and the encoder its keys for them.
    pub fn set_encoder(&mut self, mut encoder: Encoder) -> Result<()> {
        let layout = self.model.layout();
        layout.check_encoder(&encoder, self.encoder.as_ref())?;
        encoder.grown_from(layout);
        let grows = encoder.layout().vocabularies != layout.vocabularies;
        let grown = match grows {
            true => self.grow_to(&mut encoder),
            false => Ok(()),
        };
        *self.model.layout_mut() = encoder.layout().clone();
        self.encoder = Some(encoder);
        grown
    }

    /// Makes the tables as long as the encoder's vocabularies; where that fails, the encoder goes back to the rows that
    /// there are.
    fn grow_to(&mut self, encoder: &mut Encoder) -> Result<()> {
        let old: vec::Vec<usize> = (0..self.plan().vocabularies().len())
            .map(|vocabulary| self.plan().rows(vocabulary))
            .collect();
        let checked = self.check_tables(encoder.layout());
        let checked = checked.and_then(|()| self.reserve_values(encoder.layout(), &old));
        let grown = checked.and_then(|()| self.grow_tables(encoder.layout()));
        if grown.is_err() {
            self.keep_rows(encoder);
        }
        let plan = self.plan().clone();
        for values in self.core.other_values() {
            grow_values(&plan, &old, values);
        }
        self.support_for(encoder.layout());
        grown
    }

    /// Sees that the sets of parameters beside the executor's can grow with its tables.
    fn reserve_values(&mut self, layout: &Layout, old: &[usize]) -> Result<()> {
        let mut rows = old.to_vec();
        for table in &layout.vocabularies {
            if let Some(at) = self.table(&table.name) {
                rows[at] = rows[at].max(table.rows as usize);
            }
        }
        let plan = self.plan().clone();
        let mut others = self.core.other_values();
        others.try_for_each(|values| rows::reserve_values(&plan, &rows, values))
    }

    /// Takes keys away for which there are no rows: they would name nothing.
    pub(super) fn keep_rows(&self, encoder: &mut Encoder) {
        let (there, own) = (encoder.layout().clone(), self.model.layout());
        let rows = there.vocabularies.iter().map(|table| match self.table(&table.name) {
            Some(at) => self.plan().rows(at) as u32,
            None => rows_of(own, &table.name),
        });
        encoder.truncate(&rows.collect::<vec::Vec<u32>>());
    }

    pub(super) fn grow_tables(&mut self, layout: &Layout) -> Result<()> {
        for table in &layout.vocabularies {
            let grown = self.table(&table.name);
            if let Some(at) = grown.filter(|&at| table.rows as usize > self.plan().rows(at)) {
                rows::grow(&mut *self.core.executor, at, table.rows as usize)?;
            }
        }
        Ok(())
    }
}

/// Rows of a vocabulary, by its name.
fn rows_of(layout: &Layout, name: &str) -> u32 {
    let found = layout.vocabularies.iter().find(|table| table.name == *name);
    found.map_or(0, |table| table.rows)
}
