//! Long runs on published data sets that hold the accuracy of models against the papers'; ignored but for what is quick. Their
//! commands and figures are in `benches/README.md`.
#![cfg(feature = "std")]

mod classical;
mod export;
mod gowalla;
mod grocery;
mod lastfm;
#[path = "../skipped/mod.rs"]
mod skipped;
#[cfg(feature = "tune")]
mod tuning;
