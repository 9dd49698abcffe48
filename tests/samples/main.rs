//! Samples against small hand-written files, brute force and, where it is there, real data.

mod histories;
mod noted;
mod published;
#[path = "../skipped/mod.rs"]
mod skipped;

use std::fs;

use pocketrec::data::{
    SampleFiles, SampleFormat,
    clicks::{Encoder, Field, LABEL_AT_LEAST, Schema, SideTable, Training},
};

/// A folder with files of these names and contents.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        fs::write(folder.path().join(name), content).unwrap();
    }
    folder
}

/// The keys that ids stand for; "" for row 0.
fn keys(encoder: &Encoder, vocabulary: &str, ids: &[u32]) -> Vec<String> {
    let vocabulary = encoder.vocabulary(vocabulary).unwrap();
    ids.iter().map(|&id| vocabulary.key(id).unwrap_or_default()).collect()
}

#[test]
fn every_kind_of_field_is_read() {
    let folder = folder(&[
        (
            "train.tsv",
            "user\titem\ttime\trating\tprice\ttags\n\
             ann\tfilm\"1\"\t10\t5\t1.0\ta|b\n\
             bob\tfilm2\t11\t3\t\t\n\
             ann\tfilm2\t12\t4\t3.0\tb||c|\n\n\
             cid\tfilm3\t13\t1\t5.0\ta\n",
        ),
        (
            "dev.tsv",
            "item\tuser\textra\trating\ttime\ttags\tprice\nfilm9\tann\t?\t4\t14\tc|z\t7\n",
        ),
        (
            "films.csv",
            "title,id,kind,year\n\"One, the first\",\"film\"\"1\"\"\",drama,1990\n\
             Two,film2,comedy,2000\nFour,film9,drama,1995\n",
        ),
    ]);
    let schema = Schema::new()
        .field(Field::key("user"))
        .field(Field::key("item"))
        .field(Field::number("price"))
        .field(Field::keys("tags", '|').min_count(2))
        .field(Field::key("kind").from_table("films"))
        .field(Field::raw_number("age").from_table("films").column("year"))
        .field(Field::quantile("cost", 2).column("price"))
        .field(Field::key("hash").column("item").hashed(7))
        .join("films", "item")
        .history("history", ["item", "kind"], 5)
        .label_at_least("rating", 4.0)
        .group("user")
        .time("time");
    let files = SampleFiles::new(schema)
        .table("films", folder.path().join("films.csv"), "id")
        .unwrap();
    let (train, mut files) = files.fit(folder.path().join("train.tsv")).unwrap();
    assert_eq!((files.report().rows, files.report().blank), (4, 1));
    let encoder = files.encoder().clone();

    let layout = train.layout();
    let names: Vec<&str> = layout.ids.iter().map(|field| field.name.as_str()).collect();
    assert_eq!(names, ["user", "item", "kind", "cost", "hash"]);
    assert_eq!(
        (layout.numbers.join(" "), layout.many[0].name.as_str()),
        ("price age".into(), "tags")
    );
    let table = |field: usize| layout.vocabularies[layout.ids[field].vocabulary].rows;
    assert_eq!([table(0), table(1), table(2), table(3), table(4)], [4, 4, 3, 3, 8]);

    assert_eq!(train.labels(), [1.0, 0.0, 1.0, 0.0]);
    assert_eq!(train.groups(), [0, 1, 0, 2]);
    assert_eq!(train.ids(0), [1, 2, 1, 3]);
    assert_eq!(
        keys(&encoder, "item", train.ids(1)),
        ["film\"1\"", "film2", "film2", "film3"]
    );
    // film3 is not in the side table.
    assert_eq!(keys(&encoder, "kind", train.ids(2)), ["drama", "comedy", "comedy", ""]);
    // The prices 1, 3 and 5 fall into halves at 3; the missing one has row 0.
    assert_eq!(train.ids(3), [1, 0, 2, 2]);
    assert_eq!(train.ids(4)[1], train.ids(4)[2]);
    // Mean 3, deviation sqrt(8 / 3); years 1990, 2000, 2000 and a missing one.
    let unit = (8.0f32 / 3.0).sqrt().recip();
    let expected = [-2.0 * unit, 1990.0, 0.0, 2000.0, 0.0, 2000.0, 2.0 * unit, 5990.0 / 3.0];
    for (got, want) in train.numbers().iter().zip(expected) {
        assert!((got - want).abs() < 1e-3, "{got} {want}");
    }
    // a and b come twice, c once.
    let tags = train.many(0);
    assert_eq!(tags.offsets(), [0, 2, 2, 4, 5]);
    assert_eq!(keys(&encoder, "tags", tags.of(0)), ["a", "b"]);
    assert_eq!(
        (keys(&encoder, "tags", tags.of(2)), tags.weights()),
        (vec!["b".into(), String::new()], &[][..])
    );
    assert_eq!(train.sequence(0).ranges(), [[0, 0], [2, 2], [0, 1], [2, 2]]);

    let dev = files.read(folder.path().join("dev.tsv")).unwrap();
    assert_eq!(
        (dev.ids(0), dev.ids(1), dev.groups(), dev.labels()),
        (&[1][..], &[0][..], &[0][..], &[1.0][..])
    );
    assert_eq!(keys(&encoder, "kind", dev.ids(2)), ["drama"]);
    assert_eq!(keys(&encoder, "item", dev.sequence(0).of(0, 0)), ["film\"1\"", "film2"]);
    assert_eq!(keys(&encoder, "kind", dev.sequence(0).of(1, 0)), ["drama", "comedy"]);
    assert_eq!(dev.numbers()[1], 1995.0);
    assert_eq!(dev.many(0).of(0), [0, 0]);
    // film9 has no row in training, but a bucket.
    assert!((1..8).contains(&dev.ids(4)[0]));

    let json = serde_json::to_string(&encoder).unwrap();
    let again: Encoder = serde_json::from_str(&json).unwrap();
    let row = [("user", "ann"), ("item", "film2"), ("price", "7"), ("tags", "c|a")];
    let event: &[(&str, &str)] = &[("item", "film9")];
    let [one, two] = [&encoder, &again].map(|encoder| encoder.request(&row, &[event; 9], &[&[]]).unwrap());
    assert_eq!(one, two);
    assert_eq!((one.len(), one.ids(1), one.many(0).of(0)), (1, &[2][..], &[0, 1][..]));
    assert_eq!(keys(&encoder, "kind", one.sequence(0).of(1, 0)), ["drama"; 5]);
}

