//! How a tile runs an operation: what each operation's file says beside its kernels.

use alloc::vec::Vec;

use super::{Operands, StageGradients};
use crate::{
    cpu::{aligned::AlignedVec, rows::RowsMut, simd::Simd, softmax_cross_entropy::OverLists},
    view::View,
};

/// How a tile runs an operation, and what it needs for that.
pub(in crate::cpu) trait TileOp {
    /// What a tile keeps from the forward to the backward pass, beside activations.
    type Workspace: Clone + Default;

    /// Writes the output; nothing in the case of a loss, which the backward pass computes.
    fn forward<S: Simd>(&self, s: S, on: &Operands<'_>, memory: Memory<'_, Self::Workspace>, output: RowsMut<'_>);

    /// Writes the gradients of the inputs and of the parameters, and adds a loss up, after
    /// [`forward`](TileOp::forward) on the same rows.
    fn backward<S: Simd>(
        &self,
        s: S,
        on: &Operands<'_>,
        memory: Memory<'_, Self::Workspace>,
        d: &mut StageGradients<'_, '_>,
    );

    /// The weights that are read packed, each with its packing.
    fn packings(&self) -> Vec<(usize, Packing)> {
        Vec::new()
    }

    /// The number of samples that a tile should have at most.
    fn tile_rows(&self) -> Option<usize> {
        None
    }

    /// What a loss compares that is over lists of rows of any tiles: these cut a training step into passes too.
    fn over_lists(&self) -> Option<OverLists> {
        None
    }

    /// What is normalised by statistics of the whole batch: these cut a training step into passes.
    fn normalised(&self) -> Option<Normalised> {
        None
    }
}

/// Memory that an operation works with while it runs.
pub(in crate::cpu) struct Memory<'a, W> {
    /// Its own, kept from forward to backward.
    pub workspace: &'a mut W,
    /// Shared by all stages, which begin with anything in it: as long as the [packings](TileOp::packings) of the plan ask
    /// for.
    pub work: &'a mut AlignedVec,
}

/// How a weight is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cpu) enum Packing {
    /// For matrix products: a [`PackedWeight`](crate::cpu::linear::PackedWeight).
    Layer { outputs: usize, inputs: usize },
    /// For an attention unit of keys of this width: a [`PackedUnit`](crate::cpu::attention_unit::PackedUnit).
    Unit { outputs: usize, width: usize },
}

/// Columns that an operation normalises by their mean and variance over the batch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::cpu) struct Normalised {
    /// The parameter that is the running mean.
    pub mean: usize,
    /// That which is the running variance.
    pub variance: usize,
    /// What the statistics are of.
    pub input: View,
    /// The normalised columns.
    pub output: View,
    /// How far a batch moves the running statistics.
    pub momentum: f32,
}
