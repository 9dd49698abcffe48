//! The beginning of a file, and how one delimiter or another would split it.

use hashbrown::HashSet;

use super::{
    header::has_header,
    lines::Lines,
    records::{Record, Records, Splitting},
};
use crate::{Error, data::Delimiter};

/// The most fields of a row that is not a list.
pub(super) const MOST_COLUMNS: usize = 1 << 16;
/// Records that are looked at.
const LOOK: usize = 2000;

/// The beginning of a file.
pub(super) struct Sample<'a> {
    pub bytes: &'a [u8],
    /// Whether that is all of it.
    pub all: bool,
    pub name: &'a str,
}

/// How a delimiter splits the beginning of a file.
pub(super) struct Trial {
    pub splitting: Splitting,
    pub widths: Vec<usize>,
    /// Fields that were quoted.
    pub quoted: u64,
    /// Whether all is as RFC 4180 has it.
    pub whole: bool,
    /// What ended it before the sample's end.
    pub error: Option<Error>,
}

impl Trial {
    /// The number of fields that most records have; of two as frequent, that which comes first.
    pub fn width(&self) -> usize {
        usual(&self.widths)
    }

    /// Whether all records behind the first have the same number of fields, and the first too, or one less as R writes
    /// names of rows, or any where it is alone.
    pub fn agrees(&self) -> bool {
        let Some((&first, rest)) = self.widths.split_first() else {
            return false;
        };
        let width = rest.first().copied().unwrap_or(first);
        width >= 2 && rest.iter().all(|&other| other == width) && (first == width || first + 1 == width)
    }

    /// Share of the records that have as many fields as most.
    pub fn share(&self) -> f64 {
        let width = self.width();
        let same = self.widths.iter().filter(|&&other| other == width).count();
        if width < 2 {
            0.0
        } else {
            same as f64 / self.widths.len() as f64
        }
    }
}

/// Whether quotes mean something in any case.
pub(super) fn is_csv(delimiter: Delimiter) -> bool {
    matches!(delimiter, Delimiter::Char(b',' | b';'))
}

/// The most frequent number; of two as frequent, that which comes first.
pub(super) fn usual(widths: &[usize]) -> usize {
    let mut counts: Vec<(usize, usize)> = Vec::new();
    for &width in widths {
        match counts.iter_mut().find(|(other, _)| *other == width) {
            Some((_, count)) => *count += 1,
            None => counts.push((width, 1)),
        }
    }
    let most = counts.iter().map(|&(_, count)| count).max().unwrap_or(0);
    counts
        .into_iter()
        .find(|&(_, count)| count == most)
        .map_or(0, |(width, _)| width)
}

fn is_whole(field: &[u8]) -> bool {
    field.iter().all(u8::is_ascii_digit)
}

/// The number of fields of a record that are all whole numbers; the last of a list may be followed by a delimiter.
fn width_of_numbers(record: &Record) -> Option<usize> {
    let width = record.len() - usize::from(record.iter().last().is_some_and(<[u8]>::is_empty));
    let number = |field: &[u8]| !field.is_empty() && is_whole(field);
    record
        .iter()
        .take(width)
        .map(<[u8]>::trim_ascii)
        .all(number)
        .then_some(width)
}

