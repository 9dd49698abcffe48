//! Data sets of parts, and files of lists: a user and the user's items a line, in whatever way people write them.
#![cfg(feature = "std")]

use std::{fs, io::Write, path::Path};

use pocketrec::data::{BadRows, Candidates, Dataset, Delimited, Interactions, Split};
use proptest::prelude::*;

/// A folder with a training and a test part.
fn folder(train: &[u8], test: &[u8]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("train.txt"), train).unwrap();
    fs::write(folder.path().join("test.txt"), test).unwrap();
    folder
}

fn read(train: &str, test: &str) -> pocketrec::Result<Split> {
    let folder = folder(train.as_bytes(), test.as_bytes());
    Dataset::read_lists(folder.path().join("train.txt"), folder.path().join("test.txt"))
}

fn refused(train: &str, test: &str) -> String {
    read(train, test).unwrap_err().to_string()
}

/// Users and their items by key: `ann: tea rice | soup`, what is held out behind the bar.
fn shown(split: &Split) -> Vec<String> {
    let train = &split.train;
    let key = |item: u32| train.item_ids().key(item).unwrap().into_owned();
    let of_user = |user: u32| {
        let mut words = vec![format!("{}:", train.user_ids().key(user).unwrap())];
        words.extend(train.of_user(user).iter().map(|&item| key(item)));
        words.push("|".into());
        words.extend(
            split
                .test
                .iter()
                .filter(|case| case.user == user)
                .map(|case| key(case.item)),
        );
        words.join(" ")
    };
    (0..train.users()).map(of_user).collect()
}

#[test]
fn lists_are_read_however_they_are_written() {
    let numbers = ["0: 5 7 | 9", "1: 9 | 5 7", "2: | 7"];
    for (train, test) in [
        ("0 5 7\n1 9\n2\n", "0 9\n1 5 7\n2 7\n"),
        // Blanks at the ends, tabs, a last line that does not end, line ends of Windows and of old Macs.
        ("0 5 7 \n1 9 \n2 \n", "0\t9\n1\t5\t7\n2\t7"),
        ("0 5 7\r\n1 9\r\n2\r\n", "0 9\r1 5 7\r2 7\r"),
        // A user over several lines, blank lines, users without items in either part.
        ("0 5\n1 9\n\n0 7\n2\n", "1 5\n0\n2\n0 9\n1 7\n2 7\n"),
        // Other signs between, and two of them.
        ("0,5,7\n1,9\n2\n", "0, 9\n1, 5, 7\n2, 7\n"),
        ("0,5,7,\n1,9,\n2,\n", "0;9\n1;5;7\n2;7\n"),
        ("0\t5 7\n1\t9\n2\t\n", "0\t9\n1\t5 7\n2\t7\n"),
        ("0::5::7\n1::9\n2\n", "0|9\n1|5|7\n2|7\n"),
        // A header, and a mark of UTF-8.
        ("user items\n0 5 7\n1 9\n2\n", "\u{feff}0 9\n1 5 7\n2 7\n"),
        ("sep=,\n0,5,7\n1,9\n2\n", "0 9\n1 5 7\n2 7\n"),
    ] {
        assert_eq!(shown(&read(train, test).unwrap()), numbers, "{train:?} {test:?}");
    }
    for (train, test, expected) in [
        // Names, with blanks in them where something else stands between.
        (
            "ann tea rice\nbob tea\n",
            "ann soup\nbob rice soup\n",
            &["ann: tea rice | soup", "bob: tea | rice soup"][..],
        ),
        (
            "ann,green tea,rice\nbob,rice\n",
            "bob,green tea\n",
            &["ann: green tea rice |", "bob: rice | green tea"],
        ),
        (
            "ann\tgreen tea\t\"x\nbob\trice\n",
            "bob\t\"x\n",
            &["ann: green tea \"x |", "bob: rice | \"x"],
        ),
        ("\"a,b\",\"c,d\"\ne,f\n", "e,\"c,d\"\n", &["a,b: c,d |", "e: f | c,d"]),
        // Keys that are numbers to nobody but a spreadsheet.
        (
            "-1 007 7\n99999999999 1e3\n",
            "-1 1e3\n",
            &["-1: 007 7 | 1e3", "99999999999: 1e3 |"],
        ),
        // Someone and something that only the test part has.
        (
            "0 5 6\n1 5 6 7\n",
            "2 5 8\n0 8\n",
            &["0: 5 6 | 8", "1: 5 6 7 |", "2: | 5 8"],
        ),
        // All of a length.
        ("0 1 2 3\n1 2 3 4\n", "0 4\n1 1\n", &["0: 1 2 3 | 4", "1: 2 3 4 | 1"]),
    ] {
        assert_eq!(shown(&read(train, test).unwrap()), expected, "{train:?} {test:?}");
    }
}

