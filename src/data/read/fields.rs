//! Splits a line into fields.

use core::ops::Range;

use super::{lines::Lines, options::Delimiter};
use crate::{Error, Result};

/// A quoted field longer than this is taken for one that was never closed.
const LONGEST_QUOTED: usize = 1 << 20;

/// The fields of a line; made once and filled again for each line.
#[derive(Default)]
pub(super) struct Fields {
    /// The content of fields that were quoted, where any was; otherwise the line holds them.
    record: csv::ByteRecord,
    quoted: bool,
    ranges: Vec<Range<usize>>,
}

impl Fields {
    /// Splits `line`, as far as `needed` fields.
    #[inline]
    pub fn split(&mut self, line: &[u8], delimiter: Delimiter, needed: usize) {
        self.quoted = false;
        self.ranges.clear();
        let mut start = 0;
        while self.ranges.len() < needed {
            if delimiter == Delimiter::Blanks {
                start += line[start..]
                    .iter()
                    .take_while(|byte| byte.is_ascii_whitespace())
                    .count();
                if start == line.len() {
                    return;
                }
            }
            let rest = &line[start..];
            let (at, width) = match delimiter {
                Delimiter::Char(byte) => (rest.iter().position(|&other| other == byte), 1),
                Delimiter::Blanks => (rest.iter().position(u8::is_ascii_whitespace), 1),
                Delimiter::Colons => (rest.windows(2).position(|pair| pair == b"::"), 2),
            };
            let Some(at) = at else {
                self.ranges.push(start..line.len());
                return;
            };
            self.ranges.push(start..start + at);
            start += at + width;
        }
    }

    /// Splits a line that holds quotes as CSV does, with the lines after it where a quoted field goes on there.
    fn split_quoted(&mut self, mut text: Vec<u8>, delimiter: u8, lines: &mut Lines) -> Result<()> {
        let first = lines.number();
        while memchr::memchr_iter(b'"', &text).count() % 2 == 1 {
            let next = if text.len() < LONGEST_QUOTED {
                lines.next()?
            } else {
                None
            };
            let Some(next) = next else {
                return Err(lines.error_at(
                    first,
                    "a quoted field begins here and is not closed; add the closing \"",
                ));
            };
            text.push(b'\n');
            text.extend_from_slice(next);
        }
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter)
            .buffer_capacity(text.len())
            .from_reader(text.as_slice());
        let read = reader.read_byte_record(&mut self.record);
        read.map_err(|error| lines.error_at(first, error.to_string()))?;
        self.quoted = true;
        self.ranges.clear();
        self.ranges
            .extend((0..self.record.len()).map_while(|index| self.record.range(index)));
        Ok(())
    }

    /// Field `index`, counted from 0, of the line that was split last.
    #[inline]
    pub fn get<'a>(&'a self, line: &'a [u8], index: usize) -> Option<&'a [u8]> {
        let text = if self.quoted { self.record.as_slice() } else { line };
        text.get(self.ranges.get(index)?.clone())
    }

    /// Number of fields, as far as they were asked for.
    pub fn len(&self) -> usize {
        self.ranges.len()
    }
}

/// Reads the next line that is not blank and gives its number, itself and its fields to `row`. `row` may refuse it by a reason.
/// Gives the number of blank lines before it and what `row` gave; `None` at the end of the file.
pub(super) fn next_row<T>(
    lines: &mut Lines,
    fields: &mut Fields,
    layout: impl Fn(&[u8]) -> (Delimiter, usize),
    mut row: impl FnMut(u64, &[u8], &Fields) -> core::result::Result<T, String>,
) -> Result<(u64, Option<T>)> {
    let mut blank = 0;
    loop {
        let number = lines.number() + 1;
        let Some(line) = lines.next()? else {
            return Ok((blank, None));
        };
        if line.trim_ascii().is_empty() {
            blank += 1;
            continue;
        }
        let (delimiter, needed) = layout(line);
        let result = match delimiter {
            // Quotes mean something in CSV alone; elsewhere they are part of a text.
            Delimiter::Char(byte @ (b',' | b';')) if memchr::memchr(b'"', line).is_some() => {
                let text = line.to_vec();
                fields.split_quoted(text, byte, lines)?;
                row(number, &[], fields)
            }
            _ => {
                fields.split(line, delimiter, needed);
                row(number, line, fields)
            }
        };
        return match result {
            Ok(value) => Ok((blank, Some(value))),
            Err(reason) => Err(lines.error_at(number, reason)),
        };
    }
}

/// The delimiter of a line, if it has one of the usual.
pub(super) fn detect(line: &[u8]) -> Option<Delimiter> {
    let mut fields = Fields::default();
    [
        Delimiter::Colons,
        Delimiter::Char(b'\t'),
        Delimiter::Char(b','),
        Delimiter::Char(b';'),
        Delimiter::Char(b'|'),
        Delimiter::Blanks,
    ]
    .into_iter()
    .find(|&delimiter| {
        fields.split(line, delimiter, 2);
        fields.len() == 2
    })
}

impl Lines {
    pub(super) fn error_at(&self, line: u64, reason: impl Into<String>) -> Error {
        Error::data(self.name(), line, reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split<'a>(line: &'a str, delimiter: &str) -> Vec<&'a str> {
        let mut fields = Fields::default();
        fields.split(line.as_bytes(), delimiter.parse().unwrap(), usize::MAX);
        fields.ranges.iter().map(|range| &line[range.clone()]).collect()
    }

    #[test]
    fn lines_are_split_at_their_delimiter() {
        assert_eq!(split("1::2:3::::4", "::"), ["1", "2:3", "", "4"]);
        assert_eq!(split(":::", "::"), ["", ":"]);
        assert_eq!(split("a,,b,", ","), ["a", "", "b", ""]);
        assert_eq!(split("  a \t b  ", "space"), ["a", "b"]);
        assert_eq!(split("a b\tc", "tab"), ["a b", "c"]);
    }

    #[test]
    fn delimiters_are_found() {
        for (line, expected) in [
            ("1::2", "::"),
            ("a b\tc", "tab"),
            ("1,2 3", ","),
            ("1;2", ";"),
            ("1|2", "|"),
            ("1 2", "space"),
        ] {
            assert_eq!(detect(line.as_bytes()), Some(expected.parse().unwrap()), "{line}");
        }
        assert_eq!(detect(b"12"), None);
    }
}
