//! What the programs for models of clicks say of files, of the rows in them, and of scores.

use std::path::Path;

use pocketrec::{
    Result,
    data::{Delimiter, RowReport, SampleFormat, clicks::Samples},
    train::ClickTrainer,
};

use super::{output::say, tables::wrapped};

/// How files in libfm's format end; `.gz` may follow.
pub const LIBFM: &[&str] = &["libfm", "svm", "svmlight"];
/// What stands before a line that should not be overlooked.
pub const MARK: &str = "!!! ";

/// What the scores of a model of labels are.
pub const PROBABILITY: &str = "probability";

/// What a model's scores are: from drawn negatives no probability of a click is learnt, but an order.
pub fn score_name(trainer: &ClickTrainer) -> &'static str {
    match trainer.config().negatives {
        0 => PROBABILITY,
        _ => "score",
    }
}

/// Of a logit.
pub fn probability(logit: f32) -> f32 {
    1.0 / (1.0 + (-logit).exp())
}

/// Whether a file is in libfm's format, by the end of its name.
pub fn is_libfm(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    LIBFM.iter().any(|end| name.ends_with(&format!(".{end}")))
}

/// The format of a file, by the end of its name.
pub fn format_of(path: &Path, delimiter: Option<Delimiter>) -> SampleFormat {
    match is_libfm(path) {
        true => SampleFormat::LibFm,
        false => SampleFormat::Delimited {
            delimiter,
            columns: None,
        },
    }
}

/// A path's last part, as it is shown.
pub fn name_of(path: &Path) -> String {
    path.file_name().map_or_else(
        || path.display().to_string(),
        |name| name.to_string_lossy().into_owned(),
    )
}

/// What became of the rows of a file, where anything is to be said.
pub fn of_rows(report: &RowReport) -> Vec<String> {
    let RowReport {
        rows,
        skipped,
        multiline,
        ..
    } = report;
    let mut lines = Vec::new();
    if let Some((line, reason)) = &report.first_skipped {
        lines.push(skipped_rows(*skipped, rows + skipped, *line, reason));
    }
    if *multiline > 0 {
        lines.push(several_lines(*multiline));
    }
    lines
}

/// Rows that were left out, and why the first was.
pub fn skipped_rows(skipped: u64, of: u64, line: u64, reason: &str) -> String {
    let mark = if skipped * 2 >= of { MARK } else { "" };
    format!("{mark}{skipped} of {of} rows are skipped; the first, in line {line}: {reason}")
}

/// Rows of more than one line.
pub fn several_lines(rows: u64) -> String {
    format!("{rows} rows take more than one line, as a quoted field holds a line's end")
}

/// What a model does not know of rows, and numbers far from all that it was trained on.
pub fn of_samples(samples: &Samples) -> Vec<String> {
    let mut lines = Vec::new();
    let unknown = samples.unknown_keys().iter().map(|keys| (keys, ""));
    let negatives = samples
        .unknown_negatives()
        .iter()
        .map(|keys| (keys, "of the negatives, "));
    for (keys, of) in unknown.chain(negatives) {
        // A user or an item here and there is new; half of them are written otherwise, or those of other data.
        let mark = if keys.rows * 2 >= keys.of { MARK } else { "" };
        lines.push(format!("{mark}{of}{keys}"));
    }
    lines.extend(samples.clamped().iter().map(|clamped| format!("{MARK}{clamped}")));
    let report = samples.negatives_report();
    for (count, what) in [
        (report.none, "rows have no negatives, and are not ranked"),
        (report.repeated, "negatives come again in their row, and count once"),
        (report.own, "negatives are their row's own choice, and are left out"),
    ] {
        if count > 0 {
            lines.push(format!("{count} {what}"));
        }
    }
    lines
}

/// Prints lines under a heading, which stands before the first.
pub fn say_all(heading: &str, lines: &[String]) -> Result<()> {
    let mut heading = heading;
    for line in lines {
        say!("{}", wrapped(heading, line))?;
        heading = "";
    }
    Ok(())
}
