//! Reads delimited rows by the names of their columns, for samples and side tables.

use std::path::Path;

use super::{
    fields::{self, Fields},
    lines::Lines,
    options::Delimiter,
    samples::{Inputs, RowReport, Sink},
    values::shown,
};
use crate::Result;

/// Reads the rows of `path` into `sink`. `columns` are the names of the columns where the file has no header.
pub(super) fn read(
    path: &Path,
    delimiter: Option<Delimiter>,
    columns: Option<&[String]>,
    inputs: &Inputs,
    sink: &mut impl Sink,
    report: &mut RowReport,
) -> Result<()> {
    let (mut lines, mut fields) = (Lines::open(path)?, Fields::default());
    let chosen = |line: &[u8]| {
        delimiter
            .or_else(|| fields::detect(line))
            .unwrap_or(Delimiter::Char(b','))
    };
    let everything = |line: &[u8]| (chosen(line), usize::MAX);
    let first = fields::next_row(&mut lines, &mut fields, everything, |number, line, fields| {
        let texts = (0..fields.len()).filter_map(|index| fields.get(line, index));
        let texts: Vec<String> = texts.map(|text| String::from_utf8_lossy(text).trim().into()).collect();
        let layout = Layout {
            places: inputs.places(columns.unwrap_or(&texts))?,
            width: columns.map_or(texts.len(), <[String]>::len),
            delimiter: chosen(line),
        };
        if columns.is_some() {
            layout.push(number, line, fields, sink, report)?;
        }
        Ok(layout)
    })?;
    let (blank, Some(layout)) = first else {
        return Err(lines.error_at(0, "the file is empty; expected a header and rows"));
    };
    report.blank += blank;
    // One field more than there should be, to see that there is none.
    let shape = (layout.delimiter, layout.width.saturating_add(1));
    loop {
        let (blank, row) = fields::next_row(
            &mut lines,
            &mut fields,
            |_| shape,
            |number, line, fields| layout.push(number, line, fields, sink, report),
        )?;
        report.blank += blank;
        if row.is_none() {
            return report.finish(&lines);
        }
    }
}

/// Where the inputs stand in a row.
struct Layout {
    /// The column of each input; `None` where an optional one is missing.
    places: Vec<Option<usize>>,
    width: usize,
    delimiter: Delimiter,
}

impl Layout {
    fn push(
        &self,
        number: u64,
        line: &[u8],
        fields: &Fields,
        sink: &mut impl Sink,
        report: &mut RowReport,
    ) -> Result<(), String> {
        let added = self.check_width(fields).and_then(|()| {
            sink.push(|input| {
                let Some(place) = self.places[input] else {
                    return Ok("");
                };
                let field = fields.get(line, place).unwrap_or_default();
                core::str::from_utf8(field)
                    .map_err(|_| format!("{} is not valid UTF-8; save the file as UTF-8", shown(field)))
            })
        });
        report.count(number, added)
    }

    fn check_width(&self, fields: &Fields) -> Result<(), String> {
        let (got, width, delimiter) = (fields.len(), self.width, self.delimiter);
        match got.cmp(&width) {
            core::cmp::Ordering::Equal => Ok(()),
            core::cmp::Ordering::Less => Err(format!(
                "too few fields: {got}, but there are {width} columns (fields end at {delimiter})"
            )),
            core::cmp::Ordering::Greater => Err(format!(
                "too many fields: there are {width} columns (fields end at {delimiter}; quote one that holds such)"
            )),
        }
    }
}

/// Whether the header of a file names this column.
pub(super) fn header_has(path: &Path, delimiter: Option<Delimiter>, column: &str) -> Result<bool> {
    let (mut lines, mut fields) = (Lines::open(path)?, Fields::default());
    let chosen = |line: &[u8]| {
        delimiter
            .or_else(|| fields::detect(line))
            .unwrap_or(Delimiter::Char(b','))
    };
    let everything = |line: &[u8]| (chosen(line), usize::MAX);
    let (_, found) = fields::next_row(&mut lines, &mut fields, everything, |_, line, fields| {
        let mut texts = (0..fields.len()).filter_map(|index| fields.get(line, index));
        Ok(texts.any(|text| text.trim_ascii() == column.as_bytes()))
    })?;
    Ok(found.unwrap_or(false))
}
