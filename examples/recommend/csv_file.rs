//! CSV, to a file that is replaced at once or to standard output.

use std::{
    io::{self, Write},
    path::Path,
};

use pocketrec::{Error, Result, checkpoint::replace_file};

use crate::common::output::say;

/// Rows that are written at the end: what cannot be found for all is written for none.
pub struct CsvFile<'a> {
    path: Option<&'a Path>,
    rows: Vec<Vec<String>>,
}

impl<'a> CsvFile<'a> {
    /// Of a path, or else of standard output.
    pub fn new(path: Option<&'a Path>) -> Self {
        CsvFile { path, rows: Vec::new() }
    }

    pub fn row(&mut self, cells: impl Iterator<Item = String>) {
        self.rows.push(cells.collect());
    }

    fn write(&self, to: impl Write) -> io::Result<()> {
        let mut to = csv::Writer::from_writer(to);
        for row in &self.rows {
            to.write_record(row)?;
        }
        to.flush()
    }

    /// Writes all, and says so where it is to a file.
    pub fn finish(&self, what: &str) -> Result<()> {
        let Some(path) = self.path else {
            return self
                .write(io::stdout().lock())
                .map_err(|error| Error::io("standard output", error));
        };
        replace_file(path, |to| self.write(to))?;
        say!("{what} written to {}", path.display())
    }
}