#[test]
fn a_folder_of_two_parts_is_read_as_what_it_is() {
    // Lists of which those of one part are all of a length, of names, and over several lines.
    for (train, test, expected) in [
        (
            "0 1 2 3\n1 2 3 4\n",
            "0 4\n1 1\n",
            &["0: 1 2 3 | 4", "1: 2 3 4 | 1"][..],
        ),
        (
            "0 1 2 3\n1 2 3 4 0\n",
            "0 4 0\n1 1 5\n",
            &["0: 1 2 3 | 4 0", "1: 2 3 4 0 | 1 5"],
        ),
        (
            "ann tea rice\nbob tea\n",
            "ann soup\n",
            &["ann: tea rice | soup", "bob: tea |"],
        ),
        ("0 1 2\n0 3\n1 2\n1 9 8 7\n", "0 9\n", &["0: 1 2 3 | 9", "1: 2 9 8 7 |"]),
        // Rows of columns are no lists.
        (
            "user,item,rating,time\n7,50,5,20\n7,31,4,10\n",
            "user,item,rating,time\n7,9,1,30\n",
            &["7: 31 50 | 9"],
        ),
        (
            "7\t50\t5\t20\n7\t31\t4\t10\n9\t31\t4\t1\n",
            "7\t9\t1\t30\n",
            &["7: 31 50 | 9", "9: 31 |"],
        ),
        (
            "ann tea\nann rice\nbob tea\n",
            "bob rice\n",
            &["ann: tea rice |", "bob: tea | rice"],
        ),
    ] {
        let folder = folder(train.as_bytes(), test.as_bytes());
        let of_folder = Dataset::read(folder.path()).unwrap();
        assert_eq!(shown(&of_folder), expected, "{train:?}");
        assert!(!of_folder.has_negatives());
        let of_file = Dataset::read(folder.path().join("train.txt")).unwrap();
        assert_eq!(shown(&of_file), expected, "{train:?}");
    }
    // Compressed.
    let gzip = |text: &str| {
        let mut to = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        to.write_all(text.as_bytes()).unwrap();
        to.finish().unwrap()
    };
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("train.txt.gz"), gzip("0 1 2\n1 2\n")).unwrap();
    fs::write(folder.path().join("test.txt"), "0 3\n").unwrap();
    assert_eq!(shown(&Dataset::read(folder.path()).unwrap()), ["0: 1 2 | 3", "1: 2 |"]);
}

#[test]
fn what_is_no_list_is_refused_by_file_and_line() {
    for (train, test, reason) in [
        ("", "0 1\n", "train.txt: the file is empty"),
        ("0 1\n", "\n\n", "test.txt: the file is empty"),
        ("0\n1\n", "0 1\n", "train.txt:1: \"0\" has no \"::\", tab, comma"),
        ("0 \n1 \n", "0 1\n", "train.txt"),
        ("0,1,2\n,4,5\n", "0 3\n", "train.txt:2: the user is empty"),
        // The answers are in the training part.
        (
            "0 1 2\n1 2\n",
            "0 2\n1 2\n",
            "split: 2 of 2 test items are in the training part",
        ),
    ] {
        let error = refused(train, test);
        assert!(error.contains(reason), "{train:?} {test:?}: {error}");
    }
    let bad = folder(b"0 1 2\n1 \xff 3\n", b"0 3\n");
    let error = Dataset::read(bad.path()).unwrap_err().to_string();
    assert!(
        error.contains("train.txt:2: the item") && error.contains("UTF-8"),
        "{error}"
    );
    let wide = folder(b"0\x00 \x001\x00\n\x00", b"0 3\n");
    assert!(Dataset::read(wide.path()).unwrap_err().to_string().contains("UTF-16"));
    let error = Dataset::read_lists("/no/such/train.txt", "/no/such/test.txt").unwrap_err();
    assert!(matches!(error, pocketrec::Error::Io { .. }), "{error}");
    let alone = tempfile::tempdir().unwrap();
    fs::write(alone.path().join("train.txt"), "0 1 2\n").unwrap();
    let error = Dataset::read(alone.path()).unwrap_err().to_string();
    assert!(error.contains("train.txt and test.txt"), "{error}");
}

