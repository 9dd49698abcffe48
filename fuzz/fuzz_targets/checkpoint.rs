//! Any bytes as a checkpoint of interactions: refused, or fit to recommend, learn and be written again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pocketrec::{checkpoint::Checkpoint, device::Device, train::Trainer};

fuzz_target!(|input: &[u8]| {
    let Ok(checkpoint) = Checkpoint::from_bytes(input) else { return };
    let mut file = Vec::new();
    checkpoint.write_to(&mut file).expect("what was read is written");
    assert_eq!(Checkpoint::from_bytes(&file).expect("and read again"), checkpoint);
    if let Ok(mut trainer) = Trainer::from_checkpoint(checkpoint, Device::cpu().threads(1)) {
        let _ = trainer.recommend(0, 3);
        let _ = trainer.absorb(&[(0, 0)]);
    }
});
