//! The layers of a propagation as floats of the kind that they are kept in.

use half::f16;

use crate::{
    cpu::{
        aligned::AlignedVec,
        propagate::{NodeRows, Picked},
        simd::Stored,
    },
    data::Graph,
};

/// What the last product of the way back reads.
#[derive(Clone, Copy)]
pub(in crate::cpu) struct LastProduct<'a> {
    pub graph: &'a Graph,
    pub picked: Picked<'a>,
    pub from: LastLayer<'a>,
}

/// The rows that the last product of the way back reads; where it is the first, there are none.
#[derive(Clone, Copy)]
pub(in crate::cpu) enum LastLayer<'a> {
    F32(Option<NodeRows<'a>>),
    F16(Option<NodeRows<'a, f16>>),
}

/// A float that layers are kept as.
pub(super) trait Kept: Stored {
    /// Whether the first layer is sent otherwise than the tables have it.
    const IS_ROUNDED: bool;

    /// Memory, as such floats.
    fn of(memory: &[f32]) -> &[Self] {
        bytemuck::cast_slice(memory)
    }

    fn of_mut(memory: &mut [f32]) -> &mut [Self] {
        bytemuck::cast_slice_mut(memory)
    }

    /// The rows of the first layer as they are sent: the tables' own, or their copy.
    fn first<'a>(tables: NodeRows<'a>, copy: &'a [Self]) -> NodeRows<'a, Self>;
}

impl Kept for f32 {
    const IS_ROUNDED: bool = false;

    fn first<'a>(tables: NodeRows<'a>, _: &'a [f32]) -> NodeRows<'a> {
        tables
    }
}

impl Kept for f16 {
    const IS_ROUNDED: bool = true;

    fn first<'a>(tables: NodeRows<'a>, copy: &'a [f16]) -> NodeRows<'a, f16> {
        whole(copy, tables.first.len(), tables.width)
    }
}

/// Rows that lie in one piece, those of the second table from `split` on.
pub(super) fn whole<E: Stored>(rows: &[E], split: usize, width: usize) -> NodeRows<'_, E> {
    // What is kept may be longer by the half that fills a float up.
    let (first, second) = rows.split_at(split);
    NodeRows { first, second, width }
}

/// The first two layers that are kept; of one alone, that and nothing.
pub(super) fn two(layers: &mut [AlignedVec]) -> [&mut [f32]; 2] {
    match layers {
        [] => [&mut [], &mut []],
        [one] => [one, &mut []],
        [one, other, ..] => [one, other],
    }
}
