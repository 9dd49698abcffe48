//! Collects the columns of rows, whose values come as text.

use alloc::{format, string::String, vec::Vec};

use super::{
    Ragged, Schema, SideTable, UNKNOWN, Vocabulary,
    notes::{Clamped, Tallies, UnknownKeys},
    numeric::Scale,
    values::{number, weights},
    wiring::{Slot, Source, Wire, Wiring},
};
use crate::Result;

/// Gives keys their rows: while fitting, new keys get new ones.
pub(super) enum Lookup<'a> {
    Growing(&'a mut [Vocabulary]),
    Fitted(&'a [Vocabulary]),
}

impl Lookup<'_> {
    fn row(&mut self, vocabulary: usize, key: &str) -> Result<u32, String> {
        match self {
            Lookup::Growing(vocabularies) => vocabularies[vocabulary].row_or_insert(key),
            Lookup::Fitted(vocabularies) => Ok(vocabularies[vocabulary].row(key)),
        }
    }

    fn vocabularies(&self) -> &[Vocabulary] {
        match self {
            Lookup::Growing(vocabularies) => vocabularies,
            Lookup::Fitted(vocabularies) => vocabularies,
        }
    }
}

/// The values of rows by field, of each kind by its place.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Columns {
    pub ids: Vec<Vec<u32>>,
    /// Row-major.
    pub numbers: Vec<f32>,
    pub many: Vec<Ragged>,
}

/// A code of a side table's value that has no row yet.
const NEW: u32 = u32::MAX;
/// Values of a side table for each row that was added, beyond which no list of the rows of all values is kept.
const VALUES_A_ROW: usize = 16;

pub(super) struct Collector {
    wires: Vec<Wire>,
    ids: Vec<Vec<u32>>,
    /// Of quantile fields the numbers, by their place among the ids.
    quantiles: Vec<Vec<f32>>,
    pub numbers: Vec<Vec<f32>>,
    pub many: Vec<Ragged>,
    /// The rows of side tables' values, one list a wire.
    known: Vec<Vec<u32>>,
    /// Keys without a row, where they are counted.
    tallies: Tallies,
}

impl Collector {
    /// Collects the fields for which `active` says so; the others' columns stay empty.
    pub fn new(wiring: &Wiring, active: impl Iterator<Item = bool>) -> Self {
        let [ids, numbers, many] = wiring.counts;
        let wires = wiring.wires.iter().zip(active).filter(|(_, active)| *active);
        let wires: Vec<Wire> = wires.map(|(wire, _)| *wire).collect();
        Collector {
            known: alloc::vec![Vec::new(); wires.len()],
            wires,
            ids: alloc::vec![Vec::new(); ids],
            quantiles: alloc::vec![Vec::new(); ids],
            numbers: alloc::vec![Vec::new(); numbers],
            many: alloc::vec![Ragged::default(); many],
            tallies: Tallies::default(),
        }
    }

    /// Counts keys without a row from now on; each row must be [kept](Collector::keep).
    pub fn counting(mut self) -> Self {
        self.tallies = Tallies::new(self.wires.len());
        self
    }

    /// Counts what the rows since the last call lack.
    pub fn keep(&mut self, lookup: &Lookup) {
        if !self.tallies.is_on() {
            return;
        }
        let vocabularies = lookup.vocabularies();
        let wires = &self.wires;
        self.tallies.commit(|wire| match wires[wire].slot {
            Slot::Id { vocabulary, .. } | Slot::Keys { vocabulary, .. } | Slot::Weighted { vocabulary, .. } => {
                vocabularies.get(vocabulary)
            }
            Slot::Quantile { .. } | Slot::Number { .. } => None,
        });
    }

