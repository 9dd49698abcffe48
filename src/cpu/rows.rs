//! A matrix of activations or gradients: rows of floats with a stride between them.
//!
//! Kernels are safe functions, so a caller's matrix may claim any width and stride. Every kernel looks at its matrices
//! once, before it begins ([`Rows::check_shape`]); what is left then panics at the first row that is not there, and no
//! index wraps around.

use super::simd::InPieces;

/// Rows to read: row `r` is `data[r * stride..][..width]`.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    /// The floats, from the first of row 0 on.
    pub data: &'a [f32],
    /// Floats from one row to the next.
    pub stride: usize,
    /// Floats in a row.
    pub width: usize,
}

/// Rows to write: row `r` is `data[r * stride..][..width]`.
#[derive(Debug)]
pub struct RowsMut<'a> {
    /// The floats, from the first of row 0 on.
    pub data: &'a mut [f32],
    /// Floats from one row to the next.
    pub stride: usize,
    /// Floats in a row.
    pub width: usize,
}

/// Widest row of a matrix with fewer floats, which has no rows: none is written, but some kernels go over the columns.
const WIDEST: usize = 1 << 24;
/// Longest stride of which a multiple by 32 bits is a number.
#[cfg(target_pointer_width = "64")]
const LONGEST: usize = 1 << 31;
#[cfg(not(target_pointer_width = "64"))]
const LONGEST: usize = usize::MAX;

/// Where row `r` begins. Row numbers count rows that lie in memory, or come as 32 bits.
#[inline(always)]
fn start(r: usize, stride: usize) -> usize {
    match cfg!(target_pointer_width = "64") {
        true => r * stride,
        false => r.saturating_mul(stride),
    }
}

/// Panics where a matrix claims what no matrix has: rows that lie at one place, so that there are any number of them, or
/// that are wider than all floats together.
#[inline(always)]
fn check_shape(len: usize, stride: usize, width: usize) {
    assert!(
        stride > 0 && stride <= LONGEST && width <= len.max(WIDEST),
        "rows of {width} floats, {stride} apart, in {len} floats"
    );
}

/// What arguments of kernels have that are no matrices: nothing to look at. An inherent method goes before it.
pub(crate) trait CheckShape {
    #[inline(always)]
    fn check_shape(&self) {}
}

impl<T: ?Sized> CheckShape for &T {}

/// Panics where there are fewer than so many rows.
#[inline(always)]
fn check_rows(rows: usize, len: usize, stride: usize, width: usize) {
    let needed = |last: usize| last.saturating_mul(stride).saturating_add(width);
    assert!(
        rows == 0 || needed(rows - 1) <= len,
        "{rows} rows of {width} floats, {stride} apart, in {len} floats"
    );
}

impl<'a> Rows<'a> {
    /// Looks at what the matrix claims.
    #[inline(always)]
    pub(crate) fn check_shape(&self) {
        check_shape(self.data.len(), self.stride, self.width);
    }

    /// Looks whether there are so many rows.
    #[inline(always)]
    pub(crate) fn check_rows(&self, rows: usize) {
        check_rows(rows, self.data.len(), self.stride, self.width);
    }

    /// Row `r`.
    #[inline(always)]
    pub fn row(&self, r: usize) -> &'a [f32] {
        self.data.part(start(r, self.stride), self.width)
    }

    /// The rows from `r` on.
    #[inline(always)]
    pub fn from_row(&self, r: usize) -> Rows<'a> {
        Rows {
            data: &self.data[start(r, self.stride)..],
            ..*self
        }
    }
}

impl RowsMut<'_> {
    /// Looks at what the matrix claims.
    #[inline(always)]
    pub(crate) fn check_shape(&self) {
        check_shape(self.data.len(), self.stride, self.width);
    }

    /// Looks whether there are so many rows.
    #[inline(always)]
    pub(crate) fn check_rows(&self, rows: usize) {
        check_rows(rows, self.data.len(), self.stride, self.width);
    }

    /// Row `r`.
    #[inline(always)]
    pub fn row(&mut self, r: usize) -> &mut [f32] {
        self.data.part_mut(start(r, self.stride), self.width)
    }

    /// The same rows, borrowed for a shorter time.
    #[inline(always)]
    pub fn reborrow(&mut self) -> RowsMut<'_> {
        RowsMut {
            data: self.data,
            stride: self.stride,
            width: self.width,
        }
    }

    /// The same rows, to read.
    #[inline(always)]
    pub fn as_rows(&self) -> Rows<'_> {
        Rows {
            data: self.data,
            stride: self.stride,
            width: self.width,
        }
    }
}

/// Panics where a sample's steps end before they begin.
#[inline(always)]
pub(super) fn check_offsets(offsets: &[u32]) {
    assert!(offsets.is_sorted(), "offsets descend");
}

/// The rows of every sample's steps, the first and one past the last; row 0 is step `offsets[0]` of the batch.
///
/// # Panics
/// Where the offsets descend.
#[inline(always)]
pub(super) fn steps(offsets: &[u32]) -> impl Iterator<Item = (usize, usize)> {
    check_offsets(offsets);
    let begin = offsets.first().copied().unwrap_or(0);
    offsets
        .windows(2)
        .map(move |pair| ((pair[0] - begin) as usize, (pair[1] - begin) as usize))
}
