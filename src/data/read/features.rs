//! Reads side tables: what is known of items or of users, a row each.

use std::path::Path;

use super::{
    BadRows, Column,
    columns::Role,
    keyed::{Asked, Keyed, Once},
    lines::Lines,
    report::RowReport,
    source,
    titles::decoded,
    triples::filled,
};
use crate::{
    Error, Result,
    data::{Delimiter, FeatureKind, FeatureTable, Features, IdMap},
};

/// A side table such as MovieLens' `movies.dat` or `users.dat`: which of its columns become [`Features`], and how. Text that
/// is not UTF-8 is taken for Latin-1, as there.
///
/// ```
/// use pocketrec::data::{FeatureFile, IdMap};
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("films.csv");
/// std::fs::write(&path, "movieId,title,genres,year\n31,Heat,Crime|Drama,1995\n50,Fargo,Crime,1996\n7,Emma,,1996\n")?;
/// let items = IdMap::from_keys(["50", "7", "31"])?;
/// let file = FeatureFile::of_items().values("genres").quantiles("year", 2).words("title", 1000);
/// let features = file.read(&path, &items)?;
/// let keys = |item| features.of(item).iter().filter_map(|&feature| features.key(feature)).collect::<Vec<_>>();
/// assert_eq!(keys(1), ["year:1996..", &features.key(features.of(1)[1]).unwrap()]);
/// assert_eq!(keys(2)[..3], ["genres:Crime", "genres:Drama", "year:..1996"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct FeatureFile {
    role: Role,
    key: Option<Column>,
    delimiter: Option<Delimiter>,
    header: Option<bool>,
    bad_rows: BadRows,
    columns: Vec<(Column, FeatureKind)>,
}

impl FeatureFile {
    /// A table of items, of no columns yet.
    pub fn of_items() -> Self {
        Self::of(Role::Item)
    }

    /// A table of users, of no columns yet.
    pub fn of_users() -> Self {
        Self::of(Role::User)
    }

    fn of(role: Role) -> Self {
        FeatureFile {
            role,
            key: None,
            delimiter: None,
            header: None,
            bad_rows: BadRows::Refuse,
            columns: Vec::new(),
        }
    }

    /// Adds a column of one value ([`FeatureKind::Category`]).
    pub fn category(self, column: impl Into<Column>) -> Self {
        self.column(column, FeatureKind::Category)
    }

    /// Adds a column of any number of values ([`FeatureKind::Values`]).
    pub fn values(self, column: impl Into<Column>) -> Self {
        self.column(column, FeatureKind::Values)
    }

    /// Adds a column of numbers, in so many parts of about as many rows ([`FeatureKind::Quantiles`]).
    pub fn quantiles(self, column: impl Into<Column>, parts: u32) -> Self {
        self.column(column, FeatureKind::Quantiles(parts))
    }

    /// Adds a column of text, its words hashed into so many features ([`FeatureKind::Words`]).
    pub fn words(self, column: impl Into<Column>, features: u32) -> Self {
        self.column(column, FeatureKind::Words(features))
    }

    /// Adds a column.
    pub fn column(mut self, column: impl Into<Column>, kind: FeatureKind) -> Self {
        self.columns.push((column.into(), kind));
        self
    }

    /// Sets the column of keys; else it is found by its name, and in a table without a header it is the first.
    pub fn key(mut self, column: impl Into<Column>) -> Self {
        self.key = Some(column.into());
        self
    }

    /// Sets what stands between fields; else that is found.
    pub fn delimiter(mut self, delimiter: Delimiter) -> Self {
        self.delimiter = Some(delimiter);
        self
    }

    /// Sets whether the first line names the columns; else it does where one is asked for by its name, or it looks like that.
    pub fn header(mut self, header: bool) -> Self {
        self.header = Some(header);
        self
    }

    /// Sets what to do about rows that cannot be used.
    pub fn bad_rows(mut self, bad_rows: BadRows) -> Self {
        self.bad_rows = bad_rows;
        self
    }

    /// Reads a file, compressed by gzip or not, for the items or users of these keys. Rows of others are left out and counted
    /// ([`FeatureReport::unknown`](crate::data::FeatureReport::unknown)); memory is bounded by the keys, the different values and
    /// what the rows of known keys hold.
    ///
    /// # Errors
    /// [`Error::Config`] where no column is asked for, or one twice; [`Error::Io`], and [`Error::Data`] with file, line and
    /// reason where a column is not there, a key has two rows, a number is none or a list is not closed, and where no
    /// row is of a known key.
    pub fn read(&self, path: impl AsRef<Path>, ids: &IdMap) -> Result<Features> {
        self.read_lines(Lines::open(path.as_ref())?, ids)
    }

    /// Reads a table that is in memory, as [`FeatureFile::read`] reads a file; `name` stands for the file in messages.
    ///
    /// # Errors
    /// Those of [`FeatureFile::read`].
    pub fn read_bytes(&self, name: &str, bytes: impl Into<Vec<u8>>, ids: &IdMap) -> Result<Features> {
        let from = source::of_bytes(name, bytes.into())?;
        self.read_lines(Lines::new(from, name.into()), ids)
    }

    fn read_lines(&self, lines: Lines, ids: &IdMap) -> Result<Features> {
        if self.columns.is_empty() {
            let reason = "no column is asked for; add some, such as by FeatureFile::values";
            return Err(Error::config("features", reason));
        }
        let is_named = |column: &Column| matches!(column, Column::Name(name) if name.trim().parse::<usize>().is_err());
        let named = self
            .columns
            .iter()
            .map(|column| &column.0)
            .chain(&self.key)
            .any(is_named);
        let asked = Asked {
            delimiter: self.delimiter,
            header: self.header.or(named.then_some(true)),
            role: self.role,
            key: self.key.as_ref(),
            taken_for: "a feature",
            setter: "FeatureFile::key",
            columns: self.columns.iter().map(|column| column.0.clone()).collect(),
        };
        let file = Keyed::open(lines, &asked)?;
        let mut table = FeatureTable::new(ids);
        for (&place, (_, kind)) in file.places.iter().zip(&self.columns) {
            let title = file
                .header
                .as_ref()
                .and_then(|header| header.get(place))
                .filter(|name| !name.is_empty());
            table = table.column(title.cloned().unwrap_or_else(|| format!("{}", place + 1)), *kind)?;
        }
        let mut report = RowReport::new(self.bad_rows);
        report.layout = Some(file.layout);
        let mut once = Once::new(ids, self.role);
        file.records.each(&mut report, |line, record| {
            let key = filled(record, file.key, self.role.name())?;
            let Some(row) = once.index(line, key)? else {
                table.miss(line, key);
                return Ok(());
            };
            let texts = file
                .places
                .iter()
                .map(|&place| decoded(record.get(place).unwrap_or_default()));
            let texts: Vec<String> = texts.collect();
            let fields: Vec<&str> = texts.iter().map(String::as_str).collect();
            table.push_row(row, &fields)
        })?;
        table.report.skipped = report.skipped;
        table.report.first_skipped = report.first_skipped;
        table.report.blank = report.blank;
        table.report.layout = report.layout;
        table
            .finish()
            .map_err(|error| Error::data(file.name, 0, error.to_string()))
    }
}
