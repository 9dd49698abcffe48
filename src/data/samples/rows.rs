//! Rows as they come, with their labels, users and times.

use alloc::{
    format,
    string::{String, ToString},
    sync::Arc,
    vec::Vec,
};

use hashbrown::HashSet;

use super::{
    Encoder, Kind, NegativesReport, Past, Samples, Schema, SideTable, Vocabulary,
    candidates::Candidates,
    collect::{Collector, Lookup},
    notes::Notes,
    numeric::{Scale, quantile_edges},
    resume::Saved,
    schema::{LABEL_AT_LEAST, Label},
    wiring::Wiring,
};
use crate::{
    Error, Result,
    data::{IdMap, text, times::Times},
};

/// What a builder of rows needs to know and does not change.
#[derive(Clone, Copy)]
struct Context<'a> {
    schema: &'a Schema,
    tables: &'a [SideTable],
    wiring: &'a Wiring,
}

/// The rows of one file.
pub(super) struct Builder {
    pub main: Collector,
    /// The fields that depend on the candidate, for each row's negatives, and where each row's begin.
    others: Option<(Collector, Vec<u32>)>,
    pub labels: Vec<f32>,
    weights: Vec<f32>,
    pub groups: Vec<u32>,
    pub times: Times,
    /// Whether rows are to be predicted for, and have no label.
    unlabelled: bool,
    negatives: NegativesReport,
}

impl Builder {
    fn new(main: Collector, others: Option<Collector>) -> Self {
        Builder {
            main,
            others: others.map(|collector| (collector, alloc::vec![0])),
            labels: Vec::new(),
            weights: Vec::new(),
            groups: Vec::new(),
            times: Times::default(),
            unlabelled: false,
            negatives: NegativesReport::default(),
        }
    }

    /// Of training rows.
    pub fn training(wiring: &Wiring) -> Self {
        Self::new(Collector::new(wiring, wiring.wires.iter().map(|_| true)), None)
    }

    /// Of rows that are encoded by what is known.
    fn fitted(schema: &Schema, wiring: &Wiring, with_negatives: bool) -> Self {
        let negatives = schema.negatives.as_ref().filter(|_| with_negatives);
        Self::new(
            Collector::new(wiring, wiring.wires.iter().map(|_| true)).counting(),
            negatives.map(|negatives| Collector::new(wiring, schema.depends_on(&negatives.of)).counting()),
        )
    }

