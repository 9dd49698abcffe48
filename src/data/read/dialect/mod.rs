//! How a file of rows is laid out, decided once and from many lines: delimiter, quotes, header, lists.

use core::cmp::Reverse;

use super::{
    columns::{Role, names},
    header::{are_names_of_rows, has_header},
    lines::Lines,
    records::{Records, Splitting, Width},
    trial::{MOST_COLUMNS, Sample, Trial, usual},
};
use crate::{
    Error, Result,
    data::{Delimiter, text::shown},
};

/// The delimiters that are looked for; of those that do equally well the first.
const USUAL: [Delimiter; 6] = [
    Delimiter::Colons,
    Delimiter::Char(b'\t'),
    Delimiter::Char(b';'),
    Delimiter::Char(b','),
    Delimiter::Char(b'|'),
    Delimiter::Blanks,
];

/// What is said of a file by those who read it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Wish {
    pub delimiter: Option<Delimiter>,
    pub header: Option<bool>,
    pub lists: Option<bool>,
}

/// How a file is laid out.
#[derive(Clone, Debug)]
pub(super) struct Dialect {
    pub splitting: Splitting,
    pub width: Width,
    /// The columns' names, where the first record has them.
    pub header: Option<Vec<String>>,
    pub lists: bool,
    /// What could as well be otherwise.
    pub notes: Vec<String>,
    /// The first records that are no header.
    pub sample: Vec<Vec<String>>,
    /// Line of the first record.
    pub first_line: u64,
}

impl Dialect {
    /// Decides, and takes the header where there is one.
    ///
    /// # Errors
    /// [`Error::Data`] where nothing separates fields, or a header does not go with its rows.
    pub fn of(mut lines: Lines, wish: &Wish) -> Result<(Dialect, Records)> {
        let name = lines.name().to_owned();
        let mut wish = *wish;
        // What spreadsheets write above the header to say how they split.
        if let Some(sign) = separator_line(lines.peek()?.0) {
            lines.advance()?;
            wish.delimiter.get_or_insert(sign);
        }
        let (bytes, all) = lines.peek()?;
        let sample = Sample {
            bytes,
            all,
            name: &name,
        };
        let dialect = sample.decide(&wish)?;
        let mut records = Records::new(lines, dialect.splitting);
        if dialect.header.is_some() {
            records.advance()?;
        }
        records.width = dialect.width;
        Ok((dialect, records))
    }

    /// [`Dialect::of`] rows of so many columns: of the delimiters under which all rows agree, the first that gives as many.
    /// Where `is_header` says so of the first row, it is one.
    pub fn of_rows(
        mut lines: Lines,
        wish: &Wish,
        columns: usize,
        is_header: impl Fn(&[String]) -> bool,
    ) -> Result<(Dialect, Records)> {
        let mut wish = *wish;
        if wish.delimiter.is_none() && separator_line(lines.peek()?.0).is_none() {
            let name = lines.name().to_owned();
            let (bytes, all) = lines.peek()?;
            let sample = Sample {
                bytes,
                all,
                name: &name,
            };
            let fits = |delimiter: &Delimiter| {
                let trial = sample.tried(*delimiter);
                trial.agrees() && trial.width() == columns
            };
            wish.delimiter = USUAL.into_iter().find(fits);
            let first = |delimiter| sample.first(sample.tried(delimiter).splitting);
            if wish.header.is_none() && wish.delimiter.is_some_and(|delimiter| is_header(&first(delimiter))) {
                wish.header = Some(true);
            }
        }
        Dialect::of(lines, &wish)
    }

    /// Number of columns.
    pub fn columns(&self) -> usize {
        match self.width {
            Width::Of { fields, .. } => fields,
            Width::Any => 0,
        }
    }
}

