//! A recommender on a Cortex-M: it loads a model that was trained on a PC, recommends, and learns from clicks that come over the
//! serial line. `run.sh` trains, builds, and runs it in qemu; README.md says more.
//!
//! Built for a PC, the same program trains the model, and answers the same requests for comparison.

#![cfg_attr(target_os = "none", no_std, no_main)]

extern crate alloc;

#[cfg(target_os = "none")]
mod board;
#[cfg(not(target_os = "none"))]
mod pc;
mod session;

#[cfg(not(target_os = "none"))]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    pc::main()
}
