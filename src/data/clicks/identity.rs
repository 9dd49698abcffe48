//! The identity of an encoder: what decides which id and which number stands for a value.
//!
//! Samples of one encoder are noise to a model of another one whose keys stand in another order, though all lengths
//! agree. So the identity travels with the layout: in samples, in models, and in the files that models are kept in. Of
//! a vocabulary it has a hash of its keys in their order, which also tells how many rows it had before it grew: what
//! was encoded then still means the same.

use alloc::{collections::BTreeMap, format, string::String, vec::Vec};

use serde::{Deserialize, Serialize};

use super::{
    Encoder, Layout, Scale, Schema, Vocabulary,
    wiring::{Slot, Wiring},
};
use crate::{Error, Result};

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
    fields: BTreeMap<String, String>,
    /// By the names of vocabularies.
    vocabularies: BTreeMap<String, Marks>,
}

/// How a vocabulary grew.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Marks {
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
    fn hash(&self, rows: u32) -> Option<u64> {
        self.at.iter().find(|(there, _)| *there == rows).map(|&(_, hash)| hash)
    }
}

impl Vocabulary {
    /// A hash of what the rows below `rows` stand for; `known` is that of fewer rows.
    fn hash(&self, known: Option<(u32, u64)>, rows: u32) -> u64 {
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

/// What is compared with a model's layout, for messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Other {
    Samples,
    Encoder,
}

impl Other {
    fn name(self) -> &'static str {
        match self {
            Other::Samples => "samples",
            Other::Encoder => "encoder",
        }
    }
}

impl Layout {
    /// Refuses samples whose fields do not mean what those of a model with this layout mean. Samples of the model's
    /// encoder from before it grew are fine. `encoder` is the model's, if it has one.
    ///
    /// # Errors
    /// [`Error::Config`] with the name of the first field or vocabulary that differs, and how.
    pub(crate) fn check_samples(&self, there: &Layout, encoder: Option<&Encoder>) -> Result<()> {
        self.check_fields(there, Other::Samples)?;
        let fields = self.ids.iter().map(|field| (field, there.id(&field.name), &there.ids));
        let many = self.many.iter();
        let many = many.map(|field| (field, there.many(&field.name), &there.many));
        for (field, at, of) in fields.chain(many) {
            let Some(at) = at else { continue };
            let (own, other) = (field.vocabulary, of[at].vocabulary);
            let (Some(own), Some(other)) = (self.vocabularies.get(own), there.vocabularies.get(other)) else {
                continue;
            };
            self.check_vocabulary(own, there, other, encoder)?;
        }
        Ok(())
    }

    /// Refuses an encoder that is not the model's own, or the model's own with more keys behind its own. `present` is
    /// the one that the model has.
    ///
    /// # Errors
    /// Those of [`check_samples`](Layout::check_samples).
    pub(crate) fn check_encoder(&self, new: &Encoder, present: Option<&Encoder>) -> Result<()> {
        let there = &new.layout;
        self.check_fields(there, Other::Encoder)?;
        let same = self.ids == there.ids && self.numbers == there.numbers && self.many == there.many;
        let names = self.vocabularies.iter().map(|table| &table.name);
        if !(same && self.sequences == there.sequences && names.eq(there.vocabularies.iter().map(|table| &table.name)))
        {
            let reason = "its fields are not those of the model: there are more, or they have another order";
            return Err(Error::config("encoder", reason));
        }
        for (at, own) in self.vocabularies.iter().enumerate() {
            let vocabulary = &new.vocabularies[at];
            let refused = |reason: String| Err(Error::config(own.name.clone(), reason));
            let (rows, others) = (own.rows, vocabulary.rows());
            if others < rows {
                return refused(format!(
                    "the encoder has {others} rows, the model {rows}: it is another one, or one from before it grew"
                ));
            }
            let marks = self.identity.vocabularies.get(&own.name);
            let noted = marks.and_then(|marks| marks.hash(rows));
            if noted.is_some_and(|noted| noted != vocabulary.hash(None, rows)) {
                let key = present.and_then(|present| first_other_key(&present.vocabularies[at], vocabulary));
                return refused(key.unwrap_or_else(|| other_keys("encoder")));
            }
            let grows = matches!(vocabulary, Vocabulary::Keys(_)) && noted.is_some();
            if others != rows && !grows {
                return refused(format!("the encoder has {others} rows, the model {rows}"));
            }
        }
        Ok(())
    }

