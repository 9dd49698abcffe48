//! Samples against small hand-written files, brute force and, where it is there, real data.

use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
};

use pocketrec::{
    data::{
        FittedFiles, SampleFiles, SampleFormat,
        samples::{Encoder, Field, Past, Samples, Schema, SideTable, Training, Vocabulary},
    },
    rng::Rng,
};
use proptest::prelude::*;

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

/// A row of made-up data: user, item, time, label.
type Row = (u32, u32, i64, u8);

fn history_schema(length: u32) -> Schema {
    Schema::new()
        .field(Field::key("user"))
        .field(Field::key("item"))
        .history("history", ["item"], length)
        .label("label")
        .group("user")
        .time("time")
}

fn values(row: &Row) -> [String; 4] {
    [
        row.0.to_string(),
        row.1.to_string(),
        row.3.to_string(),
        row.2.to_string(),
    ]
}

/// Encodes files of rows, of which the first is the training file.
fn encode(schema: Schema, files: &[Vec<Row>]) -> (Encoder, Vec<Samples>, Past) {
    let mut training = Training::new(schema, vec![]).unwrap();
    for row in &files[0] {
        let values = values(row);
        training.push_row(&values.each_ref().map(String::as_str)).unwrap();
    }
    let (encoder, train, mut past) = training.fit().unwrap();
    let mut samples = vec![train];
    for file in &files[1..] {
        let mut rows = encoder.rows(&mut past, false);
        for row in file {
            let values = values(row);
            rows.push_row(&values.each_ref().map(String::as_str)).unwrap();
        }
        samples.push(rows.finish().unwrap());
    }
    (encoder, samples, past)
}

/// The histories of every row by the obvious way, as items' keys: all that the row's user did before with label 1, in
/// the files so far, by a stable sort.
fn brute_force(files: &[Vec<Row>], length: usize) -> Vec<Vec<Vec<u32>>> {
    let histories = |(index, file): (usize, &Vec<Row>)| {
        let place = |(at, row): (usize, &Row)| {
            let before = files[..index].iter().flatten().filter(|other| other.2 <= row.2);
            let own = file.iter().enumerate();
            let own = own
                .filter(|&(other_at, other)| (other.2, other_at) < (row.2, at))
                .map(|(_, other)| other);
            let mut seen: Vec<&Row> = before
                .chain(own)
                .filter(|other| other.0 == row.0 && other.3 == 1)
                .collect();
            seen.sort_by_key(|other| other.2);
            seen[seen.len().saturating_sub(length)..]
                .iter()
                .map(|other| other.1)
                .collect()
        };
        file.iter().enumerate().map(place).collect()
    };
    files.iter().enumerate().map(histories).collect()
}

