//! The entries of a field that holds several.

use alloc::{format, string::String, vec, vec::Vec};

use super::shown;

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::data) enum Entries {
    /// Keys, which have no commas, semicolons and blanks in them.
    #[cfg_attr(not(feature = "std"), allow(dead_code))] // files alone hold them
    Keys,
    /// Values, which may have.
    Values,
}

/// The entries of a field: a list in brackets (`[4496, 194]`, `['a', "b"]`, `[]`); keys else with bars, semicolons, commas
/// or blanks between, values with bars (`Comedy|Drama`). An empty field holds none.
///
/// # Errors
/// The reason where a list is not closed or has an empty entry.
pub(in crate::data) fn entries(text: &str, of: Entries) -> Result<Vec<&str>, String> {
    let text = text.trim();
    let cut = || shown(text.as_bytes());
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let parts: Vec<&str> = match text.strip_prefix('[') {
        Some(rest) => {
            let inner = rest.strip_suffix(']').map(str::trim);
            let inner = inner.ok_or_else(|| format!("the list {} is not closed; add the closing ]", cut()))?;
            if inner.is_empty() {
                return Ok(Vec::new());
            }
            list_parts(inner)
        }
        None if text.ends_with(']') => return Err(format!("the list {} is not opened; add the opening [", cut())),
        None => match (of, ['|', ';', ','].into_iter().find(|&sign| text.contains(sign))) {
            (_, Some('|')) => text.split('|').collect(),
            (Entries::Values, _) => vec![text],
            (Entries::Keys, Some(sign)) => text.split(sign).collect(),
            (Entries::Keys, None) => text.split_whitespace().collect(),
        },
    };
    let parts: Vec<&str> = parts.into_iter().map(unquoted).collect();
    match parts.iter().any(|part| part.is_empty()) {
        true => Err(format!("the list {} has an empty entry; leave it out", cut())),
        false => Ok(parts),
    }
}

/// The entries of a list in brackets: at commas that are not within quotes.
fn list_parts(inner: &str) -> Vec<&str> {
    let (mut parts, mut start, mut quote) = (Vec::new(), 0, None);
    for (at, sign) in inner.char_indices() {
        let begins = inner[start..at].trim().is_empty();
        match (quote, sign) {
            (None, '"' | '\'') if begins => quote = Some(sign),
            (Some(open), _) if open == sign => quote = None,
            (None, ',') => {
                parts.push(&inner[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&inner[start..]);
    parts
}

/// An entry without blanks and quotes around it.
fn unquoted(entry: &str) -> &str {
    let entry = entry.trim();
    let of = |sign: char| entry.strip_prefix(sign)?.strip_suffix(sign);
    of('"').or_else(|| of('\'')).unwrap_or(entry).trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_found_however_a_list_is_written() {
        for (text, keys, values) in [
            ("", &[][..], &[][..]),
            (" [] ", &[], &[]),
            ("[4, 5,6]", &["4", "5", "6"], &["4", "5", "6"]),
            ("['a, b', \"c\"]", &["a, b", "c"], &["a, b", "c"]),
            ("[it's, b]", &["it's", "b"], &["it's", "b"]),
            ("7", &["7"], &["7"]),
            ("7 8", &["7", "8"], &["7 8"]),
            ("7;8", &["7", "8"], &["7;8"]),
            ("a, b", &["a", "b"], &["a, b"]),
            ("Comedy|Drama", &["Comedy", "Drama"], &["Comedy", "Drama"]),
        ] {
            assert_eq!(entries(text, Entries::Keys).unwrap(), keys, "{text:?}");
            assert_eq!(entries(text, Entries::Values).unwrap(), values, "{text:?}");
        }
        for (text, reason) in [
            ("[1, 2", "not closed"),
            ("1, 2]", "not opened"),
            ("[1,,2]", "empty entry"),
            ("[1, 2,]", "empty entry"),
            ("a||b", "empty entry"),
            ("['']", "empty entry"),
        ] {
            assert!(entries(text, Entries::Keys).unwrap_err().contains(reason), "{text:?}");
        }
    }
}