#[test]
fn libfm_rows_are_read_by_field_or_as_weights() {
    let folder = folder(&[
        ("one_hot", "# a comment\n1 3:1 7:1\n-1 3:1 8:1.0 # end\n\n0 4:1 7:1\n"),
        ("dev", "1 3:1 9:1\n"),
        ("ranking", "2 qid:7 1:0.5 9:-3e-1\n1 qid:7\n0 qid:8 9:1\n"),
    ]);
    let path = |name: &str| folder.path().join(name);
    let files = |name: &str| SampleFiles::new(Schema::of_libfm(path(name)).unwrap()).format(SampleFormat::LibFm);
    let (train, mut fitted) = files("one_hot").fit(path("one_hot")).unwrap();
    assert_eq!((train.ids(0), train.ids(1)), (&[1, 1, 2][..], &[1, 2, 1][..]));
    assert_eq!((train.labels(), train.groups()), (&[1.0, 0.0, 0.0][..], &[][..]));
    let dev = fitted.read(path("dev")).unwrap();
    assert_eq!((dev.ids(0), dev.ids(1)), (&[1][..], &[0][..]));

    let schema = Schema::of_libfm(path("ranking")).unwrap().group("qid");
    let refused = SampleFiles::new(schema.clone())
        .format(SampleFormat::LibFm)
        .fit(path("ranking"));
    let refused = refused.unwrap_err().to_string();
    assert!(
        refused.contains("ranking:1: the label 2 is none of 0, 1, -1 and +1") && refused.contains(LABEL_AT_LEAST),
        "{refused}"
    );
    let schema = schema.label_at_least("label", 0.5);
    let files = SampleFiles::new(schema).format(SampleFormat::LibFm);
    let (rows, _) = files.fit(path("ranking")).unwrap();
    let features = rows.many(0);
    assert_eq!(
        (features.offsets(), features.ids()),
        (&[0, 2, 2, 3][..], &[1, 2, 2][..])
    );
    assert_eq!(
        (features.weights(), rows.groups()),
        (&[0.5, -0.3, 1.0][..], &[0, 0, 1][..])
    );
    assert_eq!(rows.labels(), [1.0, 1.0, 0.0]);
}

