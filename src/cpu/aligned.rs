//! Floats that begin at a cache line.
//!
//! The allocator aligns large blocks to 16 bytes behind a page, so that every 64-byte load of a table's row would
//! touch two lines.

use alloc::{string::String, vec::Vec};
use core::ops::{Deref, DerefMut};

use bytemuck::{Pod, Zeroable};

use super::simd::pages::ask_for_large_pages;
use crate::{Result, memory};

/// Floats in a line.
const LINE: usize = 16;

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C, align(64))]
struct Line([f32; LINE]);

/// A vector of floats whose first is aligned to 64 bytes.
#[derive(Clone, Default)]
pub(crate) struct AlignedVec {
    lines: Vec<Line>,
    len: usize,
}

impl AlignedVec {
    /// `len` zeros. Panics where there is no memory for them: what executors allocate they have asked for before.
    pub fn zeros(len: usize) -> Self {
        Self::try_zeros(len, || "floats".into()).unwrap_or_else(|error| panic!("{error}"))
    }

    /// `len` zeros, or [`Error::Memory`](crate::Error::Memory) where there is no room for them.
    pub fn try_zeros(len: usize, what: impl FnOnce() -> String) -> Result<Self> {
        let mut floats = AlignedVec::default();
        floats.reserve(len, what)?;
        floats.resize(len);
        Ok(floats)
    }

    /// [`resize`](AlignedVec::resize), or [`Error::Memory`](crate::Error::Memory) where there is no room; it is then as it
    /// was. Growing by a few takes amortised time in proportion to them.
    pub fn try_resize(&mut self, len: usize, what: impl FnOnce() -> String) -> Result<()> {
        self.reserve(len, what)?;
        self.resize(len);
        Ok(())
    }

    /// Makes room for as much in all, to grow into without an allocation.
    pub fn reserve(&mut self, len: usize, what: impl FnOnce() -> String) -> Result<()> {
        let (more, room) = (
            len.div_ceil(LINE).saturating_sub(self.lines.len()),
            self.lines.capacity(),
        );
        memory::reserve(&mut self.lines, more, what)?;
        if self.lines.capacity() != room {
            ask_for_large_pages(self.lines.spare_capacity_mut()); // before they are written to
        }
        Ok(())
    }

    /// Makes room for at least the first of two lengths, and for just the second where it has to move.
    pub fn reserve_between(&mut self, [least, room]: [usize; 2], what: impl FnOnce() -> String) -> Result<()> {
        let lines = room.div_ceil(LINE);
        if self.lines.capacity() >= least.div_ceil(LINE) {
            return Ok(());
        }
        let bytes = memory::bytes_of::<Line>(lines);
        let what = what();
        memory::check(bytes, || what.clone())?;
        let reserved = self.lines.try_reserve_exact(lines - self.lines.len());
        reserved.map_err(|_| memory::refused(what, bytes))?;
        ask_for_large_pages(self.lines.spare_capacity_mut());
        Ok(())
    }

    /// Takes the floats over, in the memory that there is. Where there is not enough it is empty.
    pub fn try_set(&mut self, floats: &[f32], what: impl FnOnce() -> String) -> Result<()> {
        self.lines.clear();
        self.len = 0;
        self.reserve(floats.len(), what)?;
        let (whole, rest) = floats.as_chunks();
        self.lines.extend(whole.iter().map(|&line| Line(line)));
        if !rest.is_empty() {
            let mut last = Line::zeroed();
            last.0[..rest.len()].copy_from_slice(rest);
            self.lines.push(last);
        }
        self.len = floats.len();
        Ok(())
    }

    /// Makes it `len` long; new floats are zero. Panics as [`zeros`](AlignedVec::zeros) does.
    pub fn resize(&mut self, len: usize) {
        if let Err(error) = self.reserve(len, || "floats".into()) {
            panic!("{error}");
        }
        if len < self.len {
            self[len..].fill(0.0); // what comes back later must be zero
        }
        self.lines.resize(len.div_ceil(LINE), Line::zeroed());
        self.len = len;
    }
}

impl From<&[f32]> for AlignedVec {
    fn from(floats: &[f32]) -> Self {
        let mut aligned = Self::zeros(floats.len());
        aligned.copy_from_slice(floats);
        aligned
    }
}

impl Deref for AlignedVec {
    type Target = [f32];

    #[inline(always)]
    fn deref(&self) -> &[f32] {
        &bytemuck::cast_slice(&self.lines)[..self.len]
    }
}

impl DerefMut for AlignedVec {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut bytemuck::cast_slice_mut(&mut self.lines)[..self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_aligned_and_keeps_its_floats() {
        let mut floats = AlignedVec::from(&[1.0, 2.0, 3.0][..]);
        floats.resize(100);
        assert_eq!(floats.as_ptr() as usize % 64, 0);
        assert_eq!((&floats[..4], floats.len()), (&[1.0, 2.0, 3.0, 0.0][..], 100));
        floats.resize(2);
        floats.resize(3);
        assert_eq!(floats[..], [1.0, 2.0, 0.0]);
    }

    /// Ten thousand rows one by one move the table a few times, not ten thousand.
    #[test]
    fn growing_row_by_row_is_amortised() {
        let (mut floats, mut moves) = (AlignedVec::zeros(24), 0);
        for rows in 2..10_000 {
            let before = floats.as_ptr();
            floats.try_resize(24 * rows, || "rows".into()).unwrap();
            moves += usize::from(floats.as_ptr() != before);
        }
        assert!(moves < 20, "{moves}");
    }
}
