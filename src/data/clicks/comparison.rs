//! Whether samples or an encoder go with a model: by the names, the order and the identity of their fields.

use alloc::{format, string::String, vec::Vec};

use super::{Encoder, Layout, Table, Vocabulary};
use crate::{Error, Result};

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
        let whose = other.name();
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
                    let reason = format!("it is number {} of the model, where the {whose} have {found:?}", at + 1);
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
        self.check_sequences(there, whose, missing)?;
        self.check_sources(there, whose)
    }

    /// Lengths and fields of the sequences.
    fn check_sequences(&self, there: &Layout, whose: &str, missing: impl Fn(&str) -> Result<()>) -> Result<()> {
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
                    "it is the last {} of {} in the {whose}, and the last {} of {} in the model",
                    found.length,
                    others.join(", "),
                    sequence.length,
                    own.join(", ")
                );
                return Err(Error::config(&*sequence.name, reason));
            }
        }
        Ok(())
    }

    /// Where each field comes from, and how its values are scaled.
    fn check_sources(&self, there: &Layout, whose: &str) -> Result<()> {
        let ids = self.ids.iter().chain(&self.many).map(|field| &field.name);
        let names = ids.chain(&self.numbers);
        for name in names.chain(self.sequences.iter().map(|sequence| &sequence.name)) {
            let (own, others) = (self.identity.fields.get(name), there.identity.fields.get(name));
            if let (Some(own), Some(others)) = (own, others)
                && own != others
            {
                let reason = format!("it is {others} in the {whose}, and {own} in the model; {ADVICE}");
                return Err(Error::config(&**name, reason));
            }
        }
        Ok(())
    }

    /// Whether the keys of samples are the first of the model's.
    fn check_vocabulary(&self, own: &Table, there: &Layout, other: &Table, encoder: Option<&Encoder>) -> Result<()> {
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
    #[cfg(feature = "checkpoint")]
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

fn other_keys(whose: &str) -> String {
    format!("the {whose} have other keys than the model, or the same in another order; {ADVICE}")
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
