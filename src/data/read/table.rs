//! Reads delimited rows by the names of their columns, for samples and side tables.

use std::path::Path;

use super::{
    columns::listed,
    dialect::{Dialect, Wish},
    lines::Lines,
    only::Only,
    records::{Records, Width, utf8},
    report::RowReport,
    sink::{Inputs, Sink},
};
use crate::{
    Error, Result,
    data::{Delimiter, FileLayout},
};

/// Opens a file of rows whose columns have these names, or those of its header.
pub(super) fn open(
    path: &Path,
    delimiter: Option<Delimiter>,
    columns: Option<&[String]>,
) -> Result<(Vec<String>, Dialect, Records)> {
    let wish = Wish {
        delimiter,
        header: Some(columns.is_none()),
        lists: Some(false),
    };
    let (dialect, mut records) = Dialect::of(Lines::open(path)?, &wish)?;
    let names = match (columns, &dialect.header) {
        (Some(columns), _) => {
            let fields = columns.len();
            let surplus = matches!(records.width, Width::Of { surplus: true, .. });
            records.width = Width::Of { fields, surplus };
            columns.to_vec()
        }
        (None, header) => header.clone().unwrap_or_default(),
    };
    Ok((names, dialect, records))
}

/// Reads the rows of `path` into `sink`. `columns` are the names of the columns where the file has no header.
pub(super) fn read(
    path: &Path,
    delimiter: Option<Delimiter>,
    columns: Option<&[String]>,
    only: Option<Only>,
    inputs: &Inputs,
    sink: &mut impl Sink,
    report: &mut RowReport,
) -> Result<()> {
    let (names, dialect, mut records) = open(path, delimiter, columns)?;
    records.only = only;
    let places = inputs.places(&names);
    let places = places.map_err(|reason| Error::data(path.display().to_string(), dialect.first_line, reason))?;
    let unused: Vec<String> = (0..names.len())
        .filter(|place| !places.contains(&Some(*place)) && !names[*place].is_empty())
        .map(|place| names[place].clone())
        .collect();
    let mut notes = dialect.notes;
    if !unused.is_empty() {
        notes.push(format!("not used: {}", listed(&unused)));
    }
    report.layout = Some(FileLayout {
        delimiter: dialect.splitting.delimiter,
        header: columns.is_none(),
        lists: false,
        columns: Vec::new(),
        notes,
    });
    records.each(report, |_, record| {
        sink.push(|input| match places[input] {
            Some(place) => utf8(record.get(place).unwrap_or_default()),
            None => Ok(""),
        })
    })
}

/// Whether a file of rows has a column.
pub(super) fn has_column(
    path: &Path,
    delimiter: Option<Delimiter>,
    columns: Option<&[String]>,
    column: &str,
) -> Result<bool> {
    let (names, ..) = open(path, delimiter, columns)?;
    Ok(names.iter().any(|name| name == column))
}
