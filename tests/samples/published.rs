//! Real data sets, where they are there.

use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
};

use pocketrec::data::{
    FittedFiles, SampleFiles, SampleFormat,
    clicks::{Field, Samples, Schema, Vocabulary},
};

use crate::keys;

/// The folder of a real data set, or none with the reason printed.
fn real(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data").join(name);
    if !path.is_dir() {
        crate::skipped::skipped(format!("{} is not there", path.display()));
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
        .ties_in_order() // as published
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
        .time("time")
        .ties_in_order(); // days
    let files = SampleFiles::new(schema)
        .table("meta", folder.join("item_meta.csv"), "item_id")
        .unwrap();
    let (samples, files) = three(files, &folder, ["train.csv", "dev.csv", "test.csv"]);
    assert_eq!(samples.iter().map(Samples::len).sum::<usize>(), 151_254);
    assert_eq!(files.past().users().len(), 14_681);
    // The last two of every user are held out: a history begins with what is in training.
    assert!(samples[2].sequence(0).ranges().iter().all(|[start, end]| end > start));
}
