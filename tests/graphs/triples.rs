//! Knowledge graphs and relations of items: what is read of files as people have them, and how it goes with interactions.

use std::{fs, path::Path};

use pocketrec::{
    data::{BadRows, Candidates, Delimited, IdMap, Interactions, ItemLinks, RelationFile, Split, TripleFile, Triples},
    eval::{Protocol, evaluate_popularity},
};

fn read(text: &str) -> pocketrec::Result<Triples> {
    Triples::read_bytes("kg", text, &TripleFile::default())
}

/// Triples by keys: `tea kind drink`.
fn shown(triples: &Triples) -> Vec<String> {
    let entity = |id| triples.entity_ids().key(id).unwrap().into_owned();
    let one = |(head, relation, tail)| {
        let relation = triples.relation_ids().key(relation).unwrap().into_owned();
        [entity(head), relation, entity(tail)].join(" ")
    };
    triples.iter().map(one).collect()
}

#[test]
fn triples_are_read_however_they_are_written() {
    let expected = ["2086 music.artist.origin 3846", "1601 film.actor.film 3847"];
    for text in [
        "2086\tmusic.artist.origin\t3846\r\n1601\tfilm.actor.film\t3847\r\n",
        "2086 music.artist.origin 3846\n1601   film.actor.film 3847",
        "\u{feff}2086,music.artist.origin,3846\n\n1601,film.actor.film,3847\n",
        "2086|music.artist.origin|3846\r1601|film.actor.film|3847\r",
        "head_id:token\trelation_id:token\ttail_id:token\n2086\tmusic.artist.origin\t3846\n1601\tfilm.actor.film\t3847\n",
        "tail,head,relation\n3846,2086,music.artist.origin\n3847,1601,film.actor.film\n",
        "2086;music.artist.origin;3846\n1601;film.actor.film;3847\n1601;film.actor.film;3847\n5;film.actor.film;5\n",
    ] {
        let triples = read(text).unwrap();
        assert_eq!(shown(&triples), expected, "{text:?}");
    }
    // Names with blanks in them, where tabs stand between; three words below names of columns.
    let named = read("green tea\tmade of\ttea leaves\nrice\tkind\tfood\n").unwrap();
    assert_eq!(shown(&named), ["green tea made of tea leaves", "rice kind food"]);
    assert_eq!(
        shown(&read("head,relation,tail\ntea,kind,drink\n").unwrap()),
        ["tea kind drink"]
    );
    let report = read("a r b\na r b\na r a\nb r a\n").unwrap().report().clone();
    assert_eq!((report.rows, report.duplicates, report.to_itself), (4, 1, 1));
    let layout = report.layout.unwrap().to_string();
    assert!(
        layout.contains("head = column 1, relation = column 2, tail = column 3"),
        "{layout}"
    );
    // Options say what the file does not.
    let wide = TripleFile {
        head: Some(2.into()),
        relation: Some(4.into()),
        tail: Some(1.into()),
        header: Some(false),
        bad_rows: BadRows::Skip,
        ..TripleFile::default()
    };
    let triples = Triples::read_bytes("kg", "b,a,x,r\n,a,x,r\nc,a,x,r\n", &wide).unwrap();
    assert_eq!(shown(&triples), ["a r b", "a r c"]);
    assert_eq!(triples.report().first_skipped, Some((2, "the tail is empty".into())));
}

#[test]
fn what_is_no_triple_is_refused_by_file_and_line() {
    for (text, reason) in [
        ("", "kg: the file is empty"),
        ("a b\nc d\n", "kg:1: rows have 2 fields"),
        ("a b c d\ne f g h\n", "kg:1: rows have 4 fields"),
        ("a r b\nc r\nd r e\n", "kg:2: too few fields: 2"),
        ("a\tr\tb\nc\t\td\n", "kg:2: the relation is empty"),
        ("a r a\n", "kg: triples: there are none in 1 rows"),
    ] {
        let error = read(text).unwrap_err().to_string();
        assert!(error.contains(reason), "{text:?}: {error}");
    }
    let bytes = b"a r b\nc r \xff\n".to_vec();
    let error = Triples::read_bytes("kg", bytes, &TripleFile::default())
        .unwrap_err()
        .to_string();
    assert!(error.contains("kg:2: the tail") && error.contains("UTF-8"), "{error}");
    assert!(
        Triples::from_columns((2, 1), &[0], &[0], &[2])
            .unwrap_err()
            .to_string()
            .contains("tail id 2")
    );
    assert!(
        Triples::from_columns((2, 1), &[0], &[], &[1])
            .unwrap_err()
            .to_string()
            .contains("relations")
    );
}

