//! Graphs of users and items, knowledge about items, and the methods that need no gradients.
#![cfg(feature = "std")]

mod cfkg;
mod classical;
#[path = "../common/mod.rs"]
mod common;
mod kgcn;
mod light_gcn;
mod placed;
mod related_rows;
mod relations;
mod triples;

use pocketrec::{checkpoint::Checkpoint, device::Device, train::Trainer};

/// What a file of a trainer gives, on one thread.
fn through_file(trainer: &mut Trainer) -> Trainer {
    let mut file = Vec::new();
    trainer.checkpoint().unwrap().write_to(&mut file).unwrap();
    let read = Checkpoint::from_bytes(&file).unwrap();
    assert_eq!(read, trainer.checkpoint().unwrap());
    Trainer::from_checkpoint(read, Device::cpu().threads(1)).unwrap()
}

/// Asserts that a number is another but for rounding.
fn near(got: f32, want: f64) {
    assert!(
        (f64::from(got) - want).abs() < 1e-6 * want.abs().max(1.0),
        "{got} for {want}"
    );
}
