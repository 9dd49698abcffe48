//! `Trainer`, by what its users see: learning, losses, evaluation, averaging, stopping and going on, and learning from clicks.

mod absorb;
mod absorb_cost;
mod average;
mod catalogue;
mod cold;
#[path = "../common/mod.rs"]
mod common;
mod cost;
mod determinism;
mod eval;
mod faces;
mod full_ranking;
mod known;
mod known_later;
mod known_saved;
mod losses;
mod newcomers;
#[path = "../planted/mod.rs"]
mod planted;
mod resume;
mod sample_weights;
mod sas_rec;
