//! `--dry-run`: what training takes is said, and nothing is trained or written.

use std::path::Path;

use crate::{
    clicks::clicks,
    ncf::{plays, train},
    printed, refused,
};

/// What is said, after a look at its form.
fn dry_run(name: &str, folder: &Path, arguments: &[&str]) -> String {
    let text = printed(name, folder, &[arguments, &["--dry-run"]].concat());
    for word in ["time", "work", "memory", "files", "in all"] {
        let begins = |line: &str| line.starts_with(&format!("{word} "));
        assert!(text.lines().any(begins), "{word}: {text}");
    }
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    assert!(!text.contains("  loss "), "{text}"); // as a line of an epoch has
    text
}

#[test]
fn every_example_that_trains_says_what_that_takes() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    plays(folder);
    // 100 users with 7 items each to train on, and 4 negatives for each of these.
    let pairs = dry_run("train_ncf", folder, &train(&["--epochs", "2", "--batch", "100"]));
    assert!(pairs.contains("work      3500 samples in 35 steps, "), "{pairs}");
    clicks(folder);
    let rows = ["--data", ".", "--numbers", "age", "--batch", "100", "--epochs", "3"];
    let rows = dry_run("train_ctr", folder, &rows);
    assert!(
        rows.contains("work      1200 samples in 12 steps, ") && rows.contains("3 epochs take"),
        "{rows}"
    );
    dry_run("train_next", folder, &[]);
    dry_run("train_graph", folder, &["--model", "lightgcn"]);
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().file_name())
        .collect();
    files.sort();
    assert_eq!(files, ["dev.csv", "items.csv", "plays.csv", "test.csv", "train.csv"]);
}

#[test]
fn a_dry_run_takes_no_file_to_write_and_no_model_without_epochs() {
    let folder = tempfile::tempdir().unwrap();
    let refusal = refused("train_ncf", folder.path(), &["--dry-run", "--checkpoint", "a"]);
    assert!(refusal.contains("--checkpoint"), "{refusal}");
    let refusal = refused("train_graph", folder.path(), &["--dry-run", "--model", "rp3beta"]);
    assert!(refusal.contains("it says nothing of --model rp3beta"), "{refusal}");
}
