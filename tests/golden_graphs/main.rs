//! Losses over lists and pairs, the parts of SASRec's blocks, LightGCN, SASRec and KGCN, as PyTorch computes them
//! (`tests/golden/README.md`).
#![cfg(feature = "std")]

#[path = "../common/mod.rs"]
mod common;

mod kgcn;
mod layers;
mod light_gcn;
mod losses;
mod sas_rec;

use common::golden::{Make, on_every_cpu, on_reference};

/// Runs a check on the specification, on every instruction set, and on the GPU where there is one.
fn everywhere(check: impl Fn(Make<'_>, f64) + Copy) {
    on_reference(check);
    on_every_cpu(check);
    #[cfg(feature = "gpu")]
    common::golden::on_every_gpu(check);
}
