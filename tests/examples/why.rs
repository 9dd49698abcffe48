//! `--why`: every program that recommends says what each recommendation comes from, in the same words, or that it cannot.

use std::path::Path;

use pocketrec::{data::clicks::Layout, explain::Kind, models::ClickModel};

use crate::{
    clicks::clicks,
    ncf::{PLAYS, plays},
    printed, refused,
};

/// Headings of reasons, as far as they stand in one line.
const HEADINGS: [(Kind, &str); 4] = [
    (Kind::Parts, "what it comes from"),
    (Kind::Weights, "what was looked at (weights, no parts of"),
    (Kind::Paths, "what leads to it (how well: 0 at best, no"),
    (Kind::Neighbours, "what of it was looked at (weights, no"),
];

fn fits_a_terminal(table: &[&str]) {
    for line in table {
        assert!(line.chars().count() <= 80, "{line}");
    }
}

/// The lines of the table of reasons: the last.
fn reasons(text: &str) -> Vec<&str> {
    let lines: Vec<&str> = text.lines().collect();
    let begin = lines.iter().rposition(|line| line.starts_with('┌'));
    let table = &lines[begin.unwrap_or_else(|| panic!("no table: {text}"))..];
    let end = table.iter().position(|line| line.starts_with('└')).unwrap();
    table[..=end].to_vec()
}

/// The cells of each row of a table, in which a row may take several lines; the header is the first.
fn cells(table: &[&str], columns: usize) -> Vec<Vec<String>> {
    let mut rows: Vec<Vec<String>> = vec![vec![String::new(); columns]];
    for line in table {
        let parts: Vec<&str> = line.trim_matches('│').split('┆').map(str::trim).collect();
        if !line.starts_with('│') {
            continue; // a border
        }
        assert_eq!(parts.len(), columns, "{line}");
        // A row begins where the number stands.
        let is_bare = rows.len() == 1 && rows[0][1].is_empty();
        if !parts[1].is_empty() && !is_bare {
            rows.push(vec![String::new(); columns]);
        }
        let row = rows.last_mut().unwrap();
        for (cell, part) in row.iter_mut().zip(parts) {
            let blank = if cell.is_empty() || part.is_empty() { "" } else { " " };
            *cell += &format!("{blank}{part}");
        }
    }
    rows
}

fn check(text: &str, kind: Kind) -> Vec<Vec<String>> {
    fits_a_terminal(&reasons(text));
    let rows = cells(&reasons(text), 3);
    let heading = HEADINGS.iter().find(|(of, _)| *of == kind).unwrap().1;
    assert!(rows[0][2].starts_with(heading), "{text}");
    let are_full = rows.iter().flatten().all(|cell| !cell.is_empty());
    assert!(rows.len() > 1 && are_full, "{text}");
    rows[1..].to_vec()
}

/// What a program says at the end of training is what `recommend` says of the file that it saves.
#[test]
fn reasons_after_training_are_those_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    plays(folder);
    let small = ["--epochs", "2", "--quiet", "--checkpoint"];
    let graph = ["--quiet", "--save"];
    let ncf = |model: &'static str| [&["--model", model, "--factors", "8"][..], &small].concat();
    let next = [&["--embedding-dim", "8", "--length", "6"][..], &small].concat();
    let of_graph = |model: &'static str| [&["--model", model][..], &graph].concat();
    for (name, file, arguments, kind) in [
        ("train_ncf", "mf", ncf("mf"), Kind::Parts),
        ("train_ncf", "gmf", ncf("gmf"), Kind::Parts),
        ("train_next", "sasrec", next, Kind::Weights),
        ("train_graph", "rp3beta", of_graph("rp3beta"), Kind::Parts),
        ("train_graph", "ials", of_graph("ials"), Kind::Parts),
        ("train_graph", "lightgcn", of_graph("lightgcn"), Kind::Parts),
    ] {
        let asked = ["--user", "u7", "--why"];
        let told = printed(name, folder, &[&PLAYS[..], &arguments, &[file], &asked].concat());
        let rows = check(&told, kind);
        assert_eq!(rows.len(), 10, "{told}");
        // Reasons are items that user 7 has: odd ones, (21 + 4 n) % 30 * 2 + 1.
        let has: Vec<String> = (0..8).map(|n| format!("i{}", (21 + n * 4) % 30 * 2 + 1)).collect();
        let named = rows
            .iter()
            .flat_map(|row| row[2].split(", "))
            .filter_map(|part| part.split(' ').next());
        let named: Vec<&str> = named.collect();
        assert!(
            named.len() > 10 && named.iter().all(|name| has.iter().any(|has| has == name)),
            "{told}"
        );
        let again = printed("recommend", folder, &[&["--model", file][..], &asked].concat());
        assert_eq!(reasons(&told), reasons(&again), "{name} {file}");
    }
}

