//! `train_next`, and `recommend` of what it saves.

use std::{fmt::Write, path::Path};

use crate::{printed, refused};

/// Small and fast.
const SMALL: [&str; 6] = ["--embedding-dim", "16", "--length", "20", "--quiet", "--data"];

/// Thirty people who go round in a circle of twelve things, two at a time or one; without times, with blank lines and with names
/// that have the sign between fields in them.
fn walks(folder: &Path) {
    let mut rows = String::from("who,what\n");
    for user in 0..30 {
        for n in 0..6 + user % 5 {
            let thing = (user + n * (1 + user % 2)) % 12;
            write!(rows, "\"u, {user}\",t{thing}\n{}", if n == 3 { "\n" } else { "" }).unwrap();
        }
    }
    // Somebody with a single thing has nothing that could come next.
    rows += "alone,t3\n";
    std::fs::write(folder.join("walks.csv"), rows).unwrap();
}

fn small(more: &[&'static str]) -> Vec<&'static str> {
    let columns = ["walks.csv", "--user-column", "who", "--item-column", "what"];
    [&SMALL[..], &columns, more].concat()
}

/// HR@10 of a row of the table.
fn hit_rate(text: &str, row: &str) -> f64 {
    let line = text.lines().find(|line| line.starts_with(&format!("│ {row}")));
    let line = line.unwrap_or_else(|| panic!("{row}: {text}"));
    line.split('┆').nth(1).unwrap().trim().parse().unwrap()
}

/// Everything but the line that names the device, which may be as long as its name is.
fn fits_a_terminal(text: &str) {
    for line in text.lines().filter(|line| !line.contains("with evaluation, on")) {
        assert!(line.chars().count() <= 80, "{line}");
    }
}

#[test]
fn a_model_is_between_popularity_and_the_truth() {
    let folder = tempfile::tempdir().unwrap();
    let text = printed(
        "train_next",
        folder.path(),
        &["--embedding-dim", "32", "--epochs", "5", "--full"],
    );
    let [popularity, own, truth] = ["popularity", "sasrec, epoch 5", "the truth"].map(|row| hit_rate(&text, row));
    assert!(popularity + 0.2 < own && own < truth, "{text}");
    assert!(
        text.contains("softmax over all items") && text.contains("true place"),
        "{text}"
    );
    assert_eq!(text.lines().filter(|line| line.ends_with(" samples/s")).count(), 5);
    fits_a_terminal(&text);
}

#[test]
fn a_resumed_run_saves_the_same_bytes_and_recommends() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    walks(folder);
    for drawn in [&[][..], &["--candidates", "5"]] {
        let run = |checkpoint: &'static str, epochs: &'static str, more: &[&'static str]| {
            let to = ["--batch", "8", "--epochs", epochs, "--checkpoint", checkpoint];
            printed("train_next", folder, &small(&[&to[..], more].concat()))
        };
        let whole = run("a", "4", &[drawn, &["--plot", "a.svg"]].concat());
        fits_a_terminal(&whole);
        let whole = whole.split_whitespace().collect::<Vec<_>>().join(" ");
        run("b", "1", drawn);
        let columns = small(&["--epochs", "4", "--checkpoint", "b", "--resume"]);
        let parts = printed("train_next", folder, &columns[4..]);
        let file = |name: &str| std::fs::read(folder.join(name)).unwrap();
        assert!(file("a") == file("b"), "{drawn:?}");
        assert!(String::from_utf8(file("a.svg")).unwrap().contains("</svg>"));
        assert!(
            whole.contains("the order of the rows counts as that of time"),
            "{whole}"
        );
        assert!(
            parts.contains("user u, 0 has 5 items") && whole.contains("31 users, 12 items"),
            "{whole}"
        );
        let again = refused("train_next", folder, &small(&["--checkpoint", "a"]));
        assert!(again.contains("--resume"), "{again}");
        let made_up = refused("train_next", folder, &["--checkpoint", "a", "--resume"]);
        assert!(made_up.contains("not what the checkpoint was trained on"), "{made_up}");
        for name in ["a", "a.svg", "b"] {
            std::fs::remove_file(folder.join(name)).unwrap();
        }
    }
}

/// A model knows nobody by a row of their own: whoever comes with some clicks is served at once, and later on.
#[test]
fn whoever_comes_with_a_history_is_served() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    walks(folder);
    let begin = small(&["--batch", "8", "--epochs", "40", "--lr", "0.01", "--checkpoint", "a"]);
    printed("train_next", folder, &begin);
    let absorb = ["--absorb", "new:t1,new:t2,new:t3,new:t4", "--save", "more"];
    let said = printed(
        "recommend",
        folder,
        &[&["--model", "a", "--user", "new", "--k", "3"], &absorb[..]].concat(),
    );
    assert!(said.contains("user new is new"), "{said}");
    assert!(said.contains("absorbed 4 clicks") && said.contains("0 steps"), "{said}");
    let again = printed("recommend", folder, &["--model", "more", "--user", "new", "--k", "3"]);
    assert!(again.contains("user new has 4 items"), "{again}");
    // By one or by two: what comes next is 5 or 6.
    let first = again.lines().find(|line| line.starts_with("│ 1 ┆")).unwrap();
    assert!(first.contains("t5") || first.contains("t6"), "{again}");
    fits_a_terminal(&again);
}

#[test]
fn what_would_be_ignored_or_is_wrong_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    walks(folder);
    for (arguments, part) in [
        (&["--negatives", "4"][..], "--negatives: softmax tells"),
        (&["--candidates", "0"], "--candidates: 0 is not at least 1"),
        (
            &["--candidates", "500"],
            "--candidates: 500 drawn out of 500 items, which cost more than all",
        ),
        (&["--heads", "3"], "--heads: 3: give a divisor of --embedding-dim"),
        (&["--length", "0"], "--length: 0 steps"),
        (&["--dropout", "1"], "--dropout: 1 is not in 0..1"),
        (&["--blocks", "0"], "--blocks: 0 blocks"),
        (&["--batch", "0"], "--batch: 0 samples"),
        (&["--loss", "bpr"], "--loss"),
        (&["--user", "nobody"], "--user: \"nobody\" is none of the 3000 users"),
        (&["--min-rating", "3"], "--data"),
        (&["--data", "missing"], "missing: "),
        (&["--checkpoint", "no/such/file"], "--checkpoint: there is no folder"),
        (&["--resume"], "--checkpoint"),
        (&["--profile", "--device", "cpu"], "--profile: "),
    ] {
        let error = refused("train_next", folder, arguments);
        assert!(error.contains(part), "{arguments:?}: {error}");
    }
    std::fs::write(folder.join("walks.csv"), "who,what\nann,tea\nbob,rice\n").unwrap();
    let error = refused("train_next", folder, &small(&[]));
    assert!(error.contains("none of 2 users has two interactions"), "{error}");
    std::fs::write(folder.join("walks.csv"), "who,what\nann,tea\nann,rice,1\n").unwrap();
    let error = refused("train_next", folder, &small(&[]));
    assert!(error.contains("walks.csv:3: "), "{error}");
}
