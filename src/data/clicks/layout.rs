//! Which fields samples have, and where.

use alloc::{string::String, vec::Vec};

use serde::{Deserialize, Serialize};

use super::{
    Scale, Schema, Vocabulary,
    identity::Identity,
    wiring::{Slot, Wiring},
};

/// A field whose values are ids.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdField {
    /// Its name.
    pub name: String,
    /// Its vocabulary, by place in [`Layout::vocabularies`]: fields with the same one share a table.
    pub vocabulary: usize,
    /// Whether its ids have weights: of a field with any number of ids alone.
    #[serde(default)]
    pub weighted: bool,
}

impl IdField {
    /// A field whose ids have no weights.
    pub fn new(name: impl Into<String>, vocabulary: usize) -> Self {
        IdField {
            name: name.into(),
            vocabulary,
            weighted: false,
        }
    }
}

/// A behaviour sequence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SequenceField {
    /// Its name.
    pub name: String,
    /// The most events a row has.
    pub length: u32,
    /// The fields of an event, by place in [`Layout::ids`].
    pub fields: Vec<usize>,
}

/// Rows that a table needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// The vocabulary's name.
    pub name: String,
    /// Number of rows, that of unknown keys (row 0) included.
    pub rows: u32,
}

/// Which fields samples have, each kind in the order of the schema: what a model's plan is built from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    /// Fields with one id a row.
    pub ids: Vec<IdField>,
    /// Names of the numbers.
    pub numbers: Vec<String>,
    /// Fields with any number of ids a row.
    pub many: Vec<IdField>,
    /// Behaviour sequences.
    pub sequences: Vec<SequenceField>,
    /// The vocabularies of all fields.
    pub vocabularies: Vec<Table>,
    /// What the encoder's ids and numbers stand for; nothing where no encoder made the layout.
    #[serde(default, skip_serializing_if = "Identity::is_empty")]
    pub identity: Identity,
}

impl Layout {
    pub(super) fn new(schema: &Schema, wiring: &Wiring, vocabularies: &[Vocabulary], scales: &[Scale]) -> Self {
        let mut layout = Layout {
            identity: Identity::new(schema, wiring, vocabularies, scales),
            ..Layout::default()
        };
        for (field, wire) in schema.fields.iter().zip(&wiring.wires) {
            let name = field.name.clone();
            match wire.slot {
                Slot::Id { vocabulary, .. } | Slot::Quantile { vocabulary, .. } => {
                    layout.ids.push(IdField::new(name, vocabulary));
                }
                Slot::Number { .. } => layout.numbers.push(name),
                Slot::Keys { vocabulary, .. } => layout.many.push(IdField::new(name, vocabulary)),
                Slot::Weighted { vocabulary, .. } => layout.many.push(IdField {
                    weighted: true,
                    ..IdField::new(name, vocabulary)
                }),
            }
        }
        for history in &schema.histories {
            let fields = history.fields.iter().filter_map(|name| layout.id(name));
            layout.sequences.push(SequenceField {
                name: history.name.clone(),
                length: history.length,
                fields: fields.collect(),
            });
        }
        let tables = wiring.vocabularies.iter().zip(vocabularies);
        layout.vocabularies = tables
            .map(|((name, _), vocabulary)| Table {
                name: name.clone(),
                rows: vocabulary.rows(),
            })
            .collect();
        layout
    }

    /// Whether each vocabulary is that of a field.
    #[cfg(feature = "checkpoint")]
    pub(crate) fn are_read(&self) -> Vec<bool> {
        let mut read = alloc::vec![false; self.vocabularies.len()];
        for field in self.ids.iter().chain(&self.many) {
            if let Some(read) = read.get_mut(field.vocabulary) {
                *read = true;
            }
        }
        read
    }

    /// The place of a field with one id a row.
    pub fn id(&self, name: &str) -> Option<usize> {
        self.ids.iter().position(|field| field.name == name)
    }

    /// The place of a number.
    pub fn number(&self, name: &str) -> Option<usize> {
        self.numbers.iter().position(|other| other == name)
    }

    /// The place of a field with any number of ids a row.
    pub fn many(&self, name: &str) -> Option<usize> {
        self.many.iter().position(|field| field.name == name)
    }

    /// The place of a behaviour sequence.
    pub fn sequence(&self, name: &str) -> Option<usize> {
        self.sequences.iter().position(|sequence| sequence.name == name)
    }
}

/// Which fields depend on a column, by their places in the layout.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Dependent {
    pub ids: Vec<bool>,
    pub numbers: Vec<bool>,
    pub many: Vec<bool>,
}
