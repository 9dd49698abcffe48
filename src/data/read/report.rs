//! What became of the rows of a file.

use super::{lines::Lines, options::BadRows};
use crate::{Result, data::FileLayout};

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
