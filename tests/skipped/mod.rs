//! What a test could not test here is said, and written down where somebody collects it.

use std::io::Write;

/// Says that the calling test leaves something out. Cargo shows no output of tests that pass, so the line also goes to
/// the end of the file that `POCKETREC_SKIPPED` names, if it is set: `.ci/run` prints that file.
#[track_caller]
pub fn skipped(reason: impl std::fmt::Display) {
    let place = std::panic::Location::caller();
    let line = format!("{}: {reason}\n", place.file());
    eprint!("skipped: {line}");
    if let Some(path) = std::env::var_os("POCKETREC_SKIPPED") {
        let file = std::fs::OpenOptions::new().append(true).create(true).open(path);
        // One call writes the line whole, whoever else writes there.
        let written = file.and_then(|mut file| file.write_all(line.as_bytes()));
        written.expect("the file that POCKETREC_SKIPPED names can be written");
    }
}
