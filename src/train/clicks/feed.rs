//! Batches of samples for the columns and sequences of a plan.

use alloc::{format, vec::Vec};

#[cfg(feature = "std")]
use crate::plan::MAX_SEQUENCES;
use crate::{
    Error, Result,
    data::{
        Batch,
        clicks::{CandidateSampler, Dependent, Pick, Samples},
    },
    models::fields::{event_column, negative_column},
    plan::{self, Plan, Space},
    rng::{Rng, streams},
};

/// Where the ids of a plan's column are among samples.
#[derive(Clone, Copy, Debug)]
enum Column {
    /// A field with one id a row.
    Id(usize),
    /// A field with any number of ids a row.
    Many(usize),
    /// A field of the events of a history.
    Event { sequence: usize, field: usize },
    /// A field of events that did not happen, one for each event of a history.
    Negative { sequence: usize, field: usize },
}

/// Where the lengths of a plan's sequence are.
#[derive(Clone, Copy, Debug)]
enum Lengths {
    Many(usize),
    History(usize),
}

/// Fills batches for a plan.
#[derive(Clone, Debug)]
pub(super) struct Feed {
    columns: Vec<Column>,
    sequences: Vec<Lengths>,
    numerics: usize,
}

impl Feed {
    /// Finds a plan's columns among the fields of samples, by name.
    ///
    /// # Errors
    /// [`Error::Config`] where one is not there, or has weights that the model does not read or lacks those that it does.
    /// Whether names mean the same there is not looked at: see [`ClickTrainer::feed`](super::ClickTrainer::feed).
    pub fn new(plan: &Plan, samples: &Samples) -> Result<Self> {
        let feed = Feed {
            columns: plan
                .columns()
                .iter()
                .map(|column| find_column(samples, column))
                .collect::<Result<_>>()?,
            sequences: plan
                .sequences()
                .iter()
                .map(|name| find_lengths(samples, name))
                .collect::<Result<_>>()?,
            numerics: plan.numerics(),
        };
        let there = samples.layout().numbers.len();
        if feed.numerics > there {
            let reason = format!("the model reads {} numbers, the samples have {there}", feed.numerics);
            return Err(Error::config("samples", reason));
        }
        Ok(feed)
    }

    /// Steps of each sequence in all rows of the samples.
    #[cfg(feature = "std")]
    pub fn steps(&self, samples: &Samples) -> [u64; MAX_SEQUENCES] {
        let mut steps = [0; MAX_SEQUENCES];
        for (steps, lengths) in steps.iter_mut().zip(&self.sequences) {
            let of_row = |row: usize| match *lengths {
                Lengths::Many(field) => samples.many(field).range(row).len(),
                Lengths::History(sequence) => samples.sequence(sequence).range(row).len(),
            };
            *steps = (0..samples.len()).map(|row| of_row(row) as u64).sum();
        }
        steps
    }

    /// Fills an unsorted batch with rows of the samples, where candidates of `drawn` may take the place of their own.
    /// `noise` is what the step draws from: dropout, and negatives of histories, which are drawn from all events of all
    /// users, so that frequent items are frequent among them.
    pub fn fill(
        &self,
        samples: &Samples,
        drawn: Option<&CandidateSampler>,
        picks: &[Pick],
        noise: Rng,
        batch: &mut Batch,
    ) {
        batch.reset(self.columns.len(), self.sequences.len());
        batch.set_noise(noise);
        for (index, lengths) in self.sequences.iter().enumerate() {
            match *lengths {
                Lengths::Many(field) => {
                    let others = decided(drawn, |dependent| &dependent.many, field);
                    for pick in picks {
                        let (from, row) = source(samples, others, pick);
                        batch.end_sequence(index, from.many(field).range(row).len());
                    }
                }
                Lengths::History(sequence) => {
                    let all = samples.sequence(sequence);
                    let lengths = picks.iter().map(|pick| all.range(pick.row as usize).len());
                    lengths.for_each(|length| batch.end_sequence(index, length));
                }
            }
        }
        for (index, column) in self.columns.iter().enumerate() {
            let (ids, weights) = batch.ids_and_weights_mut(index);
            self.fill_column(*column, samples, drawn, picks, noise, (ids, weights));
        }
        self.fill_numbers(samples, drawn, picks, batch.numeric_mut());
        let label = |pick: &Pick| match pick.other {
            None => samples.labels()[pick.row as usize],
            Some(_) => 0.0,
        };
        batch.labels_mut().extend(picks.iter().map(label));
        // A candidate that is drawn in a row's place counts as much as the row.
        let weights = samples.weights();
        if !weights.is_empty() {
            batch
                .weights_mut()
                .extend(picks.iter().map(|pick| weights[pick.row as usize]));
        }
    }

