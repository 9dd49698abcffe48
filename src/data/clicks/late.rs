//! Rows that come after training: new keys get rows of vocabularies, and each row brings its own history.

use alloc::{string::String, vec, vec::Vec};

use super::{
    Encoder, Field, Kind, Layout, Samples, Sequence, Values, Vocabulary,
    collect::{Collector, Lookup},
    encode::{Events, collect},
};
use crate::{Result, shared::Arc};

/// A row to encode.
pub(crate) struct LateRow<'v> {
    /// Values by the names of their columns; of twins the last counts.
    pub values: [&'v Values<'v>; 2],
    /// What the user did before. A row without is the row before it with another candidate.
    pub events: Option<&'v Events>,
    pub label: f32,
}

impl Encoder {
    /// Gives all keys of the rows' values, those of side tables too, a row of their vocabulary where they have none.
    ///
    /// # Errors
    /// Those of [`Encoder::request`], and where rows run out; nothing is changed then.
    pub(crate) fn add_keys<'v>(&mut self, rows: impl Iterator<Item = &'v Values<'v>>) -> Result<()> {
        let old = self.table_rows();
        let mut collector = Collector::new(&self.wiring, self.wiring.wires.iter().map(|_| true));
        let Encoder {
            wiring,
            tables,
            vocabularies,
            ..
        } = self;
        let mut lookup = Lookup::Growing(vocabularies);
        let mut added = Ok(());
        for values in rows {
            added = collect(wiring, tables, &mut lookup, &mut collector, [&[], values]);
            if added.is_err() {
                break;
            }
        }
        if added.is_err() {
            self.truncate(&old);
        }
        self.count_rows();
        added
    }

    /// Takes over from a layout, from which this has grown, how many rows its vocabularies had.
    pub(crate) fn grown_from(&mut self, layout: &Layout) {
        Arc::make_mut(&mut self.layout).identity.grown_from(&layout.identity);
    }

    /// Rows of each vocabulary.
    pub(crate) fn table_rows(&self) -> Vec<u32> {
        self.vocabularies.iter().map(Vocabulary::rows).collect()
    }

    /// Takes the keys of vocabularies beyond so many rows away.
    pub(crate) fn truncate(&mut self, rows: &[u32]) {
        for (vocabulary, &rows) in self.vocabularies.iter_mut().zip(rows) {
            if let Vocabulary::Keys(keys) = vocabulary {
                keys.truncate(rows.saturating_sub(1) as usize);
            }
        }
        self.count_rows();
    }

    /// Makes the layout that of the vocabularies as they are now.
    pub(super) fn count_rows(&mut self) {
        let tables = self.layout.vocabularies.iter().zip(&self.vocabularies);
        if tables
            .clone()
            .all(|(table, vocabulary)| table.rows == vocabulary.rows())
        {
            return; // samples may share the layout
        }
        let layout = Arc::make_mut(&mut self.layout);
        for (table, vocabulary) in layout.vocabularies.iter_mut().zip(&self.vocabularies) {
            table.rows = vocabulary.rows();
            layout.identity.follow(&table.name, vocabulary);
        }
    }

    /// Encodes rows that come after training. Behind the histories stand the candidates of the rows without one, so
    /// that events that did not happen can be drawn from more than these.
    ///
    /// # Errors
    /// Those of [`Encoder::request`].
    pub(crate) fn late_samples(&self, rows: &[LateRow]) -> Result<Samples> {
        let mut collector = Collector::new(&self.wiring, self.wiring.wires.iter().map(|_| true));
        for row in rows {
            self.collect(&mut collector, row.values)?;
        }
        let columns = collector.finish(&self.vocabularies, &self.scales);
        let mut sequences = Vec::new();
        for (at, sequence) in self.layout.sequences.iter().enumerate() {
            let mut log = vec![Vec::new(); sequence.fields.len()];
            let (mut ranges, mut own) = (Vec::with_capacity(rows.len()), [0, 0]);
            for row in rows {
                if let Some(events) = row.events {
                    let start = log[0].len();
                    for (log, ids) in log.iter_mut().zip(&events[at]) {
                        log.extend_from_slice(&ids[ids.len().saturating_sub(sequence.length as usize)..]);
                    }
                    own = [start as u32, log[0].len() as u32];
                }
                ranges.push(own);
            }
            for (row, _) in rows.iter().enumerate().filter(|(_, row)| row.events.is_none()) {
                for (log, &field) in log.iter_mut().zip(&sequence.fields) {
                    log.push(columns.ids[field][row]);
                }
            }
            sequences.push(Sequence::of_ranges(log, sequence.length, ranges)?);
        }
        let labels = rows.iter().map(|row| row.label).collect();
        Ok(Samples::new(self.layout.clone(), columns, sequences, labels))
    }

    /// The user whose row it is: the value that rows are grouped by.
    pub(crate) fn user_of<'v>(&self, values: &Values<'v>) -> Option<&'v str> {
        let group = self.schema.group.as_ref()?;
        let (_, user) = values.iter().rev().find(|(name, _)| name == group)?;
        Some(user.trim()).filter(|user| !user.is_empty())
    }

    /// The vocabularies and rows that are this user's alone.
    pub(crate) fn rows_of_user(&self, user: &str) -> Vec<(usize, u32)> {
        let own = |field: &&Field| {
            field.kind == Kind::Key && field.table.is_none() && Some(&field.column) == self.schema.group.as_ref()
        };
        let fields = self.schema.fields.iter().filter(own);
        let places = fields.filter_map(|field| self.layout.id(&field.name));
        let vocabularies = places.map(|at| self.layout.ids[at].vocabulary);
        let stored = vocabularies.filter(|&at| matches!(self.vocabularies[at], Vocabulary::Keys(_)));
        stored.map(|at| (at, self.vocabularies[at].row(user))).collect()
    }

    /// The column of what is chosen, and the vocabulary of its keys: that which negatives are other values of, else the
    /// first key that a history collects.
    pub(crate) fn chosen_column(&self) -> Option<(&str, &Vocabulary)> {
        let named = self.candidate().map(|(_, field)| field);
        let collected = self.schema.histories.iter().flat_map(|history| &history.fields);
        let fields = named.into_iter().chain(collected.map(String::as_str));
        let mut fields = fields.filter_map(|name| self.schema.field_named(name).map(|at| &self.schema.fields[at]));
        let field = fields.find(|field| field.kind == Kind::Key && field.table.is_none())?;
        let vocabulary = self.vocabulary(&field.vocabulary)?;
        matches!(vocabulary, Vocabulary::Keys(_)).then_some((&*field.column, vocabulary))
    }
}

