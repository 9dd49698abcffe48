//! Keys of a field and the table rows that stand for them. Row 0 is for keys that training does not know.

use alloc::{format, string::String, vec::Vec};

use serde::{Deserialize, Serialize};

use crate::{
    Error, Result,
    data::IdMap,
    rng::{scale, spread},
};

/// The row of every vocabulary that stands for unknown keys and for missing values.
pub const UNKNOWN: u32 = 0;

/// Gives every value of a field its row in a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Vocabulary {
    /// Keys of the training rows, in order of first appearance: the key with index `i` has row `i + 1`.
    Keys(IdMap),
    /// Keys by their hash: FNV-1a in 64 bits (Fowler, Noll and Vo), mixed, and scaled onto the rows from 1 to
    /// `buckets`.
    Hashed {
        /// Number of rows besides row 0.
        buckets: u32,
    },
    /// Numbers by their quantile: `x` has row `1 +` the number of edges that are `x` or less.
    Quantiles {
        /// The bounds between quantiles, ascending.
        edges: Vec<f32>,
    },
}

impl Vocabulary {
    /// The row of a key; 0 if it is not known or empty. Of quantiles, the row of the number that `key` writes.
    pub fn row(&self, key: &str) -> u32 {
        let key = key.trim();
        if key.is_empty() {
            return UNKNOWN;
        }
        match self {
            Vocabulary::Keys(keys) => keys.get(key).map_or(UNKNOWN, |index| index + 1),
            Vocabulary::Hashed { buckets } => 1 + bucket(key, *buckets),
            Vocabulary::Quantiles { .. } => key.parse().map_or(UNKNOWN, |number| self.row_of_number(number)),
        }
    }

    /// The row of a number in quantiles; 0 for NaN, and for vocabularies of keys.
    pub fn row_of_number(&self, number: f32) -> u32 {
        match self {
            Vocabulary::Quantiles { edges } if !number.is_nan() => {
                1 + edges.partition_point(|&edge| edge <= number) as u32
            }
            _ => UNKNOWN,
        }
    }

    /// The key of a row, where the vocabulary stores keys and the row is not 0.
    pub fn key(&self, row: u32) -> Option<String> {
        match self {
            Vocabulary::Keys(keys) => keys.key(row.checked_sub(1)?).map(|key| key.into_owned()),
            _ => None,
        }
    }

    /// Number of rows, that of unknown keys included.
    pub fn rows(&self) -> u32 {
        match self {
            // At most u32::MAX - 1 keys are let in.
            Vocabulary::Keys(keys) => 1 + keys.len() as u32,
            Vocabulary::Hashed { buckets } => 1 + buckets,
            Vocabulary::Quantiles { edges } => 2 + edges.len() as u32,
        }
    }

    /// The row of a key, which is added if it is new and keys are stored.
    pub(in crate::data) fn row_or_insert(&mut self, key: &str) -> Result<u32, String> {
        let key = key.trim();
        match self {
            Vocabulary::Keys(keys) if !key.is_empty() => {
                let index = keys.get_or_insert(key).map_err(|error| format!("{error}"))?;
                match index {
                    // One less than indices go, so that the number of rows fits as well.
                    0..0xffff_fffe => Ok(index + 1),
                    _ => Err("more than 4294967294 different keys; hash them (Field::hashed)".into()),
                }
            }
            _ => Ok(self.row(key)),
        }
    }

    /// Drops keys that come less often than `min_count`, given how often each row comes; the rows below `settled` stay
    /// in any case. Gives the new row of every old one, or `None` where nothing changes.
    pub(super) fn keep(&mut self, counts: &[u64], min_count: u32, settled: u32) -> Result<Option<Vec<u32>>> {
        let Vocabulary::Keys(keys) = self else {
            return Ok(None);
        };
        let often = |row: usize| counts.get(row).copied().unwrap_or(0) >= u64::from(min_count);
        let enough = |index: usize| index + 1 < settled as usize || often(index + 1);
        if (0..keys.len()).all(enough) {
            return Ok(None);
        }
        let (mut kept, mut rows) = (IdMap::new(), Vec::with_capacity(keys.len() + 1));
        rows.push(UNKNOWN);
        for (index, key) in keys.iter().enumerate() {
            rows.push(match enough(index) {
                true => kept.get_or_insert(&key)? + 1,
                false => UNKNOWN,
            });
        }
        *keys = kept;
        Ok(Some(rows))
    }

