//! Keys in one string, and a table that finds them.

use alloc::{string::String, vec::Vec};
use core::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use crate::{Error, Result};

/// Keys, of which each has its place as its index.
#[derive(Clone, Default)]
pub(super) struct Text {
    arena: String,
    /// Where each key ends in `arena`; it begins where the one before ends.
    ends: Vec<usize>,
    /// The indices, hashed by their keys.
    table: HashTable<u32>,
    hasher: DefaultHashBuilder,
    /// How many of the first keys are the numbers 0, 1, ...
    numbers: usize,
}

impl Text {
    /// The key of an index, if there are so many.
    pub fn key(&self, index: u32) -> Option<&str> {
        let index = index as usize;
        let end = *self.ends.get(index)?;
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.arena.get(start..end)
    }

    /// The index of a key, if it is there.
    pub fn get(&self, key: &str) -> Option<u32> {
        let hash = self.hasher.hash_one(key);
        self.table.find(hash, |&index| self.key(index) == Some(key)).copied()
    }

    /// Number of keys.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether the keys are the numbers 0, 1, ... Looks at no key.
    pub fn is_numbered(&self) -> bool {
        self.numbers == self.ends.len()
    }

    /// Adds a key that is not there yet.
    pub fn push(&mut self, key: &str) -> Result<u32> {
        // One less than u32 can count, so that the length is a u32 as well.
        let index = u32::try_from(self.ends.len()).ok().filter(|&index| index < u32::MAX);
        let index = index.ok_or_else(|| Error::config("ids", "more than 4294967295 different keys; split the data"))?;
        if self.numbers == index as usize && canonical_number(key.as_bytes()) == Some(index) {
            self.numbers += 1;
        }
        self.arena.push_str(key);
        self.ends.push(self.arena.len());
        let Text {
            arena,
            ends,
            table,
            hasher,
            ..
        } = self;
        let hash_of = |&index: &u32| {
            let index = index as usize;
            let start = index.checked_sub(1).map_or(0, |before| ends[before]);
            hasher.hash_one(&arena[start..ends[index]])
        };
        table.insert_unique(hasher.hash_one(key), index, hash_of);
        Ok(index)
    }

    /// Takes the last key away.
    pub fn pop(&mut self) {
        let Some(index) = self.ends.len().checked_sub(1) else {
            return;
        };
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        let hash = self.hasher.hash_one(&self.arena[start..]);
        if let Ok(entry) = self.table.find_entry(hash, |&found| found as usize == index) {
            entry.remove();
        }
        self.arena.truncate(start);
        self.ends.pop();
        self.numbers = self.numbers.min(index);
    }
}

/// The number that `key` writes, if it is one of 0..u32::MAX in its shortest form (no sign, no leading zero).
pub(in crate::data) fn canonical_number(key: &[u8]) -> Option<u32> {
    if key.is_empty() || key.len() > 10 || (key[0] == b'0' && key.len() > 1) {
        return None;
    }
    let mut number = 0u64;
    for byte in key {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        number = number * 10 + u64::from(digit);
    }
    u32::try_from(number).ok()
}