/// Whether the rows of a file are known to be lists, without taking any.
pub(super) fn looks_like_lists(lines: &mut Lines, delimiter: Option<Delimiter>) -> Result<bool> {
    let name = lines.name().to_owned();
    let (bytes, all) = lines.peek()?;
    let sample = Sample {
        bytes,
        all,
        name: &name,
    };
    let wish = Wish {
        delimiter,
        ..Wish::default()
    };
    Ok(sample
        .choose(&wish)
        .is_ok_and(|chosen| sample.are_lists(chosen.splitting)))
}

/// Whether rows of a part of a data set are lists though their widths or users do not tell at once: lists that go on over
/// several lines, of names, or all of the same length. Nothing where they could be either.
pub(super) fn may_be_lists(lines: &mut Lines) -> Result<Option<bool>> {
    let name = lines.name().to_owned();
    let (bytes, all) = lines.peek()?;
    let sample = Sample {
        bytes,
        all,
        name: &name,
    };
    let chosen = sample.choose_for_lists().ok();
    Ok(chosen.and_then(|chosen| sample.may_be_lists(&chosen)))
}

/// The delimiter that a first line `sep=;` names.
fn separator_line(bytes: &[u8]) -> Option<Delimiter> {
    match bytes.strip_prefix(b"sep=")? {
        [sign, b'\n' | b'\r', ..] if sign.is_ascii_punctuation() || *sign == b'\t' => Some(Delimiter::Char(*sign)),
        _ => None,
    }
}

