//! Records of a file: its lines split into fields, those left out that are blank, and what is wrong with one.

use super::{fields::Fields, lines::Lines, only::Only, options::BadRows, report::RowReport};
use crate::{
    Result,
    data::{Delimiter, text::shown},
};

/// What stands between fields, and whether quotes mean something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Splitting {
    pub delimiter: Delimiter,
    pub quotes: bool,
}

/// How many fields records have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Width {
    /// As many as there are.
    Any,
    /// So many; `surplus` where one more, which is empty, ends each of them.
    Of { fields: usize, surplus: bool },
}

/// The records of a file, one after the other; blank lines are left out and counted.
pub(super) struct Records {
    lines: Lines,
    splitting: Splitting,
    pub width: Width,
    /// Which of the records [`each`](Records::each) gives.
    pub only: Option<Only>,
    fields: Fields,
    number: u64,
    blank: u64,
    multiline: u64,
}

impl Records {
    pub fn new(lines: Lines, splitting: Splitting) -> Self {
        Records {
            lines,
            splitting,
            width: Width::Any,
            only: None,
            fields: Fields::default(),
            number: 0,
            blank: 0,
            multiline: 0,
        }
    }

    /// Moves on to the next record; false at the end of the file.
    ///
    /// # Errors
    /// Where the file cannot be read or a quoted field is never closed.
    pub fn advance(&mut self) -> Result<bool> {
        loop {
            if !self.lines.advance()? {
                return Ok(false);
            }
            if !self.lines.line().trim_ascii().is_empty() {
                break;
            }
            self.blank += 1;
        }
        self.number = self.lines.number();
        let line = self.lines.line();
        if self.splitting.quotes && memchr::memchr(b'"', line).is_some() {
            self.fields.split_quoted(&mut self.lines, self.splitting.delimiter)?;
            self.multiline += u64::from(self.lines.number() > self.number);
        } else {
            self.fields.split(line, self.splitting.delimiter);
        }
        Ok(true)
    }

    /// The present record.
    pub fn record(&self) -> Record<'_> {
        Record {
            text: match self.fields.quoted {
                true => &self.fields.text,
                false => self.lines.line(),
            },
            fields: &self.fields,
        }
    }

    /// Fields so far that were quoted.
    pub fn quoted(&self) -> u64 {
        self.fields.opened
    }

    /// Whether text stands behind a closing quote of the present record.
    pub fn has_stray_text(&self) -> bool {
        self.fields.fault.is_some()
    }

    /// Line of the present record, its first.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Why the present record does not fit the others of its file.
    fn fault(&self) -> Option<String> {
        if let Some(fault) = self.fields.fault {
            return Some(fault.into());
        }
        let Width::Of { fields, surplus } = self.width else {
            return None;
        };
        let (got, delimiter) = (self.fields.ranges.len(), self.splitting.delimiter);
        let surplus = surplus && got == fields + 1 && self.record().get(fields).is_some_and(<[u8]>::is_empty);
        match got - usize::from(surplus) {
            got if got == fields => None,
            got if got < fields => Some(format!(
                "too few fields: {got}, but there are {fields} columns (fields end at {delimiter})"
            )),
            got => Some(format!(
                "too many fields: {got}, but there are {fields} columns (fields end at {delimiter}; quote one that holds such)"
            )),
        }
    }

    /// Gives all records that are left to `row`, which may refuse one by a reason; what it does and what is
    /// no record goes into the report.
    ///
    /// # Errors
    /// [`Error::Data`](crate::Error::Data) at the first bad row, where such are refused.
    pub fn each(
        mut self,
        report: &mut RowReport,
        mut row: impl FnMut(u64, &Record) -> Result<(), String>,
    ) -> Result<()> {
        while self.advance()? {
            if self.only.as_mut().is_some_and(|only| !only.takes_next()) {
                continue;
            }
            let added = match self.fault() {
                None => row(self.number, &self.record()),
                Some(fault) => Err(fault),
            };
            if let Err(reason) = added {
                if report.bad_rows == BadRows::Refuse {
                    return Err(self.lines.error_at(self.number, reason));
                }
                report.skip(self.number, reason);
            } else {
                report.rows += 1;
            }
        }
        report.blank += self.blank;
        report.multiline += self.multiline;
        report.finish(&self.lines)
    }
}

/// A record.
#[derive(Clone, Copy)]
pub(super) struct Record<'a> {
    text: &'a [u8],
    fields: &'a Fields,
}