    /// Names, kinds and settings of the fields of this layout.
    fn check_fields(&self, there: &Layout, other: Other) -> Result<()> {
        let who = other.name();
        let refused = |name: &str, reason: String| Err(Error::config(name, reason));
        let missing = |name: &str| match other {
            Other::Samples => refused(
                name,
                "the model reads this field, and the samples do not have it".into(),
            ),
            Other::Encoder => refused(
                name,
                "the model reads this field, and the encoder does not have it".into(),
            ),
        };
        for (at, name) in self.numbers.iter().enumerate() {
            match there.numbers.get(at) {
                Some(found) if found == name => {}
                Some(found) if there.number(name).is_some() => {
                    let reason = format!("it is number {} of the model, where the {who} have {found:?}", at + 1);
                    return refused(name, reason);
                }
                _ => return missing(name),
            }
        }
        let ids = self.ids.iter().find(|field| there.id(&field.name).is_none());
        let many = self.many.iter().find(|field| there.many(&field.name).is_none());
        if let Some(field) = ids.or(many) {
            return missing(&field.name);
        }
        for sequence in &self.sequences {
            let Some(at) = there.sequence(&sequence.name) else {
                return missing(&sequence.name);
            };
            let of = |layout: &Layout, fields: &[usize]| -> Vec<String> {
                let names = fields.iter().filter_map(|&at| layout.ids.get(at));
                names.map(|field| field.name.clone()).collect()
            };
            let found = &there.sequences[at];
            let (own, others) = (of(self, &sequence.fields), of(there, &found.fields));
            if own != others || sequence.length != found.length {
                let reason = format!(
                    "it is the last {} of {} in the {who}, and the last {} of {} in the model",
                    found.length,
                    others.join(", "),
                    sequence.length,
                    own.join(", ")
                );
                return refused(&sequence.name, reason);
            }
        }
        let ids = self.ids.iter().chain(&self.many).map(|field| &field.name);
        let names = ids.chain(&self.numbers);
        for name in names.chain(self.sequences.iter().map(|sequence| &sequence.name)) {
            let (own, others) = (self.identity.fields.get(name), there.identity.fields.get(name));
            if let (Some(own), Some(others)) = (own, others)
                && own != others
            {
                return refused(
                    name,
                    format!("it is {others} in the {who}, and {own} in the model; {ADVICE}"),
                );
            }
        }
        Ok(())
    }

    /// Whether the keys of samples are the first of the model's.
    fn check_vocabulary(
        &self,
        own: &super::Table,
        there: &Layout,
        other: &super::Table,
        encoder: Option<&Encoder>,
    ) -> Result<()> {
        let refused = |reason: String| Err(Error::config(own.name.clone(), reason));
        if own.name != other.name {
            let reason = format!("the samples have the vocabulary {:?} in its place", other.name);
            return refused(reason);
        }
        let (marks, others) = (
            self.identity.vocabularies.get(&own.name),
            there.identity.vocabularies.get(&own.name),
        );
        let (Some(marks), Some(others)) = (marks, others) else {
            return Ok(()); // rows that are not there are refused by the executor
        };
        if other.rows > own.rows {
            // The samples' encoder may be the model's own, grown since.
            return match (marks.hash(own.rows), others.hash(own.rows)) {
                (Some(own), Some(other)) if own != other => refused(other_keys("samples")),
                _ => refused(format!(
                    "the samples have {} rows, the model {}: give the model their encoder first \
                     (ClickTrainer::set_encoder), and its tables grow",
                    other.rows, own.rows
                )),
            };
        }
        let known = marks.hash(other.rows).or_else(|| {
            let vocabulary = encoder?.vocabulary(&own.name)?;
            Some(vocabulary.hash(None, other.rows))
        });
        match (known, others.hash(other.rows)) {
            (Some(known), Some(hash)) if known == hash => Ok(()),
            (Some(_), Some(_)) => refused(other_keys("samples")),
            _ => refused(format!(
                "the samples have {} rows, the model {}, and nothing tells whether these are its first; give the model \
                 its encoder (ClickTrainer::set_encoder)",
                other.rows, own.rows
            )),
        }
    }

    /// The first difference to the encoder of a layout, in words.
    #[cfg(feature = "std")]
    pub(crate) fn difference(&self, encoder: &Encoder) -> Option<String> {
        if let Err(error) = self.check_encoder(encoder, None) {
            return Some(format!("its fields are not those of the model: {error}"));
        }
        let mut tables = self.vocabularies.iter().zip(&encoder.layout.vocabularies);
        let (own, other) = tables.find(|(own, other)| own.rows != other.rows)?;
        Some(format!(
            "its fields are not those of the model: {}: {} rows, the model has {}",
            own.name, other.rows, own.rows
        ))
    }
}

/// What to do about samples or an encoder that are not the model's.
const ADVICE: &str = "encode the rows with the model's own encoder (ClickTrainer::encoder, Training::with_encoder)";

fn other_keys(who: &str) -> String {
    format!("the {who} have other keys than the model, or the same in another order; {ADVICE}")
}

/// The first row whose key differs, in words.
fn first_other_key(own: &Vocabulary, other: &Vocabulary) -> Option<String> {
    let (Vocabulary::Keys(own), Vocabulary::Keys(other)) = (own, other) else {
        return None;
    };
    let mut keys = (1u64..).zip(own.iter().zip(other.iter()));
    let (row, (own, other)) = keys.find(|(_, (own, other))| own != other)?;
    Some(format!(
        "row {row} is {own:?} in the model and {other:?} in the encoder: other keys, or the same in another order; {ADVICE}"
    ))
}
