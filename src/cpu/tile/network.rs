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
    plan::{Layout, Param, Plan, StoredRows, Tensor},
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

    /// The rows that there are to be exact with more of them, which come in ascending order. There is room for these then: for
    /// twice as many, or for all of the table's. Nothing where they are exact already, or rows are not kept as something shorter.
    ///
    /// # Errors
    /// [`Error::Memory`](crate::Error::Memory) where there is not enough.
    pub fn reserve_exact(&mut self, rows: &[u32], param: &Param) -> Result<Option<Vec<u32>>> {
        let Some(stored) = &self.stored else {
            return Ok(None);
        };
        let fresh = || rows.iter().copied().filter(|&row| stored.place(row).is_none());
        let there = stored.exact().len();
        let needed = there + fresh().count();
        if needed == there {
            return Ok(None);
        }
        let what = || format!("exact rows of {}", param.name);
        let mut exact = Vec::new();
        memory::reserve(&mut exact, needed, what)?;
        exact.extend_from_slice(stored.exact());
        exact.extend(fresh());
        exact.sort_unstable();
        for (floats, is_value) in [(&mut self.value, true), (&mut self.m, false), (&mut self.v, false)] {
            if !floats.is_empty() || is_value {
                let room = param.rows.min(2 * needed).max(needed);
                floats.reserve_between([needed, room].map(|rows| rows * param.width), what)?;
            }
        }
        Ok(Some(exact))
    }

    /// Makes the rows of [`reserve_exact`](Values::reserve_exact) exact: those that are kept begin as they are kept, later ones at
    /// zero, and moments begin at zero.
    pub fn set_exact(&mut self, rows: Vec<u32>) {
        let Some(stored) = &mut self.stored else {
            return;
        };
        let (width, len) = (stored.width(), rows.len() * stored.width());
        let before = stored.set_exact(rows);
        for (floats, is_value) in [(&mut self.value, true), (&mut self.m, false), (&mut self.v, false)] {
            if floats.is_empty() && !is_value {
                continue;
            }
            floats.resize(len);
            // From the back, so that no row is overwritten before it has moved.
            let mut left = before.len();
            for (place, &row) in stored.exact().iter().enumerate().rev() {
                let to = place * width..(place + 1) * width;
                if before[..left].last() == Some(&row) {
                    left -= 1;
                    floats.copy_within(left * width..(left + 1) * width, to.start);
                } else if is_value && (row as usize) < stored.rows() {
                    stored.widen(row as usize, &mut floats[to]);
                } else {
                    floats[to].fill(0.0);
                }
            }
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