    fn fill_column(
        &self,
        column: Column,
        samples: &Samples,
        drawn: Option<&CandidateSampler>,
        picks: &[Pick],
        noise: Rng,
        (ids, weights): (&mut Vec<u32>, &mut Vec<f32>),
    ) {
        match column {
            Column::Id(field) => {
                let own = samples.ids(field);
                match decided(drawn, |dependent| &dependent.ids, field) {
                    None => ids.extend(picks.iter().map(|pick| own[pick.row as usize])),
                    Some(others) => {
                        let others = others.ids(field);
                        let one = |pick: &Pick| match pick.other {
                            None => own[pick.row as usize],
                            Some(other) => others[other as usize],
                        };
                        ids.extend(picks.iter().map(one));
                    }
                }
            }
            Column::Many(field) => {
                let others = decided(drawn, |dependent| &dependent.many, field);
                for pick in picks {
                    let (from, row) = source(samples, others, pick);
                    ids.extend_from_slice(from.many(field).of(row));
                    weights.extend_from_slice(from.many(field).weights_of(row));
                }
            }
            Column::Event { sequence, field } => {
                let all = samples.sequence(sequence);
                picks
                    .iter()
                    .for_each(|pick| ids.extend_from_slice(all.of(field, pick.row as usize)));
            }
            Column::Negative { sequence, field } => {
                let all = samples.sequence(sequence);
                let steps: usize = picks.iter().map(|pick| all.range(pick.row as usize).len()).sum();
                // All fields of a history draw the same events.
                let rng = noise.stream(streams::HISTORY_NEGATIVES).stream(sequence as u32);
                let events = all.ids(field);
                ids.extend((0..steps as u64).map(|step| events[rng.below(step, events.len() as u32) as usize]));
            }
        }
    }

    fn fill_numbers(
        &self,
        samples: &Samples,
        drawn: Option<&CandidateSampler>,
        picks: &[Pick],
        numbers: &mut Vec<f32>,
    ) {
        let width = samples.layout().numbers.len();
        for pick in picks {
            let first = numbers.len();
            numbers.extend_from_slice(&samples.numbers()[pick.row as usize * width..][..self.numerics]);
            if let (Some(drawn), Some(other)) = (drawn, pick.other) {
                let others = &drawn.catalogue().numbers()[other as usize * width..][..width];
                for (at, own) in numbers[first..].iter_mut().enumerate() {
                    if drawn.dependent().numbers[at] {
                        *own = others[at];
                    }
                }
            }
        }
    }
}

/// The catalogue, where the candidate decides a field.
fn decided(
    drawn: Option<&CandidateSampler>,
    kind: impl Fn(&Dependent) -> &Vec<bool>,
    field: usize,
) -> Option<&Samples> {
    let drawn = drawn.filter(|drawn| kind(drawn.dependent())[field])?;
    Some(drawn.catalogue())
}

