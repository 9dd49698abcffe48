//! `recommend`, from checkpoints of both kinds.

use std::path::Path;

use crate::{
    clicks::{choices, clicks},
    ncf::{plays, train},
    printed, refused,
};

/// Cells of the table's rows that begin with a place.
fn rows(text: &str) -> Vec<Vec<String>> {
    let cells = |line: &str| -> Vec<String> {
        let cells = line.split(['│', '┆']).map(|cell| cell.trim().to_owned());
        cells.filter(|cell| !cell.is_empty()).collect()
    };
    let rows = text.lines().map(cells);
    rows.filter(|row| row.first().is_some_and(|place| place.parse::<u32>().is_ok()))
        .collect()
}

#[test]
fn a_model_of_pairs_recommends_learns_and_is_saved() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    plays(folder);
    printed("train_ncf", folder, &train(&["--epochs", "2", "--checkpoint", "a"]));
    let best = printed("recommend", folder, &["--model", "a", "--user", "u7", "--k", "3"]);
    assert!(best.contains("user u7 has 7 items") && rows(&best).len() == 3, "{best}");
    let absorb = [
        "--model",
        "a",
        "--user",
        "eve",
        "--absorb",
        "eve:i3,eve:tea",
        "--save",
        "c",
    ];
    let learnt = printed("recommend", folder, &absorb);
    assert!(
        learnt.contains("user eve is new") && learnt.contains("1 new users, 1 new items"),
        "{learnt}"
    );
    assert!(printed("recommend", folder, &["--model", "c", "--user", "eve"]).contains("tea"));

    // What is written for many users is what each is told.
    std::fs::write(folder.join("users"), "u7\n\nu3 \n").unwrap();
    printed(
        "recommend",
        folder,
        &["--model", "a", "--input", "users", "--output", "best.csv", "--k", "3"],
    );
    let written = std::fs::read_to_string(folder.join("best.csv")).unwrap();
    let lines: Vec<Vec<&str>> = written.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(lines.len(), 7, "{written}");
    assert_eq!(lines[0], ["user", "item", "rank", "score"]);
    for (line, row) in lines[1..4].iter().zip(rows(&best)) {
        assert_eq!(line[..3], ["u7", row[1].as_str(), row[0].as_str()]);
        assert_eq!(format!("{:.3}", line[3].parse::<f32>().unwrap()), row[2]);
    }
    assert!(lines[4..].iter().all(|line| line[0] == "u3"), "{written}");
}

/// Parts, weights, and a refusal by a model that has neither.
#[test]
fn models_of_pairs_say_why() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    plays(folder);
    let ask = |model: &'static str| ["--model", model, "--user", "u7", "--k", "3", "--why"];
    let mf = ["--model", "mf", "--factors", "8", "--epochs", "2", "--checkpoint", "mf"];
    printed("train_ncf", folder, &train(&mf));
    let next = [
        "--epochs",
        "2",
        "--embedding-dim",
        "8",
        "--length",
        "6",
        "--checkpoint",
        "next",
    ];
    printed("train_next", folder, &train(&next));
    for (model, heading) in [("mf", "what it comes from"), ("next", "no parts of")] {
        let why = printed("recommend", folder, &ask(model));
        assert!(why.contains(heading), "{why}");
        // Each item stands in the list and among the reasons' rows.
        for row in rows(&why) {
            let named = why.lines().filter(|line| line.starts_with(&format!("│ {} ", row[1])));
            assert_eq!(named.count(), 1, "{why}");
        }
        assert!(why.lines().all(|line| line.chars().count() <= 80), "{why}");
    }
    printed("train_ncf", folder, &train(&["--epochs", "1", "--checkpoint", "neumf"]));
    let error = refused("recommend", folder, &ask("neumf"));
    assert!(error.contains("--why: neumf has no reasons"), "{error}");
}

