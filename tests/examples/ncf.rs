//! `train_ncf` and `recommend`.

use std::path::Path;

use crate::{printed, refused};

/// A hundred users who like even or odd items.
pub fn plays(folder: &Path) {
    let mut rows = String::from("who,what,when\n");
    for user in 0..100 {
        for n in 0..8 {
            let item = (user / 2 * 7 + n * 4) % 30 * 2 + user % 2;
            rows += &format!("u{user},i{item},{n}\n");
        }
    }
    std::fs::write(folder.join("plays.csv"), rows).unwrap();
}

/// The options that read them.
pub const PLAYS: [&str; 8] = [
    "--data",
    "plays.csv",
    "--user-column",
    "who",
    "--item-column",
    "what",
    "--time-column",
    "when",
];

pub fn train<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&PLAYS[..], &["--quiet"], more].concat()
}

#[test]
fn a_resumed_run_saves_the_same_bytes_and_recommends() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    plays(folder);
    let whole = printed(
        "train_ncf",
        folder,
        &train(&["--epochs", "4", "--checkpoint", "a", "--plot", "a.svg"]),
    );
    assert!(
        whole.contains("popularity") && whole.contains("neumf, epoch 4"),
        "{whole}"
    );
    assert!(
        std::fs::read_to_string(folder.join("a.svg"))
            .unwrap()
            .contains("</svg>")
    );

    printed("train_ncf", folder, &train(&["--epochs", "2", "--checkpoint", "b"]));
    printed(
        "train_ncf",
        folder,
        &train(&["--epochs", "4", "--checkpoint", "b", "--resume"]),
    );
    assert!(std::fs::read(folder.join("a")).unwrap() == std::fs::read(folder.join("b")).unwrap());

    averaged_runs(folder);

    let again = refused("train_ncf", folder, &train(&["--checkpoint", "a"]));
    assert!(again.contains("--resume"), "{again}");
    let other = refused("train_ncf", folder, &["--checkpoint", "a", "--resume"]);
    assert!(other.contains("not what the checkpoint was trained on"), "{other}");
}

/// The mean of late epochs is what is ranked, saved and recommended with, and a resumed run has the same.
fn averaged_runs(folder: &Path) {
    let averaged =
        |more: &[&'static str]| printed("train_ncf", folder, &[&train(more)[..], &["--user", "u7"]].concat());
    let whole = averaged(&["--average-from", "2", "--epochs", "4", "--checkpoint", "mean"]);
    assert!(whole.contains("neumf, mean of epochs 2 to 4"), "{whole}");
    averaged(&["--average-from", "2", "--epochs", "3", "--checkpoint", "parts"]);
    let parts = averaged(&["--epochs", "4", "--checkpoint", "parts", "--resume"]);
    let file = |name| std::fs::read(folder.join(name)).unwrap();
    assert!(file("mean") == file("parts") && file("mean") != file("a"));
    let scores = |text: &str| -> Vec<String> {
        let cells = |line: &str| {
            line.split(['│', '┆'])
                .map(|cell| cell.trim().to_owned())
                .collect::<Vec<_>>()
        };
        let rows = text
            .lines()
            .map(cells)
            .filter(|row| row.len() == 5 && row[2].starts_with('i'));
        rows.map(|row| row[2..4].join(" ")).collect()
    };
    let recommended = printed("recommend", folder, &["--model", "mean", "--user", "u7"]);
    assert_eq!(scores(&recommended).len(), 10, "{recommended}");
    assert_eq!(scores(&recommended), scores(&whole));
    assert_eq!(scores(&recommended), scores(&parts));
}

#[test]
fn validation_pretraining_and_time_run() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    plays(folder);
    let tuned = printed(
        "train_ncf",
        folder,
        &train(&["--patience", "1", "--epochs", "3", "--full"]),
    );
    assert!(
        tuned.contains("best on validation items") && tuned.contains("all items"),
        "{tuned}"
    );
    let joined = ["--pretrain", "--pretrain-epochs", "1", "--epochs", "1", "--user", "u3"];
    assert!(printed("train_ncf", folder, &train(&joined)).contains("for user u3"));
    for part in ["gmf", "mlp"] {
        let saved = ["--model", part, "--epochs", "1", "--checkpoint", part];
        printed("train_ncf", folder, &train(&saved));
    }
    let joined = ["--pretrain-from", "gmf", "mlp", "--epochs", "1", "--user", "u3"];
    assert!(printed("train_ncf", folder, &train(&joined)).contains("for user u3"));
    let turned = ["--pretrain-from", "mlp", "gmf", "--factors", "4", "--epochs", "1"];
    let reason = refused("train_ncf", folder, &train(&turned));
    assert!(reason.contains("values are needed"), "{reason}");
    for model in ["mf", "gmf", "mlp"] {
        let timed = ["--model", model, "--minutes", "0.001", "--optimizer", "adam"];
        let timed = printed("train_ncf", folder, &train(&timed));
        assert!(timed.contains("the time is over") && timed.contains(model), "{timed}");
    }
}

