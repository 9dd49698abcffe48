//! What all tiles of a step read: the plan and its parameters.

use alloc::format;

use crate::{
    Result,
    cpu::{
        aligned::AlignedVec,
        batch_norm::BatchStatistics,
        packed::Packed,
        softmax_cross_entropy::{Blocks, KnownList},
    },
    memory,
    plan::{Layout, Plan, Tensor},
};

/// One parameter with its moments: [`Tensor`] in memory that suits vectors.
#[derive(Default)]
pub(in crate::cpu) struct Values {
    pub value: AlignedVec,
    /// Empty under SGD, as is `v`.
    pub m: AlignedVec,
    pub v: AlignedVec,
}

impl Values {
    /// Takes a tensor over, in the memory that there is.
    ///
    /// # Errors
    /// [`Error::Memory`](crate::Error::Memory) where there is not enough.
    pub fn set(&mut self, tensor: &Tensor, name: &str) -> Result<()> {
        let Tensor { value, m, v } = tensor;
        self.value.try_set(value, || name.into())?;
        self.m.try_set(m, || name.into())?;
        self.v.try_set(v, || name.into())
    }

    /// A copy of the parameter called `name`.
    ///
    /// # Errors
    /// [`Error::Memory`](crate::Error::Memory) where there is not enough.
    pub fn copy(&self, name: &str) -> Result<Tensor> {
        let copy = |floats: &[f32]| memory::copy(floats, || format!("a copy of {name}"));
        Ok(Tensor {
            value: copy(&self.value)?,
            m: copy(&self.m)?,
            v: copy(&self.v)?,
        })
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
}

impl<'a> Network<'a> {
    /// A parameter.
    pub fn value(&self, param: usize) -> &'a [f32] {
        &self.tensors[param].value
    }

    /// A table as look-ups read it: propagated, if it is.
    pub fn looked_up(&self, table: usize) -> &'a [f32] {
        let side = self.plan.propagation().and_then(|propagate| propagate.side(table));
        let (own, all) = (self.value(table), self.propagated);
        match side {
            None => own,
            Some(0) => &all[..own.len()],
            Some(_) => &all[all.len() - own.len()..],
        }
    }

    /// A layer's bias; nothing where it has none.
    pub fn bias(&self, bias: Option<usize>) -> &'a [f32] {
        bias.map_or(&[], |bias| self.value(bias))
    }
}