    /// Adds a row whose inputs `row` gives. After a refusal the columns are of different length: see
    /// [`truncate`](Collector::truncate).
    pub fn push<'r>(
        &mut self,
        tables: &[SideTable],
        lookup: &mut Lookup,
        inputs: &[String],
        row: &impl Fn(usize) -> Result<&'r str, String>,
    ) -> Result<(), String> {
        for wire in 0..self.wires.len() {
            let Wire { source, slot, .. } = self.wires[wire];
            match source {
                Source::Input(input) => self.push_text(wire, slot, &inputs[input], row(input)?, lookup)?,
                Source::Table { table, key, column } => {
                    let column = tables[table].column(column);
                    let code = tables[table].row(row(key)?).map(|row| column.codes[row]);
                    self.push_code(wire, slot, code, &column.values, lookup)?;
                }
            }
        }
        Ok(())
    }

    fn push_text(
        &mut self,
        wire: usize,
        slot: Slot,
        name: &str,
        text: &str,
        lookup: &mut Lookup,
    ) -> Result<(), String> {
        // The first key of the row without an id, or nothing but blanks where it has no key at all.
        let mut missing = None;
        match slot {
            Slot::Id { at, vocabulary } => {
                let id = lookup.row(vocabulary, text)?;
                self.ids[at].push(id);
                missing = (id == UNKNOWN).then_some(text);
            }
            Slot::Quantile { at, shape, .. } => self.quantiles[at].push(shape.of(number(name, text)?)),
            Slot::Number { at, shape } => self.numbers[at].push(shape.of(number(name, text)?)),
            Slot::Keys {
                at,
                vocabulary,
                separator,
            } => {
                let before = self.many[at].ids.len();
                for key in text.split(separator).filter(|key| !key.trim().is_empty()) {
                    let id = lookup.row(vocabulary, key)?;
                    self.many[at].push(id);
                    missing = missing.or((id == UNKNOWN).then_some(key));
                }
                missing = missing.or((self.many[at].ids.len() == before).then_some(""));
                self.many[at].end_row().map_err(|error| format!("{error}"))?;
            }
            Slot::Weighted { at, vocabulary } => {
                let before = self.many[at].ids.len();
                for pair in weights(text) {
                    let (key, weight) = pair?;
                    let id = lookup.row(vocabulary, key)?;
                    self.many[at].push_weighted(id, weight);
                    missing = missing.or((id == UNKNOWN).then_some(key));
                }
                missing = missing.or((self.many[at].ids.len() == before).then_some(""));
                self.many[at].end_row().map_err(|error| format!("{error}"))?;
            }
        }
        if let Some(key) = missing {
            self.tallies.note(wire, key);
        }
        Ok(())
    }

    /// Adds a value of a side table; `None` where the table has no such key.
    fn push_code(
        &mut self,
        wire: usize,
        slot: Slot,
        code: Option<u32>,
        values: &crate::data::IdMap,
        lookup: &mut Lookup,
    ) -> Result<(), String> {
        let text = |code: Option<u32>| code.and_then(|code| values.key(code)).unwrap_or_default();
        let (Slot::Id { at, vocabulary }, Some(place)) = (slot, code) else {
            return self.push_text(wire, slot, "value", &text(code), lookup);
        };
        // In many rows the same values come again and again: each is looked up once. Until there are rows enough for
        // that, as in a request, a list of all values would be most of the work.
        let known = &mut self.known[wire];
        if self.ids[at].len() < values.len() / VALUES_A_ROW {
            self.ids[at].push(lookup.row(vocabulary, &text(code))?);
            return Ok(());
        }
        known.resize(values.len(), NEW);
        let id = &mut known[place as usize];
        if *id == NEW {
            *id = lookup.row(vocabulary, &text(code))?;
        }
        self.ids[at].push(*id);
        if *id == UNKNOWN && self.tallies.is_on() {
            self.tallies.note(wire, &text(code));
        }
        Ok(())
    }

    /// Takes the rows from `rows` on away.
    pub fn truncate(&mut self, rows: usize) {
        self.ids.iter_mut().for_each(|ids| ids.truncate(rows));
        self.quantiles.iter_mut().for_each(|numbers| numbers.truncate(rows));
        self.numbers.iter_mut().for_each(|numbers| numbers.truncate(rows));
        self.many.iter_mut().for_each(|many| many.truncate(rows));
        self.tallies.forget();
    }

    /// The keys without a row, by field, where they are counted.
    pub fn unknown_keys(&mut self, schema: &Schema, rows: u64) -> Vec<UnknownKeys> {
        let wires = &self.wires;
        let name = |wire: usize| schema.fields[wires[wire].field].name.clone();
        core::mem::take(&mut self.tallies).finish(rows, name)
    }

    /// Numbers that their scale cuts, by field.
    pub fn clamped(&self, schema: &Schema, scales: &[Scale]) -> Vec<Clamped> {
        let of = |wire: &Wire| {
            let Slot::Number { at, .. } = wire.slot else {
                return None;
            };
            let (numbers, scale) = (&self.numbers[at], scales.get(at)?);
            let first = numbers.iter().position(|&x| scale.cuts(x))?;
            Some(Clamped {
                field: schema.fields[wire.field].name.clone(),
                rows: numbers[first..].iter().filter(|&&x| scale.cuts(x)).count() as u64,
                first,
                number: numbers[first],
            })
        };
        self.wires.iter().filter_map(of).collect()
    }

    /// How often each row of a vocabulary comes.
    pub fn counts(&self, vocabulary: usize, rows: u32) -> Vec<u64> {
        let mut counts = alloc::vec![0; rows as usize];
        for wire in &self.wires {
            let ids = match wire.slot {
                Slot::Id { at, vocabulary: of } if of == vocabulary => &self.ids[at],
                Slot::Keys { at, vocabulary: of, .. } | Slot::Weighted { at, vocabulary: of } if of == vocabulary => {
                    &self.many[at].ids
                }
                _ => continue,
            };
            ids.iter().for_each(|&id| counts[id as usize] += 1);
        }
        counts
    }

    /// Replaces the rows of a vocabulary by `rows[row]`.
    pub fn replace(&mut self, vocabulary: usize, rows: &[u32]) {
        for wire in &self.wires {
            let ids = match wire.slot {
                Slot::Id { at, vocabulary: of } if of == vocabulary => &mut self.ids[at],
                Slot::Keys { at, vocabulary: of, .. } | Slot::Weighted { at, vocabulary: of } if of == vocabulary => {
                    &mut self.many[at].ids
                }
                _ => continue,
            };
            ids.iter_mut().for_each(|id| *id = rows[*id as usize]);
        }
    }

    /// The numbers of the quantile field with this vocabulary.
    pub fn numbers_of(&self, vocabulary: usize) -> &[f32] {
        let at = self.wires.iter().find_map(|wire| match wire.slot {
            Slot::Quantile { at, vocabulary: of, .. } if of == vocabulary => Some(at),
            _ => None,
        });
        at.map_or(&[], |at| &self.quantiles[at])
    }

    /// The columns, with numbers scaled and those of quantiles replaced by ids.
    pub fn finish(mut self, vocabularies: &[Vocabulary], scales: &[Scale]) -> Columns {
        for wire in &self.wires {
            if let Slot::Quantile { at, vocabulary, .. } = wire.slot {
                let numbers = core::mem::take(&mut self.quantiles[at]);
                let row = |&number: &f32| vocabularies[vocabulary].row_of_number(number);
                self.ids[at] = numbers.iter().map(row).collect();
            }
        }
        let rows = self.numbers.iter().map(Vec::len).max().unwrap_or(0);
        let mut numbers = Vec::with_capacity(rows * self.numbers.len());
        for row in 0..rows {
            let scaled = self.numbers.iter().zip(scales);
            // A field that is not collected here has no numbers; 0 holds its place.
            numbers.extend(scaled.map(|(numbers, scale)| numbers.get(row).map_or(0.0, |&x| scale.apply(x))));
        }
        Columns {
            ids: self.ids,
            numbers,
            many: self.many,
        }
    }
}
