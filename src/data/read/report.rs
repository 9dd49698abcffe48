//! What became of the rows of a file, and how the file was taken to be laid out.

use core::fmt;

use super::{
    lines::Lines,
    options::{BadRows, Delimiter},
};
use crate::Result;

/// What became of the rows of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RowReport {
    /// Rows read, without those skipped.
    pub rows: u64,
    /// Rows that cannot be used and were left out ([`BadRows::Skip`]).
    pub skipped: u64,
    /// Line and reason of the first row left out.
    pub first_skipped: Option<(u64, String)>,
    /// Blank lines.
    pub blank: u64,
    /// Rows that take more than one line, since a quoted field holds a line's end.
    pub multiline: u64,
    /// How the file was taken to be laid out; of libfm's files nothing is to be said.
    pub layout: Option<FileLayout>,
    pub(super) bad_rows: BadRows,
}

impl RowReport {
    pub(super) fn new(bad_rows: BadRows) -> Self {
        RowReport {
            bad_rows,
            ..RowReport::default()
        }
    }

    /// Counts a row that is left out.
    pub(super) fn skip(&mut self, line: u64, reason: String) {
        self.skipped += 1;
        self.first_skipped.get_or_insert((line, reason));
    }

    /// Refuses a file without a row.
    pub(super) fn finish(&self, lines: &Lines) -> Result<()> {
        match (self.rows, &self.first_skipped) {
            (0, None) => Err(lines.error_at(0, "there is no row")),
            (0, Some((line, reason))) => {
                let skipped = self.skipped;
                let reason = format!("none of {skipped} rows can be used; this one not because: {reason}");
                Err(lines.error_at(*line, reason))
            }
            _ => Ok(()),
        }
    }
}

/// How a file was taken to be laid out. Its `Display` is one line:
/// `"," between fields, with a header; user = who (column 2), item = what (column 3), no time`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileLayout {
    /// What stands between fields.
    pub delimiter: Delimiter,
    /// Whether the first row names the columns.
    pub header: bool,
    /// Whether each row is a user and any number of items.
    pub lists: bool,
    /// What was looked for, and the column that was taken for it: its name, if it has one, and its number from 1.
    pub columns: Vec<(&'static str, Option<(String, usize)>)>,
    /// What could as well have been taken otherwise.
    pub notes: Vec<String>,
}

impl fmt::Display for FileLayout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let header = if self.header { "with a header" } else { "no header" };
        write!(f, "{} between fields, {header}", self.delimiter)?;
        if self.lists {
            f.write_str("; a user and the user's items in each row")?;
        }
        for (index, (role, column)) in self.columns.iter().enumerate() {
            f.write_str(if index == 0 { "; " } else { ", " })?;
            match column {
                Some((name, number)) if name.is_empty() => write!(f, "{role} = column {number}")?,
                Some((name, number)) => write!(f, "{role} = {name} (column {number})")?,
                None => write!(f, "no {role}")?,
            }
        }
        self.notes.iter().try_for_each(|note| write!(f, "; {note}"))
    }
}
