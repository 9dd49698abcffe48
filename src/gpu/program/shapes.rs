//! Columns of a buffer as shaders are told of them.

use bytemuck::{Pod, Zeroable};

/// `View` in `shaders/prelude.wgsl`.
#[derive(Clone, Copy, Debug, Default, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct ViewShape {
    pub first: u32,
    pub stride: u32,
    pub width: u32,
    pub space: u32,
}

impl ViewShape {
    /// Index of the space that the rows are of.
    pub fn space(self) -> usize {
        self.space as usize / 2
    }
}
