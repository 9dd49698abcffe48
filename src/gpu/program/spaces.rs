//! The rows of a batch in each space, and how a batch is cut into slices.

use crate::{data::Batch, plan::MAX_SEQUENCES};

/// Spaces of a plan at most: samples, and the steps of each sequence.
pub(crate) const SPACES: usize = 1 + MAX_SEQUENCES;

/// A number for each space, by its [`index`](crate::plan::Space::index).
pub(crate) type PerSpace = [u32; SPACES];

/// Every space's larger number.
pub(crate) fn larger(a: PerSpace, b: PerSpace) -> PerSpace {
    std::array::from_fn(|space| a[space].max(b[space]))
}

/// Whether no space has more rows in `a` than in `b`.
pub(crate) fn fits(a: PerSpace, b: PerSpace) -> bool {
    a.iter().zip(b).all(|(a, b)| *a <= b)
}

/// So many samples, and no steps.
pub(crate) fn samples_alone(samples: u32) -> PerSpace {
    let mut rows = [0; SPACES];
    rows[0] = samples;
    rows
}

/// The size of a batch: its samples, and where their steps end.
#[derive(Clone, Copy)]
pub(crate) struct Extent<'a> {
    samples: u32,
    /// Nothing where there are no sequences.
    batch: Option<&'a Batch>,
}

/// A run of samples, with their steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slice {
    /// Rows of the batch before it.
    pub first: PerSpace,
    pub rows: PerSpace,
}

impl<'a> Extent<'a> {
    /// Samples without sequences.
    pub fn samples(samples: u32) -> Self {
        Extent { samples, batch: None }
    }

    /// A batch that has been checked, of `samples` samples.
    pub fn of(batch: &'a Batch, samples: u32) -> Self {
        let batch = (batch.sequences() > 0).then_some(batch);
        Extent { samples, batch }
    }

    /// Rows of the samples before `end`.
    fn before(self, end: u32) -> PerSpace {
        let mut rows = samples_alone(end);
        if let Some(batch) = self.batch {
            for (sequence, rows) in (0..batch.sequences()).zip(&mut rows[1..]) {
                *rows = batch.offsets(sequence)[end as usize];
            }
        }
        rows
    }

    /// Rows of the batch.
    pub fn rows(self) -> PerSpace {
        self.before(self.samples)
    }

    /// The slice that begins at sample `first`: as many samples as have no more than `most` rows in any space, but one at
    /// least.
    pub fn slice(self, first: u32, most: u32) -> Slice {
        let mut end = first + most.min(self.samples - first);
        if let Some(batch) = self.batch {
            for sequence in 0..batch.sequences() {
                let offsets = &batch.offsets(sequence)[first as usize..];
                let steps = offsets[0].saturating_add(most);
                end = end.min(first + offsets.partition_point(|&offset| offset <= steps) as u32 - 1);
            }
        }
        let end = end.max(first + 1).min(self.samples);
        let (first, end) = (self.before(first), self.before(end));
        Slice {
            first,
            rows: std::array::from_fn(|space| end[space] - first[space]),
        }
    }

    /// The slices of the batch, one after another.
    pub fn slices(self, most: u32) -> impl Iterator<Item = Slice> {
        let mut first = 0;
        std::iter::from_fn(move || {
            (first < self.samples).then(|| {
                let slice = self.slice(first, most);
                first += slice.rows[0];
                slice
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_follow_one_another_within_bounds() {
        let mut batch = Batch::default();
        batch.reset(0, 2);
        for lengths in [[3, 0], [0, 1], [9, 1], [2, 4], [0, 0], [2, 2]] {
            lengths.iter().enumerate().for_each(|(s, &n)| batch.end_sequence(s, n));
        }
        let extent = Extent::of(&batch, 6);
        let slices: Vec<_> = extent.slices(4).map(|slice| slice.rows[..3].to_vec()).collect();
        // The third sample alone has more.
        assert_eq!(slices, [[2, 3, 1], [1, 9, 1], [2, 2, 4], [1, 2, 2]]);
        assert_eq!(extent.rows()[..3], [6, 16, 8]);
        let plain: Vec<_> = Extent::samples(10)
            .slices(4)
            .map(|slice| (slice.first[0], slice.rows[0]))
            .collect();
        assert_eq!(plain, [(0, 4), (4, 4), (8, 2)]);
        assert_eq!(Extent::samples(10).slices(u32::MAX).count(), 1);
    }
}
