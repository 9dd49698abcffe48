//! Lists of strings as two tensors: the bytes of all, and where each ends.

use alloc::{format, string::String, vec::Vec};

/// All strings and where each ends.
#[derive(Debug, Default)]
pub(super) struct Texts {
    pub bytes: Vec<u8>,
    pub ends: Vec<u64>,
}

impl Texts {
    pub fn of<S: AsRef<str>>(strings: impl Iterator<Item = S>) -> Self {
        let mut texts = Texts::default();
        for string in strings {
            texts.bytes.extend_from_slice(string.as_ref().as_bytes());
            texts.ends.push(texts.bytes.len() as u64);
        }
        texts
    }
}

/// The strings between `ends`; the reason where these do not fit the bytes.
pub(super) fn split(bytes: &[u8], ends: impl ExactSizeIterator<Item = u64>) -> Result<Vec<&str>, String> {
    let text = core::str::from_utf8(bytes).map_err(|error| format!("not UTF-8: {error}"))?;
    let mut strings = Vec::with_capacity(ends.len());
    let mut start = 0;
    for (index, end) in ends.enumerate() {
        let end = usize::try_from(end).unwrap_or(usize::MAX);
        // `get` refuses ends that go back, lie outside, or cut a character.
        let string = text.get(start..end);
        strings.push(string.ok_or_else(|| format!("end {index} is {end}, which is not where a string can end"))?);
        start = end;
    }
    if start != bytes.len() {
        return Err(format!("the last end is not the number of bytes, {}", bytes.len()));
    }
    Ok(strings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ends_that_fit_are_taken() {
        let texts = Texts::of(["a", "", "ü"].into_iter());
        let split = |bytes, ends: &[u64]| split(bytes, ends.iter().copied()).map(|strings| strings.join("|"));
        assert_eq!(split(&texts.bytes, &texts.ends).unwrap(), "a||ü");
        assert_eq!(split(b"", &[]).unwrap(), "");
        for ends in [&[][..], &[2], &[1, 2, 3, 4], &[2, 1, 3], &[1, 2, 3], &[u64::MAX, 3]] {
            assert!(split("aü".as_bytes(), ends).is_err(), "{ends:?}");
        }
        assert!(split(&[0xff], &[1]).is_err());
    }
}
