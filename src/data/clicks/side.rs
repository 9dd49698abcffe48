//! Side tables: features of items or users, joined by key.

use alloc::{format, string::String, vec::Vec};

use serde::{Deserialize, Serialize};

use super::field::MAX_FIELDS;
use crate::{Error, Result, data::IdMap};

/// Features by key, such as the genres of films: each column stores its different values once.
///
/// ```
/// use pocketrec::data::clicks::SideTable;
/// let mut films = SideTable::new("films", ["genres", "year"]);
/// films.push("31", &["Comedy|Drama", "1995"])?;
/// # Ok::<(), pocketrec::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SideTable {
    name: String,
    keys: IdMap,
    columns: Vec<SideColumn>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct SideColumn {
    name: String,
    pub values: IdMap,
    /// The value of each key, as its index in `values`.
    pub codes: Vec<u32>,
}

impl SideTable {
    /// A table without rows.
    pub fn new<N: Into<String>>(name: impl Into<String>, columns: impl IntoIterator<Item = N>) -> Self {
        let column = |name: N| SideColumn {
            name: name.into(),
            values: IdMap::new(),
            codes: Vec::new(),
        };
        SideTable {
            name: name.into(),
            keys: IdMap::new(),
            columns: columns.into_iter().map(column).collect(),
        }
    }

    /// Adds a row: its key, and one value a column.
    ///
    /// # Errors
    /// [`Error::Config`] where the key is empty or comes twice, [`Error::Length`] where the values are not one a
    /// column.
    pub fn push(&mut self, key: &str, values: &[&str]) -> Result<()> {
        let key = key.trim();
        if values.len() != self.columns.len() {
            return Err(Error::Length {
                what: format!("values of a row of the table {:?}", self.name),
                expected: self.columns.len(),
                got: values.len(),
            });
        }
        if key.is_empty() || self.keys.get(key).is_some() {
            let reason = match key {
                "" => "the key is empty".into(),
                _ => format!("the key {key:?} comes twice"),
            };
            return Err(Error::config(self.name.clone(), reason));
        }
        for (column, value) in self.columns.iter_mut().zip(values) {
            column.codes.push(column.values.get_or_insert(value.trim())?);
        }
        self.keys.get_or_insert(key)?;
        Ok(())
    }

    /// The table's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The value of a column for a key.
    pub fn value(&self, key: &str, column: &str) -> Option<String> {
        let row = self.row(key)?;
        let column = &self.columns[self.column_named(column)?];
        column.values.key(column.codes[row]).map(|value| value.into_owned())
    }

    /// Adds the rows of another table of the same name that are new here.
    ///
    /// # Errors
    /// [`Error::Config`] where the other lacks a column, or has another value for a key that is here already; nothing is
    /// added then.
    pub(super) fn extend(&mut self, other: &SideTable) -> Result<()> {
        let refused = |reason: String| Err(Error::config(self.name.clone(), reason));
        let mut places = Vec::with_capacity(self.columns.len());
        for column in &self.columns {
            match other.column_named(&column.name) {
                Some(place) => places.push(place),
                None => {
                    let (name, has) = (&column.name, other.column_names());
                    return refused(format!("the side table has no column {name:?}, but {has}"));
                }
            }
        }
        let value =
            |column: &SideColumn, row: usize| column.values.key(column.codes[row]).unwrap_or_default().into_owned();
        let (mut new, mut rows) = (Vec::new(), other.keys.iter().enumerate());
        rows.try_for_each(|(row, key)| {
            let values: Vec<String> = places.iter().map(|&at| value(&other.columns[at], row)).collect();
            let Some(there) = self.row(&key) else {
                new.push((key.into_owned(), values));
                return Ok(());
            };
            for (column, other) in self.columns.iter().zip(&values) {
                let own = value(column, there);
                if own != *other {
                    let name = &column.name;
                    return refused(format!(
                        "key {key:?} has {other:?} in the column {name:?}, and {own:?} in the table that the encoder was \
                         fitted with; what was learnt rests on that value: leave it, or fit anew"
                    ));
                }
            }
            Ok(())
        })?;
        for (key, values) in new {
            let values: Vec<&str> = values.iter().map(String::as_str).collect();
            self.push(&key, &values)?;
        }
        Ok(())
    }

    pub(super) fn row(&self, key: &str) -> Option<usize> {
        self.keys.get(key.trim()).map(|row| row as usize)
    }

    pub(super) fn column(&self, index: usize) -> &SideColumn {
        &self.columns[index]
    }

    pub(super) fn column_named(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }

    /// The name of a column, by place.
    pub(super) fn column_name(&self, index: usize) -> Option<&str> {
        self.columns.get(index).map(|column| column.name.as_str())
    }

    pub(super) fn column_names(&self) -> String {
        let names: Vec<&str> = self.columns.iter().map(|column| column.name.as_str()).collect();
        names.join(", ")
    }

    /// Refuses codes outside their values, and keys and values that no row stands for, as a damaged file may hold them.
    pub(super) fn check(&self) -> Result<()> {
        let refused = |reason: &str| Err(Error::config(self.name.clone(), reason));
        if self.columns.len() > MAX_FIELDS {
            return refused("more columns than there can be fields");
        }
        if self.columns.is_empty() && self.keys.is_count() && !self.keys.is_empty() {
            return refused("a number of keys, and no row of them");
        }
        for column in &self.columns {
            let (rows, values) = (column.codes.len(), column.values.len());
            if rows != self.keys.len() || column.codes.iter().any(|&code| code as usize >= values) {
                return refused("the values do not fit the keys");
            }
            // A value comes with the row that has it.
            if values > rows {
                let reason = format!("{values} values of {:?} in {rows} rows", column.name);
                return refused(&reason);
            }
        }
        Ok(())
    }
}
