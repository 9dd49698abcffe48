//! The sizes of the small matrices that the threads of a subgroup hold together.

/// Rows and columns of a small matrix that a subgroup holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// Eight of each.
    Eight,
    /// Sixteen.
    Sixteen,
}

impl Side {
    /// The number.
    pub fn width(self) -> u32 {
        match self {
            Side::Eight => 8,
            Side::Sixteen => 16,
        }
    }

    /// Rows of a workgroup's tile, and vec4s of its columns, as in `shaders/mixed.wgsl`.
    pub(crate) fn tile(self) -> [u32; 2] {
        [8 * self.width(), self.width()]
    }
}
