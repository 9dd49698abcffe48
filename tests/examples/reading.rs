//! How `train_ctr` reads files, and what it says of it.

use std::{io::Write, path::Path};

use crate::{clicks::clicks, printed, refused};

/// The lines of a run, broken ones joined again.
fn joined(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// One epoch of a small model.
fn run(folder: &Path, more: &[&str]) -> String {
    let small = ["--factors", "4", "--hidden", "8", "--epochs", "1", "--quiet"];
    let text = printed("train_ctr", folder, &[more, &small[..]].concat());
    for line in text
        .lines()
        .filter(|line| line.starts_with("data") || line.starts_with("columns"))
    {
        assert!(line.chars().count() <= 80, "{line}");
    }
    joined(&text)
}

/// Rows of other names, several values a row, an awkward number and a weight.
fn shop(folder: &Path) {
    std::fs::create_dir(folder.join("shop")).unwrap();
    for (part, rows) in [("train", 0..600), ("valid", 600..700), ("test", 700..800)] {
        let mut text = String::from("uid;product_id;ts;tags;price;bought;times\n");
        for row in rows {
            let (user, item) = (row * 7 % 20, row * 11 % 15);
            // The sign between several values comes late.
            let tags = if row > 500 { "new;old" } else { "new" };
            let bought = u8::from(user % 2 == item % 2);
            text += &format!(
                "u{user};p{item};{row};\"{tags}\";{}.5;{bought};{}\n",
                row * row,
                row % 3
            );
        }
        std::fs::write(folder.join("shop").join(part).with_extension("csv"), text).unwrap();
    }
}

#[test]
fn columns_are_what_options_say() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    shop(folder);
    let said = run(
        folder,
        &[
            "--data",
            "shop",
            "--label",
            "6",
            "--weight",
            "times",
            "--separator",
            ";",
            "--log",
            "price",
            "--clip",
            "price=0:1000",
            "--hash",
            "product_id=50",
            "--history",
            "3",
            "--ties-in-order",
        ],
    );
    for wanted in [
        "train.csv: ';' between fields, with a header",
        "user = uid, time = ts, label = bought, weight = times",
        "keys: uid, product_id (hashed into 50)",
        "several keys: tags (';' between)",
        "numbers: price (cut to 0 to 1000, logarithm)",
        "history: the last 3 of product_id, those of one moment in order of the rows",
        "600 training rows, 100 dev, 100 test; 3 fields, 1 numbers",
    ] {
        assert!(said.contains(wanted), "{wanted}: {said}");
    }
    let base = ["--data", "shop", "--label", "bought", "--skip"];
    let other = run(folder, &[&base[..], &["ts,tags", "--quantiles", "price=5"]].concat());
    assert!(
        other.contains("no time") && other.contains("numbers by quantile: price (of 5)") && !other.contains("tags ("),
        "{other}"
    );
    assert!(other.contains("not used: ts, tags"), "{other}");
}

#[test]
fn options_that_say_nothing_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    shop(folder);
    let cases: [(&[&str], &str); 16] = [
        (&[], "--label: train.csv has no column named label"),
        (
            &["--label", "bougt"],
            "--label: train.csv: missing column \"bougt\" (did you mean \"bought\"?)",
        ),
        (&["--label", "9"], "there is no column 9"),
        (&["--label", "bought", "--numbers", "pirce"], "did you mean \"price\"?"),
        (&["--label", "bought", "--skip", "tgas"], "did you mean \"tags\"?"),
        (&["--label", "bought", "--hash", "uid"], "write COLUMN=VALUE"),
        (&["--label", "bought", "--clip", "price=9"], "\"9\" is no such value"),
        (
            &["--label", "bought", "--clip", "price=9:1"],
            "price: 9 to 1 is no range",
        ),
        (
            &["--label", "bought", "--numbers", "price", "--hash", "price=9"],
            "--hash: price is given to --numbers",
        ),
        (
            &["--label", "bought", "--numbers", "bought"],
            "--numbers: bought is the label",
        ),
        (
            &["--label", "bought", "--weight", "bought"],
            "--weight: bought is the column of --label",
        ),
        (&["--label", "bought", "--time-column", "when"], "--time-column"),
        (
            &["--label", "bought", "--skip", "product_id", "--history", "5"],
            "--history: there is no history",
        ),
        (
            &["--label", "bought", "--skip", "ts", "--ties-in-order"],
            "--ties-in-order: no column is known to be the time",
        ),
        (&["--label", "price", "--label-at-least", "x"], "--label-at-least"),
        (
            &["--label", "times"],
            "train.csv:4: the label 2 is not in 0..=1; say from which value on it is 1 (--label-at-least)",
        ),
    ];
    for (more, reason) in cases {
        let error = refused("train_ctr", folder, &[&["--data", "shop"], more].concat());
        assert!(error.contains(reason), "{more:?}: {error}");
        assert!(!error.contains("::"), "{error}");
    }
    let said = run(folder, &["--data", "shop", "--label", "times", "--label-at-least", "2"]);
    assert!(said.contains("label = times (1 from 2 on)"), "{said}");
}

/// Where the sign comes in the last of many rows, the column holds several values all the same; an item that has them
/// has no history, which is said.
#[test]
fn several_values_are_looked_for_in_all_rows() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    clicks(folder);
    let train = std::fs::read_to_string(folder.join("train.csv")).unwrap();
    std::fs::write(folder.join("train.csv"), train + "u1,i1|i2,20,1,1\n").unwrap();
    let said = run(folder, &["--data", "."]);
    assert!(
        said.contains("!!! item holds '|' in 1 of 1201 rows") && said.contains("several keys: item ('|' between)"),
        "{said}"
    );
    let whole = run(folder, &["--data", ".", "--separator", "#"]);
    assert!(
        whole.contains("history: the last 20 of item") && whole.contains("no row has '#' in a column of keys"),
        "{whole}"
    );
}

