//! Deep recommenders that train on the device that will use them.
#![cfg_attr(not(feature = "std"), no_std)]
#![deny(unsafe_op_in_unsafe_fn, missing_docs)]
#![warn(clippy::undocumented_unsafe_blocks)]

extern crate alloc;

#[cfg(feature = "std")]
pub mod checkpoint;
pub mod cpu;
pub mod data;
pub mod device;
pub mod error;
pub mod eval;
pub mod executor;
pub mod models;
pub mod ops;
pub mod plan;
pub mod rng;
pub mod train;

pub use error::{Error, Result};
