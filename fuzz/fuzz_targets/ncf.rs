//! Any bytes as the three files of NCF.

#![no_main]

mod common;

use libfuzzer_sys::fuzz_target;
use pocketrec::data::Dataset;

fuzz_target!(|input: &[u8]| {
    // Two bars part the three files.
    let mut parts = input.splitn(3, |&byte| byte == b'|');
    let mut file = |end: &str| {
        let content = parts.next().unwrap_or_default();
        common::file(&format!("a{end}"), content)
    };
    let train = file(".train.rating");
    file(".test.rating");
    file(".test.negative");
    if let Ok(split) = Dataset::read(&train) {
        let items = split.train.items();
        for (at, case) in split.test.iter().enumerate() {
            assert!(case.user < split.train.users() && case.item < items);
            assert!(split.negatives(at).iter().all(|&item| item < items && item != case.item));
        }
        // No table is longer than the files.
        assert!(items as usize <= input.len() && split.train.users() as usize <= input.len());
    }
});
