//! Lines of a file, read in large chunks, with their numbers.

use std::{
    fs::File,
    io::{ErrorKind, Read},
    path::Path,
};

use crate::{Error, Result};

const CHUNK: usize = 1 << 18;
/// A line longer than this is no line: refused before it fills the memory.
const LONGEST: usize = 16 << 20;

/// A file's lines without their ends (`\n` or `\r\n`), numbered from 1. A byte-order mark is skipped, and the last line
/// need not end.
pub(super) struct Lines {
    file: File,
    name: String,
    buffer: Vec<u8>,
    /// The part of `buffer` that is read and not yet handed out.
    start: usize,
    end: usize,
    number: u64,
    finished: bool,
}

impl Lines {
    pub fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|source| Error::io(path, source))?;
        let mut lines = Lines {
            file,
            name: path.display().to_string(),
            buffer: vec![0; CHUNK],
            start: 0,
            end: 0,
            number: 0,
            finished: false,
        };
        while lines.end < 3 && !lines.finished {
            lines.read_more()?;
        }
        if lines.buffer[..lines.end].starts_with(b"\xef\xbb\xbf") {
            lines.start = 3;
        }
        Ok(lines)
    }

    /// The next line; `None` at the end of the file.
    pub fn next(&mut self) -> Result<Option<&[u8]>> {
        let mut searched = self.start;
        let (stop, next) = loop {
            if let Some(at) = memchr::memchr(b'\n', &self.buffer[searched..self.end]) {
                break (searched + at, searched + at + 1);
            }
            if self.finished {
                if self.start == self.end {
                    return Ok(None);
                }
                break (self.end, self.end);
            }
            let pending = self.end - self.start;
            if pending > LONGEST {
                return Err(Error::data(
                    &*self.name,
                    self.number + 1,
                    format!(
                        "the line is longer than {} MiB: this is not a text file of interactions",
                        LONGEST >> 20
                    ),
                ));
            }
            self.read_more()?;
            searched = self.start + pending;
        };
        let line = &self.buffer[self.start..stop];
        self.start = next;
        self.number += 1;
        Ok(Some(line.strip_suffix(b"\r").unwrap_or(line)))
    }

    /// Number of the line that was handed out last.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The file as it was named.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Reads another piece, behind what is pending, which moves to the front.
    fn read_more(&mut self) -> Result<()> {
        self.buffer.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        if self.end == self.buffer.len() {
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
        loop {
            match self.file.read(&mut self.buffer[self.end..]) {
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

    fn read(bytes: &[u8]) -> Vec<(u64, Vec<u8>)> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, bytes).unwrap();
        let mut lines = Lines::open(&path).unwrap();
        let mut all = Vec::new();
        while let Some(line) = lines.next().unwrap().map(<[u8]>::to_vec) {
            all.push((lines.number(), line));
        }
        all
    }

    #[test]
    fn lines_end_in_any_way_and_keep_their_numbers() {
        let got = read(b"\xef\xbb\xbfa\r\n\nb\r\r\nc");
        assert_eq!(
            got,
            [
                (1, b"a".to_vec()),
                (2, vec![]),
                (3, b"b\r".to_vec()),
                (4, b"c".to_vec())
            ]
        );
        assert!(read(b"").is_empty() && read(b"\xef\xbb\xbf").is_empty());
    }

    #[test]
    fn lines_longer_than_a_chunk_are_whole() {
        let long = vec![b'x'; CHUNK * 3 + 1];
        let file = [b"a\n".as_slice(), &long, b"\nb\n"].concat();
        assert_eq!(read(&file), [(1, b"a".to_vec()), (2, long), (3, b"b".to_vec())]);
    }

    #[test]
    fn a_line_without_end_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, [b"a\n".as_slice(), &vec![0; LONGEST * 2]].concat()).unwrap();
        let mut lines = Lines::open(&path).unwrap();
        lines.next().unwrap();
        assert!(
            lines
                .next()
                .unwrap_err()
                .to_string()
                .contains(":2: the line is longer than 16 MiB")
        );
    }
}
