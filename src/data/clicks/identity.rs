//! The identity of an encoder: what decides which id and which number stands for a value.
//!
//! Samples of one encoder are noise to a model of another one whose keys stand in another order, though all lengths
//! agree. So the identity travels with the layout: in samples, in models, and in the files that models are kept in. Of
//! a vocabulary it has a hash of its keys in their order, which also tells how many rows it had before it grew: what
//! was encoded then still means the same.

use alloc::{collections::BTreeMap, format, string::String, vec::Vec};

use serde::{Deserialize, Serialize};

use super::{
    Scale, Schema, Vocabulary,
    wiring::{Slot, Wiring},
};

/// The offset basis and the prime of FNV-1a in 64 bits (Fowler, Noll and Vo).
const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;

/// What of an encoder decides which id and which number stands for a value: keys in their order, settings of hashes,
/// edges of quantiles, scales of numbers, and where each field comes from.
///
/// Layouts that no encoder made have none, and neither have those of older files; they are compared by names and rows.
/// Two identities are equal where they are so at present, however their vocabularies grew.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// What each field and each history is, in words that leave nothing out, by name.
    pub(super) fields: BTreeMap<String, String>,
    /// By the names of vocabularies.
    pub(super) vocabularies: BTreeMap<String, Marks>,
}

/// How a vocabulary grew.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Marks {
    /// Numbers of rows and the hash of the keys up to there, in ascending order; the last is how it is now.
    at: Vec<(u32, u64)>,
    /// Whether the last mark came with single keys and goes with the next ones; those of fits stay.
    #[serde(default)]
    passing: bool,
}

impl PartialEq for Identity {
    fn eq(&self, other: &Self) -> bool {
        let now = |identity: &Identity| -> Vec<_> {
            let marks = identity.vocabularies.iter();
            marks
                .map(|(name, marks)| (name.clone(), marks.at.last().copied()))
                .collect()
        };
        self.fields == other.fields && now(self) == now(other)
    }
}

impl Eq for Identity {}

impl Identity {
    pub(super) fn new(schema: &Schema, wiring: &Wiring, vocabularies: &[Vocabulary], scales: &[Scale]) -> Self {
        let mut fields = BTreeMap::new();
        for (field, wire) in schema.fields.iter().zip(&wiring.wires) {
            let scale = match wire.slot {
                Slot::Number { at, .. } => scales.get(at),
                _ => None,
            };
            fields.insert(field.name.clone(), field.words(scale));
        }
        for history in &schema.histories {
            let order = match (&schema.time, schema.ties_in_order) {
                (None, _) => "in the order of the rows",
                (_, true) => "of one moment in the order of the rows",
                (_, false) => "strictly earlier",
            };
            let words = format!("the last {} of {}, {order}", history.length, history.fields.join(", "));
            fields.insert(history.name.clone(), words);
        }
        let mut marks = BTreeMap::new();
        for ((name, _), vocabulary) in wiring.vocabularies.iter().zip(vocabularies) {
            let mut own = Marks::default();
            own.follow(vocabulary);
            own.passing = false;
            marks.insert(name.clone(), own);
        }
        Identity {
            fields,
            vocabularies: marks,
        }
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty() && self.vocabularies.is_empty()
    }

    /// Notes that single keys came to a vocabulary, or were taken away again.
    pub(super) fn follow(&mut self, name: &str, vocabulary: &Vocabulary) {
        if let Some(marks) = self.vocabularies.get_mut(name) {
            marks.follow(vocabulary);
        }
    }

    /// Takes over how many rows vocabularies had earlier, from what this has grown from.
    pub(crate) fn grown_from(&mut self, earlier: &Identity) {
        for (name, marks) in &mut self.vocabularies {
            let Some(earlier) = earlier.vocabularies.get(name) else {
                continue;
            };
            if marks.at.last() == earlier.at.last() {
                marks.passing = earlier.passing;
            }
            let now = marks.at.last().map_or(0, |&(rows, _)| rows);
            marks.at.extend(earlier.at.iter().filter(|(rows, _)| *rows < now));
            marks.at.sort_unstable();
            marks.at.dedup();
        }
    }
}

impl Marks {
    fn follow(&mut self, vocabulary: &Vocabulary) {
        let rows = vocabulary.rows();
        while self.at.last().is_some_and(|&(there, _)| there > rows) {
            self.at.pop();
            self.passing = false;
        }
        let last = self.at.last().copied();
        if last.is_some_and(|(there, _)| there == rows) {
            return;
        }
        let mark = (rows, vocabulary.hash(last, rows));
        if self.passing {
            self.at.pop();
        }
        self.at.push(mark);
        self.passing = true;
    }

    /// The hash of the keys up to so many rows, if it was noted.
    pub fn hash(&self, rows: u32) -> Option<u64> {
        self.at.iter().find(|(there, _)| *there == rows).map(|&(_, hash)| hash)
    }
}

impl Vocabulary {
    /// A hash of what the rows below `rows` stand for; `known` is that of fewer rows.
    pub(super) fn hash(&self, known: Option<(u32, u64)>, rows: u32) -> u64 {
        match self {
            Vocabulary::Keys(keys) => {
                let (from, hash) = known.unwrap_or((1, BASIS));
                // The key of row r has the index r - 1. No text has the byte 0xff, so that keys end where they end.
                let keys = (from.max(1)..rows).filter_map(|row| keys.key(row - 1));
                keys.fold(hash, |hash, key| fnv(fnv(hash, key.as_bytes()), &[0xff]))
            }
            Vocabulary::Hashed { .. } => BASIS,
            Vocabulary::Quantiles { edges } => edges.iter().fold(BASIS, |hash, edge| fnv(hash, &edge.to_le_bytes())),
        }
    }
}

fn fnv(hash: u64, bytes: &[u8]) -> u64 {
    let step = |hash: u64, &byte: &u8| (hash ^ u64::from(byte)).wrapping_mul(PRIME);
    bytes.iter().fold(hash, step)
}
