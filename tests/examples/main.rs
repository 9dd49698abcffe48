//! The examples as a user runs them: what they print, how they refuse, and that a killed run loses nothing.

mod ads;
mod cfkg;
mod clicks;
mod content;
mod dry_run;
mod features;
mod federated;
mod fields;
#[cfg(feature = "gpu")]
#[path = "../common/gpu.rs"]
#[allow(dead_code)] // other tests use the rest
mod gpu;
mod graph;
#[path = "../../examples/common/messages.rs"]
#[allow(dead_code)] // the examples use the rest
mod messages;
mod ncf;
mod next;
mod pairs_read;
mod pictures;
mod places;
mod reading;
mod recommend;
mod resume;
mod rows;
#[cfg(unix)]
mod shell;
mod shop;
#[cfg(feature = "gpu")]
#[path = "../skipped/mod.rs"]
mod skipped;
mod social;
#[cfg(feature = "tune")]
mod tune;
mod why;

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// Cargo builds the examples beside the tests, but not when a single test file is asked for.
fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let folder = test.parent().and_then(Path::parent).unwrap().join("examples");
    let path = folder.join(name).with_extension(std::env::consts::EXE_EXTENSION);
    assert!(
        path.is_file(),
        "{} is not built: run plain `cargo test`",
        path.display()
    );
    path
}

fn run(name: &str, folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(example(name));
    command.current_dir(folder).args(arguments);
    command.output().unwrap()
}

/// What a run that succeeds prints.
fn printed(name: &str, folder: &Path, arguments: &[&str]) -> String {
    let output = run(name, folder, arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name} {arguments:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// What a run that fails says, in one line that begins with `error: `.
fn refused(name: &str, folder: &Path, arguments: &[&str]) -> String {
    let output = run(name, folder, arguments);
    let errors = String::from_utf8(output.stderr).unwrap();
    let code = output.status.code();
    assert!(
        matches!(code, Some(1 | 2)) && errors.starts_with("error: "),
        "{arguments:?}: {code:?} {errors}"
    );
    errors
}

/// On any machine the processor, and beside it a graphics device or the reason why there is none.
#[test]
fn a_device_report_has_rates_of_all_devices() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let text = printed("device_report", folder, &["--seconds", "0.01"]);
    let gpu = text.contains("| GPU ");
    assert_ne!(gpu, text.contains("No GPU: "), "{text}");
    assert_eq!(gpu, text.contains("copies, read and written"), "{text}");
    let rates = text.lines().filter(|line| line.starts_with("| factors "));
    let rates: Vec<Vec<&str>> = rates.map(|line| line.split('|').map(str::trim).collect()).collect();
    assert_eq!(rates.len(), 3, "{text}");
    for row in rates {
        let numbers = &row[2..row.len() - 1];
        assert_eq!(numbers.len(), if gpu { 4 } else { 2 });
        assert!(numbers.iter().all(|cell| cell.parse::<f64>().unwrap() > 0.0), "{row:?}");
    }
    let error = refused("device_report", folder, &["--seconds", "0"]);
    assert!(error.contains("--seconds"), "{error}");
    let error = refused("device_report", folder, &["--adapter", "no such adapter"]);
    assert!(
        error.contains("no such adapter") || error.contains("--adapter"),
        "{error}"
    );
}

/// A program's messages name its options, wherever the library names a setting.
#[test]
fn messages_speak_of_options() {
    use pocketrec::Error;
    const NAMES: messages::Names = &[
        ("average_from", "--average-from"),
        ("epochs", "--epochs"),
        ("l2.tables", "--l2-tables"),
    ];
    for (error, wanted) in [
        (Error::config("epochs", "0 epochs"), "--epochs: 0 epochs"),
        (
            Error::config("average_from", "give 1 or more, or None"),
            "--average-from: give 1 or more, or leave it out",
        ),
        (
            Error::config("l2.tables", "see average_from."),
            "--l2-tables: see --average-from.",
        ),
        (
            Error::config("other", "my_average_from and average_fromage"),
            "other: my_average_from and average_fromage",
        ),
        (
            Error::data(
                "a.csv",
                3,
                "4.5 is no label; see Schema::label_at_least, or Delimited::header",
            ),
            "a.csv:3: 4.5 is no label; see --label-at-least, or --header",
        ),
        (
            Error::config("x", "Schema::label, not Schema::labels"),
            "x: --label, not Schema::labels",
        ),
    ] {
        assert_eq!(messages::text(&error, NAMES), wanted);
    }
}

#[test]
fn the_nearest_word_is_proposed_if_it_is_near() {
    let near = |word: &str| messages::proposal(word, ["ann", "Bob", "item_id", "7"].into_iter().map(Into::into));
    for (word, wanted) in [
        ("anm", "ann"),
        ("an", "ann"),
        ("nan", "ann"),
        ("bob", "Bob"),
        ("itemid", "item_id"),
        ("ietm_di", "item_id"),
    ] {
        assert_eq!(near(word), format!("; did you mean {wanted}?"));
    }
    for far in ["eve", "8", "", "user", "x"] {
        assert_eq!(near(far), "", "{far}");
    }
}
