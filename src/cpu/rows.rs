//! A matrix of activations or gradients: rows of floats with a stride between them.

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

impl<'a> Rows<'a> {
    /// Row `r`.
    #[inline(always)]
    pub fn row(&self, r: usize) -> &'a [f32] {
        &self.data[r * self.stride..][..self.width]
    }

    /// The rows from `r` on.
    #[inline(always)]
    pub fn from_row(&self, r: usize) -> Rows<'a> {
        Rows {
            data: &self.data[r * self.stride..],
            ..*self
        }
    }
}

impl RowsMut<'_> {
    /// Row `r`.
    #[inline(always)]
    pub fn row(&mut self, r: usize) -> &mut [f32] {
        &mut self.data[r * self.stride..][..self.width]
    }

    /// The same rows, lent for a shorter time.
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

/// The rows of every sample's steps, the first and one past the last; row 0 is step `offsets[0]` of the batch.
#[inline(always)]
pub(super) fn steps(offsets: &[u32]) -> impl Iterator<Item = (usize, usize)> {
    let begin = offsets.first().copied().unwrap_or(0);
    offsets
        .windows(2)
        .map(move |pair| ((pair[0] - begin) as usize, (pair[1] - begin) as usize))
}
