//! How a file of delimited rows is to be read.

use core::{fmt, str::FromStr};

use crate::{Error, Result, data::Delimiter};

/// A column of a delimited file. Text is taken for a name, and for a number from 1 where no column of the header has it
/// as its name; [`FileLayout`](crate::data::FileLayout) says which it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Column {
    /// The column with this name in the header, or else with this number.
    Name(String),
    /// The column at this place, counted from 1.
    Number(usize),
}

impl FromStr for Column {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text.trim() {
            "" => Err(Error::config("column", "the name is empty; give a name or a number")),
            text if text.parse() == Ok(0) => Err(Error::config("column", "columns count from 1; 0 is none")),
            _ => Ok(text.into()),
        }
    }
}

impl From<&str> for Column {
    fn from(name: &str) -> Self {
        Column::Name(name.into())
    }
}

impl From<usize> for Column {
    fn from(number: usize) -> Self {
        Column::Number(number)
    }
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Column::Name(name) => write!(f, "column {name:?}"),
            Column::Number(number) => write!(f, "column {number}"),
        }
    }
}

/// What to do about a row that cannot be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BadRows {
    /// Refuse the file.
    #[default]
    Refuse,
    /// Leave the row out and count it.
    Skip,
}

/// How a file of delimited rows is to be read. What is `None` is decided from the first 256 KiB of its rows, by what all
/// of them agree on; [`ReadReport::layout`](crate::data::ReadReport::layout) says how.
///
/// - The delimiter is the one under which all rows have as many fields.
/// - The first row is a header where its words are usual names (`user`, `userId`, `user_id`, ... `movieId`, `item`,
///   `asin`, ... `rating`, `score`, ... `timestamp`, `time`, `date`, ...), RecBole's (`user_id:token`), or words that do
///   not come again in their columns, where these hold numbers or codes.
/// - Columns are found by these names. Without a header the first columns are user, item, rating and time; a third and
///   last column is the time if its values are dates or numbers from 10^8 on, else the rating. If any column is set,
///   ratings and times are read only from columns that are set or found by name.
/// - Rows of whole numbers, of different lengths and with no user twice, are lists: a user and the user's items.
///
/// Ratings are looked at only where `min_rating` is set.
///
/// ```
/// use pocketrec::data::{Delimited, Interactions};
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("plays.csv");
/// std::fs::write(&path, "when;who;what\n3;ann;tea\n5;bob;tea\n4;ann;rice\n")?;
/// let options = Delimited {
///     user: Some("who".into()),
///     item: Some("what".into()),
///     time: Some("when".into()),
///     ..Delimited::default()
/// };
/// let data = Interactions::read_with(&path, &options)?;
/// assert_eq!(data.of_user(0), [0, 1]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Delimited {
    /// What stands between fields.
    pub delimiter: Option<Delimiter>,
    /// Whether the first line names the columns.
    pub header: Option<bool>,
    /// The column of users' keys.
    pub user: Option<Column>,
    /// The column of items' keys.
    pub item: Option<Column>,
    /// The column of ratings.
    pub rating: Option<Column>,
    /// The column of times: numbers in any unit, or dates and times of ISO 8601 (as UTC where they name no zone).
    pub time: Option<Column>,
    /// Leaves out rows whose rating is lower. Ratings must be finite numbers then.
    pub min_rating: Option<f32>,
    /// Whether each row is a list: a user and any number of items, in the order of time.
    pub lists: Option<bool>,
    /// What to do about rows that cannot be used.
    pub bad_rows: BadRows,
}