impl Sample<'_> {
    /// Splits by a delimiter, with quotes where they make sense: always in CSV; elsewhere if each field that begins with
    /// a quote ends with one, since titles begin with quotes too.
    pub fn tried(&self, delimiter: Delimiter) -> Trial {
        let csv = is_csv(delimiter);
        if csv || memchr::memchr(b'"', self.bytes).is_some() {
            let quoted = self.trial(Splitting {
                delimiter,
                quotes: true,
            });
            if csv || (quoted.whole && quoted.quoted > 0) {
                return quoted;
            }
        }
        self.trial(Splitting {
            delimiter,
            quotes: false,
        })
    }

    fn trial(&self, splitting: Splitting) -> Trial {
        let mut trial = Trial {
            splitting,
            widths: Vec::new(),
            quoted: 0,
            whole: true,
            error: None,
        };
        let mut records = self.open(splitting);
        while trial.widths.len() < LOOK {
            match records.advance() {
                Ok(true) => trial.widths.push(records.record().len()),
                Ok(false) => break,
                Err(error) => {
                    // A field that is not closed where the sample ends may be closed behind it.
                    trial.whole &= !self.all;
                    trial.error = Some(error);
                    break;
                }
            }
            trial.whole &= !records.has_stray_text();
        }
        trial.quoted = records.quoted();
        trial
    }

    fn open(&self, splitting: Splitting) -> Records {
        Records::new(Lines::of_bytes(self.bytes.to_vec(), self.name), splitting)
    }

    /// The first records, and the line of the first of them.
    pub fn records(&self, splitting: Splitting) -> (Vec<Vec<String>>, u64) {
        let (mut records, mut all, mut line) = (self.open(splitting), Vec::new(), 0);
        while all.len() < LOOK && matches!(records.advance(), Ok(true)) {
            if all.is_empty() {
                line = records.number();
            }
            all.push(records.record().texts());
        }
        (all, line)
    }

    /// Different values of the first column, that of the first record left out.
    pub fn first_column(&self, splitting: Splitting) -> usize {
        let (mut records, mut values, mut seen) = (self.open(splitting), HashSet::new(), 0);
        while seen < LOOK && matches!(records.advance(), Ok(true)) {
            if seen > 0 {
                values.insert(records.record().get(0).unwrap_or_default().to_vec());
            }
            seen += 1;
        }
        values.len()
    }

    /// The fields of the first record, as far as they can be columns.
    pub fn first(&self, splitting: Splitting) -> Vec<String> {
        let mut records = self.open(splitting);
        match records.advance() {
            Ok(true) if records.record().len() <= MOST_COLUMNS => records.record().texts(),
            _ => Vec::new(),
        }
    }

    /// Whether records are users with their items: whole numbers alone, in rows of different lengths, no user twice.
    pub fn are_lists(&self, splitting: Splitting) -> bool {
        let (mut records, mut users, mut widths) = (self.open(splitting), HashSet::new(), Vec::new());
        while widths.len() < LOOK && matches!(records.advance(), Ok(true)) {
            let record = records.record();
            let user = record.get(0).unwrap_or_default().to_vec();
            let Some(width) = width_of_numbers(&record) else {
                return false;
            };
            if !record.iter().all(is_whole) || !users.insert(user) {
                return false;
            }
            widths.push(width);
        }
        widths.iter().any(|&width| width != widths[0]) && widths.iter().any(|&width| width > 2)
    }

    /// Whether all fields are whole numbers, but for those of a header.
    pub fn are_numbers(&self, splitting: Splitting) -> bool {
        let mut records = self.open(splitting);
        let (mut seen, mut others) = (0, 0);
        while seen < LOOK && matches!(records.advance(), Ok(true)) {
            others += usize::from(width_of_numbers(&records.record()).is_none() && seen > 0);
            seen += 1;
        }
        seen > 1 && others == 0 || seen == 1 && !self.names_lists(splitting) && self.first_is_numbers(splitting)
    }

    fn first_is_numbers(&self, splitting: Splitting) -> bool {
        let mut records = self.open(splitting);
        matches!(records.advance(), Ok(true)) && width_of_numbers(&records.record()).is_some()
    }

    /// Whether the first record holds no number, and all others hold numbers alone: it names what they are.
    pub fn names_lists(&self, splitting: Splitting) -> bool {
        let mut records = self.open(splitting);
        let digit = |field: &[u8]| field.iter().any(u8::is_ascii_digit);
        if !matches!(records.advance(), Ok(true)) || records.record().iter().any(digit) {
            return false;
        }
        let mut seen = 0;
        while seen < LOOK && matches!(records.advance(), Ok(true)) {
            if width_of_numbers(&records.record()).is_none() {
                return false;
            }
            seen += 1;
        }
        seen > 0
    }

    /// Whether records are users with their items: of many different lengths, or of more than two fields with no user twice.
    /// Below a header, and where a user comes again in rows of more than two fields that are all as long, they are rows of
    /// columns; nothing tells of two fields.
    pub fn may_be_lists(&self, chosen: &Trial) -> Option<bool> {
        let (records, _) = self.records(chosen.splitting);
        if has_header(&records).0 {
            return Some(false);
        }
        let users: HashSet<&String> = records.iter().filter_map(|record| record.first()).collect();
        let different = users.len() == records.len();
        let usual = chosen.width();
        let same = chosen.widths.iter().filter(|&&width| width == usual).count();
        match same == chosen.widths.len() {
            true => (usual > 2).then_some(different),
            // A few rows of another length are faults in a table of columns; half of them are none.
            false => Some(different || 2 * same <= chosen.widths.len()),
        }
    }

    pub fn refused(&self, line: u64, reason: &str) -> Error {
        Error::data(self.name, line, reason)
    }
}
