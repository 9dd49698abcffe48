//! Losses, added up.

/// A sum of losses and the number of samples in it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LossSum {
    /// Sum over samples.
    pub sum: f64,
    /// Number of samples.
    pub samples: u64,
}

impl LossSum {
    /// Mean loss of a sample; zero of none.
    pub fn mean(&self) -> f64 {
        self.sum / self.samples.max(1) as f64
    }
}
