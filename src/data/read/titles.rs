//! Titles of items, from the file that MovieLens puts beside the ratings.

use std::path::{Path, PathBuf};

use super::{
    dialect::{Dialect, Wish},
    lines::Lines,
    options::BadRows,
    records::Width,
    report::RowReport,
    source,
};
use crate::{
    Error, Result,
    data::{Delimiter, Interactions},
};

/// The files of titles beside those of ratings, how their fields are parted, and whether they have a header.
const BESIDE: [(&str, &str, Delimiter, bool); 3] = [
    ("ratings.dat", "movies.dat", Delimiter::Colons, false),
    ("ratings.csv", "movies.csv", Delimiter::Char(b','), true),
    ("u.data", "u.item", Delimiter::Char(b'|'), false),
];

/// The name of a file without the end that says that it is compressed.
fn plain(name: &str) -> &str {
    name.strip_suffix(".gz").unwrap_or(name)
}

/// Adds the titles that lie beside the ratings `path`, compressed or not, if there are any.
pub(super) fn add(data: Interactions, path: &Path) -> Result<Interactions> {
    let name = plain(path.file_name().and_then(|name| name.to_str()).unwrap_or_default());
    let Some((_, file, delimiter, header)) = BESIDE.into_iter().find(|(ratings, ..)| *ratings == name) else {
        return Ok(data);
    };
    match compressed_or_not(&path.with_file_name(file)) {
        Some(path) => add_lines(data, Lines::open(&path)?, delimiter, header),
        None => Ok(data),
    }
}

/// Adds the titles of a file of that name that is in memory.
pub(super) fn add_bytes(data: Interactions, name: &str, bytes: Vec<u8>) -> Result<Interactions> {
    let Some((.., delimiter, header)) = BESIDE.into_iter().find(|(_, titles, ..)| *titles == plain(name)) else {
        let reason = "titles are read from files of the names movies.dat, movies.csv and u.item, as MovieLens has them";
        return Err(Error::data(name, 0, reason));
    };
    let lines = Lines::new(source::of_bytes(name, bytes)?, name.into());
    add_lines(data, lines, delimiter, header)
}

fn add_lines(mut data: Interactions, lines: Lines, delimiter: Delimiter, header: bool) -> Result<Interactions> {
    let wish = Wish {
        delimiter: Some(delimiter),
        header: Some(header),
        lists: Some(false),
    };
    let (dialect, mut records) = Dialect::of(lines, &wish)?;
    let place = |name: &str| dialect.header.iter().flatten().position(|other| other == name);
    let (key, title) = match header {
        false => (0, 1),
        true => match (place("movieId"), place("title")) {
            (Some(key), Some(title)) => (key, title),
            // A file without them has no titles for us.
            _ => return Ok(data),
        },
    };
    // What stands behind the title is of no interest here, so that rows may be of any length.
    records.width = Width::Any;
    let mut titles = vec![String::new(); data.items() as usize];
    let mut report = RowReport::new(BadRows::Refuse);
    records.each(&mut report, |_, record| {
        let (Some(key), Some(title)) = (record.get(key), record.get(title)) else {
            let fields = record.len();
            return Err(format!(
                "too few fields: {fields}; expected an item and its title with {delimiter} between"
            ));
        };
        let index = core::str::from_utf8(key)
            .ok()
            .and_then(|key| data.item_ids().get(key.trim()));
        if let Some(to) = index.and_then(|index| titles.get_mut(index as usize)) {
            *to = decoded(title);
        }
        Ok(())
    })?;
    if titles.iter().any(|title| !title.is_empty()) {
        data.titles = titles;
    }
    Ok(data)
}

/// The file of this name, or of this name and `.gz`, if there is one.
pub(super) fn compressed_or_not(path: &Path) -> Option<PathBuf> {
    let mut compressed = path.as_os_str().to_owned();
    compressed.push(".gz");
    [path.to_path_buf(), compressed.into()]
        .into_iter()
        .find(|path| path.is_file())
}

/// UTF-8 where it is that, else Latin-1, in which the older MovieLens files are.
pub(super) fn decoded(text: &[u8]) -> String {
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
