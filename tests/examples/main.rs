//! The examples as a user runs them: what they print, how they refuse, and that a killed run loses nothing.

mod clicks;
mod ncf;

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
