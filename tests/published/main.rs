//! Long runs on published data sets that hold the accuracy of models against the papers'; ignored but for what is quick. Their
//! commands and figures are in `benches/README.md`.
#![cfg(feature = "std")]

mod classical;
mod cold;
mod export;
mod gowalla;
#[cfg(feature = "gpu")]
#[path = "../common/gpu.rs"]
#[allow(dead_code)] // other tests use the rest
mod gpu;
mod grocery;
mod lastfm;
#[path = "../measured/mod.rs"]
mod measured;
mod newcomers;
#[path = "../skipped/mod.rs"]
mod skipped;
#[cfg(feature = "tune")]
mod tuning;
mod which_model;
