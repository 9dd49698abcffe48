//! `ads`: probabilities that are nearer to the truth earn more.

use std::path::Path;

use crate::{fields::drawn, printed, refused};

/// The numbers of a row of a table; of several tables, that of the one whose head this is.
fn numbers(said: &str, head: &str, row: &str) -> Vec<f64> {
    let lines = said.lines().skip_while(|line| !line.starts_with(&format!("│ {head}")));
    let line = lines.into_iter().find(|line| line.starts_with(&format!("│ {row}")));
    let line = line.unwrap_or_else(|| panic!("no {row} of {head}: {said}"));
    line.split(['│', '┆'])
        .filter_map(|cell| cell.trim().parse().ok())
        .collect()
}

#[test]
fn the_better_probability_earns_more() {
    let folder = tempfile::tempdir().unwrap();
    let names = ["DeepFM on test impressions", "predicted probability"];
    let said = drawn("ads", folder.path(), &["--user", "7"], &names);
    let of = |row| numbers(&said, "test impressions", row);
    let [constant, lr, deep, sure, truth] = ["the same rate", "LR", "DeepFM ", "DeepFM, too", "the truth"].map(of);
    let [auc, log_loss, error, ratio] = [0, 1, 2, 3];
    assert_eq!(constant[auc], 0.5);
    assert!(deep[auc] > lr[auc] + 0.015 && truth[auc] > deep[auc] + 0.02, "{said}");
    assert!(
        lr[log_loss] + 0.01 < constant[log_loss] && deep[log_loss] + 0.004 < lr[log_loss],
        "{said}"
    );
    assert!(truth[log_loss] + 0.005 < deep[log_loss] && deep[error] < 0.02, "{said}");
    // The same order, and as many clicks in all; but not the same probabilities.
    assert!(
        sure[auc] == deep[auc] && (sure[ratio] - deep[ratio]).abs() < 0.01,
        "{said}"
    );
    assert!(
        sure[error] > deep[error] + 0.005 && sure[log_loss] > deep[log_loss] + 0.005,
        "{said}"
    );
    let of = |row| numbers(&said, "per 1,000 auctions", row);
    let [constant, lr, deep, sure] = ["the same rate", "LR", "DeepFM ", "DeepFM, too"].map(of);
    assert!(
        constant[1] < lr[1] - 0.1 && lr[1] < deep[1] - 0.08 && deep[1] < 0.97,
        "{said}"
    );
    assert!(sure[2] > 1.15 * sure[0], "it promises more than it earns: {said}");
    let of = |row| numbers(&said, "log loss", row);
    let [new, old] = [of("later impressions"), of("the test part")];
    assert!(
        new[1] < new[0] - 0.02 && new[2] < new[1] && (old[1] - old[0]).abs() < 0.002,
        "{said}"
    );
}

/// Clicks that come mostly on two pages, in a CSV file and in libfm's format.
fn impressions(folder: &Path) {
    let mut rows = String::from("clicked,page,price,visitor\n");
    let mut libfm = String::new();
    for row in 0..3000 {
        let (page, price) = (row * 7 % 5, row * 11 % 13);
        let clicked = u8::from((page < 2) != (row % 7 == 0));
        rows += &format!("{clicked},p{page},{price},v{row}\n");
        libfm += &format!("{clicked} {page}:1 {}:1\n", 5 + price);
    }
    std::fs::write(folder.join("clicks.csv"), rows).unwrap();
    std::fs::create_dir(folder.join("libfm")).unwrap();
    for part in ["train", "valid", "test"] {
        std::fs::write(folder.join("libfm").join(part).with_extension("libfm"), &libfm).unwrap();
    }
}

#[test]
fn impressions_of_files_are_predicted() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    impressions(folder);
    let csv = [
        "--data",
        "clicks.csv",
        "--label",
        "clicked",
        "--numbers",
        "price",
        "--hash",
        "64",
    ];
    let said = printed("ads", folder, &[&csv[..], &["--epochs", "20", "--quiet"]].concat());
    assert!(said.contains("hashed to 64 rows each: visitor\n"), "{said}");
    assert!(
        numbers(&said, "test impressions", "DeepFM")[0] > 0.7 && !said.contains("auction"),
        "{said}"
    );
    let said = printed("ads", folder, &["--data", "libfm", "--epochs", "3"]);
    assert!(said.contains("3000 impressions to train on"), "{said}");
    for (arguments, wanted) in [
        (&["--data", "nowhere"][..], "--data: there is no file or folder nowhere"),
        (
            &["--data", "clicks.csv", "--numbers", "prise"],
            "--numbers: clicks.csv: ",
        ),
        (&["--data", "clicks.csv", "--label", "page"], "clicks.csv"),
        (
            &["--data", "libfm", "--hash", "9"],
            "--hash: libfm's files have no named columns",
        ),
        (&["--data", "libfm", "--user", "7"], "--user"),
        (&["--user", "ann"], "--user: \"ann\" is none of the 2000 users"),
    ] {
        let error = refused("ads", folder, arguments);
        assert!(error.contains(wanted) && error.lines().count() == 1, "{error}");
    }
}
