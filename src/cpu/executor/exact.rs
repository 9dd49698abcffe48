//! Steps on tables whose rows are kept as halves or bytes: the rows that a batch picks become exact, and the batch's ids their
//! places among the exact rows, so that the step is one on tables of floats.
//!
//! All tables of a vocabulary have the same exact rows. Where tables are propagated, all are: every row is read in each layer.

use alloc::{vec, vec::Vec};

use super::CpuExecutor;
use crate::{
    Result,
    data::Batch,
    plan::{ParamKind, RowType},
};

impl CpuExecutor {
    /// The batch that a step works on, where ids are places, whose rows are there. Nothing where ids are rows.
    ///
    /// # Errors
    /// [`Error::Memory`](crate::Error::Memory) where there is no room for more exact rows.
    pub(super) fn by_place(&mut self, batch: &Batch) -> Result<Option<Batch>> {
        if self.plan.row_type() == RowType::F32 {
            return Ok(None);
        }
        let vocabularies: Vec<usize> = self.plan.columns().iter().map(|column| column.vocabulary).collect();
        let mut picked = vec![Vec::new(); self.plan.vocabularies().len()];
        for (column, &vocabulary) in batch.columns().iter().zip(&vocabularies) {
            picked[vocabulary].extend(column.segments.iter().map(|segment| segment.row));
        }
        for (vocabulary, rows) in picked.iter_mut().enumerate() {
            rows.sort_unstable();
            rows.dedup();
            self.make_exact(vocabulary, rows)?;
        }
        let table_of = |vocabulary: usize| {
            let mut params = self.plan.params().iter();
            params.position(|param| param.kind == ParamKind::Table { vocabulary })
        };
        let tables: Vec<Option<usize>> = vocabularies.into_iter().map(table_of).collect();
        Ok(Some(batch.renumbered(|column, row| {
            let place = tables[column].and_then(|table| self.tensors[table].place(row));
            place.map_or(row, |place| place as u32)
        })))
    }

    /// Sees that rows of all tables of a vocabulary are exact, which come in ascending order.
    ///
    /// # Errors
    /// [`Error::Memory`](crate::Error::Memory) where one has no room for them; all are as they were then.
    pub(super) fn make_exact(&mut self, vocabulary: usize, rows: &[u32]) -> Result<()> {
        let tables = self.plan.params().iter().zip(&mut self.tensors).enumerate();
        let tables = tables.filter(|(_, (param, _))| param.kind == (ParamKind::Table { vocabulary }));
        let made = tables.map(|(index, (param, values))| Ok((index, values.reserve_exact(rows, param)?)));
        for (index, exact) in made.collect::<Result<Vec<_>>>()? {
            if let Some(exact) = exact {
                self.tensors[index].set_exact(exact);
            }
        }
        Ok(())
    }

    /// The same for those that any table of a vocabulary has exact, and all of tables that are propagated: what was taken over
    /// says it table by table.
    pub(super) fn agree_on_exact(&mut self) -> Result<()> {
        if self.plan.row_type() == RowType::F32 {
            return Ok(());
        }
        let mut exact = vec![Vec::new(); self.plan.vocabularies().len()];
        for (index, (param, values)) in self.plan.params().iter().zip(&self.tensors).enumerate() {
            if let (ParamKind::Table { vocabulary }, Some(stored)) = (param.kind, &values.stored) {
                exact[vocabulary].extend_from_slice(stored.exact());
                let propagation = self.plan.propagation();
                if propagation.is_some_and(|propagate| propagate.side(index).is_some()) {
                    exact[vocabulary].extend(0..param.rows as u32);
                }
            }
        }
        for (vocabulary, rows) in exact.iter_mut().enumerate() {
            rows.sort_unstable();
            rows.dedup();
            self.make_exact(vocabulary, rows)?;
        }
        Ok(())
    }
}
