//! The users of a file: those of its column of users, or one key a line.

use std::path::Path;

use pocketrec::{
    Error, Result,
    data::{
        BadRows, Delimiter, IdMap, SampleFiles, SampleFormat, Survey,
        clicks::{Field, Schema, Vocabulary},
    },
};

use crate::common::{
    messages::not_known,
    samples::name_of,
    tables::{TERMINAL, listed},
};

/// One field a line: no line holds its end.
const LINES: Delimiter = Delimiter::Char(b'\n');
/// What a column of keys is called that has no name.
const KEY: &str = "user";

/// The keys and the ids of the users of all rows, in their order.
pub fn of_file(path: &Path, delimiter: Option<Delimiter>, known: &IdMap) -> Result<Vec<(String, u32)>> {
    let (format, column) = match table(path, delimiter)? {
        Some((delimiter, column)) => {
            let format = SampleFormat::Delimited {
                delimiter: Some(delimiter),
                columns: None,
            };
            (format, column)
        }
        None => {
            let format = SampleFormat::Delimited {
                delimiter: Some(LINES),
                columns: Some(vec![KEY.into()]),
            };
            (format, KEY.into())
        }
    };
    let schema = Schema::new().field(Field::key(&column));
    let (samples, files) = SampleFiles::new(schema).format(format).fit(path)?;
    let Some(Vocabulary::Keys(keys)) = files.encoder().vocabulary(&column) else {
        return Ok(Vec::new());
    };
    let key = |id: u32| keys.key(id.checked_sub(1)?);
    let mut users = Vec::with_capacity(samples.len());
    for (row, &id) in (1u64..).zip(samples.ids(0)) {
        let key = key(id).unwrap_or_default().into_owned();
        let user = known.get(&key).ok_or_else(|| {
            let reason = not_known("user", known, &key);
            Error::config("--input", format!("{}, row {row}: {reason}", name_of(path)))
        })?;
        users.push((key, user));
    }
    Ok(users)
}

/// The delimiter and the column of users, where the file is a table that has one.
fn table(path: &Path, delimiter: Option<Delimiter>) -> Result<Option<(Delimiter, String)>> {
    if delimiter.is_some() {
        let survey = Survey::of(path, delimiter, '|')?;
        let Some(column) = survey.user() else {
            let names = survey.columns.iter().map(|column| column.name.clone());
            let names = listed(names, TERMINAL);
            let reason = format!(
                "{} has no column of users by a usual name; it has {names}",
                name_of(path)
            );
            return Err(Error::config("--input", reason));
        };
        return Ok(Some((survey.layout.delimiter, column.into())));
    }
    for delimiter in [None, Some(LINES)] {
        let survey = match Survey::with(path, delimiter, '|', BadRows::Skip) {
            Ok(survey) => survey,
            Err(error @ Error::Io { .. }) => return Err(error),
            // It is no table, as far as this can be told.
            Err(_) => continue,
        };
        if let Some(column) = survey.user() {
            return Ok(Some((survey.layout.delimiter, column.into())));
        }
    }
    Ok(None)
}