#[test]
fn repetitions_and_bad_rows_are_counted() {
    let folder = folder(b"0 5 7 5\n1 7\n0 7\n", b"0 9 9\n1 9\n");
    let options = Delimited {
        lists: Some(true),
        ..Delimited::default()
    };
    let paths = ["train.txt", "test.txt"].map(|name| folder.path().join(name));
    let [train, test] = Interactions::read_parts(paths.clone(), &options).unwrap();
    assert_eq!((train.report().rows, train.report().duplicates, train.len()), (5, 2, 3));
    assert_eq!((test.report().rows, test.report().duplicates, test.len()), (3, 1, 2));
    let layout = train.report().layout.as_ref().unwrap().to_string();
    assert!(layout.contains("a user and the user's items in each row"), "{layout}");
    // One test item of a hundred and more may have been trained on: it is left out and counted.
    let long: String = (0..150).map(|item| format!(" {item}")).collect();
    let split = read(&format!("0 7\n1 3\n2{long}\n"), &format!("0{long}\n")).unwrap();
    assert_eq!((split.test.len(), split.report().trained_on), (149, 1));
    fs::write(&paths[0], b"0 5 7\n1 \xff\n1 5\n").unwrap();
    let skip = Delimited {
        bad_rows: BadRows::Skip,
        ..options
    };
    let [train, _] = Interactions::read_parts(paths, &skip).unwrap();
    assert_eq!((train.report().skipped, train.len(), train.items()), (1, 3, 3));
}

#[test]
fn parts_share_keys_and_the_unit_of_time() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let train = write("train.csv", "user,item,time\nann,tea,3\nann,rice,1\nbob,tea,2\n");
    let dev = write("dev.csv", "time;item;user\n4.5;soup;ann\n");
    let test = write("test.csv", "user,item,time\nbob,soup,7\n");
    let parts = [&train, &dev, &test];
    let [train_part, dev_part, test_part] = Interactions::read_parts(parts, &Delimited::default()).unwrap();
    assert_eq!(train_part.of_user(0), [1, 0]);
    assert_eq!(
        (train_part.times_of(0), dev_part.times_of(0)),
        (&[10, 30][..], &[45][..])
    );
    assert_eq!((test_part.of_user(1), test_part.times_of(1)), (&[2][..], &[70][..]));
    assert!(
        [&train_part, &dev_part, &test_part]
            .iter()
            .all(|part| part.users() == 2 && part.items() == 3)
    );
    assert!(train_part.unused_items().is_empty());
    let split = Split::from_parts(train_part, &test_part).unwrap();
    let split = split.among_without(Candidates::default(), &[&dev_part]);
    assert_eq!(split.negatives(0), [1]); // bob has tea, and is tested by soup
    // A part without times, with dates, of a user whom the other part does not know by the same number.
    let untimed = write("untimed.csv", "user,item\nbob,soup\n");
    let dated = write("dated.csv", "user,item,time\nbob,soup,2020-01-02\n");
    for (other, reason) in [(untimed, "some have none"), (dated, "dates in one file and numbers")] {
        let error = Interactions::read_parts([&train, &other], &Delimited::default())
            .unwrap_err()
            .to_string();
        assert!(
            error.contains(other.to_str().unwrap()) && error.contains(reason),
            "{error}"
        );
    }
    let (one, other) = (Interactions::read(&train).unwrap(), Interactions::read(&test).unwrap());
    let error = Split::from_parts(one, &other).unwrap_err().to_string();
    assert!(
        error.contains("row 0 \"ann\" in training and \"bob\" in test"),
        "{error}"
    );
}

