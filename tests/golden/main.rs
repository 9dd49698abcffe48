//! Networks of clicks and pairs as PyTorch trains them, step by step (`tests/golden/README.md`); losses over lists, graphs and
//! sequences are in `tests/golden_graphs`, the specification put together by hand in `tests/spec_golden`.
#![cfg(feature = "std")]

#[path = "../common/mod.rs"]
mod common;
mod dcnv2;
mod deepfm;
mod dien;
mod din;
mod neumf;
