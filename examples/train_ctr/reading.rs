//! The options that say what is read, and what its columns mean.

use std::{path::PathBuf, str::FromStr};

use clap::{Args, ValueEnum};
use pocketrec::{
    Error, Result,
    data::{BadRows, Column, Delimiter},
};

/// What is trained on.
#[derive(Debug, Args)]
#[command(next_help_heading = "Data")]
pub struct DataOptions {
    /// A folder with train, dev (or validation, valid) and test, as .csv, .tsv or .txt with a header, and beside them
    /// items and users to join; or as .libfm, .svm or .svmlight; all may be .gz. Or one such file, with --part
    /// [default: made-up data]
    #[arg(long, value_name = "PATH")]
    pub data: Option<PathBuf>,
    /// Part the rows of one file into train, dev and test: the latest are test rows, or by chance. Give it again, with
    /// its shares, on --resume
    #[arg(long, value_enum, value_name = "time|random", requires = "data")]
    pub part: Option<PartKind>,
    /// Share of dev rows [default: 0.1]
    #[arg(long, value_name = "X", requires = "part")]
    pub dev_share: Option<f64>,
    /// Share of test rows [default: 0.1]
    #[arg(long, value_name = "X", requires = "part")]
    pub test_share: Option<f64>,
    /// What stands between fields: one sign, tab, space or "::" [default: found from the rows]
    #[arg(long, value_name = "SIGN", requires = "data")]
    pub delimiter: Option<Delimiter>,
    /// Leave out rows that cannot be used, and count them
    #[arg(long, requires = "data")]
    pub skip_bad_rows: bool,
    #[command(flatten)]
    pub columns: ColumnOptions,
}

/// How one file is parted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PartKind {
    Time,
    Random,
}

/// What columns mean. All others are keys.
#[derive(Debug, Args)]
#[command(next_help_heading = "Columns, by name or number from 1 (a checkpoint knows its own on --resume)")]
pub struct ColumnOptions {
    /// What was clicked on: 0 or 1 [default: label, click, clicked, ... whichever there is]
    #[arg(long, value_name = "COLUMN", requires = "data")]
    pub label: Option<Column>,
    /// The label is 1 where its number is X or more, else 0: for ratings
    #[arg(long, value_name = "X", requires = "data")]
    pub label_at_least: Option<f32>,
    /// The user [default: user, user_id, uid, ...]
    #[arg(long, value_name = "COLUMN", requires = "data")]
    pub user_column: Option<Column>,
    /// The item [default: item, item_id, product_id, ...]
    #[arg(long, value_name = "COLUMN", requires = "data")]
    pub item_column: Option<Column>,
    /// The time [default: time, timestamp, date, ...; without one the order of rows counts]
    #[arg(long, value_name = "COLUMN", requires = "data")]
    pub time_column: Option<Column>,
    /// How many times a row counts in training
    #[arg(long, value_name = "COLUMN", requires = "data")]
    pub weight: Option<Column>,
    /// Columns to leave out, also of files that are joined
    #[arg(long, value_name = "COLUMN,...", value_delimiter = ',', requires = "data")]
    pub skip: Vec<String>,
    /// Columns that are numbers and not keys
    #[arg(long, value_name = "COLUMN,...", value_delimiter = ',', requires = "data")]
    pub numbers: Vec<String>,
    /// Numbers to take by their logarithm, as sign(x) ln(1 + |x|)
    #[arg(long, value_name = "COLUMN,...", value_delimiter = ',', requires = "data")]
    pub log: Vec<String>,
    /// Numbers to cut to a range, before their logarithm
    #[arg(long, value_name = "COLUMN=LOW:HIGH,...", value_delimiter = ',', requires = "data")]
    pub clip: Vec<Named<Range>>,
    /// Numbers to take as keys: which of N quantiles of the training rows they are in
    #[arg(long, value_name = "COLUMN=N,...", value_delimiter = ',', requires = "data")]
    pub quantiles: Vec<Named<u32>>,
    /// Keys to hash into so many buckets, so that none is stored
    #[arg(long, value_name = "COLUMN=BUCKETS,...", value_delimiter = ',', requires = "data")]
    pub hash: Vec<Named<u32>>,
    /// What stands between several values of a column; columns of which any row holds it have several [default: |]
    #[arg(long, value_name = "SIGN", requires = "data")]
    pub separator: Option<char>,
    /// Keys that come less often in training than this count as unknown [default: 1]
    #[arg(long, value_name = "N", requires = "data")]
    pub min_count: Option<u32>,
    /// Events that a history holds at most, where there is a user and an item; 0 makes none [default: 20]
    #[arg(long, value_name = "N", requires = "data")]
    pub history: Option<u32>,
    /// Rows of one moment are earlier or later by their order in the file; else none is history of another
    #[arg(long, requires = "data")]
    pub ties_in_order: bool,
}

