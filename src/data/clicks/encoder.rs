//! What training rows taught about fields: vocabularies, scales, quantiles. It encodes other rows alike.

use alloc::{format, string::String, vec::Vec};

use serde::{Deserialize, Serialize};

use super::{
    Kind, Schema, SideTable, Vocabulary,
    field::MAX_FIELDS,
    layout::{Dependent, Layout},
    numeric::Scale,
    wiring::{Slot, Wiring},
};
use crate::{Error, Result, shared::Arc};

/// Encodes rows as the training rows were: made by [`Training::fit`](super::Training::fit), kept with serde.
///
/// It holds the side tables too, so that a candidate is named by its key alone.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "Fitted", into = "Fitted")]
pub struct Encoder {
    pub(super) schema: Schema,
    pub(super) tables: Vec<SideTable>,
    pub(super) vocabularies: Vec<Vocabulary>,
    pub(super) scales: Vec<Scale>,
    pub(super) wiring: Wiring,
    pub(super) layout: Arc<Layout>,
}

/// What is stored of an encoder; the rest follows from it.
#[derive(Clone, Serialize, Deserialize)]
struct Fitted {
    schema: Schema,
    tables: Vec<SideTable>,
    vocabularies: Vec<Vocabulary>,
    scales: Vec<Scale>,
}

impl From<Encoder> for Fitted {
    fn from(encoder: Encoder) -> Self {
        Fitted {
            schema: encoder.schema,
            tables: encoder.tables,
            vocabularies: encoder.vocabularies,
            scales: encoder.scales,
        }
    }
}

impl TryFrom<Fitted> for Encoder {
    type Error = Error;

    fn try_from(fitted: Fitted) -> Result<Self> {
        let Fitted {
            schema,
            tables,
            vocabularies,
            mut scales,
        } = fitted;
        if tables.len() > MAX_FIELDS {
            let reason = format!("{} of them; at most {MAX_FIELDS} are joined", tables.len());
            return Err(Error::config("side tables", reason));
        }
        tables.iter().try_for_each(SideTable::check)?;
        let wiring = Wiring::new(&schema, &tables)?;
        let counts = [
            ("vocabularies", wiring.vocabularies.len(), vocabularies.len()),
            ("scales", wiring.counts[1], scales.len()),
        ];
        if let Some((what, expected, got)) = counts.into_iter().find(|(_, expected, got)| expected != got) {
            let what = format!("{what} of the encoder");
            return Err(Error::Length { what, expected, got });
        }
        for ((name, field), vocabulary) in wiring.vocabularies.iter().zip(&vocabularies) {
            vocabulary.check(name)?;
            let field = &schema.fields[*field];
            let fits = match vocabulary {
                Vocabulary::Keys(_) => field.has_keys() && field.buckets.is_none(),
                Vocabulary::Hashed { buckets } => field.buckets == Some(*buckets),
                Vocabulary::Quantiles { .. } => matches!(field.kind, Kind::Quantile { .. }),
            };
            if !fits {
                return Err(Error::config(
                    name.clone(),
                    "the vocabulary is of another kind than its field",
                ));
            }
        }
        // Older files say nothing of limits.
        for (scale, standard) in scales.iter_mut().zip(schema.standard_numbers()) {
            if scale.limit == 0.0 {
                scale.limit = Scale::limit_of(standard);
            }
        }
        if !scales.iter().all(Scale::is_finite) {
            return Err(Error::config("scales", "a scale of the encoder is not finite"));
        }
        Ok(Encoder::new(schema, tables, vocabularies, scales, wiring))
    }
}

impl Encoder {
    pub(super) fn new(
        schema: Schema,
        tables: Vec<SideTable>,
        vocabularies: Vec<Vocabulary>,
        scales: Vec<Scale>,
        wiring: Wiring,
    ) -> Self {
        Encoder {
            layout: Arc::new(Layout::new(&schema, &wiring, &vocabularies, &scales)),
            schema,
            tables,
            vocabularies,
            scales,
            wiring,
        }
    }

    /// The schema.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// Which fields samples have, and how many rows their tables need.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// A vocabulary by its name, which is that of its field unless fields share one.
    pub fn vocabulary(&self, name: &str) -> Option<&Vocabulary> {
        let at = self.wiring.vocabularies.iter().position(|(other, _)| other == name)?;
        self.vocabularies.get(at)
    }

    /// How the number at this place of [`Samples::numbers`](super::Samples::numbers) is scaled.
    pub fn scale(&self, number: usize) -> Option<Scale> {
        self.scales.get(number).copied()
    }

    /// The columns that a row has. The last may be missing where it is the negatives'.
    pub fn inputs(&self) -> &[String] {
        &self.wiring.inputs
    }

    /// Whether rows may lack an input.
    pub fn is_optional(&self, input: usize) -> bool {
        self.wiring.is_optional(input)
    }

    /// Whether rows to predict for ([`rows_without_labels`](Encoder::rows_without_labels)) may lack an input: label,
    /// weight and negatives, and user and time too unless a field comes from them.
    pub fn is_optional_without_labels(&self, input: usize) -> bool {
        self.wiring.is_optional_without_labels(input)
    }

    /// The column of negatives, if the schema names one.
    pub fn negatives_column(&self) -> Option<&str> {
        self.schema
            .negatives
            .as_ref()
            .map(|negatives| negatives.column.as_str())
    }

    /// The column that negatives are other values of, and the field that holds its key; if the schema names one.
    pub(super) fn candidate(&self) -> Option<(&str, &str)> {
        let column = &self.schema.negatives.as_ref()?.of;
        let mut fields = self.schema.fields.iter();
        let field = fields.find(|field| field.table.is_none() && field.kind == Kind::Key && field.column == *column)?;
        Some((column, &field.name))
    }

    /// Which fields a column of the rows decides, itself or by a join.
    pub(super) fn dependent(&self, column: &str) -> Dependent {
        let [ids, numbers, many] = self.wiring.counts.map(|count| alloc::vec![false; count]);
        let mut dependent = Dependent { ids, numbers, many };
        for (wire, does) in self.wiring.wires.iter().zip(self.schema.depends_on(column)) {
            match wire.slot {
                Slot::Id { at, .. } | Slot::Quantile { at, .. } => dependent.ids[at] = does,
                Slot::Number { at, .. } => dependent.numbers[at] = does,
                Slot::Keys { at, .. } | Slot::Weighted { at, .. } => dependent.many[at] = does,
            }
        }
        dependent
    }
}
