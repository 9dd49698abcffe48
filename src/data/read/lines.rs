//! Lines of a file, read in large chunks, with their numbers.

use core::ops::Range;
use std::{
    io::{ErrorKind, Read},
    path::Path,
};

use super::source;
use crate::{Error, Result};

const CHUNK: usize = 1 << 18;
/// A line longer than this is no line: refused before it fills the memory.
const LONGEST: usize = 16 << 20;

/// A file's lines without their ends (`\n`, `\r\n` or `\r`), numbered from 1. The last line need not end.
pub(super) struct Lines {
    from: Box<dyn Read + Send>,
    name: String,
    buffer: Vec<u8>,
    /// The part of `buffer` that is read and not yet handed out.
    start: usize,
    end: usize,
    /// The present line, and where it ends with its end.
    line: Range<usize>,
    number: u64,
    finished: bool,
}

impl Lines {
    pub fn open(path: &Path) -> Result<Self> {
        Ok(Self::new(source::open(path)?, path.display().to_string()))
    }

    /// Lines of text that is in memory; `name` is that of the file it comes from.
    pub fn of_bytes(bytes: Vec<u8>, name: &str) -> Self {
        Lines {
            end: bytes.len(),
            finished: true,
            ..Self::with_buffer(bytes, Box::new(std::io::empty()), name.into())
        }
    }

    pub fn new(from: Box<dyn Read + Send>, name: String) -> Self {
        Self::with_buffer(vec![0; CHUNK], from, name)
    }

    fn with_buffer(buffer: Vec<u8>, from: Box<dyn Read + Send>, name: String) -> Self {
        Lines {
            from,
            name,
            buffer,
            start: 0,
            end: 0,
            line: 0..0,
            number: 0,
            finished: false,
        }
    }

    /// The first lines, whole ones alone, without taking them, and whether they are all there are.
    pub fn peek(&mut self) -> Result<(&[u8], bool)> {
        loop {
            let ahead = &self.buffer[self.start..self.end];
            if self.finished || ahead.len() > LONGEST {
                return Ok((&self.buffer[self.start..self.end], self.finished));
            }
            let end = memchr::memrchr2(b'\n', b'\r', ahead).map(|at| self.start + at + 1);
            match end.filter(|_| ahead.len() >= CHUNK) {
                Some(end) => return Ok((&self.buffer[self.start..end], false)),
                None => self.read_more()?,
            }
        }
    }

    /// Moves on to the next line; false at the end of the file.
    pub fn advance(&mut self) -> Result<bool> {
        let mut searched = self.start;
        let (stop, next) = loop {
            if let Some(at) = memchr::memchr2(b'\n', b'\r', &self.buffer[searched..self.end]) {
                let at = searched + at;
                if self.buffer[at] == b'\n' {
                    break (at, at + 1);
                }
                if at + 1 < self.end || self.finished {
                    let both = self.buffer[at..self.end].starts_with(b"\r\n");
                    break (at, at + 1 + usize::from(both));
                }
                // Whether a line feed follows stands in the next chunk.
                searched = at;
            } else if self.finished {
                if self.start == self.end {
                    return Ok(false);
                }
                break (self.end, self.end);
            } else {
                searched = self.end;
            }
            let pending = self.end - self.start;
            if pending > LONGEST {
                let longest = LONGEST >> 20;
                let reason = format!("the line is longer than {longest} MiB: this is not a text file of rows");
                return Err(Error::data(&*self.name, self.number + 1, reason));
            }
            searched -= self.start;
            self.read_more()?;
            searched += self.start;
        };
        self.line = self.start..stop;
        self.start = next;
        self.number += 1;
        Ok(true)
    }

    /// The present line.
    pub fn line(&self) -> &[u8] {
        &self.buffer[self.line.clone()]
    }

    /// What the present line ends with.
    pub fn line_end(&self) -> &[u8] {
        &self.buffer[self.line.end..self.start]
    }

    /// Number of the present line.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The file as it was named.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn error_at(&self, line: u64, reason: impl Into<String>) -> Error {
        Error::data(self.name(), line, reason)
    }

    /// Reads another piece, behind what is pending, which moves to the front.
    fn read_more(&mut self) -> Result<()> {
        self.buffer.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        if self.end == self.buffer.len() {
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
        loop {
            match self.from.read(&mut self.buffer[self.end..]) {
                Ok(read) => {
                    self.end += read;
                    self.finished = read == 0;
                    return Ok(());
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(source) => return Err(Error::io(&self.name, source)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines of what comes in pieces, as from a file.
    fn from_pieces(bytes: &[u8]) -> Lines {
        Lines::new(Box::new(std::io::Cursor::new(bytes.to_vec())), "file".into())
    }

    fn read(bytes: &[u8]) -> Vec<(u64, Vec<u8>)> {
        let mut lines = from_pieces(bytes);
        let mut all = Vec::new();
        while lines.advance().unwrap() {
            all.push((lines.number(), lines.line().to_vec()));
        }
        all
    }

    #[test]
    fn lines_end_in_any_way_and_keep_their_numbers() {
        let expected: Vec<(u64, Vec<u8>)> = [(1, "a"), (2, ""), (3, "b"), (4, ""), (5, "c")]
            .map(|(number, text)| (number, text.into()))
            .to_vec();
        for text in ["a\r\n\nb\r\r\nc", "a\n\nb\n\nc", "a\r\rb\r\rc", "a\n\r\nb\n\nc\r\n"] {
            assert_eq!(read(text.as_bytes()), expected, "{text:?}");
        }
        assert!(read(b"").is_empty());
    }

    #[test]
    fn lines_longer_than_a_chunk_are_whole() {
        let long = vec![b'x'; CHUNK * 3 + 1];
        let file = [b"a\n".as_slice(), &long, b"\nb\n"].concat();
        assert_eq!(read(&file), [(1, b"a".to_vec()), (2, long), (3, b"b".to_vec())]);
    }

    #[test]
    fn an_end_of_two_bytes_is_one_end_across_chunks() {
        for before in [CHUNK - 2, CHUNK - 1, CHUNK] {
            let long = vec![b'x'; before];
            let file = [&long[..], b"\r\nb"].concat();
            assert_eq!(read(&file), [(1, long), (2, b"b".to_vec())]);
        }
    }

    #[test]
    fn peeking_takes_nothing() {
        let mut lines = Lines::of_bytes(b"a\nb".to_vec(), "file");
        assert_eq!(lines.peek().unwrap(), (&b"a\nb"[..], true));
        assert!(lines.advance().unwrap());
        assert_eq!((lines.line(), lines.line_end()), (&b"a"[..], &b"\n"[..]));
        let mut lines = from_pieces(&vec![b'\n'; CHUNK * 2]);
        let (bytes, all) = lines.peek().unwrap();
        assert!(bytes.len() >= CHUNK && !all);
        let long = vec![b'x'; CHUNK * 2];
        let mut lines = from_pieces(&[&long[..], b"\ny"].concat());
        assert!(lines.peek().unwrap().0.starts_with(&long));
    }

    #[test]
    fn a_line_without_end_is_refused() {
        let mut lines = from_pieces(&[b"a\n".as_slice(), &vec![b'x'; LONGEST * 2]].concat());
        lines.advance().unwrap();
        let refused = lines.advance().unwrap_err().to_string();
        assert!(refused.contains(":2: the line is longer than 16 MiB"), "{refused}");
    }
}
