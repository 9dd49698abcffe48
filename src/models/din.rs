//! DIN: a user's history seen through the candidate.

use alloc::{format, vec, vec::Vec};

use serde::{Deserialize, Serialize};

use super::{
    Unit, check_width,
    fields::{check_deep, check_fields, look_up, look_up_event, look_up_many},
};
use crate::{
    Error, Result,
    data::samples::{Layout, SequenceField},
    plan::{Activation, Plan, PlanBuilder, View},
};

/// Deep interest network (Zhou et al., KDD 2018, figure 2 and equation 3): each event of the history is weighed by how
/// it goes with the candidate.
///
/// ```text
/// candidate q --+-------------------------------- +
///               |-- attention unit, a weight a step |
/// events k -----+-- weighted sum: interest -------- +-- hidden layers, output: logit
/// other fields, numbers --------------------------- +
/// ```
///
/// `q` are the embeddings of the candidate's fields side by side, `k` those of the same fields of an event, from the
/// same tables. The attention unit is a network over `[q, k, q - k, q * k]`; the plan exposes its weights as `attention`.
///
/// ```
/// use pocketrec::{data::samples::PlantedClicks, models::Din};
/// let data = PlantedClicks { users: 100, rows_per_user: 20, ..PlantedClicks::default() }.generate()?;
/// let plan = Din::new(data.train.layout()).plan()?;
/// assert_eq!(plan.sequences().len(), 1);
/// # Ok::<(), pocketrec::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Din {
    /// The fields, with one behaviour sequence among them.
    pub layout: Layout,
    /// Width of an embedding.
    pub factors: usize,
    /// Widths of the attention unit's hidden layers.
    pub attention: Vec<usize>,
    /// What follows each of them.
    pub attention_unit: Unit,
    /// Whether the weights of a history add up to 1. In the paper they do not: their sum says how strong an interest is.
    pub softmax: bool,
    /// Widths of the hidden layers.
    pub hidden: Vec<usize>,
    /// What follows each of them.
    pub unit: Unit,
    /// Share of hidden values that is left out in training.
    pub dropout: f32,
}

impl Din {
    /// With embeddings 16 wide, an attention unit of 80-40 sigmoids and hidden layers of 200-80 PReLUs, as the authors'
    /// code has it.
    pub fn new(layout: &Layout) -> Self {
        Din {
            layout: layout.clone(),
            factors: 16,
            attention: vec![80, 40],
            attention_unit: Unit::Sigmoid,
            softmax: false,
            hidden: vec![200, 80],
            unit: Unit::Prelu,
            dropout: 0.0,
        }
    }

    /// Sets the width of an embedding.
    pub fn factors(mut self, factors: usize) -> Self {
        self.factors = factors;
        self
    }

    /// Sets the attention unit's hidden layers, and what follows each.
    pub fn attention(mut self, widths: impl Into<Vec<usize>>, unit: Unit) -> Self {
        self.attention = widths.into();
        self.attention_unit = unit;
        self
    }

    /// Sets whether the weights of a history add up to 1.
    pub fn softmax(mut self, softmax: bool) -> Self {
        self.softmax = softmax;
        self
    }

    /// Sets the widths of the hidden layers.
    pub fn hidden(mut self, hidden: impl Into<Vec<usize>>) -> Self {
        self.hidden = hidden.into();
        self
    }

    /// Sets what follows each hidden layer.
    pub fn unit(mut self, unit: Unit) -> Self {
        self.unit = unit;
        self
    }

    /// Sets the share of hidden values that is left out in training.
    pub fn dropout(mut self, dropout: f32) -> Self {
        self.dropout = dropout;
        self
    }

    /// Builds the plan.
    ///
    /// # Errors
    /// [`Error::Config`] where there is not one behaviour sequence, the attention unit has no layer, or a size is out
    /// of range.
    pub fn plan(&self) -> Result<Plan> {
        let history = self.check()?;
        let (layout, width) = (&self.layout, self.factors);
        let together = history.fields.len() * width;
        let others: Vec<_> = (0..layout.ids.len())
            .filter(|id| !history.fields.contains(id))
            .collect();
        let rest = (others.len() + layout.many.len()) * width;

        // The hidden layers read everything side by side; each writes its columns.
        let mut plan = PlanBuilder::new();
        let steps = plan.sequence(&history.name);
        let all = plan.buffer(rest + 2 * together + layout.numbers.len());
        let (interest, query) = (all.columns(rest, together), all.columns(rest + together, together));
        let key = plan.buffer_in(steps, together);
        for (place, &id) in others.iter().enumerate() {
            look_up(&mut plan, layout, &layout.ids[id], all.columns(place * width, width));
        }
        for (place, field) in (others.len()..).zip(&layout.many) {
            look_up_many(&mut plan, layout, field, all.columns(place * width, width));
        }
        for (place, &id) in history.fields.iter().enumerate() {
            let field = &layout.ids[id];
            look_up(&mut plan, layout, field, query.columns(place * width, width));
            let event = key.columns(place * width, width);
            look_up_event(&mut plan, layout, &history.name, field, event);
        }
        if !layout.numbers.is_empty() {
            plan.numeric(0, all.columns(rest + 2 * together, layout.numbers.len()));
        }

        let weights = self.weights(&mut plan, query, key);
        plan.expose("attention", weights);
        plan.attention(weights, key, interest);
        let hidden = self.unit.network(&mut plan, "dnn", all, &self.hidden, self.dropout);
        let logit = plan.linear("dnn.output", hidden, 1, Activation::Identity);
        plan.finish(logit)
    }

    /// The attention unit: a weight for each step.
    fn weights(&self, plan: &mut PlanBuilder, query: View, key: View) -> View {
        let (unit, name) = (self.attention_unit, "attention.output");
        let first = plan.attention_unit("attention.0", query, key, self.attention[0], unit.fused());
        let mut hidden = unit.after(plan, "attention.0", first);
        for (k, &outputs) in self.attention.iter().enumerate().skip(1) {
            hidden = unit.layer(plan, &format!("attention.{k}"), hidden, outputs);
        }
        if self.softmax {
            // A bias would be the same for all scores: softmax takes it out.
            let scores = plan.linear_without_bias(name, hidden, 1, Activation::Identity);
            plan.softmax(scores)
        } else {
            plan.linear(name, hidden, 1, Activation::Identity)
        }
    }

    /// Checks the settings; returns the history.
    fn check(&self) -> Result<&SequenceField> {
        check_fields(&self.layout)?;
        check_width("factors", self.factors)?;
        check_deep(&self.hidden, self.dropout)?;
        for &width in &self.attention {
            check_width("attention", width)?;
        }
        if self.attention.is_empty() {
            return Err(Error::config(
                "attention",
                "the list is empty; give one width at least, as in 80,40",
            ));
        }
        let [history] = &self.layout.sequences[..] else {
            let there = self.layout.sequences.len();
            let reason = format!("DIN reads one behaviour sequence and there are {there}: give the schema one history");
            return Err(Error::config("sequences", reason));
        };
        if history.fields.is_empty() || history.fields.iter().any(|&id| id >= self.layout.ids.len()) {
            let reason = "its events have no fields, or fields that are not there";
            return Err(Error::config(history.name.clone(), reason));
        }
        Ok(history)
    }
}