#[test]
fn links_put_items_before_the_other_entities() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("links.txt");
    let links = |text: &str| {
        fs::write(&path, text).unwrap();
        ItemLinks::read(&path)
    };
    let triples = read("0 r 5\n1 s 5\n5 s 2\n2 r 7\n").unwrap();
    let items = IdMap::from_keys(["30", "10", "20", "5"]).unwrap();
    for text in [
        "10\t0\n20\t2\n99\t1\n",
        "item_id:token entity_id:token\n10 0\n20 2\n99 1\n",
    ] {
        let aligned = triples.clone().with_items(&items, &links(text).unwrap()).unwrap();
        assert_eq!((aligned.items(), aligned.entities(), aligned.relations()), (4, 7, 2));
        // Entity 5 is no item, though an item has its key.
        assert_eq!(
            shown(&aligned),
            ["10 r entity:5", "1 s entity:5", "entity:5 s 20", "20 r 7"]
        );
        assert_eq!(aligned.iter().next(), Some((1, 0, 4)));
        assert_eq!(aligned.report().unknown, 1);
        assert_eq!(aligned.report().first_unknown, Some((0, "99".into())));
    }
    for (text, reason) in [
        ("10 0\n10 1\n", "links.txt:2: the item \"10\" is linked already"),
        ("10 0\n11 0\n", "links.txt:2: the entity \"0\" is linked already"),
        ("10 0 1\n11 0 1\n", "rows have 3 fields"),
    ] {
        let error = links(text).unwrap_err().to_string();
        assert!(error.contains(reason), "{text:?}: {error}");
    }
}

#[test]
fn relations_in_columns_are_read_with_the_items() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("meta.csv");
    let items = IdMap::from_keys(["1", "2", "3"]).unwrap();
    let all = RelationFile::new().items("also").values("kind").values("tags");
    let read = |file: &RelationFile, text: &str| {
        fs::write(&path, text).unwrap();
        file.read(&path, &items)
    };
    let text = "item_id;also;kind;tags;price\n2;\"[1, 3, 3, 2]\";a|b;[];5\n1;3;a;['x, y', z];6\n3;[7];;;\n8;[1];a;;\n";
    let known = read(&all, text).unwrap();
    let expected = [
        "2 also 1",
        "2 also 3",
        "2 kind kind:a",
        "2 kind kind:b",
        "1 also 3",
        "1 kind kind:a",
        "1 tags tags:x, y",
        "1 tags tags:z",
    ];
    assert_eq!(shown(&known), expected);
    assert_eq!(known.item_pairs(0).collect::<Vec<_>>(), [(1, 0), (1, 2), (0, 2)]);
    assert_eq!(known.item_pairs(1).count(), 0);
    let report = known.report();
    assert_eq!((report.duplicates, report.to_itself, report.unknown), (1, 1, 2));
    assert_eq!(report.first_unknown, Some((4, "7".into())));
    let layout = report.layout.as_ref().unwrap().to_string();
    assert!(
        layout.contains("item = item_id (column 1)") && layout.contains("not used: price"),
        "{layout}"
    );
    // A value whose key is that of an item, or of a value in another column, is neither.
    fs::write(&path, "item,kind,kind:a\n1,a,\n2,a:b,b\nkind:a,,\n").unwrap();
    let items_too = IdMap::from_keys(["1", "2", "kind:a"]).unwrap();
    let named = RelationFile::new().values("kind").values("kind:a");
    let known = named.read(&path, &items_too).unwrap();
    assert_eq!(
        shown(&known),
        ["1 kind kind:kind:a", "2 kind kind:a:b", "2 kind:a kind:a:kind:a:b"]
    );
    assert!(known.iter().all(|(_, _, tail)| tail >= known.items()));
    for (file, text, reason) in [
        (
            &all,
            "item,also,kind,tags\n1,\"[2, 3\",a,\n",
            "meta.csv:2: also: the list \"[2, 3\" is not closed",
        ),
        (
            &all,
            "item,also,kind,tags\n1,2,a,\n1,3,a,\n",
            "meta.csv:3: the item \"1\" has a row on line 2",
        ),
        (&all, "item,also,kind,tags\n,2,a,\n", "meta.csv:2: the item is empty"),
        (&all, "item,alsa,kind,tags\n1,2,a,\n", "did you mean \"alsa\"?"),
        (
            &all,
            "thing,also,kind,tags\n1,2,a,\n",
            "set RelationFile::item to one of",
        ),
        (
            &RelationFile::new(),
            "item,also\n1,2\n",
            "relations: no column is asked for",
        ),
        (
            &RelationFile::new().items("also").values("also"),
            "item,also\n1,2\n",
            "\"also\" comes twice",
        ),
        (
            &RelationFile::new().items("item"),
            "item,also\n1,2\n",
            "column 1 is taken for the item and",
        ),
        (
            &RelationFile::new().items("also"),
            "item,also\n7,8\n",
            "there are none in 1 rows",
        ),
    ] {
        let error = read(file, text).unwrap_err().to_string();
        assert!(error.contains(reason), "{text:?}: {error}");
    }
    let skipping = all.bad_rows(BadRows::Skip);
    let known = read(&skipping, "item,also,kind,tags\n1,\"[2\",a,\n2,3,b,\n").unwrap();
    assert_eq!(shown(&known), ["2 also 3", "2 kind kind:b"]);
}

