//! How `train_ncf` reads files, and what it says of it.

use std::path::Path;

use crate::{printed, refused};

fn run(folder: &Path, more: &[&str]) -> String {
    let text = printed("train_ncf", folder, &[more, &["--epochs", "1", "--quiet"]].concat());
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Twenty users of six items each, of thirty.
fn rows(row: impl Fn(u32, u32, u32) -> String) -> String {
    let pairs = (0..20).flat_map(|user| (0..6).map(move |n| (user, (user * 3 + n * 5) % 30, n)));
    pairs.map(|(user, item, n)| row(user, item, n)).collect()
}

#[test]
fn what_was_taken_left_out_and_repeated_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let text = String::from("client|film|stars|seen at\n")
        + &rows(|user, item, n| format!("c{user}|f{item}|{}|{n}\n", n % 3 + 1))
        + "c0|f0|3|0\nc1|f3|3|x\n";
    std::fs::write(folder.join("films"), text).unwrap();
    let columns = ["--data", "films", "--item-column", "2", "--time-column", "seen at"];
    let error = refused("train_ncf", folder, &columns);
    assert!(error.contains("films:123") && error.lines().count() == 1, "{error}");
    let said = run(
        folder,
        &[&columns[..], &["--skip-bad-rows", "--min-rating", "2"]].concat(),
    );
    for wanted in [
        "'|' between fields, with a header; user = client (column 1), item = film (column 2), rating = stars (column 3), \
         time = seen at (column 4)",
        "1 of 122 rows are skipped; the first, in line 123:",
        "40 rows are below --min-rating",
    ] {
        assert!(said.contains(wanted), "{wanted}: {said}");
    }
    let said = run(folder, &[&columns[..], &["--skip-bad-rows"]].concat());
    assert!(said.contains("1 of 121 rows are a pair that comes again"), "{said}");
    assert!(said.contains("ratings are not used"), "{said}");
}

#[test]
fn lists_and_columns_without_names_are_read_as_told() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let list = |user: u32| {
        (0..6)
            .map(|n| format!(" {}", (user * 3 + n * 5) % 30))
            .collect::<String>()
    };
    let text: String = (0..20).map(|user| format!("{user}{}\n", list(user))).collect();
    std::fs::write(folder.join("lists"), text).unwrap();
    let error = refused("train_ncf", folder, &["--data", "lists"]);
    assert!(
        error.contains("--user-column") && !error.contains("Delimited"),
        "{error}"
    );
    let said = run(folder, &["--data", "lists", "--lists", "true"]);
    assert!(
        said.contains("20 users, 30 items, 100 interactions to train on"),
        "{said}"
    );
    assert!(said.contains("a user and the user's items in each row"), "{said}");
    let both = ["--data", "lists", "--lists", "true", "--user-column", "1"];
    let error = refused("train_ncf", folder, &both);
    assert!(error.contains("give --lists false"), "{error}");
    std::fs::write(
        folder.join("five"),
        rows(|user, item, n| format!("x,{item},y,{user},{n}\n")),
    )
    .unwrap();
    let numbered = [
        "--data",
        "five",
        "--user-column",
        "4",
        "--item-column",
        "2",
        "--time-column",
        "5",
    ];
    let said = run(folder, &numbered);
    assert!(
        said.contains("user = column 4, item = column 2, no rating, time = column 5"),
        "{said}"
    );
}

/// A user who has everything, and times that are the same.
#[test]
fn cases_that_tell_nothing_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let all: String = (0..30).map(|item| format!("all,{item},{}\n", item / 2)).collect();
    let text = String::from("user,item,time\n") + &rows(|user, item, n| format!("{user},{item},{n}\n")) + &all;
    std::fs::write(folder.join("rows.csv"), text + "one,4,1\n").unwrap();
    let said = run(folder, &["--data", "rows.csv"]);
    for wanted in [
        "1 users have every item",
        "1 users have no test item and are trained on all the same, the first one",
        "1 test items are the latest by the order of rows alone, as others have their time: user all",
        "on 20 test items; 1 more have nothing to be ranked among",
    ] {
        assert!(said.contains(wanted), "{wanted}: {said}");
    }
}

/// Files as published: what they hold that cannot be right is said or refused, and nothing says how to read them.
#[test]
fn published_files_are_read_in_one_way_alone() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(
        folder.join("a.train.rating"),
        rows(|user, item, n| format!("{user}\t{item}\t1\t{n}\n")),
    )
    .unwrap();
    let test = |user: u32| (user * 3 + 1) % 30;
    let cases: String = (0..20).map(|user| format!("{user}\t{}\t1\t9\n", test(user))).collect();
    std::fs::write(folder.join("a.test.rating"), cases).unwrap();
    let given = |user: u32| {
        format!(
            "({user},{})\t{}\t{}\t{}\n",
            test(user),
            test(user),
            (user + 2) % 30,
            (user + 2) % 30
        )
    };
    std::fs::write(folder.join("a.test.negative"), (0..20).map(given).collect::<String>()).unwrap();
    let said = run(folder, &["--data", "."]);
    assert!(said.contains("given candidates are the test item itself"), "{said}");
    assert!(said.contains("20 given candidates come again and count once"), "{said}");
    for (option, value) in [("--delimiter", "tab"), ("--lists", "false"), ("--min-rating", "1")] {
        let error = refused("train_ncf", folder, &["--data", ".", option, value]);
        assert!(error.contains(option) && error.contains("as published"), "{error}");
    }
    let leak: String = (0..20)
        .map(|user| format!("{user}\t{}\t1\t9\n", user * 3 % 30))
        .collect();
    std::fs::write(folder.join("a.test.rating"), leak).unwrap();
    std::fs::remove_file(folder.join("a.test.negative")).unwrap();
    let error = refused("train_ncf", folder, &["--data", "."]);
    assert!(
        error.contains("--data: 20 of 20 test items are in the training part"),
        "{error}"
    );
}
