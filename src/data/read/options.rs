//! How a file of delimited rows is to be read.

use core::{fmt, str::FromStr};

use crate::{Error, Result};

/// What stands between the fields of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delimiter {
    /// One ASCII character, such as a comma, tab, semicolon or bar. Fields may be quoted as in CSV.
    Char(u8),
    /// Two colons, as in MovieLens `.dat` files.
    Colons,
    /// Any number of blanks and tabs.
    Blanks,
}

impl FromStr for Delimiter {
    type Err = Error;

    /// `,`, `;`, `|` or another ASCII character, `tab`, `::`, or `space` for any number of blanks.
    fn from_str(text: &str) -> Result<Self> {
        match text {
            "::" => Ok(Delimiter::Colons),
            "tab" | "\\t" | "\t" => Ok(Delimiter::Char(b'\t')),
            " " | "space" => Ok(Delimiter::Blanks),
            _ => match text.as_bytes() {
                [byte] if byte.is_ascii_graphic() && !byte.is_ascii_alphanumeric() && *byte != b'"' => {
                    Ok(Delimiter::Char(*byte))
                }
                _ => Err(Error::config(
                    "delimiter",
                    format!("{text:?} is none; give one ASCII sign such as \",\", or \"tab\", \"space\" or \"::\""),
                )),
            },
        }
    }
}

impl fmt::Display for Delimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Delimiter::Char(b'\t') => f.write_str("tabs"),
            Delimiter::Char(byte) => write!(f, "{:?}", char::from(*byte)),
            Delimiter::Colons => f.write_str("\"::\""),
            Delimiter::Blanks => f.write_str("blanks"),
        }
    }
}

/// A column of a delimited file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Column {
    /// The column with this name in the header.
    Name(String),
    /// The column at this place, counted from 1.
    Number(usize),
}

impl FromStr for Column {
    type Err = Error;

    /// A number counted from 1, or else a name.
    fn from_str(text: &str) -> Result<Self> {
        match text.parse() {
            Ok(0) => Err(Error::config("column", "columns count from 1; 0 is none")),
            Ok(number) => Ok(Column::Number(number)),
            Err(_) if text.is_empty() => Err(Error::config("column", "the name is empty; give a name or a number")),
            Err(_) => Ok(Column::Name(text.into())),
        }
    }
}

impl From<&str> for Column {
    fn from(name: &str) -> Self {
        Column::Name(name.into())
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

/// How a file of delimited rows is to be read. What is `None` is found out from the file's name and first line.
///
/// In a header, columns are found by the usual names (`user`, `userId`, `user_id`, ... `movieId`, `item`, `asin`, ...
/// `rating`, `score`, ... `timestamp`, `time`). Without a header the first columns are user, item, rating and time; a
/// third and last column is the time if its value in the first line is 10^8 or more, else the rating. If any column is
/// set, ratings and times are read only from columns that are set or found by name.
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
    /// The column of ratings, which must be finite numbers.
    pub rating: Option<Column>,
    /// The column of times, in seconds (or in any unit).
    pub time: Option<Column>,
    /// Leaves out rows whose rating is lower.
    pub min_rating: Option<f32>,
}