#[test]
fn one_file_is_parted_by_time_or_at_random() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    clicks(folder);
    let by_time = run(folder, &["--data", "train.csv", "--part", "time", "--dev-share", "0.2"]);
    assert!(by_time.contains("840 training rows, 240 dev, 120 test"), "{by_time}");
    let random = ["--data", "train.csv", "--part", "random"];
    let at_random = run(folder, &random);
    assert_eq!(at_random, run(folder, &random), "another draw");
    let lines: String = (0..300)
        .map(|row| format!("{} {}:1 {}:1\n", row % 2, row % 7, 7 + row % 3))
        .collect();
    std::fs::write(folder.join("rows.libfm"), &lines).unwrap();
    assert!(run(folder, &["--data", "rows.libfm", "--part", "random"]).contains("keys: 1, 2"));
    for (arguments, reason) in [
        (
            &["--data", "train.csv"][..],
            "--data: train.csv is one file; part its rows by --part time",
        ),
        (&["--data", ".", "--part", "time"], "--part: a folder has files"),
        (
            &["--data", "train.csv", "--part", "time", "--dev-share", "1"],
            "--part: 1 for dev",
        ),
        (&["--data", "train.csv", "--dev-share", "0.1"], "--part"),
        (
            &["--data", "rows.libfm", "--part", "time"],
            "--part: rows are to be parted by time",
        ),
        (
            &["--data", "rows.libfm", "--part", "random", "--delimiter", ","],
            "--delimiter: libfm's files",
        ),
        (&["--part", "time"], "--data"),
    ] {
        let error = refused("train_ctr", folder, arguments);
        assert!(error.contains(reason), "{arguments:?}: {error}");
    }
    std::fs::write(folder.join("train.tsv"), "").unwrap();
    let two = refused("train_ctr", folder, &["--data", "."]);
    assert!(two.contains("has both train.tsv and train.csv"), "{two}");
}

/// Compressed, of RecBole's names, with a byte order mark: what the library reads, the example reads.
#[test]
fn files_may_be_compressed_and_uneven_rows_of_libfm_are_one_field() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    clicks(folder);
    let plain = run(folder, &["--data", "."]);
    for part in ["train", "dev", "test"] {
        let path = folder.join(part).with_extension("csv");
        let text = std::fs::read(&path).unwrap();
        let packed = std::fs::File::create(folder.join(part).with_extension("csv.gz")).unwrap();
        let mut packed = flate2::write::GzEncoder::new(packed, flate2::Compression::fast());
        packed.write_all(&[&[0xef, 0xbb, 0xbf][..], &text].concat()).unwrap();
        packed.finish().unwrap();
        std::fs::remove_file(path).unwrap();
    }
    let test = |text: &str| text[text.find("test AUC").unwrap()..].to_owned();
    assert_eq!(test(&run(folder, &["--data", "."])), test(&plain));

    std::fs::create_dir(folder.join("uneven")).unwrap();
    for part in ["train", "validation", "test"] {
        let row = |row: i32| {
            format!(
                "{} 1:0.5 {}:1{}\n",
                row % 2 * 2 - 1,
                row % 9,
                if row == 29 { " 3:2" } else { "" }
            )
        };
        let text: String = (0..30).map(row).collect();
        std::fs::write(folder.join("uneven").join(part).with_extension("svmlight"), text).unwrap();
    }
    assert!(run(folder, &["--data", "uneven"]).contains("keys with weights: features"));
}

#[test]
fn unknown_keys_far_numbers_and_skipped_rows_are_said() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    clicks(folder);
    let path = folder.join("dev.csv");
    let dev = std::fs::read_to_string(&path).unwrap();
    std::fs::write(
        &path,
        dev.replace(",i", ",I").replacen(",Item", ",item", 1) + "u0,i0,25,1e30,1\n",
    )
    .unwrap();
    let said = run(folder, &["--data", ".", "--numbers", "age"]);
    for wanted in [
        "dev !!! item: 300 of 301 rows have keys that training does not know, such as \"I",
        "most are known in another form",
        "!!! age: 1 numbers are far beyond all of training, the first in row 300 with 1e30",
    ] {
        assert!(said.contains(wanted), "{wanted}: {said}");
    }
    std::fs::write(&path, dev + "u0,i0,25,2\nu0,i0,25,2,maybe\n").unwrap();
    let error = refused("train_ctr", folder, &["--data", "."]);
    assert!(error.contains("dev.csv:302"), "{error}");
    let said = run(folder, &["--data", ".", "--skip-bad-rows"]);
    assert!(
        said.contains("dev.csv: 2 of 302 rows are skipped; the first, in line 302:"),
        "{said}"
    );
    std::fs::write(folder.join("dev.csv"), std::fs::read(folder.join("test.csv")).unwrap()).unwrap();
    std::fs::write(folder.join("items.csv"), "item,kinds\ni0,a|b\ni0,b\ni1,b\n").unwrap();
    let error = refused("train_ctr", folder, &["--data", "."]);
    assert!(
        error.contains("items.csv:3") && error.contains("comes twice"),
        "{error}"
    );
    let said = run(folder, &["--data", ".", "--skip-bad-rows"]);
    assert!(
        said.contains("items.csv: 1 of 3 rows are skipped; the first, in line 3:"),
        "{said}"
    );
}
