//! `tune`: a search that is the same however often it is stopped, and whose winner `train_ncf` takes.

use crate::{
    ncf::{PLAYS, plays, train},
    printed, refused,
};

const SEARCH: [&str; 13] = [
    "--models",
    "mf,gmf",
    "--factors",
    "2,4",
    "--first",
    "1",
    "--last",
    "4",
    "--eta",
    "2",
    "--random",
    "4",
    "--study",
];

/// What does not depend on time.
fn lasting(text: &str) -> Vec<&str> {
    text.lines().filter(|line| !line.contains(" epochs in ")).collect()
}

#[test]
fn a_search_in_parts_ends_as_one_in_one_go() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    plays(folder);
    let with = |more: &[&'static str]| [&PLAYS[..], &SEARCH, more].concat();
    let whole = printed(
        "tune",
        folder,
        &with(&[
            "a",
            "--trials",
            "8",
            "--quiet",
            "--plot",
            "a.svg",
            "--checkpoint",
            "best",
        ]),
    );
    // A budget of epochs in between, and lines where nobody looks.
    let part = printed("tune", folder, &with(&["b", "--trials", "8", "--epochs", "13"]));
    assert!(
        part.contains("trial epochs NDCG@10") && part.contains("paused"),
        "{part}"
    );
    let rest = printed("tune", folder, &with(&["b", "--trials", "8", "--quiet"]));
    assert!(rest.contains("nothing is left to try: 8 trials"), "{rest}");
    let svg = std::fs::read_to_string(folder.join("a.svg")).unwrap();
    assert!(svg.trim_end().ends_with("</svg>"));
    for name in ["the winner", "gmf", "factors", "negatives", "lr, as a power of ten"] {
        assert!(svg.contains(name), "{name}");
    }
    // Commands are copied, and so in one piece.
    let is_command = |line: &&str| {
        ["options", "  --model", "saved to"]
            .iter()
            .any(|begin| line.starts_with(begin))
    };
    for line in part.lines().chain(whole.lines()).filter(|line| !is_command(line)) {
        assert!(unicode_width::UnicodeWidthStr::width(line) <= 80, "{line}");
    }
    assert!(printed("recommend", folder, &["--model", "best", "--user", "u7"]).contains("user u7 has 6 items"));

    // The same once more is the same, to the last digit, with nothing trained anew.
    let again = printed("tune", folder, &with(&["a", "--trials", "8", "--quiet"]));
    assert_eq!(lasting(&again), lasting(&whole)[..lasting(&again).len()]);

    // The winner's options are train_ncf's.
    let mut lines = whole.lines().skip_while(|line| !line.starts_with("options   "));
    assert!(
        lines.next().unwrap().contains("train_ncf -- --data plays.csv"),
        "{whole}"
    );
    let options: Vec<&str> = lines.next().unwrap().split_whitespace().collect();
    let trained = printed("train_ncf", folder, &train(&options));
    assert!(trained.contains("all epochs are done"), "{trained}");
}

#[test]
fn what_cannot_be_searched_is_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    plays(folder);
    for (more, wanted) in [
        (&["a"][..], "--epochs, --minutes, --trials: your data may be large"),
        (
            &["a", "--epochs", "5"],
            "--epochs: 5 epochs do not bring one trial to 4 epochs",
        ),
        (&["a", "--minutes", "0"], "--minutes: 0 minutes"),
        (&["a", "--trials", "4", "--lr", "0,1"], "--lr: 0 has no logarithm"),
        (
            &["a", "--trials", "4", "--batch", "64,64"],
            "--batch: two choices look the same",
        ),
        (&[".", "--trials", "4"], "--study: . has plays.csv and no study.json"),
    ] {
        let error = refused("tune", folder, &[&PLAYS[..], &SEARCH, more].concat());
        assert!(error.contains(wanted), "{error}");
    }
}
