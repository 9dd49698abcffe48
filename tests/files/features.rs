//! Side tables of items and users: which features their rows have, and what is refused.

use std::path::Path;

use pocketrec::data::{
    BadRows, FeatureFile, FeatureKind, FeatureTable, Features, IdMap, Interactions, clicks::Vocabulary,
};

/// The features of a row by their keys.
fn keys(features: &Features, row: u32) -> Vec<String> {
    features
        .of(row)
        .iter()
        .map(|&feature| features.key(feature).unwrap())
        .collect()
}

fn ids(keys: &[&str]) -> IdMap {
    IdMap::from_keys(keys).unwrap()
}

/// As MovieLens has them: no header, colons, Latin-1.
#[test]
fn files_of_movie_lens_are_read_by_number() {
    let films = b"1::Toy Story (1995)::Animation|Comedy\r\n9::Other::Drama\r\n3::Les Mis\xe9rables (1995)::Drama|Comedy|Drama\r\n";
    let file = FeatureFile::of_items().values(3).words(2, 500);
    let features = file
        .read_bytes("movies.dat", &films[..], &ids(&["3", "2", "1"]))
        .unwrap();
    assert_eq!((features.rows(), features.features()), (3, 3 + 500));
    assert_eq!(features.columns().collect::<Vec<_>>(), ["3", "2"]);
    // Genres are numbered as they come, each once a film.
    assert_eq!(&keys(&features, 2)[..2], ["3:Animation", "3:Comedy"]);
    assert_eq!(&keys(&features, 0)[..2], ["3:Comedy", "3:Drama"]);
    assert_eq!(features.of(1), [0u32; 0]);
    // Words are where their hash says: that of clicks, whose known answers are tested there.
    let hashed = Vocabulary::Hashed { buckets: 500 };
    let mut words: Vec<u32> = ["les", "misérables", "1995"]
        .map(|word| 3 + hashed.row(word) - 1)
        .into();
    words.sort_unstable();
    assert_eq!(features.of(0)[2..], words);
    let report = features.report();
    assert_eq!((report.rows, report.unknown, report.without), (2, 1, 1));
    assert_eq!(report.first_unknown, Some((2, "9".into())));
    assert!(report.layout.as_ref().unwrap().to_string().contains("item = column 1"));
    assert_eq!((features.key(3).as_deref(), features.key(503)), (Some("2#0"), None));

    let users = "1::F::1::10::48067\n2::M::56::16::70072\n3::M::25::15::55117\n4::M::45::7::02460\n";
    let file = FeatureFile::of_users().category(2).quantiles(3, 2).category(4);
    let features = file
        .read_bytes("users.dat", users, &ids(&["4", "3", "2", "1", "new"]))
        .unwrap();
    assert_eq!(keys(&features, 0), ["2:M", "3:45..", "4:7"]);
    assert_eq!(keys(&features, 3), ["2:F", "3:..45", "4:10"]);
    assert_eq!(features.report().without, 1);
}

#[test]
fn columns_are_found_by_name_and_hold_what_they_are_said_to() {
    let table =
        "price,sku,tags,kind\n\"1,5\",a,\"['x, y', z]\",one|two\n,b,[],\n3,c,z|w,one\n7e2,d,z,one\n-2,e,,one|two\n";
    let items = ids(&["a", "b", "c", "d", "e"]);
    let file = FeatureFile::of_items()
        .category("kind")
        .values("tags")
        .quantiles("price", 4);
    let features = file.read_bytes("meta.csv", table, &items).unwrap();
    assert_eq!(
        keys(&features, 0),
        ["kind:one|two", "tags:x, y", "tags:z", "price:1.5..3"]
    );
    assert_eq!(features.of(1), [0u32; 0]); // a missing number is no feature
    assert_eq!(keys(&features, 2), ["kind:one", "tags:z", "tags:w", "price:3..700"]);
    assert_eq!(keys(&features, 3), ["kind:one", "tags:z", "price:700.."]);
    assert_eq!(keys(&features, 4), ["kind:one|two", "price:..1.5"]);
    // Something new has the features of what it is said to be, as far as they are known.
    let new = features
        .encode(&[("price", "2"), ("tags", "w|v"), ("kind", "one"), ("tags", "w")])
        .unwrap();
    let of_new: Vec<String> = new.iter().map(|&feature| features.key(feature).unwrap()).collect();
    assert_eq!(of_new, ["kind:one", "tags:w", "price:1.5..3"]);
    assert_eq!(features.encode(&[("price", " ")]).unwrap(), [0u32; 0]);
    assert!(
        features
            .encode(&[("prise", "2")])
            .unwrap_err()
            .to_string()
            .contains("those are kind, tags, price")
    );
    assert!(
        features
            .encode(&[("price", "cheap")])
            .unwrap_err()
            .to_string()
            .contains("\"cheap\" is not a price")
    );
    // The same rows in another order are other features, as numbers go by first appearance; the same file is the same.
    assert_eq!(features, file.read_bytes("again.csv", table, &items).unwrap());
    assert_ne!(
        features,
        file.read_bytes("meta.csv", table, &ids(&["b", "a", "c", "d", "e"]))
            .unwrap()
    );
}

