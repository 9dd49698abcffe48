//! The one place where a tile's operations are dispatched: all that is asked of an operation, by the
//! [one list](crate::ops) of them.

use alloc::vec::Vec;

use super::{Memory, Normalised, Operands, Packing, StageGradients, TileOp};
use crate::{
    cpu::{aligned::AlignedVec, rows::RowsMut, simd::Simd, softmax_cross_entropy::OverLists},
    ops::{self, Stage, for_each_op},
};

macro_rules! tile_stage {
    ($($op:ident $(in [$($feature:literal),+])?),* $(,)?) => {
        /// A stage of a plan with what a tile keeps of it.
        #[derive(Clone)]
        #[allow(clippy::large_enum_variant)] // a handful a tile, made once
        pub(super) enum TileStage {
            $(
                $(#[cfg(any($(feature = $feature),+))])?
                $op(ops::$op, <ops::$op as TileOp>::Workspace),
            )*
        }

        impl TileStage {
            pub fn new(stage: &Stage) -> Self {
                match stage {
                    $(
                        $(#[cfg(any($(feature = $feature),+))])?
                        Stage::$op(op) => TileStage::$op(op.clone(), Default::default()),
                    )*
                    #[allow(unreachable_patterns)] // where nothing is left out
                    _ => unreachable!("an executor refuses what is not built before anything else"),
                }
            }

            /// See [`TileOp::forward`].
            #[inline]
            pub fn forward<S: Simd>(&mut self, s: S, on: &Operands<'_>, work: &mut AlignedVec, output: RowsMut<'_>) {
                match self {
                    $(
                        $(#[cfg(any($(feature = $feature),+))])?
                        TileStage::$op(op, workspace) => op.forward(s, on, Memory { workspace, work }, output),
                    )*
                }
            }

            /// See [`TileOp::backward`].
            #[inline]
            pub fn backward<S: Simd>(
                &mut self,
                s: S,
                on: &Operands<'_>,
                work: &mut AlignedVec,
                d: &mut StageGradients<'_, '_>,
            ) {
                match self {
                    $(
                        $(#[cfg(any($(feature = $feature),+))])?
                        TileStage::$op(op, workspace) => op.backward(s, on, Memory { workspace, work }, d),
                    )*
                }
            }
        }

        /// See [`TileOp::packings`].
        pub(in crate::cpu) fn packings(stage: &Stage) -> Vec<(usize, Packing)> {
            match stage {
                $(Stage::$op(op) => op.packings(),)*
            }
        }

        /// See [`TileOp::tile_rows`].
        pub(in crate::cpu) fn tile_rows(stage: &Stage) -> Option<usize> {
            match stage {
                $(Stage::$op(op) => op.tile_rows(),)*
            }
        }

        /// See [`TileOp::over_lists`].
        pub(in crate::cpu) fn over_lists(stage: &Stage) -> Option<OverLists> {
            match stage {
                $(Stage::$op(op) => op.over_lists(),)*
            }
        }

        /// See [`TileOp::normalised`].
        pub(in crate::cpu) fn normalised(stage: &Stage) -> Option<Normalised> {
            match stage {
                $(Stage::$op(op) => op.normalised(),)*
            }
        }
    };
}
for_each_op!(tile_stage);