/// On a device that has a clock of its own: a line a stage, and the same training as without.
#[cfg(feature = "gpu")]
#[test]
fn a_profile_changes_nothing() {
    if crate::gpu::open(Default::default()).is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    plays(folder);
    // A batch that the device draws.
    let common = train(&["--device", "gpu", "--epochs", "1", "--batch", "2048"]);
    printed("train_ncf", folder, &[&common[..], &["--checkpoint", "a"]].concat());
    let timed = [&common[..], &["--checkpoint", "b", "--profile"]].concat();
    let output = crate::run("train_ncf", folder, &timed);
    let errors = String::from_utf8_lossy(&output.stderr);
    if errors.contains("cannot take the time") {
        return crate::skipped::skipped(errors.trim());
    }
    assert!(output.status.success(), "{errors}");
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text
        .lines()
        .find(|line| line.contains("linear forward 64 to 32"))
        .unwrap();
    let cells: Vec<&str> = line.split('|').map(str::trim).collect();
    assert_eq!(cells[2], "1", "{text}");
    for cell in &cells[3..7] {
        let number: f64 = cell.trim_end_matches(" %").parse().unwrap();
        assert!(number.is_finite() && number >= 0.0, "{line}");
    }
    let bytes = |name: &str| std::fs::read(folder.join(name)).unwrap();
    assert!(bytes("a") == bytes("b"));
}

#[test]
fn what_cannot_be_is_refused_with_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    plays(folder);
    let cases: [(&[&str], &str); 31] = [
        (&["--data", "nowhere"], "nowhere"),
        (&["--data", "."], "name the file itself"),
        (&["--data", "plays.csv", "--item-column", "9"], "there is no column 9"),
        (&["--data", "plays.csv", "--user-column", "whom"], "whom"),
        (&["--delimiter", ","], "--data"),
        (&["--lr", "-1"], "--lr: -1 is not a positive number"),
        (&["--batch", "0"], "--batch: 0 samples"),
        (&["--decay", "2"], "--decay"),
        (&["--l2-rows", "-1"], "--l2-rows"),
        (&["--beta1", "1"], "--beta1"),
        (&["--optimizer", "sgd", "--beta1", "0.5"], "--beta1"),
        (
            &["--patience", "0"],
            "--patience: 0 evaluations; give 1 or more, or leave it out",
        ),
        (
            &["--average-from", "9"],
            "--average-from: epoch 9 does not come; training ends after epoch 8",
        ),
        (&["--device", "GPU+mixed", "--threads", "2"], "--threads"),
        (&["--threads", "100000"], "--threads"),
        (&["--average-from", "0"], "counted from 1"),
        (&["--epochs", "-1"], "--epochs"),
        (&["--minutes", "0"], "--minutes"),
        (&["--model", "gmf", "--layers", "8,4"], "--layers"),
        (&["--layers", "7,4"], "even"),
        (&["--pretrain", "--model", "mf"], "--pretrain"),
        (&["--pretrain", "--alpha", "2"], "--alpha"),
        (&["--plot", "curve.png"], ".svg"),
        (&["--plot", "plays.csv/a.svg"], "--plot: plays.csv is no folder"),
        (
            &["--plot", "a.svg", "--checkpoint", "./a.svg"],
            "--plot: a.svg is the file of --checkpoint",
        ),
        (
            &["--checkpoint", "no/folder"],
            "--checkpoint: there is no folder no; make it first",
        ),
        (&["--checkpoint", "."], "--checkpoint"),
        (&["--checkpoint", "new", "--resume"], "leave --resume out"),
        (&["--user", "nobody"], "nobody"),
        (&["--user", "199a"], "did you mean 199?"),
        (&["--device", "cpu", "--profile"], "only graphics devices do"),
    ];
    for (arguments, reason) in cases {
        let error = refused("train_ncf", folder, arguments);
        assert!(error.contains(reason), "{arguments:?}: {error}");
    }
    let left: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left, ["plays.csv"], "a refused run leaves files");
}

#[test]
fn a_small_file_is_used_and_not_trained_on() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    plays(folder);
    let more = [
        "--epochs",
        "3",
        "--checkpoint",
        "whole",
        "--export",
        "small",
        "--export-user",
        "u7",
    ];
    let said = printed("train_ncf", folder, &train(&more));
    assert!(said.contains("exported 1 user as i8 to small, "), "{said}");
    let size = |file: &str| folder.join(file).metadata().unwrap().len();
    assert!(
        size("small") * 5 < size("whole"),
        "{} of {}",
        size("small"),
        size("whole")
    );
    let items = |model: &str| {
        let said = printed("recommend", folder, &["--model", model, "--user", "u7", "--k", "3"]);
        let items = said
            .lines()
            .filter_map(|line| line.split_whitespace().find(|word| word.starts_with('i')));
        items.map(String::from).collect::<Vec<_>>()
    };
    assert_eq!(items("small"), items("whole"));
    let unknown = refused("recommend", folder, &["--model", "small", "--user", "u8"]);
    assert!(unknown.contains("u8"), "{unknown}");

    let again = ["--epochs", "5", "--checkpoint", "small", "--resume"];
    let error = refused("train_ncf", folder, &train(&again));
    assert!(error.contains("--resume: small is an export"), "{error}");
    let unknown = refused(
        "train_ncf",
        folder,
        &train(&["--export", "other", "--export-user", "u100"]),
    );
    assert!(
        unknown.contains("--export-user") && unknown.contains("u100"),
        "{unknown}"
    );
    let same = refused(
        "train_ncf",
        folder,
        &train(&["--checkpoint", "same", "--export", "same"]),
    );
    assert!(same.contains("--export: same is the file of --checkpoint"), "{same}");
}
