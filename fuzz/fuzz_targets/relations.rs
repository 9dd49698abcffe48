//! Any bytes as a table of items whose columns are relations: read or refused, and items are related to items, values to none.

#![no_main]

mod common;

use std::collections::BTreeSet;

use libfuzzer_sys::fuzz_target;
use pocketrec::data::{BadRows, Delimiter, IdMap, RelationFile};

fuzz_target!(|input: &[u8]| {
    let Some((&choice, rows)) = input.split_first() else { return };
    let delimiter = [b',', b';', b'\t'][usize::from(choice & 3) % 3];
    let mut content = ["item_id", "also", "kind"].map(str::as_bytes).join(&delimiter);
    content.push(b'\n');
    content.extend_from_slice(rows);
    let skips = choice & 4 != 0;
    let mut file = RelationFile::new().items("also").values("kind");
    file = file.bad_rows(if skips { BadRows::Skip } else { BadRows::Refuse });
    if choice & 8 != 0 {
        file = file.delimiter(Delimiter::Char(delimiter));
    }
    // Two of these are called as a value is.
    let item_ids = IdMap::from_keys(["1", "2", "3", "a", "kind:a", "kind:kind:a"]).expect("there are few");
    let items = item_ids.len() as u32;
    let Ok(known) = file.read(common::file("relations.csv", &content), &item_ids) else { return };
    assert!(skips || known.report().skipped == 0);
    assert_eq!((known.items(), known.relations()), (items, 2));
    assert!((0..items).all(|id| known.entity_ids().key(id) == item_ids.key(id)));
    let mut seen = BTreeSet::new();
    for (head, relation, tail) in known.iter() {
        assert!(head < items && head != tail && tail < known.entities());
        assert_eq!(tail < items, relation == 0, "{tail} of relation {relation}");
        assert!(seen.insert((head, relation, tail)));
    }
    assert!(known.len() + items as usize <= content.len());
});
