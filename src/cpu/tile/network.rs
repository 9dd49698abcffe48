//! What all tiles of a step read: the plan and its parameters.

use alloc::{format, vec::Vec};

use crate::{
    Result,
    cpu::{
        aligned::AlignedVec,
        batch_norm::BatchStatistics,
        packed::Packed,
        softmax_cross_entropy::{Blocks, KnownList},
        table::Table,
    },
    memory,
    plan::{Layout, Plan, StoredRows, Tensor},
};

/// One parameter with its moments: [`Tensor`] in memory that suits vectors.
#[derive(Default)]
pub(in crate::cpu) struct Values {
    pub value: AlignedVec,
    /// Empty under SGD, as is `v`.
    pub m: AlignedVec,
    pub v: AlignedVec,
    /// Those of a table's rows that are kept as halves or bytes. The floats are then those of the exact rows.
    pub stored: Option<StoredRows>,
}

/// The rows of a table that are exact, with their values and moments.
pub(in crate::cpu) struct Exact {
    rows: Vec<u32>,
    floats: [AlignedVec; 3],
}

impl Values {
    /// Takes a tensor over, in the memory that there is.
    ///
    /// # Errors
    /// [`Error::Memory`](crate::Error::Memory) where there is not enough.
    pub fn set(&mut self, tensor: &Tensor, name: &str) -> Result<()> {
        let Tensor { value, m, v, stored } = tensor;
        self.stored.clone_from(stored);
        self.value.try_set(value, || name.into())?;
        self.m.try_set(m, || name.into())?;
        self.v.try_set(v, || name.into())
    }

    /// A copy of the parameter called `name`. Of rows that are exact, those are left out that are as they are kept.
    ///
    /// # Errors
    /// [`Error::Memory`](crate::Error::Memory) where there is not enough.
    pub fn copy(&self, name: &str) -> Result<Tensor> {
        let copy = |floats: &[f32]| memory::copy(floats, || format!("a copy of {name}"));
        let tensor = Tensor {
            value: copy(&self.value)?,
            m: copy(&self.m)?,
            v: copy(&self.v)?,
            stored: None,
        };
        Ok(match &self.stored {
            None => tensor,
            Some(stored) => tensor.beside(stored, stored.exact().iter().copied()),
        })
    }

    /// What there is to be with more rows exact, which come in ascending order: those that are kept begin as they are kept,
    /// later ones at zero, and moments begin at zero. Nothing where all are exact already, or rows are not kept as something
    /// shorter.
    ///
    /// # Errors
    /// [`Error::Memory`](crate::Error::Memory) where there is not enough.
    pub fn exact(&self, rows: &[u32], name: &str) -> Result<Option<Exact>> {
        let Some(stored) = &self.stored else {
            return Ok(None);
        };
        let fresh = || rows.iter().copied().filter(|&row| stored.place(row).is_none());
        let count = fresh().count();
        if count == 0 {
            return Ok(None);
        }
        let what = || format!("exact rows of {name}");
        let mut exact = Vec::new();
        memory::reserve(&mut exact, stored.exact().len() + count, what)?;
        exact.extend_from_slice(stored.exact());
        exact.extend(fresh());
        exact.sort_unstable();
        let width = stored.width();
        let spread = |from: &AlignedVec, is_value: bool| {
            let is_there = is_value || !from.is_empty();
            let mut all = AlignedVec::try_zeros(if is_there { exact.len() * width } else { 0 }, what)?;
            for (&row, to) in exact.iter().zip(all.chunks_exact_mut(width)) {
                match stored.place(row) {
                    Some(place) => to.copy_from_slice(&from[place * width..][..width]),
                    None if is_value && (row as usize) < stored.rows() => stored.widen(row as usize, to),
                    None => {}
                }
            }
            Ok::<_, crate::Error>(all)
        };
        let floats = [
            spread(&self.value, true)?,
            spread(&self.m, false)?,
            spread(&self.v, false)?,
        ];
        Ok(Some(Exact { rows: exact, floats }))
    }

    /// Takes over what [`exact`](Values::exact) made.
    pub fn set_exact(&mut self, exact: Exact) {
        [self.value, self.m, self.v] = exact.floats;
        if let Some(stored) = &mut self.stored {
            stored.set_exact(exact.rows);
        }
    }

    /// The table as it is, not propagated.
    pub fn table(&self) -> Table<'_> {
        match &self.stored {
            None => Table::Floats(&self.value),
            Some(rows) => Table::Stored {
                rows,
                exact: &self.value,
            },
        }
    }

    /// Where a row's floats are, if it has some: all have, but those that are kept and not exact.
    pub fn place(&self, row: u32) -> Option<usize> {
        match &self.stored {
            None => Some(row as usize),
            Some(stored) => stored.place(row),
        }
    }

    /// Makes room for moments, which begin at zero. Costs nothing where there is.
    ///
    /// # Errors
    /// [`Error::Memory`](crate::Error::Memory) where there is not enough.
    pub fn need_moments(&mut self, name: &str) -> Result<()> {
        let len = self.value.len();
        self.m.try_resize(len, || format!("first moments of {name}"))?;
        self.v.try_resize(len, || format!("second moments of {name}"))
    }
}

/// What all tiles of a step read.
#[derive(Clone, Copy)]
pub(in crate::cpu) struct Network<'a> {
    pub plan: &'a Plan,
    pub layout: &'a Layout,
    pub tensors: &'a [Values],
    /// One a parameter; empty for all but weights.
    pub packed: &'a [Packed],
    /// Where each dense parameter's gradient begins in a partial.
    pub dense_offsets: &'a [usize],
    /// Those of the batch in training, in the order of the stages that have some; none where the running ones count.
    pub statistics: &'a [BatchStatistics],
    /// What the loss over lists has computed of the batch's blocks, once it has.
    pub blocks: Option<&'a Blocks>,
    /// The list that it has ready for the loss, where it is one that is known before the tiles; nothing in use.
    pub known_list: Option<&'a KnownList>,
    /// The rows of propagated tables as look-ups read them, one table behind the other.
    pub propagated: &'a [f32],
    /// Whether ids are places among the exact rows, as in a step on tables whose rows are kept as halves or bytes.
    pub by_place: bool,
}

impl<'a> Network<'a> {
    /// A parameter.
    pub fn value(&self, param: usize) -> &'a [f32] {
        &self.tensors[param].value
    }

    /// A table as look-ups read it: propagated, if it is.
    pub fn looked_up(&self, table: usize) -> Table<'a> {
        let side = self.plan.propagation().and_then(|propagate| propagate.side(table));
        let (own, all) = (self.value(table), self.propagated);
        match side {
            Some(0) => Table::Floats(&all[..own.len()]),
            Some(_) => Table::Floats(&all[all.len() - own.len()..]),
            None if self.by_place => Table::Floats(own),
            None => self.tensors[table].table(),
        }
    }

    /// A layer's bias; nothing where it has none.
    pub fn bias(&self, bias: Option<usize>) -> &'a [f32] {
        bias.map_or(&[], |bias| self.value(bias))
    }
}
