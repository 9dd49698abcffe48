//! Any bytes as a file of libfm or svmlight.

#![no_main]

mod common;

use libfuzzer_sys::fuzz_target;
use pocketrec::data::{BadRows, SampleFiles, SampleFormat, clicks::Schema};

fuzz_target!(|input: &[u8]| {
    let Some((&choice, bytes)) = input.split_first() else { return };
    let path = common::file("rows.libfm", bytes);
    let schema = Schema::of_libfm(&path).unwrap_or_else(|_| Schema::features());
    let bad_rows = if choice & 1 != 0 { BadRows::Skip } else { BadRows::Refuse };
    let files = SampleFiles::new(schema).format(SampleFormat::LibFm).bad_rows(bad_rows);
    if let Ok((samples, _)) = files.fit(&path) {
        assert!(samples.labels().iter().all(|label| (0.0..=1.0).contains(label)));
        for field in 0..samples.layout().many.len() {
            assert!(samples.many(field).rows() == samples.len());
            assert!(samples.many(field).weights().iter().all(|weight| weight.is_finite()));
        }
    }
});
