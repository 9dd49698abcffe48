//! Reads libfm and svmlight files: `label index:value index:value ...` a line.
//!
//! A `qid:n` behind the label is svmlight's group, and what follows `#` is a comment.

use std::path::Path;

use super::{
    lines::Lines,
    samples::{Inputs, RowReport, Sink},
    values::shown,
};
use crate::{Error, Result, data::samples::Schema};

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

pub(super) fn read(path: &Path, inputs: &Inputs, sink: &mut impl Sink, report: &mut RowReport) -> Result<()> {
    let mut lines = Lines::open(path)?;
    let parts = inputs.iter().map(|(name, optional)| Part::of(name, optional));
    let parts = parts.collect::<Result<Vec<Part>, String>>();
    let parts = parts.map_err(|reason| lines.error_at(0, reason))?;
    let place = |part: &Part| if let Part::Feature(place) = part { *place } else { 0 };
    let features = parts.iter().map(place).max().filter(|&places| places > 0);
    // Where each feature's index stands in the line.
    let mut places = Vec::new();
    loop {
        let number = lines.number() + 1;
        let Some(line) = lines.next()? else {
            return report.finish(&lines);
        };
        let line = without_comment(line);
        if line.trim_ascii().is_empty() {
            report.blank += 1;
            continue;
        }
        let added = push(line, &parts, features, &mut places, sink);
        report
            .count(number, added)
            .map_err(|reason| lines.error_at(number, reason))?;
    }
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
    let line = core::str::from_utf8(line).map_err(|_| "the line is not valid UTF-8".to_string())?;
    let row = Row::of(line)?;
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

/// The schema of a libfm file by its first row: as many fields as that has features, all with value 1; or else one
/// weighted field.
pub(super) fn detect(path: &Path) -> Result<Schema> {
    let mut lines = Lines::open(path)?;
    loop {
        let number = lines.number() + 1;
        let Some(line) = lines.next()? else {
            let reason = "the file is empty; expected `label index:value ...` a line";
            return Err(lines.error_at(0, reason));
        };
        let line = without_comment(line);
        if line.trim_ascii().is_empty() {
            continue;
        }
        let refused = |reason: String| Error::data(path.display().to_string(), number, reason);
        let line = core::str::from_utf8(line).map_err(|_| refused("the line is not valid UTF-8".into()))?;
        let row = Row::of(line).map_err(refused)?;
        let mut places = Vec::new();
        return Ok(match split(row.features, &mut places) {
            Ok(()) if !places.is_empty() => Schema::one_hot(places.len()),
            _ => Schema::features(),
        });
    }
}
