//! Any bytes as a file of triples, and as one of links of their entities to items: read or refused, and what is read has each
//! triple once and items before all else.

#![no_main]

mod common;

use std::collections::BTreeSet;

use libfuzzer_sys::fuzz_target;
use pocketrec::data::{BadRows, IdMap, ItemLinks, TripleFile, Triples};

/// Each triple by keys; ids are those that there are, and no triple comes again.
fn keys(known: &Triples) -> Vec<[String; 3]> {
    let mut seen = BTreeSet::new();
    let key = |ids: &IdMap, id| ids.key(id).expect("an id has a key").into_owned();
    let of = |(head, relation, tail)| {
        assert!(head != tail && head < known.entities() && tail < known.entities() && relation < known.relations());
        assert!(seen.insert((head, relation, tail)));
        [key(known.entity_ids(), head), key(known.relation_ids(), relation), key(known.entity_ids(), tail)]
    };
    known.iter().map(of).collect()
}

fuzz_target!(|input: &[u8]| {
    let Some((&choice, bytes)) = input.split_first() else { return };
    let (triples, links) = match bytes.iter().position(|&byte| byte == 0x1e) {
        Some(at) => (&bytes[..at], &bytes[at + 1..]),
        None => (bytes, bytes),
    };
    let skips = choice & 8 != 0;
    let options = TripleFile {
        header: [None, Some(true), Some(false)][usize::from(choice & 3) % 3],
        bad_rows: if skips { BadRows::Skip } else { BadRows::Refuse },
        head: (choice & 4 != 0).then_some(2.into()),
        tail: (choice & 4 != 0).then_some(1.into()),
        ..TripleFile::default()
    };
    let links = ItemLinks::read_with(common::file("links.txt", links), &options);
    let Ok(known) = Triples::read_bytes("fuzz", triples, &options) else { return };
    let (named, report) = (keys(&known), known.report().clone());
    assert!(skips || report.skipped == 0);
    assert_eq!(report.rows, known.len() as u64 + report.duplicates + report.to_itself);
    let again = Triples::from_keys(named.iter().map(|[head, relation, tail]| (&**head, &**relation, &**tail)));
    assert_eq!(keys(&again.expect("there are some")), named);

    let Ok(links) = links else { return };
    // Every other item is known, and an entity's key is an item's too.
    let items: Vec<&str> = links.iter().map(|(item, _)| item).step_by(2).chain([named[0][0].as_str()]).collect();
    let items: BTreeSet<&str> = items.into_iter().collect();
    let item_ids = IdMap::from_keys(items.iter().copied()).expect("there are few");
    let aligned = known.clone().with_items(&item_ids, &links).expect("there are few");
    assert_eq!((aligned.items() as usize, aligned.len()), (items.len(), known.len()));
    assert!((0..aligned.items()).all(|id| aligned.entity_ids().key(id) == item_ids.key(id)));
    let unknown = links.iter().filter(|(item, _)| !items.contains(item)).count();
    assert_eq!(aligned.report().unknown, unknown as u64);
    keys(&aligned);
    // Entities are items where the links say so, and nowhere else.
    for ((head, _, tail), [first, _, last]) in aligned.iter().zip(&named) {
        for (id, entity) in [(head, first), (tail, last)] {
            let item = links.iter().find(|link| link.1 == entity.as_str()).map(|link| link.0);
            let item = item.and_then(|item| item_ids.get(item));
            assert_eq!((id < aligned.items()).then_some(id), item);
        }
    }
});