#[test]
fn a_share_is_held_out_of_each_user() {
    let pairs: Vec<(u32, u32)> = (0..40)
        .flat_map(|user| (0..=10 * user).map(move |item| (user, item)))
        .collect();
    let data = Interactions::from_pairs(&pairs).unwrap();
    let split = data.hold_out(0.25, 3).unwrap();
    assert_eq!(split.train.len() + split.test.len(), data.len());
    let share = split.test.len() as f64 / data.len() as f64;
    assert!((share - 0.25).abs() < 0.02, "{share}");
    for user in 0..40 {
        let mut both: Vec<u32> = split.train.of_user(user).to_vec();
        assert_eq!(both[0], 0);
        both.extend(split.test.iter().filter(|case| case.user == user).map(|case| case.item));
        both.sort_unstable();
        assert_eq!(both, (0..=10 * user).collect::<Vec<_>>());
    }
    // The same again, and another with another seed.
    let cases = |seed| data.hold_out(0.25, seed).unwrap().test;
    assert!(cases(3) == split.test && cases(4) != split.test);
    for share in [0.0, 1.0, -1.0, f32::NAN] {
        assert!(data.hold_out(share, 1).unwrap_err().to_string().starts_with("share:"));
    }
    let alone = Interactions::from_pairs(&[(0, 0), (1, 1)]).unwrap();
    assert!(
        alone
            .hold_out(0.9, 1)
            .unwrap_err()
            .to_string()
            .contains("none was held out")
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// What is written as lists comes back, however users are spread over lines.
    #[test]
    fn what_is_written_is_read(
        lines in proptest::collection::vec((0u32..9, proptest::collection::vec(0u32..40, 0..6)), 1..30),
        sign in prop_oneof![Just(" "), Just("\t"), Just(","), Just("::")],
    ) {
        let mut text = String::new();
        let mut expected: Vec<(String, Vec<String>)> = Vec::new();
        for (user, items) in &lines {
            let words: Vec<String> = [user].into_iter().chain(items).map(u32::to_string).collect();
            text += &(words.join(sign) + "\n");
            let at = expected.iter().position(|(key, _)| *key == words[0]).unwrap_or_else(|| {
                expected.push((words[0].clone(), Vec::new()));
                expected.len() - 1
            });
            for word in &words[1..] {
                // Of repetitions the latest counts.
                expected[at].1.retain(|other| other != word);
                expected[at].1.push(word.clone());
            }
        }
        prop_assume!(expected.iter().any(|(_, items)| !items.is_empty()));
        let options = Delimited { lists: Some(true), ..Delimited::default() };
        let data = Interactions::read_bytes("lists", text.as_str(), &options).unwrap();
        prop_assert_eq!(data.users() as usize, expected.len());
        for (user, (key, items)) in (0..).zip(&expected) {
            prop_assert_eq!(data.user_ids().key(user).unwrap(), key.as_str());
            let got: Vec<String> = data.of_user(user).iter().map(|&i| data.item_ids().key(i).unwrap().into_owned()).collect();
            prop_assert_eq!(&got, items);
        }
    }

    /// Any bytes are read or refused.
    #[test]
    fn any_bytes_are_read_or_refused(train in ".{0,60}", test in "[0-9a ,\\t\\n]{0,40}") {
        if let Ok(split) = read(&train, &test) {
            prop_assert!(!split.train.is_empty());
        }
    }
}

#[test]
fn gowalla_is_as_published() {
    let path = std::env::var("GOWALLA").unwrap_or("../shared/data/gowalla".into());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if !path.is_dir() {
        return crate::common::skipped::skipped("../shared/data/gowalla is not there");
    }
    let split = Dataset::read(path).unwrap();
    assert_eq!((split.train.users(), split.train.items()), (29_858, 40_981));
    assert_eq!((split.train.len(), split.test.len()), (810_128, 217_242));
    assert_eq!((split.report().trained_on, split.report().untested_users), (0, 0));
    // The ids come in order, so that they are the numbers.
    let same = |keys: &pocketrec::data::IdMap| (0..).zip(keys.iter()).all(|(at, key): (u32, _)| key == at.to_string());
    assert!(same(split.train.user_ids()) && same(split.train.item_ids()));
}
