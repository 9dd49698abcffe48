//! How a file of delimited rows is laid out: what readers find, and what reports of them say.

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

/// How a file was taken to be laid out. Its `Display` is one line:
/// `"," between fields, with a header; user = who (column 2), item = what (column 3), no time`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileLayout {
    /// What stands between fields.
    pub delimiter: Delimiter,
    /// Whether the first row names the columns.
    pub header: bool,
    /// Whether each row is a user and any number of items.
    pub lists: bool,
    /// What was looked for, and the column that was taken for it: its name, if it has one, and its number from 1.
    pub columns: Vec<(&'static str, Option<(String, usize)>)>,
    /// What could as well have been taken otherwise.
    pub notes: Vec<String>,
}

impl fmt::Display for FileLayout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let header = if self.header { "with a header" } else { "no header" };
        write!(f, "{} between fields, {header}", self.delimiter)?;
        if self.lists {
            f.write_str("; a user and the user's items in each row")?;
        }
        for (index, (role, column)) in self.columns.iter().enumerate() {
            f.write_str(if index == 0 { "; " } else { ", " })?;
            match column {
                Some((name, number)) if name.is_empty() => write!(f, "{role} = column {number}")?,
                Some((name, number)) => write!(f, "{role} = {name} (column {number})")?,
                None => write!(f, "no {role}")?,
            }
        }
        self.notes.iter().try_for_each(|note| write!(f, "; {note}"))
    }
}
