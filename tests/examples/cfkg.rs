//! `train_graph --model cfkg`, and `recommend` of what it saves, with paths.

use crate::{printed, refused};

/// Recall of a row of the table.
fn recall(text: &str, row: &str) -> f64 {
    let line = text.lines().find(|line| line.starts_with(&format!("│ {row}")));
    let line = line.unwrap_or_else(|| panic!("{row}: {text}"));
    line.split('┆').nth(1).unwrap().trim().parse().unwrap()
}

fn fits(text: &str) {
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
}

/// In one line, however it was wrapped in a cell of a table.
fn words(text: &str) -> String {
    text.replace(['┆', '│'], " ")
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
fn made_up_relations_are_steps() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = [
        "--model", "cfkg", "--relate", "6", "--epochs", "6", "--lr", "0.01", "--quiet", "--save", "model",
    ];
    let text = printed("train_graph", folder.path(), &arguments);
    assert!(recall(&text, "popularity") < recall(&text, "cfkg"), "{text}");
    assert!(recall(&text, "cfkg") < recall(&text, "the truth"), "{text}");
    assert!(
        text.contains("6000 pairs of related items (related), positives"),
        "{text}"
    );
    assert!(text.contains("led to by"), "{text}");
    fits(&text);
    let asked = ["--model", "model", "--user", "3", "--k", "4", "--why"];
    let why = printed("recommend", folder.path(), &asked);
    assert!(words(&why).contains("what leads to it (how well: 0 at best"), "{why}");
    assert!(words(&why).contains("best path") && why.contains("related"), "{why}");
    fits(&why);
    let absorb = [
        "--model",
        "model",
        "--user",
        "new",
        "--absorb",
        "new:12,new:40",
        "--why",
    ];
    let absorbed = printed("recommend", folder.path(), &absorb);
    assert!(
        absorbed.contains("1 new users") && absorbed.contains("user new has 2 items"),
        "{absorbed}"
    );
}

/// A table of related items and kinds beside a file of interactions.
#[test]
fn columns_of_a_table_are_relations_and_attributes() {
    let folder = tempfile::tempdir().unwrap();
    let pairs: String = (0..200)
        .map(|n| format!("u{},i{}\n", n % 20, (n * 3 + n / 20) % 25))
        .collect();
    std::fs::write(folder.path().join("plays.csv"), "user,item\n".to_owned() + &pairs).unwrap();
    let rows: String = (0..25)
        .map(|n| format!("i{n},\"['i{}', 'other']\",kind {}\n", (n + 1) % 25, n % 3))
        .collect();
    std::fs::write(folder.path().join("meta.csv"), "item,with,kind\n".to_owned() + &rows).unwrap();
    let of_file = [
        "--data",
        "plays.csv",
        "--relations",
        "meta.csv",
        "--epochs",
        "2",
        "--quiet",
    ];
    let columns = ["--related", "with", "--attributes", "kind"];
    let cfkg = [&["--model", "cfkg"][..], &of_file, &columns].concat();
    let text = printed("train_graph", folder.path(), &cfkg);
    let expected =
        "25 pairs of related items (with), positives; 25 attributes of items (kind); 25 of unknown items left out";
    assert!(words(&text).contains(expected), "{text}");
    fits(&text);
    let kinds = [
        &["--model", "cfkg"][..],
        &of_file,
        &columns[2..],
        &["--margin", "0.5", "--save", "a"],
    ]
    .concat();
    printed("train_graph", folder.path(), &kinds);
    let why = printed("recommend", folder.path(), &["--model", "a", "--user", "u3", "--why"]);
    assert!(words(&why).contains("-> kind: kind"), "{why}");

    for (arguments, part) in [
        (
            [&cfkg[..], &["--margin", "0"]].concat(),
            "--margin: 0 is not a number above 0",
        ),
        (
            [&cfkg[..], &["--layers", "2"]].concat(),
            "--layers: it says nothing of --model cfkg",
        ),
        ([&cfkg[..], &["--l2-tables", "0.1"]].concat(), "--l2-tables: 0.1"),
        (
            [&["--model", "lightgcn", "--margin", "1"][..], &of_file, &columns].concat(),
            "--margin: it says nothing",
        ),
        (
            [&["--model", "lightgcn"][..], &of_file, &columns].concat(),
            "--attributes: LightGCN has no place",
        ),
        (
            [&["--model", "ials"][..], &of_file[..4], &columns].concat(),
            "it says nothing of --model ials",
        ),
        ([&["--model", "cfkg"][..], &of_file].concat(), "--attributes"),
    ] {
        let error = refused("train_graph", folder.path(), &arguments);
        assert!(error.contains(part), "{arguments:?}: {error}");
    }
}
