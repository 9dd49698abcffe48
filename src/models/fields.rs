//! The fields of click data as the models embed them.
//!
//! Every vocabulary has one table of embeddings, `NAME.embedding`, and one of first-order weights, `NAME.first`. All
//! that is looked up for a sample lies side by side in one buffer: the one-valued fields, then the many-valued ones as
//! the mean of their embeddings, then the numbers as they are. Where a many-valued field's ids have weights, as the
//! features of libfm's files, each row counts so many times and the field is their sum.

use alloc::{format, vec::Vec};

use super::{EMBEDDING, Unit, check_widths};
use crate::{
    Error, Result,
    data::clicks::{IdField, Layout, MAX_FIELDS},
    plan::{Activation, Init, PlanBuilder, Space, View},
};

/// The name of the id column that holds one field of a history's events.
pub(crate) fn event_column(sequence: &str, field: &str) -> alloc::string::String {
    format!("{sequence}.{field}")
}

/// The name of the id column that holds one field of the events that did not happen.
pub(crate) fn negative_column(field: &str) -> alloc::string::String {
    format!("negative.{field}")
}

/// The fields of a sample, side by side.
pub(super) struct Fields {
    /// The embeddings, each `embedding_dim` wide.
    pub embeddings: View,
    /// Embeddings and numbers.
    pub all: View,
    /// Of each field whose ids have weights, the rows times those.
    weighted: Vec<View>,
}

impl Fields {
    /// The second order of a factorisation machine: pairs of fields, and pairs of features within those that are any
    /// number of features, each with its value.
    pub fn second_order(&self, plan: &mut PlanBuilder, embedding_dim: usize) -> Vec<View> {
        let between = plan.fm(self.embeddings, embedding_dim);
        let within = self.weighted.iter().map(|&rows| plan.fm_steps(rows));
        core::iter::once(between).chain(within).collect()
    }
}

/// Looks all fields up, `embedding_dim` wide; with the numbers, or without where nothing reads them.
pub(super) fn embed(plan: &mut PlanBuilder, layout: &Layout, embedding_dim: usize, numbers: bool) -> Fields {
    let width = (layout.ids.len() + layout.many.len()) * embedding_dim;
    let numbers = if numbers { layout.numbers.len() } else { 0 };
    let all = plan.buffer(width + numbers);
    for (index, field) in layout.ids.iter().enumerate() {
        look_up(plan, layout, field, all.columns(index * embedding_dim, embedding_dim));
    }
    let mut weighted = Vec::new();
    for (index, field) in layout.many.iter().enumerate() {
        let view = all.columns((layout.ids.len() + index) * embedding_dim, embedding_dim);
        let rows = look_up_many(plan, layout, field, view);
        weighted.extend(field.weighted.then_some(rows));
    }
    if numbers > 0 {
        plan.numeric(0, all.columns(width, numbers));
    }
    Fields {
        embeddings: all.columns(0, width),
        all,
        weighted,
    }
}

/// The first order: a weight a key and a weight a number. The views are to be summed without a bias: it is in them.
pub(super) fn first_order(plan: &mut PlanBuilder, layout: &Layout) -> Vec<View> {
    let weights = plan.buffer(layout.ids.len() + layout.many.len());
    for (index, field) in layout.ids.iter().enumerate() {
        look_up_in(plan, layout, field, Table::First, weights.columns(index, 1));
    }
    for (index, field) in layout.many.iter().enumerate() {
        let view = weights.columns(layout.ids.len() + index, 1);
        look_up_many_in(plan, layout, field, Table::First, view);
    }
    if layout.numbers.is_empty() {
        return alloc::vec![plan.sum("bias", &[weights])];
    }
    let (numbers, linear) = (plan.buffer(layout.numbers.len()), plan.buffer(1));
    plan.numeric(0, numbers);
    plan.linear_with("numeric.first.weight", "bias", numbers, linear, Activation::Identity);
    alloc::vec![weights, linear]
}

#[derive(Clone, Copy)]
enum Table {
    Embedding,
    First,
}

fn gather(plan: &mut PlanBuilder, layout: &Layout, field: &IdField, table: Table, column: usize, output: View) {
    let vocabulary = &layout.vocabularies[field.vocabulary];
    let (name, init) = match table {
        Table::Embedding => (format!("{}.embedding", vocabulary.name), EMBEDDING),
        Table::First => (format!("{}.first", vocabulary.name), Init::Zeros),
    };
    plan.gather(&name, column, vocabulary.rows as usize, init, output);
}

/// Looks up the embedding of a field with one id.
pub(super) fn look_up(plan: &mut PlanBuilder, layout: &Layout, field: &IdField, output: View) {
    look_up_in(plan, layout, field, Table::Embedding, output);
}