#[test]
fn negatives_have_the_context_and_history_of_their_row() {
    let schema = Schema::new()
        .field(Field::key("user"))
        .field(Field::key("item"))
        .field(Field::number("hour"))
        .field(Field::keys("tags", '|').from_table("items"))
        .field(Field::raw_number("price").from_table("items"))
        .field(Field::key("kind").from_table("items"))
        .join("items", "item")
        .history("history", ["item", "kind"], 2)
        .group("user")
        .negatives("negatives", "item", ',');
    let mut items = SideTable::new("items", ["tags", "price", "kind"]);
    for (key, tags, price, kind) in [("a", "x|y", "1", "k"), ("b", "", "2", "k"), ("c", "y", "3", "l")] {
        items.push(key, &[tags, price, kind]).unwrap();
    }
    let mut training = Training::new(schema, vec![items]).unwrap();
    assert_eq!(training.inputs(), ["user", "item", "hour"]);
    for row in [["u", "a", "1"], ["v", "b", "3"], ["u", "c", "1"], ["u", "b", "3"]] {
        training.push_row(&row).unwrap();
    }
    let (encoder, train, mut past) = training.fit().unwrap();
    assert!(!train.has_negatives());
    assert_eq!(train.labels(), [1.0; 4]);
    let mut rows = encoder.rows(&mut past, true);
    rows.push_row(&["u", "b", "1", "c, a,zzz"]).unwrap();
    rows.push_row(&["v", "c", "3", ""]).unwrap();
    rows.push_row(&["v", "a", "2", "b"]).unwrap();
    let dev = rows.finish().unwrap();
    assert_eq!([0, 1, 2].map(|row| dev.negatives(row)), [3, 0, 1]);
    let item = dev.layout().id("item").unwrap();
    assert_eq!(keys(&encoder, "item", dev.negative_ids(item, 0)), ["c", "a", ""]);

    let cases = dev.cases(0..3).unwrap();
    assert_eq!(cases.labels(), [1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0]);
    assert_eq!(cases.groups(), [0, 0, 0, 0, 1, 1, 1]);
    assert_eq!(
        keys(&encoder, "user", cases.ids(0)),
        ["u", "u", "u", "u", "v", "v", "v"]
    );
    assert_eq!(keys(&encoder, "item", cases.ids(1)), ["b", "c", "a", "", "c", "a", "b"]);
    assert_eq!(keys(&encoder, "kind", cases.ids(2)), ["k", "l", "k", "", "l", "k", "k"]);
    // Hours 1, 3, 1, 3 have mean 2 and deviation 1; the prices of training are 1, 2, 3, 2, and zzz has none.
    assert_eq!(
        cases.numbers(),
        [-1.0, 2.0, -1.0, 3.0, -1.0, 1.0, -1.0, 2.0, 1.0, 3.0, 0.0, 1.0, 0.0, 2.0]
    );
    let tags: Vec<_> = (0..7)
        .map(|row| keys(&encoder, "tags", cases.many(0).of(row)).concat())
        .collect();
    assert_eq!(tags, ["", "y", "xy", "", "y", "xy", ""]);
    for row in 0..4 {
        assert_eq!(keys(&encoder, "item", cases.sequence(0).of(0, row)), ["c", "b"]);
    }
    assert_eq!(keys(&encoder, "item", cases.sequence(0).of(0, 6)), ["b", "c"]);
    assert_eq!(dev.cases(2..3).unwrap().ids(1), &cases.ids(1)[5..]);
}

#[test]
fn keys_and_features_can_come_after_training() {
    let schema = Schema::new()
        .field(Field::key("user"))
        .field(Field::key("item"))
        .field(Field::key("twin").column("item").vocabulary("item"))
        .field(Field::number("price").from_table("items"))
        .field(Field::key("hash").column("item").hashed(5))
        .join("items", "item")
        .history("history", ["item"], 4)
        .group("user");
    let mut items = SideTable::new("items", ["price"]);
    items.push("a", &["1"]).unwrap();
    items.push("b", &["3"]).unwrap();
    let mut training = Training::new(schema, vec![items]).unwrap();
    training.push_row(&["u", "a"]).unwrap();
    training.push_row(&["u", "b"]).unwrap();
    let (mut encoder, train, mut past) = training.fit().unwrap();

    assert_eq!(encoder.add_key("item", " c ").unwrap(), 3);
    assert_eq!(encoder.add_key("item", "a").unwrap(), 1);
    assert_eq!(encoder.layout().vocabularies[1].rows, 4);
    assert_eq!(train.layout().vocabularies[1].rows, 3);
    encoder.add_side_row("items", "c", &["5"]).unwrap();
    for (refused, reason) in [
        (encoder.add_key("hash", "x").map(|_| ()), "hash"),
        (encoder.add_key("items", "x").map(|_| ()), "no such vocabulary"),
        (encoder.add_key("user", " ").map(|_| ()), "is empty"),
        (encoder.add_side_row("item", "d", &["5"]), "no such side table"),
        (encoder.add_side_row("items", "c", &["5"]), "comes twice"),
        (encoder.add_side_row("items", "d", &["cheap"]), "is not a price"),
        (encoder.add_side_row("items", "d", &[]), "expected 1, got 0"),
        (encoder.catalogue("hash").map(|_| ()), "are hashed"),
        (encoder.catalogue("price").map(|_| ()), "not one key of the rows"),
        (encoder.catalogue("kind").map(|_| ()), "no such field"),
    ] {
        let refused = refused.unwrap_err().to_string();
        assert!(refused.contains(reason), "{refused} / {reason}");
    }

    let catalogue = encoder.catalogue("item").unwrap();
    assert_eq!(
        (catalogue.ids(1), catalogue.ids(2)),
        (&[0, 1, 2, 3][..], &[0, 1, 2, 3][..])
    );
    assert_eq!(catalogue.numbers(), [0.0, -1.0, 1.0, 3.0]);
    assert_eq!(encoder.decided_by("item"), [1, 2, 3]);
    assert_eq!(
        (encoder.decided_by("user"), encoder.decided_by("price")),
        (vec![0], vec![])
    );

    let mut rows = encoder.rows(&mut past, false);
    rows.push_row(&["u", "c"]).unwrap();
    rows.push_row(&["u", "a"]).unwrap();
    let later = rows.finish().unwrap();
    assert_eq!(later.sequence(0).of(0, 1), [1, 2, 3]);
}
