//! The weights of a plan as its stages read them.

use super::{attention_unit::PackedUnit, linear::PackedWeight, simd::Simd};

/// A weight as its stage reads it; empty for parameters that are read as they are.
#[derive(Clone, Default)]
pub(super) struct Packed {
    pub layer: PackedWeight,
    pub unit: PackedUnit,
}

impl Packed {
    /// Packs a parameter that has changed.
    pub fn pack<S: Simd>(&mut self, s: S, value: &[f32]) {
        if !self.layer.is_empty() {
            self.layer.pack(s, value);
        }
        if !self.unit.is_empty() {
            self.unit.pack(s, value);
        }
    }
}
