//! Sums of losses that left the device before they were asked for.

use crate::gpu::memory::buffers::Mapped;

/// Sums that are on their way back, because steps after them needed their place: losses, then auxiliary losses.
pub(crate) struct LossCopy {
    pub copied: Mapped,
    pub counts: [usize; 2],
}
