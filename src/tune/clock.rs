//! The time that a search has taken.

use std::time::Instant;

use super::study::Study;

/// The time of all runs together.
pub(super) struct Clock {
    before: f64,
    begun: Instant,
    limit: f64,
}

impl Clock {
    pub fn new(study: &Study, minutes: Option<f64>) -> Self {
        Clock {
            before: study.seconds,
            begun: Instant::now(),
            limit: minutes.map_or(f64::INFINITY, |minutes| minutes * 60.0),
        }
    }

    pub fn seconds(&self) -> f64 {
        self.before + self.begun.elapsed().as_secs_f64()
    }

    pub fn is_over(&self) -> bool {
        self.seconds() >= self.limit
    }
}
