//! Reads libfm and svmlight files: `label index:value index:value ...` a line.
//!
//! A `qid:n` behind the label is svmlight's group, and what follows `#` is a comment.

use std::path::Path;

use super::{
    lines::Lines,
    only::Only,
    options::BadRows,
    report::RowReport,
    sink::{Inputs, Sink},
};
use crate::{
    Result,
    data::{clicks::Schema, text::shown},
};

/// What an input of the schema is in such a file.
#[derive(Clone, Copy, PartialEq)]
enum Part {
    Label,
    Group,
    /// The index of the feature at this place, counted from 1.
    Feature(usize),
    /// All features with their values.
    Features,
    /// An optional input, which such a file cannot have.
    Absent,
}

impl Part {
    fn of(input: &str, optional: bool) -> Result<Part, String> {
        match (input, input.parse()) {
            ("label", _) => Ok(Part::Label),
            ("qid", _) => Ok(Part::Group),
            ("features", _) => Ok(Part::Features),
            (_, Ok(place @ 1..)) => Ok(Part::Feature(place)),
            _ if optional => Ok(Part::Absent),
            _ => Err(format!(
                "the schema asks for the column {input:?}; a libfm file has label, qid, features, and 1, 2, ... for the \
                 first, second, ... feature of a row"
            )),
        }
    }
}

pub(super) fn read(
    path: &Path,
    mut only: Option<Only>,
    inputs: &Inputs,
    sink: &mut impl Sink,
    report: &mut RowReport,
) -> Result<()> {
    let mut lines = Lines::open(path)?;
    let parts = inputs.iter().map(|(name, optional)| Part::of(name, optional));
    let parts = parts.collect::<Result<Vec<Part>, String>>();
    let parts = parts.map_err(|reason| lines.error_at(0, reason))?;
    let place = |part: &Part| if let Part::Feature(place) = part { *place } else { 0 };
    let features = parts.iter().map(place).max().filter(|&places| places > 0);
    // Where each feature's index stands in the line.
    let mut places = Vec::new();
    while lines.advance()? {
        let line = without_comment(lines.line());
        if line.trim_ascii().is_empty() {
            report.blank += 1;
            continue;
        }
        if only.as_mut().is_some_and(|only| !only.takes_next()) {
            continue;
        }
        match push(line, &parts, features, &mut places, sink) {
            Ok(()) => report.rows += 1,
            Err(reason) if report.bad_rows == BadRows::Skip => report.skip(lines.number(), reason),
            Err(reason) => return Err(lines.error_at(lines.number(), reason)),
        }
    }
    report.finish(&lines)
}

/// Number of rows, usable or not.
pub(super) fn count(path: &Path) -> Result<u64> {
    let (mut lines, mut rows) = (Lines::open(path)?, 0);
    while lines.advance()? {
        rows += u64::from(!without_comment(lines.line()).trim_ascii().is_empty());
    }
    Ok(rows)
}

fn without_comment(line: &[u8]) -> &[u8] {
    memchr::memchr(b'#', line).map_or(line, |at| &line[..at])
}

fn push(
    line: &[u8],
    parts: &[Part],
    features: Option<usize>,
    places: &mut Vec<core::ops::Range<usize>>,
    sink: &mut impl Sink,
) -> Result<(), String> {
    let row = Row::of(text(line)?)?;
    if let Some(features) = features {
        split(row.features, places)?;
        if places.len() != features {
            return Err(format!(
                "{} features; every row must have {features}, one a field (else read them as one weighted field: \
                 Schema::features)",
                places.len()
            ));
        }
    }
    sink.push(|input| {
        Ok(match parts[input] {
            Part::Label => row.label,
            Part::Group => row.group,
            Part::Feature(place) => &row.features[places[place - 1].clone()],
            Part::Features => row.features,
            Part::Absent => "",
        })
    })
}

fn text(line: &[u8]) -> Result<&str, String> {
    core::str::from_utf8(line).map_err(|_| "the line is not valid UTF-8".into())
}

/// A line's parts.
struct Row<'a> {
    label: &'a str,
    group: &'a str,
    features: &'a str,
}

impl<'a> Row<'a> {
    fn of(line: &'a str) -> Result<Self, String> {
        let line = line.trim();
        let (label, rest) = line.split_once(|c: char| c.is_ascii_whitespace()).unwrap_or((line, ""));
        if label.contains(':') {
            return Err(format!(
                "{} is not a label; a row begins with one",
                shown(label.as_bytes())
            ));
        }
        let rest = rest.trim();
        let (group, features) = match rest.strip_prefix("qid:") {
            Some(rest) => rest.split_once(|c: char| c.is_ascii_whitespace()).unwrap_or((rest, "")),
            None => ("", rest),
        };
        if features.split_ascii_whitespace().any(|pair| pair.starts_with("qid:")) {
            return Err("qid stands among the features; it comes once, right behind the label".into());
        }
        Ok(Row { label, group, features })
    }
}

/// Finds the indices of features whose value is 1.
fn split(features: &str, places: &mut Vec<core::ops::Range<usize>>) -> Result<(), String> {
    places.clear();
    for pair in features.split_ascii_whitespace() {
        let Some((index, value)) = pair.split_once(':').filter(|(index, _)| !index.is_empty()) else {
            return Err(format!("{} is not index:value", shown(pair.as_bytes())));
        };
        if value != "1" && value.parse::<f32>() != Ok(1.0) {
            return Err(format!(
                "the value of {} is not 1; read the features as one weighted field (Schema::features)",
                shown(pair.as_bytes())
            ));
        }
        let start = index.as_ptr() as usize - features.as_ptr() as usize;
        places.push(start..start + index.len());
    }
    Ok(())
}

/// The schema of libfm files by all of their rows: as many fields as each has features, all with value 1; or else one
/// weighted field.
pub(super) fn detect<P: AsRef<Path>>(paths: &[P]) -> Result<Schema> {
    let (mut width, mut places) = (None, Vec::new());
    for path in paths {
        let mut lines = Lines::open(path.as_ref())?;
        let mut rows = 0u64;
        while lines.advance()? {
            let line = without_comment(lines.line());
            if line.trim_ascii().is_empty() {
                continue;
            }
            rows += 1;
            let row = text(line).and_then(Row::of);
            let row = row.map_err(|reason| lines.error_at(lines.number(), reason))?;
            let whole = split(row.features, &mut places).is_ok() && !places.is_empty();
            if !whole || *width.get_or_insert(places.len()) != places.len() {
                return Ok(Schema::features());
            }
        }
        if rows == 0 {
            let reason = "the file is empty; expected `label index:value ...` a line";
            return Err(lines.error_at(0, reason));
        }
    }
    Ok(width.map_or_else(Schema::features, Schema::one_hot))
}
