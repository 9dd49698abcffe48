//! Titles of items, from the file that MovieLens puts beside the ratings.

use std::path::Path;

use super::{
    fields::{self, Fields},
    lines::Lines,
    options::Delimiter,
    values::shown,
};
use crate::{Error, Result, data::Interactions};

/// Adds the titles that lie beside the ratings `path`, if there are any: `movies.dat` beside `ratings.dat`,
/// `movies.csv` beside `ratings.csv`, `u.item` beside `u.data`.
pub(super) fn add(mut data: Interactions, path: &Path) -> Result<Interactions> {
    let file = match path.file_name().and_then(|name| name.to_str()) {
        Some("ratings.dat") => "movies.dat",
        Some("ratings.csv") => "movies.csv",
        Some("u.data") => "u.item",
        _ => return Ok(data),
    };
    let path = path.with_file_name(file);
    if !path.is_file() {
        return Ok(data);
    }
    let mut titles = vec![String::new(); data.items() as usize];
    let mut set = |key: &[u8], title: &[u8]| {
        let index = core::str::from_utf8(key)
            .ok()
            .and_then(|key| data.item_ids().get(key.trim()));
        if let Some(to) = index.and_then(|index| titles.get_mut(index as usize)) {
            *to = decoded(title);
        }
    };
    match file {
        "movies.csv" => read_csv(&path, &mut set)?,
        "movies.dat" => read_rows(&path, Delimiter::Colons, &mut set)?,
        _ => read_rows(&path, Delimiter::Char(b'|'), &mut set)?,
    }
    if titles.iter().any(|title| !title.is_empty()) {
        data.titles = titles;
    }
    Ok(data)
}

/// UTF-8 where it is that, else Latin-1, in which the older MovieLens files are.
fn decoded(text: &[u8]) -> String {
    match core::str::from_utf8(text) {
        Ok(text) => text.trim().into(),
        Err(_) => text
            .iter()
            .map(|&byte| char::from(byte))
            .collect::<String>()
            .trim()
            .into(),
    }
}

fn read_rows(path: &Path, delimiter: Delimiter, set: &mut impl FnMut(&[u8], &[u8])) -> Result<()> {
    let (mut lines, mut fields) = (Lines::open(path)?, Fields::default());
    let mut row = |_, line: &[u8], fields: &Fields| match (fields.get(line, 0), fields.get(line, 1)) {
        (Some(key), Some(title)) => {
            set(key, title);
            Ok(())
        }
        _ => Err(format!(
            "too few fields in {}; expected an item, {delimiter} and its title",
            shown(line)
        )),
    };
    while fields::next_row(&mut lines, &mut fields, |_| (delimiter, 2), &mut row)?
        .1
        .is_some()
    {}
    Ok(())
}

/// Reads the columns `movieId` and `title`; a file without them has no titles for us.
fn read_csv(path: &Path, set: &mut impl FnMut(&[u8], &[u8])) -> Result<()> {
    let refused = |error: csv::Error| {
        let line = error.position().map_or(0, csv::Position::line);
        Error::data(path.display().to_string(), line, error.to_string())
    };
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .from_path(path)
        .map_err(refused)?;
    let header = reader.byte_headers().map_err(refused)?;
    let place = |name: &[u8]| header.iter().position(|other| other == name);
    let (Some(key), Some(title)) = (place(b"movieId"), place(b"title")) else {
        return Ok(());
    };
    let mut record = csv::ByteRecord::new();
    while reader.read_byte_record(&mut record).map_err(refused)? {
        let (Some(key), Some(title)) = (record.get(key), record.get(title)) else {
            let line = record.position().map_or(0, csv::Position::line);
            let reason = format!("too few fields: {}; expected movieId and title", record.len());
            return Err(Error::data(path.display().to_string(), line, reason));
        };
        set(key, title);
    }
    Ok(())
}
