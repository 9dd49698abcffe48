//! Where propagation finds rows: in two tables one behind the other, or among those of the nodes that a batch picks.

use core::ops::Range;

use crate::cpu::simd::{Stored, prefetch_row};

/// The place of a node that the batch does not pick.
pub(in crate::cpu) const NOT_PICKED: u32 = u32::MAX;

/// The rows of all nodes: those of a first table, and behind them those of a second.
#[derive(Clone, Copy, Debug)]
pub struct NodeRows<'a, E = f32> {
    /// The first rows.
    pub first: &'a [E],
    /// The others.
    pub second: &'a [E],
    /// Floats in a row.
    pub width: usize,
}

impl<'a, E: Stored> NodeRows<'a, E> {
    /// The columns `range` of a node's row.
    #[inline(always)]
    pub(super) fn columns(&self, node: u32, range: Range<usize>) -> &'a [E] {
        let (split, table) = (self.split(), [self.part(0), self.part(1)]);
        table[usize::from(node >= split)].columns(node, range)
    }

    /// The first node whose row is in the second table.
    #[inline(always)]
    pub(super) fn split(&self) -> u32 {
        (self.first.len() / self.width) as u32
    }

    /// One of the tables.
    #[inline(always)]
    pub(super) fn part(&self, side: usize) -> Part<'a, E> {
        let (rows, first) = [(self.first, 0), (self.second, self.split())][side];
        Part {
            rows,
            first,
            width: self.width,
        }
    }
}

/// One of the two tables: what a run of edges that lead to it reads.
#[derive(Clone, Copy)]
pub(super) struct Part<'a, E> {
    rows: &'a [E],
    /// The node of its first row.
    first: u32,
    /// Floats in a row.
    pub(super) width: usize,
}

impl<'a, E: Stored> Part<'a, E> {
    #[inline(always)]
    pub(super) fn columns(&self, node: u32, range: Range<usize>) -> &'a [E] {
        let at = node.wrapping_sub(self.first) as usize * self.width;
        &self.rows[at + range.start..at + range.end]
    }

    /// Asks for columns of a row ahead of their use, if it is this table's.
    #[inline(always)]
    pub(super) fn ask_for(&self, node: u32, range: Range<usize>) {
        let at = node.wrapping_sub(self.first) as usize * self.width;
        if let Some(row) = self.rows.get(at + range.start..at + range.end) {
            prefetch_row(row, 0, range.len());
        }
    }
}

/// The layers that are there before the last one is computed.
#[derive(Clone, Copy, Debug)]
pub struct Layers<'a, E = f32> {
    /// The first, as the tables have it.
    pub own: NodeRows<'a>,
    /// The same as it is sent over edges.
    pub first: NodeRows<'a, E>,
    /// Those behind it.
    pub others: &'a [NodeRows<'a, E>],
}

/// The gradients of the picked nodes' outputs, which the way back begins with.
#[derive(Clone, Copy, Debug)]
pub struct Picked<'a> {
    /// For each node, which of `rows` is its own, or `u32::MAX`.
    pub places: &'a [u32],
    /// `[picked, width]`.
    pub rows: &'a [f32],
    /// What they are times: a power of two.
    pub scale: f32,
    /// How many samples pick each.
    pub counts: &'a [u32],
    /// Floats in a row.
    pub width: usize,
}

impl<'a> Picked<'a> {
    /// The picked rows, by their places.
    pub(super) fn table(&self) -> Part<'a, f32> {
        Part {
            rows: self.rows,
            first: 0,
            width: self.width,
        }
    }

    pub(super) fn row(&self, node: usize) -> Option<&'a [f32]> {
        let place = self.places[node];
        (place != NOT_PICKED).then(|| &self.rows[place as usize * self.width..][..self.width])
    }
}
