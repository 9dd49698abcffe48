//! Any bytes as the two parts of a data set of lists: read or refused, and numbers with blanks between as a naive reader has
//! them.

#![no_main]

mod common;

use std::collections::BTreeSet;

use libfuzzer_sys::fuzz_target;
use pocketrec::data::{Dataset, Split};

/// User and item of each entry behind the first of a line; nothing where a line has other than digits and single blanks.
fn naive(bytes: &[u8]) -> Option<BTreeSet<(&str, &str)>> {
    let text = std::str::from_utf8(bytes).ok()?;
    let mut pairs = BTreeSet::new();
    for line in text.split('\n') {
        let plain = line.split(' ').all(|word| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit()));
        if !plain && !line.is_empty() {
            return None;
        }
        let (user, items) = line.split_once(' ').unwrap_or((line, ""));
        pairs.extend(items.split(' ').filter(|item| !item.is_empty()).map(|item| (user, item)));
    }
    Some(pairs)
}

fn check(split: &Split, len: usize) {
    let (users, items) = (split.train.users(), split.train.items());
    // No table is longer than the files.
    assert!(users as usize <= len && items as usize <= len);
    assert!(split.train.iter().all(|(user, item)| user < users && item < items));
    assert!(split.test.iter().all(|case| case.user < users && case.item < items));
    for user in 0..users {
        let own: BTreeSet<u32> = split.train.of_user(user).iter().copied().collect();
        assert!(split.test.iter().all(|case| case.user != user || !own.contains(&case.item)));
    }
}

fuzz_target!(|input: &[u8]| {
    let mut parts = input.splitn(2, |&byte| byte == 0x1e);
    let [train, test] = [(); 2].map(|()| parts.next().unwrap_or_default());
    let paths = [common::file("train.txt", train), common::file("test.txt", test)];
    if let Ok(split) = Dataset::read(&paths[0]) {
        check(&split, input.len());
    }
    let Ok(split) = Dataset::read_lists(&paths[0], &paths[1]) else { return };
    check(&split, input.len());
    let (Some(train), Some(test)) = (naive(train), naive(test)) else { return };
    let (users, items) = (split.train.user_ids(), split.train.item_ids());
    let keys = |user: u32, item: u32| {
        let key = |ids: &pocketrec::data::IdMap, id| ids.key(id).expect("an id has a key").into_owned();
        (key(users, user), key(items, item))
    };
    let owned = |pairs: BTreeSet<(&str, &str)>| pairs.into_iter().map(|(user, item)| (user.into(), item.into())).collect();
    let (train, test): (BTreeSet<(String, String)>, BTreeSet<(String, String)>) = (owned(train), owned(test));
    let read: BTreeSet<_> = split.train.iter().map(|(user, item)| keys(user, item)).collect();
    assert_eq!(read, train);
    let held: BTreeSet<_> = split.test.iter().map(|case| keys(case.user, case.item)).collect();
    assert_eq!(held, test.difference(&train).cloned().collect());
});
