//! Histories of a batch, which lie behind one another: sample `s` has the steps `offsets[s]..offsets[s + 1]`.

use core::ops::Range;

/// The steps of every sample.
pub(super) fn samples(offsets: &[u32]) -> impl Iterator<Item = Range<usize>> {
    offsets.windows(2).map(|pair| pair[0] as usize..pair[1] as usize)
}