#[test]
fn what_does_not_fit_is_refused_by_its_line() {
    let items = ids(&["a", "b"]);
    let read = |file: &FeatureFile, table: &str| file.read_bytes("meta.csv", table, &items).unwrap_err().to_string();
    let kinds = FeatureFile::of_items().values("kind");
    for (file, table, reason) in [
        (
            &kinds,
            "item,kind\na,x\nb,y\na,z\n",
            "meta.csv:4: the item \"a\" has a row on line 2 already",
        ),
        (&kinds, "item,sort\na,x\n", "meta.csv:1: missing column \"kind\""),
        (
            &kinds,
            "no,kind\na,x\n",
            "no column is known to be the item; set FeatureFile::key to one of: no, kind",
        ),
        (
            &kinds,
            "item,kind\nc,x\nd,y\n",
            "none of 2 rows has one of the 2 keys; \"c\", the first, is not one of them, such as \"a\"",
        ),
        (&kinds, "item,kind\na,\nb,[]\n", "none of 2 rows has a value"),
        (
            &kinds,
            "item,kind\na,[x\n",
            "meta.csv:2: kind: the list \"[x\" is not closed",
        ),
        (&kinds, "item,kind\n,x\n", "meta.csv:2: the item is empty"),
        (&kinds, "item,kind\n", "there is no row"),
        (&FeatureFile::of_items(), "item,kind\na,x\n", "no column is asked for"),
        (
            &kinds.clone().values("kind"),
            "item,kind\na,x\n",
            "\"kind\" is asked for twice",
        ),
        (
            &FeatureFile::of_items().values("item"),
            "item,kind\na,x\n",
            "taken for the item and for a feature",
        ),
        (
            &FeatureFile::of_items().quantiles("kind", 3),
            "item,kind\na,x\n",
            "meta.csv:2: \"x\" is not a kind",
        ),
        (
            &FeatureFile::of_items().quantiles("kind", 3),
            "item,kind\na,inf\n",
            "meta.csv:2: the kind \"inf\" is not finite",
        ),
        (
            &FeatureFile::of_items().quantiles("kind", 1),
            "item,kind\na,1\n",
            "fewer than 2 parts",
        ),
        (
            &FeatureFile::of_items().words("kind", 0),
            "item,kind\na,x\n",
            "out of range",
        ),
    ] {
        let error = read(file, table);
        assert!(error.contains(reason), "{table:?}: {error}");
    }
    let skipping = FeatureFile::of_items().quantiles("kind", 2).bad_rows(BadRows::Skip);
    let features = skipping
        .read_bytes("meta.csv", "item,kind\na,x\nb,3\n", &items)
        .unwrap();
    assert_eq!(
        (
            features.report().skipped,
            features.report().without,
            features.of(1).len()
        ),
        (1, 1, 1)
    );
}

#[test]
fn rows_in_memory_are_refused_whole() {
    let mut table = FeatureTable::new(&ids(&["a", "b"]))
        .column("kind", FeatureKind::Values)
        .unwrap();
    table.push(" a ", &["x|y"]).unwrap();
    assert!(
        table
            .push("a", &["z"])
            .unwrap_err()
            .to_string()
            .contains("has a row already")
    );
    assert!(table.push("b", &["z", "w"]).is_err());
    assert!(table.push("b", &["[z"]).unwrap_err().to_string().contains("not closed"));
    table.push("b", &["y"]).unwrap();
    let features = table.finish().unwrap();
    // Nothing of z stayed.
    assert_eq!((features.features(), features.of(1)), (2, &[1][..]));
    assert!(
        FeatureTable::new(&ids(&["a"]))
            .finish()
            .unwrap_err()
            .to_string()
            .contains("no column")
    );
}

#[test]
fn films_of_movie_lens_have_eighteen_genres() {
    let folder = std::env::var("POCKETREC_DATA").unwrap_or("../shared/data".into());
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder).join("ml-1m");
    if !folder.is_dir() {
        crate::common::skipped::skipped("../shared/data/ml-1m is not there");
        return;
    }
    let data = Interactions::read(folder.join("ratings.dat")).unwrap();
    let features = FeatureFile::of_items()
        .values(3)
        .read(folder.join("movies.dat"), data.item_ids())
        .unwrap();
    // 177 of 3,883 films have no rating, as the data's README says; every film has a genre.
    let report = features.report();
    assert_eq!(
        (features.features(), report.rows, report.unknown, report.without),
        (18, 3706, 177, 0)
    );
    let users = FeatureFile::of_users().category(2).category(3).category(4);
    let users = users.read(folder.join("users.dat"), data.user_ids()).unwrap();
    assert_eq!((users.features(), users.report().rows), (2 + 7 + 21, 6040));
}