fn rows_strategy() -> impl Strategy<Value = Vec<Row>> {
    prop::collection::vec((0u32..4, 0u32..9, -3i64..6, 0u8..2), 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Any files in any order of time, repeated times, users that come late.
    #[test]
    fn histories_are_those_of_the_obvious_way(files in prop::collection::vec(rows_strategy(), 1..4), length in 1u32..6) {
        let (encoder, samples, _) = encode(history_schema(length), &files);
        let expected = brute_force(&files, length as usize);
        let vocabulary = encoder.vocabulary("item").unwrap();
        for (samples, expected) in samples.iter().zip(&expected) {
            for (row, expected) in expected.iter().enumerate() {
                let expected: Vec<u32> = expected.iter().map(|item| vocabulary.row(&item.to_string())).collect();
                prop_assert_eq!(samples.sequence(0).of(0, row), expected);
            }
        }
    }

    /// Rows do not see what is after them: without any of the later rows they are the same.
    #[test]
    fn later_rows_change_nothing(file in rows_strategy(), cut in 0usize..40) {
        let mut file = file;
        file.sort_by_key(|row| row.2);
        let cut = 1 + cut % file.len();
        let (_, all, _) = encode(history_schema(3), std::slice::from_ref(&file));
        let (_, some, _) = encode(history_schema(3), &[file[..cut].to_vec()]);
        for row in 0..cut {
            prop_assert_eq!(all[0].sequence(0).of(0, row), some[0].sequence(0).of(0, row));
        }
    }
}

/// The published rule, as it is for the published comparison: all splits one after the other, sorted by (user, time)
/// and else in order; the last earlier rows with label 1. It equals ours where no file has a time before that of an
/// earlier file.
#[test]
fn histories_follow_the_published_rule_on_a_global_timeline() {
    let rng = Rng::new(5);
    let row = |at: u64| {
        (
            rng.below(4 * at, 30),
            rng.below(4 * at + 1, 50),
            at as i64 / 7,
            rng.below(4 * at + 2, 2) as u8,
        )
    };
    let all: Vec<Row> = (0..3000).map(row).collect();
    let files = [all[..2500].to_vec(), all[2500..2800].to_vec(), all[2800..].to_vec()];
    let (encoder, samples, past) = encode(history_schema(20), &files);
    let mut order: Vec<usize> = (0..all.len()).collect();
    order.sort_by_key(|&at| (all[at].0, all[at].2));
    let vocabulary = encoder.vocabulary("item").unwrap();
    for (place, &at) in order.iter().enumerate() {
        let earlier = order[..place].iter().map(|&other| &all[other]);
        let mut seen: Vec<u32> = earlier
            .filter(|other| other.0 == all[at].0 && other.3 == 1)
            .map(|other| vocabulary.row(&other.1.to_string()))
            .collect();
        seen.drain(..seen.len().saturating_sub(20));
        let (file, row) = [(0, at), (1, at.wrapping_sub(2500)), (2, at.wrapping_sub(2800))]
            .into_iter()
            .rfind(|&(_, row)| row < 2500)
            .unwrap();
        assert_eq!(samples[file].sequence(0).of(0, row), seen);
    }
    assert_eq!(past.users().len(), 30);
}

#[test]
fn events_are_stored_once_and_not_once_a_row() {
    let file: Vec<Row> = (0..10_000).map(|at| (0, at % 100, at.into(), 1)).collect();
    let (_, samples, _) = encode(history_schema(5000), &[file]);
    let sequence = samples[0].sequence(0);
    assert_eq!((sequence.ids(0).len(), sequence.ranges().len()), (10_000, 10_000));
    assert_eq!(sequence.range(9_999), 4_999..9_999);
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

/// The folder of a real data set, or none with the reason printed.
fn real(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data").join(name);
    if !path.is_dir() {
        eprintln!("skipped: {} is not there", path.display());
        return None;
    }
    Some(path)
}

/// Reads train, dev and test.
fn three(files: SampleFiles, folder: &Path, names: [&str; 3]) -> ([Samples; 3], FittedFiles) {
    let (train, mut files) = files.fit(folder.join(names[0])).unwrap();
    let dev = files.read(folder.join(names[1])).unwrap();
    let test = files.read(folder.join(names[2])).unwrap();
    ([train, dev, test], files)
}

fn movielens_schema() -> Schema {
    Schema::new()
        .field(Field::key("user"))
        .field(Field::key("item"))
        .field(Field::key("genres_id").from_table("items"))
        .field(Field::keys("genres", '|').from_table("items"))
        .field(Field::key("gender").from_table("users"))
        .field(Field::key("age").from_table("users"))
        .field(Field::key("occupation").from_table("users"))
        .field(Field::key("hour"))
        .field(Field::key("weekday"))
        .field(Field::key("period"))
        .field(Field::number("day"))
        .join("items", "item")
        .join("users", "user")
        .history("history", ["item", "genres_id"], 20)
        .group("user")
        .time("time")
}

fn with_movielens_tables(schema: Schema, folder: &Path) -> SampleFiles {
    let files = SampleFiles::new(schema);
    let files = files.table("items", folder.join("items.tsv"), "item").unwrap();
    files.table("users", folder.join("users.tsv"), "user").unwrap()
}

#[test]
fn movielens_clicks_are_as_published() {
    let Some(folder) = real("ml-1m-ctr") else {
        return;
    };
    let files = with_movielens_tables(movielens_schema().label("label"), &folder);
    let (samples, files) = three(files, &folder, ["train.tsv", "dev.tsv", "test.tsv"]);
    assert_eq!(samples.each_ref().map(Samples::len), [983_831, 5_016, 5_176]);
    let vocabulary = |name: &str| files.encoder().vocabulary(name).unwrap().rows() - 1;
    // 6,034 users have features; two of them have no row.
    assert_eq!((files.past().users().len(), vocabulary("item")), (6_032, 3_125));
    let users = fs::read_to_string(folder.join("users.tsv")).unwrap();
    assert_eq!(users.lines().count() - 1, 6_034);
    assert_eq!(
        (vocabulary("gender"), vocabulary("age"), vocabulary("occupation")),
        (2, 7, 21)
    );
    let genres: HashSet<_> = (1..=vocabulary("genres"))
        .filter_map(|row| files.encoder().vocabulary("genres")?.key(row))
        .collect();
    assert!(genres.len() == 18 && genres.contains("Film-Noir"), "{genres:?}");
    // The figure that goes with the published comparison.
    let mean = samples[0].sequence(0).mean_len();
    assert!((mean - 17.9).abs() < 0.05, "{mean}");
    for samples in &samples {
        assert_eq!(samples.ids(2).iter().filter(|&&genres| genres == 0).count(), 0);
    }
    let expected = published_histories(&folder, 20);
    let item = files.encoder().vocabulary("item").unwrap();
    let rows: Vec<u32> = (0..3_125).map(|key: u32| item.row(&key.to_string())).collect();
    for (samples, expected) in samples.iter().zip(expected) {
        for (row, expected) in expected.iter().enumerate() {
            let expected = expected.iter().map(|&key| rows[key as usize]);
            assert!(expected.eq(samples.sequence(0).of(0, row).iter().copied()));
        }
    }
}

/// The items' keys of every row's history by the published rule, file by file.
fn published_histories(folder: &Path, length: usize) -> [Vec<Vec<u32>>; 3] {
    let mut rows = Vec::new();
    let mut histories: [Vec<Vec<u32>>; 3] = Default::default();
    for (file, name) in ["train.tsv", "dev.tsv", "test.tsv"].into_iter().enumerate() {
        let text = fs::read_to_string(folder.join(name)).unwrap();
        for line in text.lines().skip(1) {
            let fields: Vec<&str> = line.split('\t').collect();
            let [user, item, time] = [0, 1, 2].map(|at| fields[at].parse::<u32>().unwrap());
            rows.push((user, time, file, histories[file].len(), item, fields[3] == "1"));
            histories[file].push(Vec::new());
        }
    }
    rows.sort_by_key(|row| (row.0, row.1));
    for user in rows.chunk_by(|a, b| a.0 == b.0) {
        let mut seen = Vec::new();
        for (_, _, file, row, item, click) in user {
            histories[*file][*row] = seen[seen.len().saturating_sub(length)..].to_vec();
            if *click {
                seen.push(*item);
            }
        }
    }
    histories
}

#[test]
fn movielens_ranking_rows_carry_99_negatives() {
    let (Some(folder), Some(tables)) = (real("ml-1m-topk"), real("ml-1m-ctr")) else {
        return;
    };
    let files = with_movielens_tables(movielens_schema().negatives("negatives", "item", ','), &tables);
    let (samples, files) = three(files, &folder, ["train.tsv", "dev.tsv", "test.tsv"]);
    assert_eq!(samples.each_ref().map(Samples::len), [568_761, 2_562, 2_874]);
    assert!(!samples[0].has_negatives());
    for samples in &samples[1..] {
        assert!((0..samples.len()).all(|row| samples.negatives(row) == 99));
    }
    // The first row of the file: item 1717 of user 64 and its first negatives.
    let dev = &samples[1];
    let item = dev.layout().id("item").unwrap();
    assert_eq!(keys(files.encoder(), "item", &dev.ids(item)[..1]), ["1717"]);
    assert_eq!(
        keys(files.encoder(), "item", &dev.negative_ids(item, 0)[..3]),
        ["37", "88", "91"]
    );
    let cases = dev.cases(0..2).unwrap();
    assert_eq!((cases.len(), cases.labels().iter().sum::<f32>()), (200, 2.0));
}

#[test]
fn frappe_has_ten_fields() {
    let Some(folder) = real("frappe") else {
        return;
    };
    let schema = Schema::of_libfm(folder.join("train.libfm")).unwrap();
    let files = SampleFiles::new(schema).format(SampleFormat::LibFm);
    let (samples, files) = three(files, &folder, ["train.libfm", "validation.libfm", "test.libfm"]);
    assert_eq!(samples.each_ref().map(Samples::len), [202_027, 57_722, 28_860]);
    let layout = samples[0].layout();
    assert_eq!(layout.ids.len(), 10);
    // The fields' indices do not overlap: their keys are all different, and none is beyond the published number.
    let mut seen = HashSet::new();
    for table in &layout.vocabularies {
        let vocabulary = files.encoder().vocabulary(&table.name).unwrap();
        assert!(matches!(vocabulary, Vocabulary::Keys(_)));
        for row in 1..table.rows {
            let key: u32 = vocabulary.key(row).unwrap().parse().unwrap();
            assert!(key < 5_382 && seen.insert(key));
        }
    }
    assert!(seen.len() > 5_000, "{}", seen.len());
    let clicks: f32 = samples[0].labels().iter().sum();
    assert!((clicks / 202_027.0 - 1.0 / 3.0).abs() < 0.01, "{clicks}");
}

#[test]
fn groceries_are_ranked_without_labels() {
    let Some(folder) = real("amazon-grocery") else {
        return;
    };
    let schema = Schema::new()
        .field(Field::key("user_id"))
        .field(Field::key("item_id"))
        .field(Field::key("i_category").from_table("meta"))
        .join("meta", "item_id")
        .history("history", ["item_id", "i_category"], 20)
        .group("user_id")
        .time("time");
    let files = SampleFiles::new(schema)
        .table("meta", folder.join("item_meta.csv"), "item_id")
        .unwrap();
    let (samples, files) = three(files, &folder, ["train.csv", "dev.csv", "test.csv"]);
    assert_eq!(samples.iter().map(Samples::len).sum::<usize>(), 151_254);
    assert_eq!(files.past().users().len(), 14_681);
    // The last two of every user are held out: a history begins with what is in training.
    assert!(samples[2].sequence(0).ranges().iter().all(|[start, end]| end > start));
}
