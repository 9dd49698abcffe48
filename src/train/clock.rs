//! Time, where there is any: without `std`, and in a browser, whose `Instant` panics, it stands still.

/// Seconds since some moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stopwatch {
    #[cfg(all(feature = "std", not(all(target_family = "wasm", target_os = "unknown"))))]
    start: std::time::Instant,
}

impl Stopwatch {
    pub fn start() -> Self {
        Stopwatch {
            #[cfg(all(feature = "std", not(all(target_family = "wasm", target_os = "unknown"))))]
            start: std::time::Instant::now(),
        }
    }

    pub fn seconds(&self) -> f64 {
        #[cfg(all(feature = "std", not(all(target_family = "wasm", target_os = "unknown"))))]
        return self.start.elapsed().as_secs_f64();
        #[cfg(not(all(feature = "std", not(all(target_family = "wasm", target_os = "unknown")))))]
        0.0
    }

    /// Seconds so far; begins anew.
    pub fn lap(&mut self) -> f64 {
        let seconds = self.seconds();
        *self = Stopwatch::start();
        seconds
    }
}
