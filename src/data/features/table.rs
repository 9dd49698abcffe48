//! Makes features of the rows of a side table.

use alloc::{format, string::String, vec::Vec};

use super::{
    FeatureKind, FeatureReport, Features,
    column::{FeatureColumn, Said},
};
use crate::{Error, Result, data::IdMap};

/// Collects the rows of a side table in memory, and makes [`Features`] of them;
/// [`FeatureFile`](crate::data::FeatureFile) reads one.
///
/// ```
/// use pocketrec::data::{FeatureKind, FeatureTable, IdMap};
/// let films = IdMap::from_keys(["31", "50", "7"])?;
/// let mut table = FeatureTable::new(&films).column("genres", FeatureKind::Values)?;
/// table.push("50", &["Crime|Drama"])?;
/// table.push("31", &["Drama"])?;
/// table.push("99", &["Western"])?; // nobody knows this film
/// let features = table.finish()?;
/// assert_eq!((features.of(0), features.of(1), features.of(2)), (&[1][..], &[0, 1][..], &[][..]));
/// assert_eq!((features.key(1).as_deref(), features.report().unknown), (Some("genres:Drama"), 1));
/// # Ok::<(), pocketrec::Error>(())
/// ```
#[derive(Debug)]
pub struct FeatureTable {
    row_ids: IdMap,
    has_row: Vec<bool>,
    columns: Vec<FeatureColumn>,
    /// Of each column (row, feature of the column), and where it holds numbers (row, number).
    found: Vec<Vec<(u32, u32)>>,
    numbers: Vec<Vec<(u32, f32)>>,
    pub(in crate::data) report: FeatureReport,
}

impl FeatureTable {
    /// For items or users of these keys.
    pub fn new(row_ids: &IdMap) -> Self {
        FeatureTable {
            row_ids: row_ids.clone(),
            has_row: alloc::vec![false; row_ids.len()],
            columns: Vec::new(),
            found: Vec::new(),
            numbers: Vec::new(),
            report: FeatureReport::default(),
        }
    }

    /// Adds a column, before the first row.
    ///
    /// # Errors
    /// [`Error::Config`] where there is one of that name, or the kind's number of features is out of range.
    pub fn column(mut self, name: impl Into<String>, kind: FeatureKind) -> Result<Self> {
        let column = FeatureColumn::new(name.into(), kind)?;
        if self.columns.iter().any(|other| other.name == column.name) {
            let reason = format!("the column {:?} is asked for twice", column.name);
            return Err(Error::config("features", reason));
        }
        self.columns.push(column);
        self.found.push(Vec::new());
        self.numbers.push(Vec::new());
        Ok(self)
    }

    /// Adds a row: its key, and one field a column. A row whose key is not one of the items or users is left out and counted.
    ///
    /// # Errors
    /// [`Error::Config`] where the key has a row already or a field is not what its column holds, and [`Error::Length`] where
    /// there are more or fewer fields than columns; nothing of the row is added then.
    pub fn push(&mut self, key: &str, fields: &[&str]) -> Result<()> {
        if fields.len() != self.columns.len() {
            return Err(Error::Length {
                what: "fields of a row, one a column".into(),
                expected: self.columns.len(),
                got: fields.len(),
            });
        }
        let key = key.trim();
        let Some(row) = self.row_ids.get(key) else {
            self.miss(0, key);
            return Ok(());
        };
        if self.has_row[row as usize] {
            return Err(Error::config(
                "features",
                format!("{key:?} has a row already; keep one"),
            ));
        }
        let added = self.push_row(row, fields);
        added.map_err(|reason| Error::config("features", format!("{key:?}: {reason}")))
    }

    /// Counts a row whose key is not known; of no line where that is 0.
    pub(in crate::data) fn miss(&mut self, line: u64, key: &str) {
        self.report.unknown += 1;
        self.report.first_unknown.get_or_insert_with(|| (line, key.into()));
    }

    /// Adds a row that is not there yet, with one field a column.
    pub(in crate::data) fn push_row(&mut self, row: u32, fields: &[&str]) -> Result<(), String> {
        let said = self
            .columns
            .iter()
            .zip(fields)
            .map(|(column, field)| column.read(field));
        // All of them before the first is added: nothing of a row that is refused may stay.
        let said = said.collect::<Result<Vec<Said<'_>>, String>>()?;
        for (at, said) in said.iter().enumerate() {
            let found = &mut self.found[at];
            match said {
                Said::Number(number) => self.numbers[at].push((row, *number)),
                _ => self.columns[at].insert(said, |feature| found.push((row, feature)))?,
            }
        }
        self.has_row[row as usize] = true;
        self.report.rows += 1;
        Ok(())
    }

    /// The features of all rows.
    ///
    /// # Errors
    /// [`Error::Config`] where there are no columns, no row is of a known key, no row has a feature, or there are more than
    /// 2^32 - 1 features.
    pub fn finish(mut self) -> Result<Features> {
        let refused = |reason: String| Err(Error::config("features", reason));
        if self.columns.is_empty() {
            return refused("no column is asked for".into());
        }
        if self.report.rows == 0 {
            let (rows, keys) = (self.report.unknown, self.row_ids.len());
            let first = self.report.first_unknown.as_ref().map_or_else(String::new, |(_, key)| {
                format!(
                    "; {key:?}, the first, is not one of them, such as {:?}",
                    self.row_ids.key(0).unwrap_or_default()
                )
            });
            return refused(format!("none of {rows} rows has one of the {keys} keys{first}"));
        }
        let mut first = 0u32;
        let mut pairs: Vec<(u32, u32)> = Vec::new();
        for ((column, found), numbers) in self.columns.iter_mut().zip(&mut self.found).zip(&mut self.numbers) {
            let known: Vec<f32> = numbers.iter().map(|number| number.1).collect();
            column.fit(&known);
            for (row, number) in core::mem::take(numbers) {
                column.look_up(&Said::Number(number), |feature| found.push((row, feature)));
            }
            column.first = first;
            let Some(next) = first.checked_add(column.features()).filter(|&next| next < u32::MAX) else {
                return refused("more than 4294967294 features; hash words into fewer".into());
            };
            pairs.extend(
                core::mem::take(found)
                    .into_iter()
                    .map(|(row, feature)| (row, column.first + feature)),
            );
            first = next;
        }
        if pairs.is_empty() {
            return refused(format!(
                "none of {} rows has a value in a column that is asked for",
                self.report.rows
            ));
        }
        Features::of_pairs(self.row_ids, self.columns, pairs, self.report)
    }
}
