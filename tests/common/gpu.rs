//! The device that GPU tests run on.

use pocketrec::gpu::{Gpu, GpuOptions, Select};

/// Any adapter, or none with the reason printed: the test is over then. Where `POCKETREC_REQUIRE_GPU` is 1, as in CI,
/// that is a failure.
#[track_caller]
pub fn open(options: GpuOptions) -> Option<Gpu> {
    match Gpu::open(&Select::Any, options) {
        Ok(gpu) => Some(gpu),
        Err(error) => {
            let required = std::env::var("POCKETREC_REQUIRE_GPU").is_ok_and(|value| value == "1");
            assert!(!required, "POCKETREC_REQUIRE_GPU=1, but {error}");
            super::skipped::skipped(&error);
            None
        }
    }
}

/// With the checks of shaders' accesses on, and off.
pub fn open_both() -> Option<[Gpu; 2]> {
    let open = |checked| {
        open(GpuOptions {
            checked,
            ..GpuOptions::default()
        })
    };
    Some([open(true)?, open(false)?])
}