impl Sample<'_> {
    fn decide(&self, wish: &Wish) -> Result<Dialect> {
        let mut chosen = self.choose(wish)?;
        if chosen.widths.is_empty() {
            let empty = || self.refused(0, "the file is empty; expected rows");
            return Err(chosen.error.take().unwrap_or_else(empty));
        }
        let lists = match wish.lists {
            Some(lists) => lists,
            None => wish.header != Some(true) && self.are_lists(chosen.splitting),
        };
        if !lists && let Some(columns) = chosen.widths.iter().find(|&&width| width > MOST_COLUMNS) {
            let reason = format!("{columns} fields in a row; at most {MOST_COLUMNS} are read");
            return Err(self.refused(0, &reason));
        }
        match lists {
            true => Ok(self.lists(chosen.splitting, wish)),
            false => Ok(self.rows(&chosen, wish)),
        }
    }

    fn lists(&self, splitting: Splitting, wish: &Wish) -> Dialect {
        let is_header = wish.header.unwrap_or_else(|| self.names_lists(splitting));
        let mut notes = Vec::new();
        if is_header && wish.header.is_none() {
            notes.push("the first row was taken for a header, as all others are numbers".into());
        }
        Dialect {
            splitting,
            width: Width::Any,
            header: is_header.then(Vec::new),
            lists: true,
            notes,
            sample: Vec::new(),
            first_line: 0,
        }
    }

    fn rows(&self, chosen: &Trial, wish: &Wish) -> Dialect {
        let (mut records, first_line) = self.records(chosen.splitting);
        let (is_header, told) = match wish.header {
            Some(header) => (header, true),
            None => has_header(&records),
        };
        let mut notes = Vec::new();
        if !told {
            notes.push("the first row was taken for data, as nothing in it tells that it is a header".into());
        }
        let header = is_header.then(|| names(records.remove(0)));
        let rows: Vec<usize> = records.iter().map(Vec::len).collect();
        let fields = match (&header, rows.is_empty()) {
            (Some(header), true) => header.len(),
            (None, _) => chosen.width(),
            (Some(_), false) => usual(&rows),
        };
        let mut dialect = Dialect {
            splitting: chosen.splitting,
            width: Width::Of { fields, surplus: false },
            header,
            lists: false,
            notes,
            sample: records,
            first_line,
        };
        Self::fit_header(&mut dialect, fields, chosen.quoted > 0);
        dialect
    }

    /// Brings a header and rows of another width together, where it is known how.
    fn fit_header(dialect: &mut Dialect, fields: usize, quoted: bool) {
        let Some(header) = &mut dialect.header else {
            return;
        };
        let columns = header.len();
        if columns == fields {
            return;
        }
        // Rows that go with the header in no way are refused at their lines.
        dialect.width = Width::Of {
            fields: columns,
            surplus: false,
        };
        let rows: Vec<&Vec<String>> = dialect.sample.iter().filter(|row| row.len() == fields).collect();
        if fields != columns + 1 {
            return;
        }
        if rows.iter().all(|row| row.last().is_some_and(String::is_empty)) {
            dialect.width = Width::Of {
                fields: columns,
                surplus: true,
            };
        } else if are_names_of_rows(&rows, quoted, dialect.splitting.delimiter) {
            header.insert(0, String::new());
            dialect.width = Width::Of { fields, surplus: false };
            let note = "the first field of each row was taken for the row's name, as R writes them";
            dialect.notes.push(note.into());
        }
    }

    /// The delimiter under which all records agree; where none is, that of lists, or the one under which most do.
    fn choose(&self, wish: &Wish) -> Result<Trial> {
        if let Some(delimiter) = wish.delimiter {
            return Ok(self.tried(delimiter));
        }
        if wish.lists == Some(true) {
            return self.choose_for_lists();
        }
        let (mut agreeing, mut others): (Vec<Trial>, Vec<Trial>) = USUAL
            .map(|delimiter| self.tried(delimiter))
            .into_iter()
            .partition(Trial::agrees);
        // The usual names in the first record tell most; then that keys come again and again in the first column, which
        // a decimal comma or a list within a text would make ever different; then the number of columns.
        agreeing.sort_by_cached_key(|trial| {
            let first = self.first(trial.splitting);
            let names = Role::OF_PAIRS.iter().filter(|role| role.find(&first).is_some()).count();
            (
                Reverse(names),
                self.first_column(trial.splitting),
                Reverse(trial.width()),
            )
        });
        if !agreeing.is_empty() {
            return Ok(agreeing.swap_remove(0));
        }
        let lists = others.iter().position(|trial| self.are_lists(trial.splitting));
        let found = lists.or_else(|| {
            let shares: Vec<f64> = others.iter().map(Trial::share).collect();
            let best = shares.iter().copied().fold(0.0, f64::max);
            let most = shares.iter().position(|&share| share == best && best > 0.0);
            // A quote that is opened in the first record and never closed.
            most.or_else(|| {
                others
                    .iter()
                    .position(|trial| trial.widths.is_empty() && trial.error.is_some())
            })
        });
        match found {
            Some(found) => Ok(others.swap_remove(found)),
            None => Err(self.refused_without_delimiter()),
        }
    }

    /// The delimiter of rows that are lists, whose widths tell nothing: the first that leaves whole numbers alone, or else
    /// the one that parts most of the rows.
    fn choose_for_lists(&self) -> Result<Trial> {
        let parted = |trial: &Trial| trial.widths.iter().filter(|&&width| width > 1).count();
        let mut trials: Vec<Trial> = USUAL.map(|delimiter| self.tried(delimiter)).into();
        let numbers = |trial: &Trial| parted(trial) > 0 && self.are_numbers(trial.splitting);
        let found = trials.iter().position(numbers).or_else(|| {
            let most = trials.iter().map(parted).max().filter(|&most| most > 0)?;
            trials.iter().position(|trial| parted(trial) == most)
        });
        match found {
            Some(found) => Ok(trials.swap_remove(found)),
            None => match trials.into_iter().find_map(|trial| trial.error) {
                Some(error) => Err(error),
                None => Err(self.refused_without_delimiter()),
            },
        }
    }

    fn refused_without_delimiter(&self) -> Error {
        let whole = Splitting {
            delimiter: Delimiter::Char(b'\n'),
            quotes: false,
        };
        let (records, line) = self.records(whole);
        let Some(first) = records.first().map(|record| record.concat()) else {
            return self.refused(0, "the file is empty; expected rows");
        };
        let shown = shown(first.as_bytes());
        let reason = format!(
            "{shown} has no \"::\", tab, comma, semicolon, bar or blank between fields; set Delimited::delimiter"
        );
        self.refused(line, &reason)
    }
}

#[cfg(test)]
mod tests;
