//! Rows as they come: those that an encoder is fitted to, and those that it encodes.

use alloc::{format, string::String, vec::Vec};

use super::{
    Encoder, Kind, Layout, Past, Samples, Schema, SideTable, Vocabulary,
    builder::{Builder, Context},
    collect::Lookup,
    numeric::{Scale, quantile_edges},
    wiring::Wiring,
};
use crate::{Error, Result, data::IdMap, shared::Arc};

/// The training rows, from which an [`Encoder`] is fitted.
///
/// ```
/// use pocketrec::data::clicks::{Field, Schema, Training};
/// let schema = Schema::new()
///     .field(Field::key("user"))
///     .field(Field::key("item"))
///     .history("history", ["item"], 10)
///     .label("click")
///     .group("user");
/// let mut training = Training::new(schema, vec![])?;
/// assert_eq!(training.inputs(), ["user", "item", "click"]);
/// for row in [["ann", "tea", "1"], ["bob", "tea", "0"], ["ann", "rice", "1"], ["ann", "tea", "0"]] {
///     training.push_row(&row)?;
/// }
/// let (encoder, samples, _past) = training.fit()?;
/// assert_eq!(samples.ids(1), [1, 1, 2, 1]); // row 0 is for unknown items
/// assert_eq!(samples.sequence(0).of(0, 3), [1, 2]); // ann's clicks before her last row
/// # Ok::<(), pocketrec::Error>(())
/// ```
pub struct Training {
    pub(super) schema: Schema,
    pub(super) tables: Vec<SideTable>,
    pub(super) wiring: Wiring,
    pub(super) vocabularies: Vec<Vocabulary>,
    pub(super) rows: Builder,
    pub(super) past: Past,
    /// What stays as it is, where training goes on.
    pub(super) saved: Option<Saved>,
}

/// What stays as it is where training goes on.
pub(super) struct Saved {
    pub scales: Vec<Scale>,
    pub layout: Arc<Layout>,
}

impl Saved {
    /// Rows that a vocabulary had.
    pub fn rows(&self, vocabulary: usize) -> u32 {
        self.layout.vocabularies.get(vocabulary).map_or(0, |table| table.rows)
    }
}

impl Training {
    /// No rows yet. `tables` are the side tables that the schema joins.
    ///
    /// # Errors
    /// [`Error::Config`] where the schema contradicts itself, or a side table or a column of it is not there.
    pub fn new(schema: Schema, tables: Vec<SideTable>) -> Result<Self> {
        let wiring = Wiring::new(&schema, &tables)?;
        let vocabulary = |(_, field): &(String, usize)| match schema.fields[*field] {
            super::Field {
                buckets: Some(buckets), ..
            } => Vocabulary::Hashed { buckets },
            _ => Vocabulary::Keys(IdMap::new()),
        };
        Ok(Training {
            vocabularies: wiring.vocabularies.iter().map(vocabulary).collect(),
            rows: Builder::training(&wiring),
            past: Past::new(schema.histories.len()),
            schema,
            tables,
            wiring,
            saved: None,
        })
    }

    /// The columns that a row must have.
    pub fn inputs(&self) -> Vec<&str> {
        let required = |&(input, _): &(usize, &String)| !self.wiring.is_optional(input);
        let inputs = self.wiring.inputs.iter().enumerate().filter(required);
        inputs.map(|(_, name)| name.as_str()).collect()
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.rows.labels.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds a row, whose value for each of [`inputs`](Training::inputs) is `row(input)`; what `row` refuses is handed
    /// on.
    ///
    /// # Errors
    /// The reason why the row cannot be used; it is left out then.
    pub fn push<'r>(&mut self, row: impl Fn(usize) -> Result<&'r str, String>) -> Result<(), String> {
        let context = Context {
            schema: &self.schema,
            tables: &self.tables,
            wiring: &self.wiring,
        };
        let mut lookup = Lookup::Growing(&mut self.vocabularies);
        self.rows.push(context, &mut lookup, &mut self.past, row)
    }

    /// Adds a row: its values in the order of [`inputs`](Training::inputs).
    ///
    /// # Errors
    /// [`Error::Data`] with the number of the row where it cannot be used; it is left out then.
    pub fn push_row(&mut self, values: &[&str]) -> Result<()> {
        let number = self.len() as u64 + 1;
        self.push(|input| value_of(values, input))
            .map_err(|reason| Error::data("training row", number, reason))
    }

