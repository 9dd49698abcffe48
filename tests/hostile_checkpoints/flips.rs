//! Every bit of a small file of each kind.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use pocketrec::{
    Error,
    checkpoint::{Checkpoint, ClickCheckpoint},
    models::{Fm, Mf},
};

use super::{click_bytes, clicks, pairs, small};

/// Flips every bit of a file, on two threads. `check` gets each; it says whether the file was read all the same.
fn flip_every_bit(bytes: &[u8], check: impl Fn(&[u8]) -> bool + Sync) {
    let read = AtomicUsize::new(0);
    thread::scope(|scope| {
        for part in 0..2 {
            let (read, check) = (&read, &check);
            scope.spawn(move || {
                let mut bytes = bytes.to_vec();
                for at in (part..bytes.len()).step_by(2) {
                    for bit in 0..8 {
                        bytes[at] ^= 1 << bit;
                        read.fetch_add(usize::from(check(&bytes)), Ordering::Relaxed);
                        bytes[at] ^= 1 << bit;
                    }
                }
            });
        }
    });
    // White space behind the header may be another, and that is all.
    assert!(read.into_inner() <= 8 * 8);
}

#[test]
fn every_flipped_bit_of_pairs_is_refused_or_changes_nothing() {
    let model = Mf::new(6, 7).factors(1);
    for file in [pairs(model.clone(), true), small(model)] {
        let whole = Checkpoint::from_bytes(&file).unwrap();
        flip_every_bit(&file, |bytes| match Checkpoint::from_bytes(bytes) {
            Ok(read) => {
                assert_eq!(read, whole);
                true
            }
            Err(error) => {
                assert!(matches!(error, Error::Checkpoint { .. }), "{error}");
                false
            }
        });
    }
}

#[test]
fn every_flipped_bit_of_clicks_is_refused_or_changes_nothing() {
    let (file, _) = clicks(|train| Fm::new(train.layout()).embedding_dim(1).into());
    flip_every_bit(&file, |bytes| match ClickCheckpoint::from_bytes(bytes) {
        Ok(read) => {
            assert_eq!(click_bytes(&read), file);
            true
        }
        Err(error) => {
            assert!(matches!(error, Error::Checkpoint { .. }), "{error}");
            false
        }
    });
}