/// Relations and what is known of items are reasons too.
#[test]
fn paths_and_neighbours_are_told_after_training() {
    let folder = tempfile::tempdir().unwrap();
    let related = ["--relate", "10", "--epochs", "1", "--quiet", "--why", "--save"];
    for (model, file, more, kind) in [
        ("cfkg", "cfkg", &related[..], Kind::Paths),
        ("lightgcn", "lightgcn", &related, Kind::Parts),
        (
            "kgcn",
            "kgcn",
            &["--epochs", "1", "--quiet", "--why", "--save"],
            Kind::Neighbours,
        ),
    ] {
        let arguments = [&["--model", model, "--user", "3"][..], more, &[file]].concat();
        let told = printed("train_graph", folder.path(), &arguments);
        let rows = check(&told, kind);
        let has_paths = rows
            .iter()
            .any(|row| row[2].contains("best path") && row[2].contains("-> related ->"));
        assert_eq!(has_paths, model != "kgcn", "{told}");
        let again = printed("recommend", folder.path(), &["--model", file, "--user", "3", "--why"]);
        assert_eq!(reasons(&told), reasons(&again), "{model}");
    }
}

/// A user's test rows, each with the events of the history that were looked at; they add up to 1 where attention is a softmax.
#[test]
fn a_model_of_clicks_says_what_it_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    clicks(folder);
    let small = [
        "--data",
        ".",
        "--embedding-dim",
        "4",
        "--hidden",
        "8",
        "--batch",
        "100",
        "--epochs",
        "1",
        "--history",
        "4",
    ];
    for model in [
        &["--model", "din"][..],
        &["--model", "din", "--softmax"],
        &["--model", "dien"],
    ] {
        let told = printed("train_ctr", folder, &[&small[..], model, &["--why"]].concat());
        let rows = check(&told, Kind::Weights);
        assert!(
            told.contains("among the test rows, and what was looked at for each"),
            "{told}"
        );
        let shown: Vec<f64> = rows.iter().map(|row| row[1].parse().unwrap()).collect();
        assert!(shown.is_sorted_by(|a, b| a >= b) && shown.iter().all(|share| (0.0..=1.0).contains(share)));
        for row in &rows {
            let weights: Vec<f64> = row[2]
                .split(", ")
                .map(|part| part.split(' ').next_back().unwrap().parse().unwrap())
                .collect();
            assert!((1..=4).contains(&weights.len()) && row[0].starts_with('i'), "{told}");
            if model.len() == 3 || model[1] == "dien" {
                assert!(
                    (weights.iter().sum::<f64>() - 1.0).abs() < 0.0005 * 4.0 + 1e-9,
                    "{told}"
                );
            }
        }
    }
}

#[test]
fn a_device_says_why_by_clicks_that_only_it_knows() {
    let folder = tempfile::tempdir().unwrap();
    let told = printed(
        "federated",
        folder.path(),
        &["--devices", "2", "--epochs", "1", "--why"],
    );
    let begin = told.find("told nobody else").unwrap_or_else(|| panic!("{told}"));
    let table: Vec<&str> = told[begin..]
        .lines()
        .skip(1)
        .take_while(|line| line.starts_with(['┌', '│', '╞', '└']))
        .collect();
    let rows = cells(&table, 3);
    assert!(rows.len() == 6 && rows[0][2] == "what it comes from", "{told}");
    fits_a_terminal(&table);
}

/// A model without reasons says so before it is trained, with what has some.
#[test]
fn models_without_reasons_say_so_and_what_has_some() {
    let folder = tempfile::tempdir().unwrap();
    let folder: &Path = folder.path();
    let pairs = "--model mf and gmf of train_ncf have some, train_next's sasrec, and all models of train_graph";
    let of_clicks = "of the models of clicks din has some, and dien where attention steers it";
    for (name, arguments, model, instead) in [
        ("train_ncf", &["--why"][..], "neumf", pairs),
        ("train_ncf", &["--model", "mlp", "--why"], "mlp", pairs),
        ("train_ctr", &["--why"], "deepfm", of_clicks),
        (
            "train_ctr",
            &["--model", "dien", "--set", "evolution=gru", "--why"],
            "dien",
            of_clicks,
        ),
        (
            "train_graph",
            &["--model", "popularity", "--why"],
            "popularity",
            "take another --model",
        ),
    ] {
        let error = refused(name, folder, arguments);
        assert!(
            error.contains(&format!("--why: {model} has no reasons: ")) && error.contains(instead),
            "{error}"
        );
    }
    for &model in ClickModel::NAMES {
        let reasons = ClickModel::named(model, &Layout::default()).unwrap().reasons();
        if reasons.is_none() {
            let error = refused("train_ctr", folder, &["--model", model, "--why"]);
            assert!(error.contains(of_clicks), "{error}");
        } else {
            assert!(["din", "dien"].contains(&model));
        }
    }
}
