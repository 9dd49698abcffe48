//! A table as look-ups read it: floats, or rows that are kept as halves or bytes with the exact ones beside.

use alloc::vec::Vec;

use half::f16;

use super::{
    gather,
    simd::{InPieces, Simd, Stored, kernel},
};
use crate::plan::{Kept, StoredRows, float};

/// A table as look-ups read it, `[rows, width]`.
#[derive(Clone, Copy)]
pub(super) enum Table<'a> {
    Floats(&'a [f32]),
    Stored {
        rows: &'a StoredRows,
        /// Those rows that are not read from there, in their order.
        exact: &'a [f32],
    },
}

impl<'a> Table<'a> {
    /// Copies a row.
    pub fn copy<S: Simd>(self, s: S, row: u32, to: &mut [f32]) {
        match self {
            Table::Floats(table) => to.copy_from_slice(&table[row as usize * to.len()..][..to.len()]),
            Table::Stored { rows, exact } => copy(s, rows, exact, row, to),
        }
    }

    /// Puts a copy of a row behind those that are there.
    pub fn append<S: Simd>(self, s: S, row: u32, width: usize, to: &mut Vec<f32>) {
        match self {
            Table::Floats(table) => to.extend_from_slice(&table[row as usize * width..][..width]),
            Table::Stored { rows, exact } => {
                let place = to.len();
                to.resize(place + width, 0.0);
                copy(s, rows, exact, row, &mut to[place..]);
            }
        }
    }

    /// Rows from `first` on, as floats: those of the table itself, or in `buffer`.
    pub fn rows<'b, S: Simd>(
        self,
        s: S,
        first: usize,
        count: usize,
        width: usize,
        buffer: &'b mut Vec<f32>,
    ) -> &'b [f32]
    where
        'a: 'b,
    {
        if let Table::Floats(table) = self {
            return &table[first * width..][..count * width];
        }
        buffer.resize(count * width, 0.0);
        for (row, to) in (first as u32..).zip(buffer.whole_pieces_mut(width)) {
            self.copy(s, row, to);
        }
        buffer
    }
}

kernel! {
    /// Copies row `row` out of a table whose rows are kept as halves or bytes; `exact` has its exact rows.
    ///
    /// # Panics
    /// Where there is no such row, which the executor has checked.
    pub fn copy<'a, S: Simd>(s: S, rows: &'a StoredRows, exact: &'a [f32], row: u32, to: &'a mut [f32]) {
        copy_row(s, rows, exact, row, to);
    }
}

/// The same within another kernel.
#[inline(always)]
pub(super) fn copy_row<S: Simd>(s: S, rows: &StoredRows, exact: &[f32], row: u32, to: &mut [f32]) {
    let width = rows.width();
    if let Some(place) = rows.place(row) {
        return gather::copy(s, &exact[place * width..][..width], to);
    }
    let start = row as usize * width;
    match &rows.kept {
        Kept::F16(halves) => {
            for (from, to) in halves[start..][..width].pieces(S::LANES).zip(to.pieces_mut(S::LANES)) {
                s.store_partial(f16::load(s, from), to);
            }
        }
        Kept::I8 { codes, scales } => {
            let scale = scales[row as usize].map(f16::to_f32);
            // A loop that compilers turn into vectors of any length by themselves.
            for (&code, to) in codes[start..][..width].iter().zip(to) {
                *to = float(code, scale);
            }
        }
    }
}
