//! The specification against finite differences, numbers worked out by hand, and plainer formulas.

mod clicks;
#[path = "../common/mod.rs"]
mod common;
mod pairs;
