//! Any bytes as a file of interactions: read or refused, and what is read can be split and sampled.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pocketrec::data::{BadRows, Delimited, Interactions, Sampler};

fuzz_target!(|input: &[u8]| {
    let Some((&choice, bytes)) = input.split_first() else { return };
    let options = Delimited {
        header: [None, Some(true), Some(false)][usize::from(choice & 3) % 3],
        min_rating: (choice & 4 != 0).then_some(2.0),
        bad_rows: if choice & 8 != 0 { BadRows::Skip } else { BadRows::Refuse },
        lists: [None, None, Some(true), Some(false)][usize::from(choice >> 4 & 3)],
        ..Delimited::default()
    };
    let Ok(data) = Interactions::read_bytes("fuzz", bytes, &options) else { return };
    assert!(!data.is_empty() && data.iter().count() == data.len());
    let report = data.report();
    assert!(report.rows + report.skipped > 0);
    assert_eq!(report.rows, data.len() as u64 + report.duplicates + report.below_min_rating);
    if let Ok(split) = data.leave_one_out() {
        assert_eq!(split.train.len() + split.test.len(), data.len());
        let _ = Sampler::new(&split.train, 2, 1);
    }
});