    /// Refuses what cannot have been fitted, as a damaged file may hold it.
    pub(super) fn check(&self, name: &str) -> Result<()> {
        let reason = match self {
            Vocabulary::Keys(keys) if keys.len() as u64 >= u64::from(u32::MAX) => "too many keys",
            Vocabulary::Keys(keys) if keys.is_count() => "a number stands for the keys, which must be listed",
            Vocabulary::Hashed { buckets: 0 | u32::MAX } => "the number of buckets is out of range",
            Vocabulary::Quantiles { edges }
                if edges.len() > 1 << 20
                    || edges.iter().any(|edge| !edge.is_finite())
                    || edges.windows(2).any(|pair| pair[0] >= pair[1]) =>
            {
                "the edges of quantiles do not ascend"
            }
            _ => return Ok(()),
        };
        Err(Error::config(name, reason))
    }
}

/// A hash of `key` below `buckets`, the same on all machines.
fn bucket(key: &str, buckets: u32) -> u32 {
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    for byte in key.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    // FNV leaves the high bits of short keys alike.
    hash = spread(hash);
    scale((hash >> 32) as u32 ^ hash as u32, buckets)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{string::ToString, vec};

    #[test]
    fn unknown_and_empty_keys_have_row_0() {
        let mut keys = Vocabulary::Keys(IdMap::new());
        assert_eq!(keys.row_or_insert(" tea "), Ok(1));
        assert_eq!(keys.row_or_insert("rice"), Ok(2));
        assert_eq!(keys.row_or_insert("  "), Ok(0));
        assert_eq!((keys.row("rice "), keys.row("salt"), keys.row("")), (2, 0, 0));
        assert_eq!((keys.rows(), keys.key(1), keys.key(0)), (3, Some("tea".into()), None));
    }

    #[test]
    fn rare_keys_give_their_rows_away() {
        let mut keys = Vocabulary::Keys(IdMap::from_keys(["a", "b", "c"]).unwrap());
        assert_eq!(keys.keep(&[9, 2, 1, 5], 2, 4).unwrap(), None);
        assert_eq!(keys.keep(&[9, 2, 1, 5], 2, 2).unwrap(), Some(vec![0, 1, 0, 2]));
        assert_eq!((keys.row("a"), keys.row("b"), keys.row("c"), keys.rows()), (1, 0, 2, 3));
        assert_eq!(keys.keep(&[0, 2, 2], 2, 0).unwrap(), None);
    }

    #[test]
    fn hashes_are_known_answers_and_spread_evenly() {
        // Worked out in Python, where FNV-1a of "a" is 0xaf63dc4c8601ec8c, as its authors publish.
        let hashed = Vocabulary::Hashed { buckets: 1000 };
        assert_eq!(
            ["", "a", "tea", "ä", "12345"].map(|key| hashed.row(key)),
            [0, 416, 991, 117, 414]
        );
        let mut counts = vec![0u32; 64];
        for number in 0..64_000 {
            counts[bucket(&number.to_string(), 64) as usize] += 1;
        }
        // 1000 a bucket on average: the square deviations sum up to about 63 times that.
        let chi2: f64 = counts.iter().map(|&n| (f64::from(n) - 1000.0).powi(2) / 1000.0).sum();
        assert!((30.0..110.0).contains(&chi2), "{chi2}");
        assert!((0..5000).all(|number: u32| (1..=1000).contains(&hashed.row(&number.to_string()))));
    }

    #[test]
    fn numbers_fall_between_edges() {
        let quantiles = Vocabulary::Quantiles { edges: vec![0.0, 2.5] };
        let rows = [-1.0, 0.0, 2.4, 2.5, f32::INFINITY, f32::NAN].map(|number| quantiles.row_of_number(number));
        assert_eq!(rows, [1, 2, 2, 3, 3, 0]);
        assert_eq!((quantiles.rows(), quantiles.row(" 1 "), quantiles.row("x")), (4, 2, 0));
    }
}
