//! The rows of one file while they are read, with their labels, weights, users, times and negatives.

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

use hashbrown::HashSet;

use super::{
    Encoder, NegativesReport, Past, Samples, Schema, SideTable,
    collect::{Collector, Lookup},
    notes::Notes,
    samples::Candidates,
    schema::{LABEL_AT_LEAST, Label},
    wiring::Wiring,
};
use crate::{
    Error, Result,
    data::text::{self, Times},
};

/// What a builder of rows needs to know and does not change.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    pub schema: &'a Schema,
    pub tables: &'a [SideTable],
    pub wiring: &'a Wiring,
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
    pub fn fitted(schema: &Schema, wiring: &Wiring, with_negatives: bool) -> Self {
        let negatives = schema.negatives.as_ref().filter(|_| with_negatives);
        Self::new(
            Collector::new(wiring, wiring.wires.iter().map(|_| true)).counting(),
            negatives.map(|negatives| Collector::new(wiring, schema.depends_on(&negatives.of)).counting()),
        )
    }

    /// Makes the rows to come such as are predicted for.
    pub fn unlabelled(&mut self) {
        self.unlabelled = true;
    }

    /// Adds a row, or says why not and leaves all as it was; but keys of a refused row may have been added.
    pub fn push<'r>(
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
                let of = encoder.schema.negatives.as_ref().map_or("", |negatives| &negatives.of);
                Candidates {
                    offsets,
                    columns,
                    dependent: encoder.dependent(of),
                }
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
