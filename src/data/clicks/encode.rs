//! How an encoder encodes rows and requests.

use alloc::{format, vec::Vec};
use core::mem;

use super::{
    Encoder, Field, Past, Rows, Samples, Sequence, SideTable,
    collect::{Collector, Lookup},
    wiring::Wiring,
};
use crate::{Error, Result};

/// The ids of a user's events: by history, by field of the history, oldest first.
pub(crate) type Events = Vec<Vec<Vec<u32>>>;

impl Encoder {
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

    /// Encodes events, those beyond each history's length left out.
    ///
    /// # Errors
    /// Those of [`Encoder::request`].
    pub(crate) fn events(&self, events: &[&Values]) -> Result<Events> {
        let histories = self.schema.histories.iter().zip(&self.layout.sequences);
        let encoded = histories.map(|(history, sequence)| {
            let collected = |field: &Field| history.fields.contains(&field.name);
            let mut collector = Collector::new(&self.wiring, self.schema.fields.iter().map(collected));
            for event in &events[events.len().saturating_sub(history.length as usize)..] {
                self.collect(&mut collector, [&[], event])?;
            }
            let mut columns = collector.finish(&self.vocabularies, &self.scales);
            Ok(sequence
                .fields
                .iter()
                .map(|&at| mem::take(&mut columns.ids[at]))
                .collect())
        });
        encoded.collect()
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
