//! `ClickTrainer` and models of clicks, by what their users see.
#![cfg(feature = "std")]

mod absorb;
mod absorb_input;
mod average;
#[path = "../common/mod.rs"]
mod common;
mod din;
mod far_off;
mod metrics;
#[path = "../planted/mod.rs"]
mod planted;
mod ranking;
mod resume;
mod training;
mod weights;