/// The mean embedding of a field with many ids, or their sum by weights. Gives the rows that it is made of.
pub(super) fn look_up_many(plan: &mut PlanBuilder, layout: &Layout, field: &IdField, output: View) -> View {
    look_up_many_in(plan, layout, field, Table::Embedding, output)
}

/// Looks up the embeddings of a field of the events of a history, a row an event.
pub(super) fn look_up_event(plan: &mut PlanBuilder, layout: &Layout, sequence: &str, field: &IdField, output: View) {
    let vocabulary = &layout.vocabularies[field.vocabulary].name;
    let space = plan.sequence(sequence);
    let column = plan.column_in(&event_column(sequence, &field.name), vocabulary, space);
    gather(plan, layout, field, Table::Embedding, column, output);
}

/// Looks up the embeddings of a field of events that did not happen, one a step of a history: DIEN's negatives.
pub(super) fn look_up_negative(plan: &mut PlanBuilder, layout: &Layout, sequence: &str, field: &IdField, output: View) {
    let vocabulary = &layout.vocabularies[field.vocabulary].name;
    let space = plan.sequence(sequence);
    let column = plan.column_in(&negative_column(&field.name), vocabulary, space);
    gather(plan, layout, field, Table::Embedding, column, output);
}

fn look_up_in(plan: &mut PlanBuilder, layout: &Layout, field: &IdField, table: Table, output: View) {
    let vocabulary = &layout.vocabularies[field.vocabulary].name;
    let column = plan.column_in(&field.name, vocabulary, Space::Samples);
    gather(plan, layout, field, table, column, output);
}

fn look_up_many_in(plan: &mut PlanBuilder, layout: &Layout, field: &IdField, table: Table, output: View) -> View {
    let vocabulary = &layout.vocabularies[field.vocabulary].name;
    let space = plan.sequence(&field.name);
    let column = match field.weighted {
        true => plan.weighted_column(&field.name, vocabulary, &field.name),
        false => plan.column_in(&field.name, vocabulary, space),
    };
    let steps = plan.buffer_in(space, output.width);
    gather(plan, layout, field, table, column, steps);
    plan.pool(steps, output, !field.weighted);
    steps
}

/// The hidden layers `dnn.0`, `dnn.1`, ..., each with its unit and dropout behind it, and their one output `dnn.output`.
pub(super) fn deep(plan: &mut PlanBuilder, input: View, unit: Unit, hidden: &[usize], dropout: f32) -> View {
    let top = unit.network(plan, "dnn", input, hidden, dropout);
    plan.linear("dnn.output", top, 1, Activation::Identity)
}

/// Checks what the models of fields have in common.
pub(super) fn check_fields(layout: &Layout) -> Result<()> {
    check_counts(layout)?;
    if layout.ids.is_empty() && layout.many.is_empty() {
        return Err(Error::config("fields", "there is none with ids; give one at least"));
    }
    let mut fields = layout.ids.iter().chain(&layout.many);
    if let Some(field) = fields.find(|field| field.vocabulary >= layout.vocabularies.len()) {
        let reason = "it names a vocabulary that is not there";
        return Err(Error::config(field.name.clone(), reason));
    }
    let is_there = |&id: &usize| id < layout.ids.len();
    match layout
        .sequences
        .iter()
        .find(|sequence| !sequence.fields.iter().all(is_there))
    {
        None => Ok(()),
        Some(sequence) => {
            let reason = "its events have fields that are not there";
            Err(Error::config(sequence.name.clone(), reason))
        }
    }
}

/// Checks how many fields there are, and that each table has a name of its own: what is stored of it goes by that.
fn check_counts(layout: &Layout) -> Result<()> {
    let events: usize = layout.sequences.iter().map(|sequence| sequence.fields.len()).sum();
    let fields = layout.ids.len() + layout.many.len() + layout.numbers.len();
    for (what, count) in [
        ("fields", fields),
        ("sequences", layout.sequences.len()),
        ("fields of events", events),
        ("vocabularies", layout.vocabularies.len()),
    ] {
        if count > MAX_FIELDS {
            return Err(Error::config(what, format!("{count}; give {MAX_FIELDS} at most")));
        }
    }
    let mut names: Vec<&str> = layout.vocabularies.iter().map(|table| &table.name[..]).collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        None => Ok(()),
        Some(pair) => Err(Error::config(pair[0], "two vocabularies have this name")),
    }
}

/// Checks the sizes of a deep network.
pub(super) fn check_deep(hidden: &[usize], dropout: f32) -> Result<()> {
    check_widths("hidden", hidden)?;
    if !(0.0..1.0).contains(&dropout) {
        return Err(Error::config("dropout", format!("{dropout} is not in 0..1")));
    }
    Ok(())
}
