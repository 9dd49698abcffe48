//! What the first rows of a file tell: whether they begin with a header, and whether rows have names.

use hashbrown::HashSet;

use super::{
    columns::{Role, untyped},
    trial::is_csv,
};
use crate::data::Delimiter;

/// Whether the first fields are the rows' names: in files that R writes each row has a different one. In CSV, where a comma
/// that should be in quotes makes rows longer too, the names must also count from 1, or be in quotes (`quoted`).
pub(super) fn are_names_of_rows(rows: &[&Vec<String>], quoted: bool, delimiter: Delimiter) -> bool {
    let names = || rows.iter().filter_map(|row| row.first());
    let different: HashSet<&String> = names().collect();
    let counted = names().zip(1u64..).all(|(name, number)| name.parse() == Ok(number));
    rows.len() > 1 && different.len() == rows.len() && (!is_csv(delimiter) || quoted || counted)
}

/// Whether the first record is a header, and whether that can be told.
pub(super) fn has_header(records: &[Vec<String>]) -> (bool, bool) {
    let Some((first, rest)) = records.split_first() else {
        return (false, true);
    };
    if first.iter().all(|name| untyped(name).is_some()) {
        return (true, true);
    }
    // Where rows have a name, the header lacks that column.
    let shift = usize::from(!rest.is_empty() && rest.iter().all(|row| row.len() == first.len() + 1));
    let column = |at: usize| rest.iter().filter_map(move |row| row.get(at + shift));
    let again = |at: usize| column(at).any(|value| *value == first[at]);
    let known: Vec<usize> = Role::OF_PAIRS.iter().filter_map(|role| role.find(first)).collect();
    if known.len() >= 2 || (known.len() == 1 && !again(known[0])) {
        return (true, true);
    }
    let is_word = |text: &str| !text.is_empty() && !text.bytes().any(|byte| byte.is_ascii_digit());
    if !first.iter().all(|name| is_word(name)) || (0..first.len()).any(again) || rest.is_empty() {
        return (false, true);
    }
    // Numbers and codes all hold digits, and the words above them none.
    let coded = |at: usize| column(at).all(|value| value.bytes().any(|byte| byte.is_ascii_digit()));
    let header = (0..first.len()).any(coded);
    (header, header)
}