impl Samples {
    /// The ids of a row by their vocabulary, those of its events not among them.
    pub(crate) fn ids_of_row(&self, row: usize) -> impl Iterator<Item = (usize, u32)> + '_ {
        let one = self.layout.ids.iter().zip(&self.columns.ids);
        let one = one.map(move |(field, ids)| (field.vocabulary, ids[row]));
        let many = self.layout.many.iter().zip(&self.columns.many);
        one.chain(many.flat_map(move |(field, many)| many.of(row).iter().map(|&id| (field.vocabulary, id))))
    }

    /// How many rows have each id, by vocabulary; events of histories are not counted.
    pub(crate) fn count_ids(&self) -> Vec<Vec<u32>> {
        let tables = self.layout.vocabularies.iter();
        let mut counts: Vec<Vec<u32>> = tables.map(|table| vec![0; table.rows as usize]).collect();
        let one = self.layout.ids.iter().zip(&self.columns.ids);
        let many = self
            .layout
            .many
            .iter()
            .zip(self.columns.many.iter().map(|many| &many.ids));
        for (field, ids) in one.chain(many) {
            let counts = &mut counts[field.vocabulary];
            ids.iter()
                .for_each(|&id| counts[id as usize] = counts[id as usize].saturating_add(1));
        }
        counts
    }
}