    /// Adds a row, or says why not and leaves all as it was; but keys of a refused row may have been added.
    fn push<'r>(
        &mut self,
        context: Context,
        lookup: &mut Lookup,
        past: &mut Past,
        row: impl Fn(usize) -> Result<&'r str, String>,
    ) -> Result<(), String> {
        let rows = self.labels.len();
        let added = self.push_parts(context, lookup, past, &row);
        if added.is_ok() {
            self.main.keep(lookup);
            if let Some((collector, _)) = &mut self.others {
                collector.keep(lookup);
            }
        } else {
            self.main.truncate(rows);
            self.labels.truncate(rows);
            self.weights.truncate(rows);
            self.groups.truncate(rows);
            self.times.truncate(rows);
            if let Some((collector, offsets)) = &mut self.others {
                offsets.truncate(rows + 1);
                collector.truncate(offsets[rows] as usize);
            }
        }
        added
    }

    fn push_parts<'r>(
        &mut self,
        context: Context,
        lookup: &mut Lookup,
        past: &mut Past,
        row: &impl Fn(usize) -> Result<&'r str, String>,
    ) -> Result<(), String> {
        let Context { schema, tables, wiring } = context;
        let label = match (&schema.label, wiring.label) {
            _ if self.unlabelled => 0.0,
            (Some(label), Some(input)) => label.of(row(input)?)?,
            _ => 1.0,
        };
        if let (Some(input), false) = (wiring.weight, self.unlabelled) {
            self.weights.push(weight(&wiring.inputs[input], row(input)?)?);
        }
        if let Some(input) = wiring.time {
            let time = row(input)?;
            match self.unlabelled && time.trim().is_empty() {
                // It comes after all that is known.
                true => self.times.push_latest(),
                false => self.times.push(time.as_bytes())?,
            }
        }
        self.main.push(tables, lookup, &wiring.inputs, row)?;
        let negatives = self.push_negatives(context, lookup, row)?;
        if let Some(input) = wiring.group {
            let key = row(input)?.trim();
            // No row with a label is that of the user without a key, so that nothing is known of them.
            if key.is_empty() && !self.unlabelled {
                return Err(format!("the {} is empty", wiring.inputs[input]));
            }
            self.groups.push(past.user(key).map_err(|error| error.to_string())?);
        }
        self.labels.push(label);
        self.negatives = negatives;
        Ok(())
    }

    /// Adds the negatives of a row, each once. Gives the counts with those of the row.
    fn push_negatives<'r>(
        &mut self,
        context: Context,
        lookup: &mut Lookup,
        row: &impl Fn(usize) -> Result<&'r str, String>,
    ) -> Result<NegativesReport, String> {
        let Context { schema, tables, wiring } = context;
        let mut report = self.negatives;
        let (Some((collector, offsets)), Some((list, of))) = (&mut self.others, wiring.negatives) else {
            return Ok(report);
        };
        let separator = schema.negatives.as_ref().map_or(',', |negatives| negatives.separator);
        let (own, listed) = (row(of)?.trim(), row(list)?.split(separator).map(str::trim));
        let begin = offsets.last().copied().unwrap_or(0);
        let (mut end, mut seen) = (begin, HashSet::new());
        for other in listed.filter(|other| !other.is_empty()) {
            if other == own || !seen.insert(other) {
                let count = if other == own {
                    &mut report.own
                } else {
                    &mut report.repeated
                };
                *count += 1;
                continue;
            }
            let row = |input| if input == of { Ok(other) } else { row(input) };
            collector.push(tables, lookup, &wiring.inputs, &row)?;
            end = end
                .checked_add(1)
                .ok_or("more than 4294967295 negatives; split the file")?;
        }
        report.none += u64::from(end == begin);
        offsets.push(end);
        Ok(report)
    }

    /// What was noted of all rows.
    fn notes(&mut self, encoder: &Encoder) -> Notes {
        let rows = self.labels.len() as u64;
        Notes {
            unknown: self.main.unknown_keys(&encoder.schema, rows),
            unknown_negatives: match &mut self.others {
                Some((collector, offsets)) => {
                    let negatives = offsets.last().copied().unwrap_or(0);
                    collector.unknown_keys(&encoder.schema, negatives.into())
                }
                None => Vec::new(),
            },
            clamped: self.main.clamped(&encoder.schema, &encoder.scales),
            negatives: self.negatives,
        }
    }

    /// The samples of all rows; their histories go on in `past`.
    pub fn finish(mut self, encoder: &Encoder, past: &mut Past) -> Result<Samples> {
        if self.labels.is_empty() {
            return Err(Error::config("samples", "there are no rows; give one at least"));
        }
        past.align(&mut self.times)?;
        let notes = self.notes(encoder);
        let columns = self.main.finish(&encoder.vocabularies, &encoder.scales);
        let rows = super::histories::FileRows {
            users: &self.groups,
            times: self.times.values(),
            labels: &self.labels,
            ties_in_order: encoder.schema.ties_in_order || encoder.schema.time.is_none(),
        };
        let mut sequences = Vec::new();
        for (index, sequence) in encoder.layout.sequences.iter().enumerate() {
            let ids: Vec<&[u32]> = sequence.fields.iter().map(|&at| &*columns.ids[at]).collect();
            sequences.push(past.extend(index, &rows, &ids, sequence.length)?);
        }
        Ok(Samples {
            candidates: self.others.map(|(collector, offsets)| {
                let columns = collector.finish(&encoder.vocabularies, &encoder.scales);
                Candidates::new(encoder, offsets, columns)
            }),
            layout: encoder.layout.clone(),
            columns,
            sequences,
            labels: self.labels,
            weights: self.weights,
            groups: self.groups,
            users: past.users.clone(),
            notes,
        })
    }
}

impl Label {
    fn of(&self, field: &str) -> Result<f32, String> {
        let number = text::number("label", field.as_bytes())?;
        match self.at_least {
            Some(least) => Ok(f32::from(u8::from(number >= least))),
            None if self.signs && [-1.0, 0.0, 1.0].contains(&number) => Ok(number.max(0.0)),
            None if !self.signs && (0.0..=1.0).contains(&number) => Ok(number),
            None => Err(format!(
                "the label {number} is {}; say from which value on it is 1 ({LABEL_AT_LEAST})",
                match self.signs {
                    true => "none of 0, 1, -1 and +1",
                    false => "not in 0..=1",
                }
            )),
        }
    }
}

/// How many times a row counts.
fn weight(name: &str, field: &str) -> Result<f32, String> {
    if field.trim().is_empty() {
        return Err(format!("the weight {name} is empty; 1 counts a row once, 0 not at all"));
    }
    match text::number(name, field.as_bytes())? {
        weight if weight >= 0.0 => Ok(weight + 0.0),
        weight => Err(format!(
            "the weight {name} is {weight}, and a row cannot count less than 0 times"
        )),
    }
}

/// The training rows, from which an [`Encoder`] is fitted.
///
/// ```
/// use pocketrec::data::samples::{Field, Schema, Training};
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
        rows.rows.unlabelled = true;
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
