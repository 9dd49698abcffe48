//! Graphs of users and items, knowledge about items, and the methods that need no gradients.

mod cfkg;
mod classical;
#[path = "../common/mod.rs"]
mod common;
#[cfg(feature = "std")]
mod kgcn;
mod light_gcn;
mod relations;
mod triples;
