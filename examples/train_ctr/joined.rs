//! Files that are joined to the rows: features of items or users by their key.

use std::path::{Path, PathBuf};

use pocketrec::{Error, Result, data::Survey};

use crate::{common::samples::name_of, view::listed};

/// A file that is joined.
pub struct Joined<'a> {
    pub name: &'static str,
    pub path: &'a PathBuf,
    pub survey: Survey,
    /// Its column of keys, the first, and the column of the rows that has them.
    pub key: String,
    pub of_rows: String,
}

impl<'a> Joined<'a> {
    /// Joined by its first column, which the rows have too under that name, or else as the item or the user.
    pub fn new(
        name: &'static str,
        path: &'a PathBuf,
        survey: Survey,
        (train, rows): (&Path, &Survey),
        of_role: Option<&String>,
    ) -> Result<Self> {
        let key = survey
            .columns
            .first()
            .map(|column| column.name.clone())
            .unwrap_or_default();
        let of_rows = match (rows.column(&key), of_role) {
            (Some(_), _) => key.clone(),
            (None, Some(role)) => role.clone(),
            (None, None) => {
                let (file, train) = (name_of(path), name_of(train));
                let reason = format!("{file} is joined by its first column, {key}, which {train} does not have");
                return Err(Error::config("data", reason));
            }
        };
        Ok(Joined {
            name,
            path,
            survey,
            key,
            of_rows,
        })
    }

    /// Says how it was taken.
    pub fn describe(&self) -> String {
        let more = self.survey.columns[1..].iter();
        let names: Vec<String> = more.map(|column| column.name.clone()).collect();
        format!(
            "{}: {}; joined by {} as {}, for {}",
            name_of(self.path),
            self.survey.layout,
            self.key,
            self.of_rows,
            listed(&names)
        )
    }
}
