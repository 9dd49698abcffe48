//! Splits lines into fields: the one place that knows delimiters and quotes.
//!
//! Quotes follow RFC 4180: one at the start of a field opens it, two within it stand for one, and what closes it is
//! followed by a delimiter or the end of the line. A quote anywhere else is a sign like any other.

use super::lines::Lines;
use crate::{Result, data::Delimiter};

/// A quoted field longer than this counts as one that was never closed.
const LONGEST_QUOTED: usize = 1 << 20;

/// The fields of a record; made once and filled again for each.
#[derive(Default)]
pub(super) struct Fields {
    /// Where each field begins and ends, in the line or, where one was quoted, in `text`.
    pub ranges: Vec<(u32, u32)>,
    pub text: Vec<u8>,
    pub quoted: bool,
    /// Fields so far that were quoted.
    pub opened: u64,
    pub fault: Option<&'static str>,
}

impl Fields {
    #[inline]
    pub fn split(&mut self, line: &[u8], delimiter: Delimiter) {
        self.quoted = false;
        self.fault = None;
        self.ranges.clear();
        match delimiter {
            Delimiter::Char(byte) => self.split_at(line, |line, at| line[at] == byte, 1),
            // A colon at the end has no other behind it.
            Delimiter::Colons => self.split_at(line, |line, at| line[at] == b':' && line.get(at + 1) == Some(&b':'), 2),
            Delimiter::Blanks => {
                let words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
                let start = |word: &[u8]| (word.as_ptr() as usize - line.as_ptr() as usize) as u32;
                self.ranges
                    .extend(words.map(|word| (start(word), start(word) + word.len() as u32)));
            }
        }
    }

    /// Splits where `ends` says that a delimiter, so many bytes wide, begins. Lines are shorter than 2^32.
    #[inline(always)]
    fn split_at(&mut self, line: &[u8], ends: impl Fn(&[u8], usize) -> bool, width: usize) {
        let (mut start, mut at) = (0, 0);
        while at < line.len() {
            if ends(line, at) {
                self.ranges.push((start as u32, at as u32));
                start = at + width;
                at = start;
            } else {
                at += 1;
            }
        }
        self.ranges.push((start as u32, line.len() as u32));
    }

    /// Splits a line that holds quotes, with the lines after it where a quoted field goes on there.
    pub fn split_quoted(&mut self, lines: &mut Lines, delimiter: Delimiter) -> Result<()> {
        self.quoted = true;
        self.fault = None;
        self.ranges.clear();
        self.text.clear();
        self.text.extend_from_slice(lines.line());
        let first = lines.number();
        let mut at = 0;
        loop {
            if delimiter == Delimiter::Blanks {
                at += self.text[at..]
                    .iter()
                    .take_while(|byte| byte.is_ascii_whitespace())
                    .count();
                if at == self.text.len() {
                    return Ok(());
                }
            }
            let (field, end) = match self.text.get(at) {
                Some(b'"') => self.quoted_field(at + 1, lines, first)?,
                _ => {
                    let end = at + length(&self.text[at..], delimiter);
                    ((at, end), end)
                }
            };
            self.ranges.push((field.0 as u32, field.1 as u32));
            let rest = &self.text[end..];
            if rest.is_empty() {
                return Ok(());
            }
            let wide = width(rest, delimiter);
            if wide == 0 {
                self.fault = Some(
                    "there is text behind a closing quote; write a quote within a quoted field twice, or none at its start",
                );
                return Ok(());
            }
            at = end + wide;
        }
    }

    /// Finds the end of a quoted field whose content begins at `start`. Gives where its content stands, with doubled
    /// quotes made single, and where the text goes on behind the closing quote.
    fn quoted_field(&mut self, start: usize, lines: &mut Lines, first: u64) -> Result<((usize, usize), usize)> {
        // Content is moved to `to` as far as doubled quotes left a gap.
        self.opened += 1;
        let (mut from, mut to) = (start, start);
        loop {
            let Some(found) = memchr::memchr(b'"', &self.text[from..]) else {
                let seen = self.text.len();
                self.text.copy_within(from..seen, to);
                to += seen - from;
                self.text.truncate(to);
                self.text.extend_from_slice(lines.line_end());
                if self.text.len() - start > LONGEST_QUOTED || !lines.advance()? {
                    let reason = "a quoted field begins here and is not closed; add the closing \"";
                    return Err(lines.error_at(first, reason));
                }
                from = to;
                self.text.extend_from_slice(lines.line());
                continue;
            };
            let quote = from + found;
            self.text.copy_within(from..quote, to);
            to += quote - from;
            if self.text.get(quote + 1) != Some(&b'"') {
                return Ok(((start, to), quote + 1));
            }
            self.text[to] = b'"';
            to += 1;
            from = quote + 2;
        }
    }
}

/// Bytes of a field without quotes at the beginning of `text`.
fn length(text: &[u8], delimiter: Delimiter) -> usize {
    let found = match delimiter {
        Delimiter::Char(byte) => memchr::memchr(byte, text),
        Delimiter::Colons => memchr::memmem::find(text, b"::"),
        Delimiter::Blanks => text.iter().position(u8::is_ascii_whitespace),
    };
    found.unwrap_or(text.len())
}

/// Bytes of the delimiter that `text` begins with; 0 if it begins with none.
fn width(text: &[u8], delimiter: Delimiter) -> usize {
    match delimiter {
        Delimiter::Char(byte) => usize::from(text[0] == byte),
        Delimiter::Colons if text.starts_with(b"::") => 2,
        Delimiter::Colons => 0,
        Delimiter::Blanks => text.iter().take_while(|byte| byte.is_ascii_whitespace()).count(),
    }
}
