//! What the columns of a file hold, by all of its rows: what a schema is made from where nobody wrote one.

use std::path::Path;

use super::{
    columns::{Role, nearest, place_of},
    options::{BadRows, Column},
    report::RowReport,
    table,
};
use crate::{
    Result,
    data::{Delimiter, FileLayout},
};

/// A column of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SurveyedColumn {
    /// Its name in the header.
    pub name: String,
    /// Rows in which it is empty.
    pub blank: u64,
    /// Rows in which it is a finite number.
    pub numbers: u64,
    /// Rows in which it holds the separator, and so several values.
    pub several: u64,
}

/// What the columns of a file of rows hold.
///
/// ```
/// use pocketrec::data::Survey;
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("clicks.csv");
/// std::fs::write(&path, "user_id;kinds;price;clicked\nann;drink|hot;2.5;1\nbob;;3;0\n")?;
/// let survey = Survey::of(&path, None, '|')?;
/// assert_eq!((survey.rows, survey.user(), survey.label()), (2, Some("user_id"), Some("clicked")));
/// assert_eq!((survey.columns[1].several, survey.columns[1].blank, survey.columns[2].numbers), (1, 1, 2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Survey {
    /// The columns, in their order.
    pub columns: Vec<SurveyedColumn>,
    /// Number of rows.
    pub rows: u64,
    /// How the file was taken to be laid out.
    pub layout: FileLayout,
}

impl Survey {
    /// Reads all of a delimited file with a header. `separator` stands between several values of one column.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io) where the file cannot be read, [`Error::Data`](crate::Error::Data) with file, line
    /// and reason where a row has more or fewer fields than the header, and where there is no row.
    pub fn of(path: impl AsRef<Path>, delimiter: Option<Delimiter>, separator: char) -> Result<Survey> {
        Self::with(path, delimiter, separator, BadRows::Refuse)
    }

    /// [`Survey::of`], which may leave out rows that cannot be used.
    ///
    /// # Errors
    /// Those of [`Survey::of`].
    pub fn with(
        path: impl AsRef<Path>,
        delimiter: Option<Delimiter>,
        separator: char,
        bad_rows: BadRows,
    ) -> Result<Survey> {
        let (names, dialect, records) = table::open(path.as_ref(), delimiter, None)?;
        let mut columns: Vec<SurveyedColumn> = names
            .into_iter()
            .map(|name| SurveyedColumn {
                name,
                ..SurveyedColumn::default()
            })
            .collect();
        let mut sign = [0; 4];
        let sign = separator.encode_utf8(&mut sign).as_bytes();
        let mut report = RowReport::new(bad_rows);
        records.each(&mut report, |_, record| {
            for (column, field) in columns.iter_mut().zip(record.iter()) {
                let field = field.trim_ascii();
                column.blank += u64::from(field.is_empty());
                column.several += u64::from(memchr::memmem::find(field, sign).is_some());
                let number = core::str::from_utf8(field)
                    .ok()
                    .and_then(|text| text.parse::<f32>().ok());
                column.numbers += u64::from(number.is_some_and(f32::is_finite));
            }
            Ok(())
        })?;
        Ok(Survey {
            columns,
            rows: report.rows,
            layout: FileLayout {
                delimiter: dialect.splitting.delimiter,
                header: true,
                lists: false,
                columns: Vec::new(),
                notes: dialect.notes,
            },
        })
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|column| column.name.as_str())
    }

    /// A column by its name.
    pub fn column(&self, name: &str) -> Option<&SurveyedColumn> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// The column whose name is nearest to one that is not there.
    pub fn nearest(&self, name: &str) -> Option<&str> {
        nearest(name, self.names())
    }

    /// The place of a column among [`Survey::columns`], by its name or number as [`Column`] has it, and what is to be said
    /// of the choice.
    ///
    /// # Errors
    /// The reason why there is no such column.
    pub fn place_of(&self, column: &Column) -> core::result::Result<(usize, Option<String>), String> {
        let names: Vec<String> = self.names().map(String::from).collect();
        place_of(column, Some(&names), names.len())
    }

    fn find(&self, role: Role) -> Option<&str> {
        let names: Vec<String> = self.names().map(String::from).collect();
        role.find(&names).map(|at| self.columns[at].name.as_str())
    }

    /// The column that is the user's by its name.
    pub fn user(&self) -> Option<&str> {
        self.find(Role::User)
    }

    /// The column that is the item's by its name.
    pub fn item(&self) -> Option<&str> {
        self.find(Role::Item)
    }

    /// The column that is the time by its name.
    pub fn time(&self) -> Option<&str> {
        self.find(Role::Time)
    }

    /// The column that says what was clicked on, by its name (`label`, `click`, `clicked`, `is_click`, `clk`, `target`,
    /// `y`).
    pub fn label(&self) -> Option<&str> {
        self.find(Role::Label)
    }

    /// The column that lists what was not chosen, by its name (`negatives`, `neg_items`).
    pub fn negatives(&self) -> Option<&str> {
        self.find(Role::Negatives)
    }
}
