//! What training rows taught about fields: vocabularies, scales, quantiles. It encodes other rows alike.

use alloc::{format, string::String, sync::Arc, vec::Vec};

use serde::{Deserialize, Serialize};

use super::{
    Events, Kind, MAX_FIELDS, Past, Rows, Samples, Schema, Sequence, SideTable, Vocabulary,
    collect::{Collector, Lookup},
    layout::Layout,
    numeric::Scale,
    wiring::{Slot, Wiring},
};
use crate::{Error, Result};

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

/// Which fields depend on a column, by their places in the layout.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Dependent {
    pub ids: Vec<bool>,
    pub numbers: Vec<bool>,
    pub many: Vec<bool>,
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

    /// How the number at this place of [`Samples::numbers`] is scaled.
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

    /// Encodes rows, such as those of a dev file. Their histories begin with what is in `past`. `with_negatives` says
    /// whether the rows have the column of negatives, if the schema names one.
    pub fn rows<'a>(&'a self, past: &'a mut Past, with_negatives: bool) -> Rows<'a> {
        Rows::new(self, past, with_negatives)
    }

    /// Encodes rows to predict for, which have no label: it is 0 in all, is not read, and no row is an event of its
    /// user's histories. Where the time is empty or missing the row comes after all that is known of its user, and where
    /// the user is, nothing is known; [`is_optional_without_labels`](Encoder::is_optional_without_labels) says which
    /// inputs may be empty in all rows.
    ///
    /// ```
    /// # use pocketrec::data::clicks::{Field, Past, Schema, Training};
    /// # let schema = Schema::new().field(Field::key("user")).field(Field::key("item")).label("click")
    /// #     .history("history", ["item"], 10).group("user").time("time");
    /// # let mut training = Training::new(schema, vec![])?;
    /// # training.push_row(&["ann", "tea", "1", "7"])?;
    /// # let (encoder, _, mut past) = training.fit()?;
    /// assert_eq!(encoder.inputs(), ["user", "item", "click", "time"]);
    /// let mut rows = encoder.rows_without_labels(&mut past);
    /// rows.push_row(&["ann", "tea", "", ""])?;
    /// let samples = rows.finish()?;
    /// assert_eq!((samples.ids(1), samples.sequence(0).of(0, 0)), (&[1][..], &[1][..]));
    /// # Ok::<(), pocketrec::Error>(())
    /// ```
    pub fn rows_without_labels<'a>(&'a self, past: &'a mut Past) -> Rows<'a> {
        Rows::without_labels(self, past)
    }

    /// Encodes one user's request: a row for each candidate, all in the same context and with the same history, which
    /// is stored once.
    ///
    /// Values are given by the name of their column; each candidate adds its own to those of the context. `events` are
    /// what the user did before, oldest first; those beyond the schema's length are left out. A value that is not given
    /// counts as empty, so its key is unknown. Labels are 0, and there are no groups.
    ///
    /// ```
    /// # use pocketrec::data::clicks::{Field, Schema, Training};
    /// # let schema = Schema::new().field(Field::key("user")).field(Field::key("item"))
    /// #     .history("history", ["item"], 10).label("click").group("user");
    /// # let mut training = Training::new(schema, vec![])?;
    /// # training.push_row(&["ann", "tea", "1"])?;
    /// # training.push_row(&["ann", "rice", "1"])?;
    /// # let (encoder, _, _) = training.fit()?;
    /// let samples = encoder.request(
    ///     &[("user", "ann")],
    ///     &[&[("item", "tea")], &[("item", "rice")]],
    ///     &[&[("item", "rice")], &[("item", "salt")]],
    /// )?;
    /// assert_eq!((samples.ids(0), samples.ids(1)), (&[1, 1][..], &[2, 0][..]));
    /// assert_eq!(samples.sequence(0).of(0, 1), [1, 2]);
    /// # Ok::<(), pocketrec::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Config`] where a name is no column of the schema, a value is no number though its field is one, or
    /// there are no candidates.
    pub fn request(&self, context: &Values, events: &[&Values], candidates: &[&Values]) -> Result<Samples> {
        self.request_after(context, events, None, candidates)
    }

    /// As [`request`](Encoder::request), with later events that are encoded already.
    pub(crate) fn request_after(
        &self,
        context: &Values,
        events: &[&Values],
        later: Option<&Events>,
        candidates: &[&Values],
    ) -> Result<Samples> {
        if candidates.is_empty() {
            return Err(Error::config("candidates", "there are none; give one at least"));
        }
        let rows = candidates.len();
        let mut collector = Collector::new(&self.wiring, self.wiring.wires.iter().map(|_| true));
        for candidate in candidates {
            self.collect(&mut collector, [context, candidate])?;
        }
        let mut sequences = Vec::new();
        for (at, mut ids) in self.events(events)?.into_iter().enumerate() {
            if let Some(later) = later {
                ids.iter_mut()
                    .zip(&later[at])
                    .for_each(|(ids, later)| ids.extend_from_slice(later));
            }
            sequences.push(Sequence::shared(ids, self.layout.sequences[at].length, rows)?);
        }
        let columns = collector.finish(&self.vocabularies, &self.scales);
        Ok(Samples::new(
            self.layout.clone(),
            columns,
            sequences,
            alloc::vec![0.0; rows],
        ))
    }

    /// Adds a row by the names of its values; of twins the last counts.
    pub(super) fn collect(&self, collector: &mut Collector, values: [&Values; 2]) -> Result<()> {
        let mut lookup = Lookup::Fitted(&self.vocabularies);
        collect(&self.wiring, &self.tables, &mut lookup, collector, values)
    }
}

/// Adds a row by the names of its values; of twins the last counts.
pub(super) fn collect(
    wiring: &Wiring,
    tables: &[SideTable],
    lookup: &mut Lookup,
    collector: &mut Collector,
    values: [&Values; 2],
) -> Result<()> {
    let inputs = &wiring.inputs;
    for (name, _) in values.into_iter().flatten() {
        if !inputs.iter().any(|input| input == name) {
            let reason = format!("the schema has no such column; it has {}", inputs.join(", "));
            return Err(Error::config(*name, reason));
        }
    }
    let row = |input: usize| {
        let mut named = values.into_iter().flatten().rev();
        let found = named.find(|(name, _)| *name == inputs[input]);
        Ok(found.map_or("", |(_, value)| *value))
    };
    collector
        .push(tables, lookup, inputs, &row)
        .map_err(|reason| Error::config("request", reason))
}

/// Values by the names of their columns.
pub type Values<'v> = [(&'v str, &'v str)];
