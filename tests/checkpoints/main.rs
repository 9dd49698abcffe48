//! Saving and loading: damaged files, and places that are no plain file. `tests/hostile_checkpoints` has files whose checksum is
//! right, `tests/checkpoint_memory.rs` what loading takes.

#[path = "../common/mod.rs"]
mod common;
mod damaged;
mod delta;
mod export;
mod in_memory;
#[path = "../planted/mod.rs"]
mod planted;
mod saves;
