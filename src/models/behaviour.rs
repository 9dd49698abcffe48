//! What the models of behaviour sequences have in common: where their operands lie, and the attention unit.

use alloc::{format, vec::Vec};

use super::{
    Unit, check_width, check_widths,
    fields::{check_deep, check_fields, look_up, look_up_event, look_up_many},
};
use crate::{
    Error, Result,
    data::clicks::{Layout, SequenceField},
    plan::{Activation, PlanBuilder, View},
};

/// The operands of a model with one history.
pub(super) struct Behaviour {
    /// All that the hidden layers read, side by side: the fields that events do not have, `interest`, `query`, the numbers.
    pub all: View,
    /// The columns of `all` for what the history comes to.
    pub interest: View,
    /// The embeddings of the candidate's fields that events have too.
    pub query: View,
    /// The same fields of each event, a row a step, from the same tables.
    pub key: View,
}

impl Behaviour {
    /// Looks all fields up, `width` wide each; `interest` is left to be written.
    pub fn embed(plan: &mut PlanBuilder, layout: &Layout, history: &SequenceField, width: usize) -> Self {
        let together = history.fields.len() * width;
        let others = (0..layout.ids.len()).filter(|id| !history.fields.contains(id));
        let others: Vec<_> = others.map(|id| &layout.ids[id]).collect();
        let rest = (others.len() + layout.many.len()) * width;
        let all = plan.buffer(rest + 2 * together + layout.numbers.len());
        let steps = plan.sequence(&history.name);
        let behaviour = Behaviour {
            all,
            interest: all.columns(rest, together),
            query: all.columns(rest + together, together),
            key: plan.buffer_in(steps, together),
        };
        for (place, field) in others.iter().enumerate() {
            look_up(plan, layout, field, all.columns(place * width, width));
        }
        for (place, field) in (others.len()..).zip(&layout.many) {
            look_up_many(plan, layout, field, all.columns(place * width, width));
        }
        for (place, &id) in history.fields.iter().enumerate() {
            let (field, first) = (&layout.ids[id], place * width);
            look_up(plan, layout, field, behaviour.query.columns(first, width));
            look_up_event(plan, layout, &history.name, field, behaviour.key.columns(first, width));
        }
        if !layout.numbers.is_empty() {
            plan.numeric(0, all.columns(rest + 2 * together, layout.numbers.len()));
        }
        behaviour
    }
}

/// DIN's attention unit, `attention.0` and on: a score for each step; with `softmax` those of a history add up to 1.
pub(super) fn attention(
    plan: &mut PlanBuilder,
    (query, steps): (View, View),
    (widths, unit): (&[usize], Unit),
    softmax: bool,
) -> View {
    let first = plan.attention_unit("attention.0", query, steps, widths[0], unit.fused());
    let mut hidden = unit.after(plan, "attention.0", first);
    for (k, &outputs) in widths.iter().enumerate().skip(1) {
        hidden = unit.layer(plan, &format!("attention.{k}"), hidden, outputs);
    }
    if softmax {
        // A bias would be the same for all scores: softmax takes it out.
        let scores = plan.linear_without_bias("attention.output", hidden, 1, Activation::Identity);
        plan.softmax(scores)
    } else {
        plan.linear("attention.output", hidden, 1, Activation::Identity)
    }
}

/// Checks the settings that the models share; returns the one history.
pub(super) fn check_behaviour<'a>(
    model: &str,
    layout: &'a Layout,
    embedding_dim: usize,
    attention: &[usize],
    (hidden, dropout): (&[usize], f32),
) -> Result<&'a SequenceField> {
    check_fields(layout)?;
    check_width("embedding_dim", embedding_dim)?;
    check_deep(hidden, dropout)?;
    check_widths("attention", attention)?;
    if attention.is_empty() {
        let reason = "the list is empty; give one width at least, as in 80,40";
        return Err(Error::config("attention", reason));
    }
    let [history] = &layout.sequences[..] else {
        let there = layout.sequences.len();
        let reason = format!("{model} reads one behaviour sequence and there are {there}: give the schema one history");
        return Err(Error::config("sequences", reason));
    };
    if history.fields.is_empty() {
        let reason = "its events have no fields";
        return Err(Error::config(history.name.clone(), reason));
    }
    if history.fields.len() > layout.ids.len() {
        let reason = "its events have a field twice";
        return Err(Error::config(history.name.clone(), reason));
    }
    Ok(history)
}