/// A column and what is said of it.
#[derive(Clone, Debug)]
pub struct Named<T> {
    pub column: String,
    pub value: T,
}

impl<T: FromStr> FromStr for Named<T> {
    type Err = String;

    /// `COLUMN=VALUE`; a name may hold `=` too.
    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.rsplit_once('=').filter(|(column, _)| !column.trim().is_empty());
        let (column, value) = parts.ok_or("write COLUMN=VALUE")?;
        Ok(Named {
            column: column.trim().into(),
            value: value
                .trim()
                .parse()
                .map_err(|_| format!("{value:?} is no such value"))?,
        })
    }
}

/// What numbers are cut to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range(pub [f32; 2]);

impl FromStr for Range {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (low, high) = text.split_once(':').ok_or(())?;
        let number = |text: &str| text.trim().parse::<f32>().map_err(|_| ());
        Ok(Range([number(low)?, number(high)?]))
    }
}

impl DataOptions {
    /// What to do about rows that cannot be used.
    pub fn bad_rows(&self) -> BadRows {
        match self.skip_bad_rows {
            true => BadRows::Skip,
            false => BadRows::Refuse,
        }
    }

    /// Refuses what only delimited files have.
    pub fn check_libfm(&self) -> Result<()> {
        let of_columns = self.columns.given().into_iter();
        let given = of_columns
            .filter(|(option, _)| *option != "--label-at-least")
            .chain([("--delimiter", self.delimiter.is_some())]);
        refuse(given, "libfm's files have no named columns; leave it out")
    }
}

impl ColumnOptions {
    /// Which are given.
    pub fn given(&self) -> [(&'static str, bool); 16] {
        [
            ("--label", self.label.is_some()),
            ("--label-at-least", self.label_at_least.is_some()),
            ("--user-column", self.user_column.is_some()),
            ("--item-column", self.item_column.is_some()),
            ("--time-column", self.time_column.is_some()),
            ("--weight", self.weight.is_some()),
            ("--skip", !self.skip.is_empty()),
            ("--numbers", !self.numbers.is_empty()),
            ("--log", !self.log.is_empty()),
            ("--clip", !self.clip.is_empty()),
            ("--quantiles", !self.quantiles.is_empty()),
            ("--hash", !self.hash.is_empty()),
            ("--separator", self.separator.is_some()),
            ("--min-count", self.min_count.is_some()),
            ("--history", self.history.is_some()),
            ("--ties-in-order", self.ties_in_order),
        ]
    }

    /// The sign between several values.
    pub fn sign(&self) -> char {
        self.separator.unwrap_or('|')
    }
}

/// Refuses the first option that is given.
pub fn refuse(given: impl IntoIterator<Item = (&'static str, bool)>, reason: &str) -> Result<()> {
    match given.into_iter().find(|(_, given)| *given) {
        Some((option, _)) => Err(Error::config(option, reason)),
        None => Ok(()),
    }
}