/// A folder of the data that lies beside the project.
fn data(name: &str) -> Option<std::path::PathBuf> {
    let folder = std::env::var("POCKETREC_DATA").unwrap_or("../shared/data".into());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder).join(name);
    if !path.is_dir() {
        crate::common::skipped::skipped(format!("../shared/data/{name} is not there"));
        return None;
    }
    Some(path)
}

/// Counts of Python's csv module.
#[test]
fn grocery_has_its_relations_and_candidates_by_the_published_rule() {
    let Some(folder) = data("amazon-grocery") else { return };
    let parts = ["train.csv", "dev.csv", "test.csv"].map(|name| folder.join(name));
    let [train, dev, test] = Interactions::read_parts(parts, &Delimited::default()).unwrap();
    assert_eq!(
        (train.users(), train.items(), train.len(), dev.len(), test.len()),
        (14_681, 8_713, 121_892, 14_681, 14_681)
    );
    let file = RelationFile::new()
        .items("r_complement")
        .items("r_substitute")
        .values("i_category");
    let known = file.read(folder.join("item_meta.csv"), train.item_ids()).unwrap();
    let count = |relation| known.of_relation(relation).count();
    assert_eq!((count(0), count(1), count(2)), (248_444, 124_933, 8_713));
    assert_eq!(
        (known.items(), known.entities(), known.report().unknown),
        (8_713, 8_713 + 57, 0)
    );
    // 99 candidates a user, uniform among the items that the user has in no part; popularity is published as 0.2065 and
    // 0.1301 with another draw (ReChorus).
    let split = Split::from_parts(train, &test).unwrap();
    let split = split.among_without(Candidates::Sampled { count: 99, seed: 0 }, &[&dev]);
    let report = evaluate_popularity(&split, Protocol::Sampled, 5).unwrap();
    println!("popularity on Grocery: {report}");
    assert!(
        (report.hr - 0.2065).abs() < 0.01 && (report.ndcg - 0.1301).abs() < 0.006,
        "{report}"
    );
}

#[test]
fn lastfm_items_are_linked_to_its_knowledge_graph() {
    let Some(folder) = data("lastfm-kg") else { return };
    let known = Triples::read(folder.join("kg.txt")).unwrap();
    // 49 of its 15,518 rows join an entity to itself, which is left out and counted.
    assert_eq!((known.len(), known.entities(), known.relations()), (15_469, 9_366, 60));
    assert_eq!((known.report().rows, known.report().to_itself), (15_518, 49));
    let links = ItemLinks::read(folder.join("item_index2entity_id.txt")).unwrap();
    assert_eq!(
        (links.len(), links.entity_of("2"), links.entity_of("9")),
        (3846, Some("0"), Some("4"))
    );
    let plays = Interactions::read(folder.join("user_artists.dat")).unwrap();
    let known = known.with_items(plays.item_ids(), &links).unwrap();
    assert_eq!(
        (known.items(), known.len(), known.report().unknown),
        (plays.items(), 15_469, 0)
    );
}