    /// Fits vocabularies, scales and quantiles to the rows; those of [`with_encoder`](Training::with_encoder) grow or
    /// stay. Gives the encoder, the rows encoded, and the events that
    /// the histories of later rows begin with.
    ///
    /// # Errors
    /// [`Error::Config`] where there are no rows, or more than 2^32 - 1 of something.
    pub fn fit(mut self) -> Result<(Encoder, Samples, Past)> {
        for (index, (_, field)) in self.wiring.vocabularies.iter().enumerate() {
            let field = &self.schema.fields[*field];
            let vocabulary = &mut self.vocabularies[index];
            if let Kind::Quantile { parts } = field.kind {
                if self.saved.is_none() {
                    let edges = quantile_edges(self.rows.main.numbers_of(index), parts);
                    *vocabulary = Vocabulary::Quantiles { edges };
                }
            } else if field.buckets.is_none() {
                let counts = self.rows.main.counts(index, vocabulary.rows());
                let settled = self.saved.as_ref().map_or(0, |saved| saved.rows(index));
                if let Some(rows) = vocabulary.keep(&counts, field.min_count, settled)? {
                    self.rows.main.replace(index, &rows);
                }
            }
        }
        let scales = match &self.saved {
            Some(saved) => saved.scales.clone(),
            None => {
                let numbers = self.rows.main.numbers.iter().zip(self.schema.standard_numbers());
                numbers
                    .map(|(numbers, standard)| Scale::fit(numbers, standard))
                    .collect()
            }
        };
        let mut encoder = Encoder::new(self.schema, self.tables, self.vocabularies, scales, self.wiring);
        if let Some(saved) = &self.saved {
            Arc::make_mut(&mut encoder.layout)
                .identity
                .grown_from(&saved.layout.identity);
        }
        let samples = self.rows.finish(&encoder, &mut self.past)?;
        Ok((encoder, samples, self.past))
    }
}

/// Rows that an encoder encodes, such as those of a dev or test file.
pub struct Rows<'a> {
    encoder: &'a Encoder,
    past: &'a mut Past,
    rows: Builder,
}

impl<'a> Rows<'a> {
    pub(super) fn new(encoder: &'a Encoder, past: &'a mut Past, with_negatives: bool) -> Self {
        Rows {
            rows: Builder::fitted(&encoder.schema, &encoder.wiring, with_negatives),
            encoder,
            past,
        }
    }

    pub(super) fn without_labels(encoder: &'a Encoder, past: &'a mut Past) -> Self {
        let mut rows = Self::new(encoder, past, false);
        rows.rows.unlabelled();
        rows
    }

    /// Adds a row, whose value for each of [`Encoder::inputs`] is `row(input)`; what `row` refuses is handed on.
    ///
    /// # Errors
    /// The reason why the row cannot be used; it is left out then.
    pub fn push<'r>(&mut self, row: impl Fn(usize) -> Result<&'r str, String>) -> Result<(), String> {
        let context = Context {
            schema: &self.encoder.schema,
            tables: &self.encoder.tables,
            wiring: &self.encoder.wiring,
        };
        let mut lookup = Lookup::Fitted(&self.encoder.vocabularies);
        self.rows.push(context, &mut lookup, self.past, row)
    }

    /// Adds a row: its values in the order of [`Encoder::inputs`].
    ///
    /// # Errors
    /// [`Error::Data`] with the number of the row where it cannot be used; it is left out then.
    pub fn push_row(&mut self, values: &[&str]) -> Result<()> {
        let number = self.rows.labels.len() as u64 + 1;
        self.push(|input| value_of(values, input))
            .map_err(|reason| Error::data("row", number, reason))
    }

    /// The rows encoded. What they saw and did is the past of the rows to come.
    ///
    /// # Errors
    /// [`Error::Config`] where there are no rows, or more than 2^32 - 1 of something.
    pub fn finish(self) -> Result<Samples> {
        self.rows.finish(self.encoder, self.past)
    }
}

fn value_of<'r>(values: &[&'r str], input: usize) -> Result<&'r str, String> {
    let missing = || format!("too few values: {}; expected one an input", values.len());
    values.get(input).copied().ok_or_else(missing)
}