#[test]
fn a_model_of_clicks_ranks_candidates_and_learns() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    clicks(folder);
    let data = [
        "--data",
        ".",
        "--factors",
        "4",
        "--hidden",
        "8",
        "--batch",
        "100",
        "--epochs",
        "6",
        "--lr",
        "0.01",
    ];
    for model in ["din", "fm"] {
        let deep: &[&str] = if model == "din" {
            &data
        } else {
            &["--data", ".", "--epochs", "1"]
        };
        printed(
            "train_ctr",
            folder,
            &[deep, &["--model", model, "--checkpoint", model]].concat(),
        );
    }
    let context = ["--model", "din", "--context", "age=2"];
    let with = |more: &[&'static str]| [&context[..], more].concat();
    let ask = ["--user", "u2", "--items", "i3,i4,i5", "--history", "i8,i10"];
    let best = printed("recommend", folder, &with(&ask));
    // Users click on items of their own parity.
    let found = rows(&best);
    assert_eq!((found.len(), found[0][1].as_str()), (3, "i4"), "{best}");
    let shares: Vec<f32> = found.iter().map(|row| row[2].parse().unwrap()).collect();
    assert!(
        shares.is_sorted_by(|a, b| a >= b) && shares.iter().all(|share| (0.0..=1.0).contains(share)),
        "{best}"
    );
    assert!(best.contains("probability"), "{best}");
    let why = printed("recommend", folder, &with(&[&ask[..], &["--why"]].concat()));
    assert!(why.contains("weights, no parts of"), "{why}");
    assert!(why.contains("i8 ") && why.contains("i10 "), "{why}");
    assert!(why.lines().all(|line| line.chars().count() <= 80), "{why}");
    let nothing = printed("recommend", folder, &with(&["--user", "u2", "--k", "2", "--why"]));
    assert!(nothing.contains("nothing of a history"), "{nothing}");
    let all = printed("recommend", folder, &with(&["--user", "u2", "--k", "100"]));
    assert_eq!(rows(&all).len(), 40, "{all}");

    let absorb = [
        "--user",
        "eve",
        "--absorb",
        "eve:i3,eve:tea",
        "--k",
        "41",
        "--save",
        "c",
    ];
    let learnt = printed("recommend", folder, &with(&absorb));
    assert!(
        learnt.contains("user eve is new") && learnt.contains("(2 new keys)"),
        "{learnt}"
    );
    let again = printed(
        "recommend",
        folder,
        &["--model", "c", "--context", "age=2", "--user", "eve", "--k", "41"],
    );
    assert!(!again.contains("eve is unknown"), "{again}");
    // The saved model says what the one that had just learnt did.
    let now: Vec<String> = rows(&learnt).iter().map(|row| row[row.len() - 2..].join(" ")).collect();
    let saved: Vec<String> = rows(&again).iter().map(|row| row[1..].join(" ")).collect();
    assert_eq!((now.len(), now), (41, saved));

    let missing = printed("recommend", folder, &["--model", "din", "--user", "u99"]);
    assert!(
        missing.contains("user u99 is unknown") && missing.contains("did you mean u9?"),
        "{missing}"
    );
    assert!(
        missing.contains("not given by --context, and so taken as unknown: age"),
        "{missing}"
    );
    refusals(folder);
    let other = refused("train_ncf", folder, &["--checkpoint", "din", "--resume"]);
    assert!(other.contains("--resume: din is of a model of clicks"), "{other}");
}

fn refusals(folder: &Path) {
    let cases: [(&[&str], &str); 8] = [
        (&["--model", "fm", "--user", "u1", "--why"], "--why: fm has no reasons"),
        (
            &["--model", "din", "--user", "u1", "--context", "aeg=3"],
            "did you mean age?",
        ),
        (
            &["--model", "din", "--user", "u1", "--context", "age"],
            "\"age\" is not COLUMN=VALUE",
        ),
        (
            &["--model", "din", "--user", "u1", "--context", "user=u2"],
            "user is given by --user",
        ),
        (
            &["--model", "din", "--user", "u1", "--items", "i3,j4"],
            "did you mean i4?",
        ),
        (
            &["--model", "din", "--user", "u1", "--history", "i77"],
            "--history: \"i77\" is none of the 40 items",
        ),
        (
            &["--model", "fm", "--user", "u1", "--history", "i7"],
            "fm looks at no history",
        ),
        (
            &["--model", "din", "--user", "u1", "--user-column", "uesr"],
            "did you mean user?",
        ),
    ];
    for (arguments, reason) in cases {
        let error = refused("recommend", folder, arguments);
        assert!(error.contains(reason), "{arguments:?}: {error}");
    }
}

#[test]
fn a_model_of_choices_gives_scores_and_no_probabilities() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    choices(folder);
    let data = ["--data", ".", "--model", "fm", "--epochs", "1", "--checkpoint", "a"];
    printed("train_ctr", folder, &data);
    let best = printed("recommend", folder, &["--model", "a", "--user", "u2", "--k", "4"]);
    assert!(
        rows(&best).len() == 4 && best.contains("score") && !best.contains("probability"),
        "{best}"
    );
}

#[test]
fn wrong_requests_are_refused_with_their_reason() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    plays(folder);
    printed("train_ncf", folder, &train(&["--epochs", "1", "--checkpoint", "a"]));
    let other = refused("train_ctr", folder, &["--checkpoint", "a", "--resume"]);
    assert!(
        other.contains("--resume: a is no checkpoint of a model of clicks"),
        "{other}"
    );
    std::fs::write(folder.join("users"), "u7\nu3x\n").unwrap();
    let cases: [(&[&str], &str); 12] = [
        (&["--model", "nowhere", "--user", "1"], "nowhere"),
        (&["--model", "plays.csv", "--user", "1"], "plays.csv"),
        (&["--model", ".", "--user", "1"], "not a regular file"),
        (&["--user", "1"], "--model"),
        (&["--model", "a"], "--user"),
        (
            &["--model", "a", "--user", "eve"],
            "\"eve\" is none of the 100 users, whose keys are like u0, ",
        ),
        (&["--model", "a", "--user", "u7", "--k", "0"], "--k"),
        (
            &["--model", "a", "--user", "u7", "--absorb", "u7i3"],
            "is not USER:ITEM",
        ),
        (&["--model", "a", "--user", "u7", "--history", "i3"], "--history"),
        (
            &[
                "--model", "a", "--user", "u7", "--absorb", "u7:i3", "--save", "no/where",
            ],
            "--save: there is no folder",
        ),
        (
            &["--model", "a", "--input", "users", "--output", "best.csv"],
            "--input: users, row 2: \"u3x\" is none of the 100 users",
        ),
        (
            &["--model", "a", "--input", "users", "--output", "best.txt"],
            "does not end in .csv",
        ),
    ];
    for (arguments, reason) in cases {
        let error = refused("recommend", folder, arguments);
        assert!(error.contains(reason), "{arguments:?}: {error}");
    }
    assert!(!folder.join("best.csv").exists());
}
