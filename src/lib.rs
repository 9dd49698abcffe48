//! Deep recommenders that train on the device that will use them.
//!
//! Three layers, each usable alone:
//!
//! 1. **Kernels**, in [`cpu`]: safe functions over slices with SIMD inside, each tested against its specification in
//!    [`ops`].
//! 2. **Plans**, in [`plan`]: a model is a flat list of stages over named parameters, from which the backward pass and
//!    the buffers are derived. The [`models`] build plans, an [`executor`] runs them on a [`device`].
//! 3. **The trainer**, in [`train`]: batches, drawn negatives, early stopping, top-K, learning from new clicks, and
//!    [reasons](explain) for what is recommended.
//!    [`data`] reads and splits what it trains on, [`eval`] ranks, and `checkpoint` keeps everything.
//!
//! ```
//! use pocketrec::{data::Planted, device::Device, eval, models::NeuMf, train::{TrainConfig, Trainer}};
//!
//! // Made-up interactions; `Interactions::read` and `Dataset::read` take files.
//! let planted = Planted { users: 300, items: 200, interactions_per_user: 20, ..Planted::default() }.generate()?;
//! let split = planted.interactions.leave_one_out()?;
//!
//! let model = NeuMf::new(300, 200).factors(8); // layers 64-32-16-8
//! let config = TrainConfig { epochs: 6, seed: 1, ..TrainConfig::default() };
//! let mut trainer = Trainer::new(model, Device::auto()?, config)?;
//! let report = trainer.fit(&split, |epoch| println!("{epoch}"))?; // loss, HR@10, NDCG@10, samples/s
//!
//! let popularity = eval::evaluate_popularity(&split, eval::Protocol::Sampled, 10)?;
//! assert!(report.best.is_some_and(|best| best.value.hr > popularity.hr));
//!
//! let unseen = trainer.recommend(0, 10)?; // (item, score), best first
//! trainer.absorb(&[(0, unseen[0].0)])?; // the user took the first: learn from it, leave it out
//! assert!(trainer.recommend(0, 10)?.iter().all(|&(item, _)| item != unseen[0].0));
//! # Ok::<(), pocketrec::Error>(())
//! ```
//!
//! # Features
//!
//! - `std` (default): file readers, checkpoint files, clocks. Without it the crate needs `alloc` alone.
//! - `checkpoint` (with `std`): checkpoints, exports and deltas as bytes in memory. It needs `alloc` alone, too.
//! - `parallel` (default): worker threads for the CPU executor. The bits do not depend on their number.
//! - `full` (default): the kernels of all models and losses, and of all instruction sets. Small builds take what they use of its
//!   parts: `clicks`, `graphs` (LightGCN, CFKG, KGCN), `sequences` (SASRec), `losses` (other than cross-entropy and BPR), `known`
//!   (features of users and items), `avx512`, and `plain` (plain code on 64-bit ARM). Without any, MF, GMF, MLP and NeuMF train
//!   and recommend. A model whose kernels are left out is refused with the name of the feature that it wants.
//! - `tune` (default): the search for settings.
//! - `capi`: functions for C, with their header, as a shared or a static library.
//! - `web`: functions for JavaScript, in a browser alone (`examples/web`).
//! - `rand` (default): [`rng`]'s numbers through `rand_core`'s traits, for any distribution of the `rand` crates.
//!
//! # Environment
//!
//! `POCKETREC_DEVICE` (`auto`, `cpu`) is what [`Device::auto`](device::Device::auto) takes; `POCKETREC_SIMD` (`scalar`,
//! `avx2`, `avx512`, `neon`, `wasm`) the instruction set.
//!
//! # Choosing a model
//!
//! The pages in `guide` have all models in one table, of what was measured, and what the reasons of each mean.
//!
//! # Changing the library
//!
//! The pages there have the map of the code, the walk of a batch through it, and how to add a model, an operation and a
//! loss.
//!
//! # Errors
//!
//! No input makes the library panic or lose what was trained: an [`Error`] says what is wrong, where, and what to do.
#![cfg_attr(not(feature = "std"), no_std)]
#![deny(unsafe_code, unsafe_op_in_unsafe_fn, missing_docs)]
#![warn(clippy::undocumented_unsafe_blocks)]

extern crate alloc;

#[cfg(feature = "capi")]
#[allow(unsafe_code)] // what C hands over
pub mod capi;
#[cfg(feature = "checkpoint")]
pub mod checkpoint;
mod checks;
pub mod classical;
pub mod cpu;
pub mod data;
pub mod device;
pub mod error;
pub mod eval;
pub mod executor;
pub mod explain;
#[cfg(feature = "std")]
mod file;
#[cfg(feature = "gpu")]
pub mod gpu;
#[cfg(all(any(doc, doctest), feature = "std"))] // pages alone
pub mod guide;
pub(crate) mod memory;
pub mod models;
pub mod ops;
mod optimizer;
pub mod plan;
pub mod reference;
pub mod rng;
mod shared;
mod size;
pub mod train;
#[cfg(feature = "tune")]
pub mod tune;
mod view;
#[cfg(all(feature = "web", target_arch = "wasm32", target_os = "unknown"))]
#[allow(unsafe_code)] // what wasm-bindgen makes
pub mod web;

pub use error::{Error, Result};

/// The code in the README, as tests.
#[cfg(all(doctest, feature = "std"))]
#[doc = include_str!("../README.md")]
struct Readme;
