//! What the text of a value says.

use alloc::{format, string::String};

use crate::data::text;

/// A number; NaN where the value is empty.
pub(super) fn number(name: &str, text: &str) -> Result<f32, String> {
    match text.trim().is_empty() {
        true => Ok(f32::NAN),
        false => text::number(name, text.as_bytes()),
    }
}

/// The keys and weights of `key:weight key:weight ...`.
pub(super) fn weights(text: &str) -> impl Iterator<Item = Result<(&str, f32), String>> {
    text.split_ascii_whitespace().map(|pair| {
        let (key, weight) = pair
            .rsplit_once(':')
            .filter(|(key, _)| !key.is_empty())
            .ok_or_else(|| format!("{} is not key:weight", text::shown(pair.as_bytes())))?;
        Ok((key, text::number("weight", weight.as_bytes())?))
    })
}
