//! Time, where there is any: without `std`, and in a browser without `web`, it stands still.

/// What the operating system tells.
#[cfg(all(feature = "std", not(all(target_family = "wasm", target_os = "unknown"))))]
mod moment {
    #[derive(Clone, Copy, Debug)]
    pub struct Moment(std::time::Instant);

    impl Moment {
        pub fn now() -> Self {
            Moment(std::time::Instant::now())
        }

        pub fn seconds_since(self) -> f64 {
            self.0.elapsed().as_secs_f64()
        }
    }
}

/// In a browser `Instant` panics: there what the page tells.
#[cfg(not(all(feature = "std", not(all(target_family = "wasm", target_os = "unknown")))))]
mod moment {
    #[derive(Clone, Copy, Debug)]
    pub struct Moment(f64);

    impl Moment {
        #[cfg(all(feature = "web", target_arch = "wasm32", target_os = "unknown"))]
        pub fn now() -> Self {
            Moment(crate::web::seconds())
        }

        #[cfg(not(all(feature = "web", target_arch = "wasm32", target_os = "unknown")))]
        pub fn now() -> Self {
            Moment(0.0)
        }

        pub fn seconds_since(self) -> f64 {
            Self::now().0 - self.0
        }
    }
}

/// Seconds since some moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stopwatch {
    start: moment::Moment,
}

impl Stopwatch {
    pub fn start() -> Self {
        Stopwatch {
            start: moment::Moment::now(),
        }
    }

    pub fn seconds(&self) -> f64 {
        self.start.seconds_since()
    }

    /// Seconds so far; begins anew.
    pub fn lap(&mut self) -> f64 {
        let seconds = self.seconds();
        *self = Stopwatch::start();
        seconds
    }
}
