//! Opens tables with a row for each item or user: finds the column of keys and those that are asked for.

use super::{
    Column,
    columns::{Role, listed, place_of},
    dialect::{Dialect, Wish},
    lines::Lines,
    records::Records,
};
use crate::{
    Error, Result,
    data::{Delimiter, FileLayout, IdMap},
};

/// What is asked of a table.
pub(super) struct Asked<'a> {
    pub delimiter: Option<Delimiter>,
    /// Whether the first line names the columns; found where it is `None`.
    pub header: Option<bool>,
    /// What a row is of, and its column where that is set.
    pub role: Role,
    pub key: Option<&'a Column>,
    /// What the columns are taken for, and what sets the key, for messages.
    pub taken_for: &'static str,
    pub setter: &'static str,
    pub columns: Vec<Column>,
}

/// A table whose columns are found.
pub(super) struct Keyed {
    pub name: String,
    /// The place of the key, and those of the columns.
    pub key: usize,
    pub places: Vec<usize>,
    /// The names of all columns, where the file has a header.
    pub header: Option<Vec<String>>,
    pub layout: FileLayout,
    pub records: Records,
}

impl Keyed {
    /// # Errors
    /// [`Error::Data`] where the file has not such columns, or one of them is taken for two things.
    pub fn open(lines: Lines, asked: &Asked<'_>) -> Result<Self> {
        let name = lines.name().to_owned();
        let wish = Wish {
            delimiter: asked.delimiter,
            header: asked.header,
            lists: Some(false),
        };
        let (dialect, records) = Dialect::of(lines, &wish)?;
        let (key, places) = asked
            .places(&dialect)
            .map_err(|reason| Error::data(&*name, dialect.first_line, reason))?;
        Ok(Keyed {
            layout: asked.layout(&dialect, key, &places),
            header: dialect.header,
            name,
            key,
            places,
            records,
        })
    }
}

impl Asked<'_> {
    /// The places of the key and of the columns.
    fn places(&self, dialect: &Dialect) -> Result<(usize, Vec<usize>), String> {
        let header = dialect.header.as_deref();
        let place = |column: &Column| place_of(column, header, dialect.columns()).map(|found| found.0);
        let places = self.columns.iter().map(place).collect::<Result<Vec<usize>, String>>()?;
        let (role, taken_for) = (self.role.name(), self.taken_for);
        let key = match (self.key, header) {
            (Some(column), _) => place(column)?,
            // Tables without a header begin with it.
            (None, None) => 0,
            (None, Some(header)) => self.role.find(header).ok_or_else(|| {
                let (names, setter) = (listed(header), self.setter);
                format!("no column is known to be the {role}; set {setter} to one of: {names}")
            })?,
        };
        match places.contains(&key) {
            true => Err(format!(
                "column {} is taken for the {role} and for {taken_for}",
                key + 1
            )),
            false => Ok((key, places)),
        }
    }

    fn layout(&self, dialect: &Dialect, key: usize, places: &[usize]) -> FileLayout {
        let header = dialect.header.as_deref().unwrap_or_default();
        let used = |place: &usize| *place == key || places.contains(place);
        let unused: Vec<String> = (0..header.len())
            .filter(|place| !used(place) && !header[*place].is_empty())
            .map(|place| header[place].clone())
            .collect();
        let mut notes = dialect.notes.clone();
        if !unused.is_empty() {
            notes.push(format!("not used: {}", listed(&unused)));
        }
        FileLayout {
            delimiter: dialect.splitting.delimiter,
            header: dialect.header.is_some(),
            lists: false,
            columns: vec![(
                self.role.name(),
                Some((header.get(key).cloned().unwrap_or_default(), key + 1)),
            )],
            notes,
        }
    }
}

/// Which of the keys have had their row.
pub(super) struct Once<'a> {
    ids: &'a IdMap,
    /// The line of each key's row; 0 where it has none yet.
    lines: Vec<u64>,
    what: &'static str,
}

impl<'a> Once<'a> {
    pub fn new(ids: &'a IdMap, role: Role) -> Self {
        Once {
            ids,
            lines: vec![0; ids.len()],
            what: role.name(),
        }
    }

    /// The number of a key whose row is on this line; none of a key that is not known.
    ///
    /// # Errors
    /// The reason where the key has a row already.
    pub fn index(&mut self, line: u64, key: &str) -> Result<Option<u32>, String> {
        let Some(index) = self.ids.get(key) else {
            return Ok(None);
        };
        let (row, what) = (&mut self.lines[index as usize], self.what);
        if *row > 0 {
            return Err(format!("the {what} {key:?} has a row on line {row} already; keep one"));
        }
        *row = line;
        Ok(Some(index))
    }
}
