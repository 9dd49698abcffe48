//! Any bytes as a checkpoint of clicks: refused, or fit to rank, learn and be written again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pocketrec::{
    checkpoint::ClickCheckpoint,
    device::Device,
    train::{ClickRow, ClickTrainer},
};

fuzz_target!(|input: &[u8]| {
    let Ok(checkpoint) = ClickCheckpoint::from_bytes(input) else { return };
    let mut file = Vec::new();
    checkpoint.write_to(&mut file).expect("what was read is written");
    assert!(ClickCheckpoint::from_bytes(&file).is_ok());
    let Ok(mut trainer) = ClickTrainer::from_checkpoint(checkpoint, Device::cpu().threads(1)) else { return };
    let Some(column) = trainer.encoder().and_then(|encoder| encoder.inputs().first().cloned()) else { return };
    let values = [(column.as_str(), "1")];
    let _ = trainer.rank(&[], &[], &[&values]);
    let _ = trainer.absorb(&[ClickRow {
        values: &values,
        events: &[],
        label: 1.0,
    }]);
});
