//! Opens a file of text, compressed or not, and refuses by name what is no such file.

use std::{
    io::{self, Read},
    path::Path,
};

use flate2::read::MultiGzDecoder;

use crate::{Error, Result, file::open_regular};

/// Bytes that are looked at to see what a file is.
const HEAD: usize = 512;

/// Beginnings of files that are no text, what they are, and what to do.
const BINARY: [(&[u8], &str); 8] = [
    (
        b"PK\x03\x04",
        "a zip archive or a spreadsheet; unpack it, or save it as CSV",
    ),
    (b"\xd0\xcf\x11\xe0", "a spreadsheet of an old format; save it as CSV"),
    (b"PAR1", "a Parquet file; save it as CSV"),
    (b"BZh", "compressed by bzip2; unpack it, or compress it by gzip"),
    (b"\xfd7zXZ\0", "compressed by xz; unpack it, or compress it by gzip"),
    (
        b"\x28\xb5\x2f\xfd",
        "compressed by zstd; unpack it, or compress it by gzip",
    ),
    (b"7z\xbc\xaf", "a 7z archive; unpack it"),
    (b"SQLite format 3\0", "an SQLite database; save the table as CSV"),
];

/// The text of a file, and the mark of UTF-8 at its beginning skipped.
pub(super) fn open(path: &Path) -> Result<Box<dyn Read + Send>> {
    unpacked(&path.display().to_string(), open_regular(path)?)
}

/// The text of what is in memory, as [`open`] gives it of a file; `name` is for messages.
pub(super) fn of_bytes(name: &str, bytes: Vec<u8>) -> Result<Box<dyn Read + Send>> {
    unpacked(name, io::Cursor::new(bytes))
}

fn unpacked(name: &str, from: impl Read + Send + 'static) -> Result<Box<dyn Read + Send>> {
    let io = |source: io::Error| Error::io(name, source);
    let (head, rest) = split_head(from).map_err(io)?;
    match head.starts_with(b"\x1f\x8b") {
        false => text(name, head, rest),
        true => {
            let unpacked = MultiGzDecoder::new(io::Cursor::new(head).chain(rest));
            let (head, rest) = split_head(unpacked).map_err(io)?;
            text(name, head, rest)
        }
    }
}

/// Checks the beginning of a file and puts it before the rest.
fn text(name: &str, head: Vec<u8>, rest: impl Read + Send + 'static) -> Result<Box<dyn Read + Send>> {
    if let Some((_, what)) = BINARY.iter().find(|(begin, _)| head.starts_with(begin)) {
        return Err(refused(name, &format!("this is {what}")));
    }
    let utf16 = head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff");
    // A table of wide characters without a mark has a zero byte in every character of its ASCII.
    if utf16 || head.contains(&0) {
        let what = if utf16 {
            "text in UTF-16"
        } else {
            "no text, or text in UTF-16"
        };
        let reason = format!("this is {what}; save it as UTF-8 (iconv -f UTF-16 -t UTF-8 does)");
        return Err(refused(name, &reason));
    }
    let marked = head.starts_with(b"\xef\xbb\xbf");
    let mut head = io::Cursor::new(head);
    head.set_position(if marked { 3 } else { 0 });
    Ok(Box::new(head.chain(rest)))
}

/// The first bytes and what comes behind them.
fn split_head<R: Read>(mut from: R) -> io::Result<(Vec<u8>, R)> {
    let mut head = Vec::with_capacity(HEAD);
    from.by_ref().take(HEAD as u64).read_to_end(&mut head)?;
    Ok((head, from))
}

fn refused(name: &str, reason: &str) -> Error {
    Error::data(name, 0, reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn read(bytes: &[u8]) -> Result<Vec<u8>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, bytes).unwrap();
        let mut all = Vec::new();
        open(&path)?
            .read_to_end(&mut all)
            .map_err(|error| Error::io(&path, error))?;
        Ok(all)
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut to = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        to.write_all(bytes).unwrap();
        to.finish().unwrap()
    }

    #[test]
    fn text_is_read_compressed_or_not() {
        let long = "u,i\n".repeat(1000);
        for text in ["", "a", "user,item\n", &long] {
            assert_eq!(read(text.as_bytes()).unwrap(), text.as_bytes());
            assert_eq!(read(&gzip(text.as_bytes())).unwrap(), text.as_bytes());
            assert_eq!(
                read(&[b"\xef\xbb\xbf", text.as_bytes()].concat()).unwrap(),
                text.as_bytes()
            );
        }
        // Several members, one after the other, are one file.
        assert_eq!(read(&[gzip(b"a\n"), gzip(b"b\n")].concat()).unwrap(), b"a\nb\n");
    }

    #[test]
    fn what_is_no_text_is_refused_by_name() {
        for (bytes, reason) in [
            (&b"PK\x03\x04 rest"[..], "zip archive"),
            (b"PAR1....", "Parquet"),
            (b"\xff\xfeu\0,\0i\0", "UTF-16"),
            (b"u\0,\0i\0", "UTF-16"),
        ] {
            for bytes in [bytes.to_vec(), gzip(bytes)] {
                let refused = read(&bytes).unwrap_err().to_string();
                assert!(refused.contains(reason), "{refused}");
            }
        }
        let cut = &gzip("u,i\n".repeat(1000).as_bytes())[..40];
        assert!(matches!(read(cut).unwrap_err(), Error::Io { .. }));
    }
}
