//! Keys of users and items beside tables that have more rows than keys are known.

use alloc::format;

use crate::{Result, data::IdMap};

/// Whether `keys` are the first of `known`.
pub(super) fn begins_with(known: &IdMap, keys: &IdMap) -> bool {
    known == keys || (keys.len() <= known.len() && keys.iter().eq(known.iter().take(keys.len())))
}

/// `keys`, and made-up ones for the rows beyond.
pub(super) fn padded(keys: &IdMap, rows: usize) -> Result<IdMap> {
    let mut keys = keys.clone();
    pad(&mut keys, rows)?;
    Ok(keys)
}

/// Gives rows that have no key one: their number where that is the next in a map of numbers, else `#number`.
pub(crate) fn pad(keys: &mut IdMap, rows: usize) -> Result<()> {
    let rows = u32::try_from(rows).unwrap_or(u32::MAX);
    if keys.is_numbered() {
        *keys = IdMap::numbered(rows.max(keys.len() as u32));
        return Ok(());
    }
    while keys.len() < rows as usize {
        let mut key = format!("#{}", keys.len());
        while keys.get(&key).is_some() {
            key.push('#');
        }
        keys.get_or_insert(&key)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn rows_without_keys_get_distinct_ones() {
        let keys = IdMap::from_keys(["a", "#3", "7"]).unwrap();
        let padded = padded(&keys, 5).unwrap();
        assert_eq!(padded.iter().collect::<Vec<_>>(), ["a", "#3", "7", "#3#", "#4"]);
        assert!(begins_with(&padded, &keys) && !begins_with(&keys, &padded));
        let mut numbers = IdMap::numbered(3);
        pad(&mut numbers, 5).unwrap();
        assert_eq!(numbers, IdMap::numbered(5));
    }
}