/// Where a row's value in a field is found: in the row itself, or at its candidate where `others` have the field.
fn source<'a>(samples: &'a Samples, others: Option<&'a Samples>, pick: &Pick) -> (&'a Samples, usize) {
    match (others, pick.other) {
        (Some(others), Some(other)) => (others, other as usize),
        _ => (samples, pick.row as usize),
    }
}

fn find_column(samples: &Samples, column: &plan::Column) -> Result<Column> {
    let (layout, name) = (samples.layout(), column.name.as_str());
    let found = match column.space {
        Space::Samples | Space::Nodes => layout.id(name).map(Column::Id),
        Space::Steps(_) => layout.many(name).map(Column::Many).or_else(|| {
            let mut events = layout.sequences.iter().enumerate().flat_map(|(sequence, history)| {
                let fields = history.fields.iter().enumerate();
                fields.map(move |(field, &id)| (sequence, history, field, &layout.ids[id].name))
            });
            events.find_map(|(sequence, history, field, id)| {
                if event_column(&history.name, id) == name {
                    Some(Column::Event { sequence, field })
                } else if negative_column(id) == name {
                    Some(Column::Negative { sequence, field })
                } else {
                    None
                }
            })
        }),
    };
    if let Some(Column::Many(field)) = found
        && layout.many[field].weighted != column.weighted
    {
        let reason = match column.weighted {
            true => "the model reads weights of its ids, and the samples have none",
            false => "its ids have weights, which the model does not read",
        };
        return Err(Error::config(name, reason));
    }
    found.ok_or_else(|| Error::config(name, "the model reads this field, and the samples do not have it"))
}

fn find_lengths(samples: &Samples, name: &str) -> Result<Lengths> {
    let layout = samples.layout();
    let many = layout.many(name).map(Lengths::Many);
    many.or_else(|| layout.sequence(name).map(Lengths::History))
        .ok_or_else(|| Error::config(name, "the model reads this sequence, and the samples do not have it"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        data::clicks::{Field, Schema, SideTable, Training},
        models::DeepFm,
    };
    use alloc::vec;

    /// A drawn candidate brings what its side table says along; the row's context stays.
    #[test]
    fn drawn_candidates_bring_their_fields() {
        let schema = Schema::new()
            .field(Field::key("user"))
            .field(Field::number("hour"))
            .field(Field::key("item"))
            .field(Field::number("price").from_table("items"))
            .field(Field::keys("kinds", '|').from_table("items"))
            .join("items", "item")
            .group("user")
            .negatives("negatives", "item", ',');
        let mut items = SideTable::new("items", ["price", "kinds"]);
        items.push("tea", &["2", "drink"]).unwrap();
        items.push("soup", &["7", "drink|food"]).unwrap();
        let mut training = Training::new(schema, vec![items]).unwrap();
        training.push_row(&["ann", "11", "tea"]).unwrap();
        training.push_row(&["bob", "23", "soup"]).unwrap();
        let (encoder, train, _) = training.fit().unwrap();
        let drawn = CandidateSampler::new(&encoder, &train, 1).unwrap();
        let plan = DeepFm::new(train.layout()).embedding_dim(2).hidden([2]).plan().unwrap();
        let feed = Feed::new(&plan, &train).unwrap();
        let mut batch = Batch::default();
        let other = drawn.pick(Rng::new(1), 1); // ann has tea, so it is soup
        feed.fill(&train, Some(&drawn), &[Pick::own(0), other], Rng::default(), &mut batch);

        let own = train.numbers();
        assert_eq!(batch.numeric(), [own[0], own[1], own[0], own[3]]);
        assert_eq!(batch.labels(), [1.0, 0.0]);
        assert_eq!(batch.offsets(0), [0, 1, 3]);
        let ids = |name| {
            &batch
                .column(plan.columns().iter().position(|c| c.name == name).unwrap())
                .ids[..]
        };
        assert_eq!(
            (ids("user"), ids("item"), ids("kinds")),
            (&[1, 1][..], &[1, 2][..], &[1, 1, 2][..])
        );
    }
}