impl<'a> Record<'a> {
    /// A field, counted from 0.
    #[inline]
    pub fn get(&self, index: usize) -> Option<&'a [u8]> {
        let (start, end) = *self.fields.ranges.get(index)?;
        self.text.get(start as usize..end as usize)
    }

    /// Number of fields.
    #[inline]
    pub fn len(&self) -> usize {
        self.fields.ranges.len()
    }

    /// All fields.
    pub fn iter(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let Record { text, fields } = *self;
        fields
            .ranges
            .iter()
            .filter_map(|&(start, end)| text.get(start as usize..end as usize))
    }

    /// The fields as text, without blanks around them.
    pub fn texts(&self) -> Vec<String> {
        self.iter()
            .map(|field| String::from_utf8_lossy(field).trim().into())
            .collect()
    }
}

/// A field as text.
///
/// # Errors
/// The reason where it is not UTF-8.
pub(super) fn utf8(field: &[u8]) -> Result<&str, String> {
    core::str::from_utf8(field).map_err(|_| format!("{} is not valid UTF-8; save the file as UTF-8", shown(field)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The fields of all records; a fault ends them.
    fn split(text: &str, delimiter: &str, quotes: bool) -> Vec<Vec<String>> {
        let splitting = Splitting {
            delimiter: delimiter.parse().unwrap(),
            quotes,
        };
        let mut records = Records::new(Lines::of_bytes(text.into(), "file"), splitting);
        let mut all = Vec::new();
        while records.advance().unwrap() {
            let fields = records
                .record()
                .iter()
                .map(|field| String::from_utf8(field.into()).unwrap());
            all.push(fields.collect());
            if let Some(fault) = records.fault() {
                all.push(vec![fault]);
            }
        }
        all
    }

    #[test]
    fn lines_are_split_at_their_delimiter() {
        assert_eq!(split("1::2:3::::4", "::", false), [["1", "2:3", "", "4"]]);
        assert_eq!(split(":::", "::", false), [["", ":"]]);
        assert_eq!(split("a,,b,\n\n,", ",", true), [&["a", "", "b", ""][..], &["", ""]]);
        assert_eq!(split("  a \t b  ", "space", false), [["a", "b"]]);
        assert_eq!(split("a b\tc", "tab", false), [["a b", "c"]]);
    }

    #[test]
    fn quotes_open_a_field_at_its_start_alone() {
        for delimiter in [",", ";", "tab", "|"] {
            let sign = if delimiter == "tab" { "\t" } else { delimiter };
            let text = "\"a,b\"~5\" tv~\"say \"\"x\"\"\"\n\"c\r\nd\"~~\"\"\n".replace('~', sign);
            let expected = [["a,b", "5\" tv", "say \"x\""], ["c\r\nd", "", ""]];
            assert_eq!(split(&text, delimiter, true), expected, "{delimiter}");
        }
        assert_eq!(split("\"1\" \"a b\"  c\n", "space", true), [["1", "a b", "c"]]);
        assert_eq!(split("\"a\"::\"b::c\"::d", "::", true), [["a", "b::c", "d"]]);
        assert_eq!(split("\"a\"\tb", "tab", false), [["\"a\"", "b"]]);
        assert_eq!(split("\"\"\"\"\"\",x", ",", true), [["\"\"", "x"]]);
    }

    #[test]
    fn text_behind_a_closing_quote_is_a_fault() {
        let records = split("\"a\"b,c\nd,e\n", ",", true);
        assert_eq!(records[0], ["a"]);
        assert!(records[1][0].contains("behind a closing quote"));
        assert_eq!(records[2], ["d", "e"]);
    }

    #[test]
    fn an_open_quote_is_refused_at_its_beginning_in_linear_time() {
        let splitting = Splitting {
            delimiter: Delimiter::Char(b','),
            quotes: true,
        };
        let open = |rest: &str| {
            let text = format!("a,b\nc,\"{rest}");
            let mut records = Records::new(Lines::of_bytes(text.into(), "file"), splitting);
            records.advance().unwrap();
            records.advance().unwrap_err().to_string()
        };
        // The second is a million lines: looked through again for each, they would take minutes.
        for rest in ["d\n\ne", &"x\n".repeat(1 << 20), &"x,\"\"\n".repeat(1 << 18)] {
            assert!(open(rest).starts_with("file:2: a quoted field begins here"));
        }
    }
}
