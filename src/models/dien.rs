//! DIEN: a user's interest as it evolves towards the candidate.

use alloc::{format, vec, vec::Vec};

use serde::{Deserialize, Serialize};

use super::{
    Unit, check_width,
    fields::{check_deep, check_fields, look_up, look_up_event, look_up_many, look_up_negative},
};
use crate::{
    Error, Result,
    data::samples::{Layout, SequenceField},
    plan::{Activation, GruKind, Plan, PlanBuilder, View},
};

/// Deep interest evolution network (Zhou et al., AAAI 2019, figure 1): a GRU extracts a state of interest at each event
/// of the history, and a second recurrent layer, steered by attention, follows what the candidate is about in them.
///
/// ```text
/// events k -- GRU: states h --+-- auxiliary loss: h[t] foretells k[t + 1], and not a negative
///                             |
/// candidate q ----------------+-- attention, softmax: a score a step
///      |                      |
///      |                      +-- AUGRU on h with the scores; its last state: interest
///      |                                                                       |
///      +-- other fields, numbers ----------------------------------------------+-- hidden layers, output: logit
/// ```
///
/// `q` are the embeddings of the candidate's fields side by side, `k` those of the same fields of an event, from the same
/// tables; `h` is as wide. A negative is an event that did not happen: the id columns `negative.FIELD` hold one for each
/// step of the history, the first of which is not read. The attention unit is DIN's, a network over
/// `[q, h, q - h, q * h]`, as in the authors' code.
///
/// ```
/// use pocketrec::{data::samples::PlantedClicks, models::Dien};
/// let data = PlantedClicks { users: 20, rows_per_user: 20, ..PlantedClicks::default() }.generate()?;
/// let plan = Dien::new(data.train.layout()).plan()?;
/// assert_eq!(plan.sequences(), ["history"]);
/// # Ok::<(), pocketrec::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dien {
    /// The fields, with one behaviour sequence among them.
    pub layout: Layout,
    /// Width of an embedding.
    pub factors: usize,
    /// Widths of the attention unit's hidden layers, which are sigmoids.
    pub attention: Vec<usize>,
    /// How scores steer the second recurrent layer; [`GruKind::Gru`] does without them.
    pub evolution: GruKind,
    /// Widths of the hidden layers.
    pub hidden: Vec<usize>,
    /// What follows each of them.
    pub unit: Unit,
    /// Share of hidden values that is left out in training.
    pub dropout: f32,
    /// Widths of the auxiliary loss's hidden layers, which are sigmoids.
    pub auxiliary: Vec<usize>,
    /// How much the auxiliary loss counts. At 0 it is left out, and there are no negatives.
    pub auxiliary_weight: f32,
}

impl Dien {
    /// With embeddings 16 wide, an attention unit of 80-40, AUGRU, hidden layers of 200-80 PReLUs and an auxiliary
    /// network of 100-50 that counts as much as the main loss: what the authors' code has.
    pub fn new(layout: &Layout) -> Self {
        Dien {
            layout: layout.clone(),
            factors: 16,
            attention: vec![80, 40],
            evolution: GruKind::Augru,
            hidden: vec![200, 80],
            unit: Unit::Prelu,
            dropout: 0.0,
            auxiliary: vec![100, 50],
            auxiliary_weight: 1.0,
        }
    }

    /// Sets the width of an embedding.
    pub fn factors(mut self, factors: usize) -> Self {
        self.factors = factors;
        self
    }

    /// Sets the attention unit's hidden layers.
    pub fn attention(mut self, widths: impl Into<Vec<usize>>) -> Self {
        self.attention = widths.into();
        self
    }

    /// Sets how scores steer the second recurrent layer.
    pub fn evolution(mut self, kind: GruKind) -> Self {
        self.evolution = kind;
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

    /// Sets the auxiliary loss's hidden layers, and how much it counts.
    pub fn auxiliary(mut self, widths: impl Into<Vec<usize>>, weight: f32) -> Self {
        self.auxiliary = widths.into();
        self.auxiliary_weight = weight;
        self
    }

    /// Builds the plan.
    ///
    /// # Errors
    /// [`Error::Config`] where there is not one behaviour sequence, the attention unit has no layer, or a size or weight
    /// is out of range.
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
        let all = plan.buffer(rest + 2 * together + layout.numbers.len());
        let (interest, query) = (all.columns(rest, together), all.columns(rest + together, together));
        for (place, &id) in others.iter().enumerate() {
            look_up(&mut plan, layout, &layout.ids[id], all.columns(place * width, width));
        }
        for (place, field) in (others.len()..).zip(&layout.many) {
            look_up_many(&mut plan, layout, field, all.columns(place * width, width));
        }
        for (place, &id) in history.fields.iter().enumerate() {
            look_up(&mut plan, layout, &layout.ids[id], query.columns(place * width, width));
        }
        if !layout.numbers.is_empty() {
            plan.numeric(0, all.columns(rest + 2 * together, layout.numbers.len()));
        }

        let steps = plan.sequence(&history.name);
        let key = plan.buffer_in(steps, together);
        for (place, &id) in history.fields.iter().enumerate() {
            let event = key.columns(place * width, width);
            look_up_event(&mut plan, layout, &history.name, &layout.ids[id], event);
        }
        let states = plan.gru("extractor", GruKind::Gru, key, None, together);
        if self.auxiliary_weight > 0.0 {
            self.auxiliary_loss(&mut plan, history, states, key);
        }
        let scores = (self.evolution != GruKind::Gru).then(|| self.scores(&mut plan, query, states));
        let evolved = plan.gru("evolution", self.evolution, states, scores, together);
        plan.last(evolved, interest);

        let hidden = self.unit.network(&mut plan, "dnn", all, &self.hidden, self.dropout);
        let logit = plan.linear("dnn.output", hidden, 1, Activation::Identity);
        plan.finish(logit)
    }

    /// The attention unit: a score for each step; those of a history add up to 1.
    fn scores(&self, plan: &mut PlanBuilder, query: View, states: View) -> View {
        let unit = Unit::Sigmoid;
        let mut hidden = plan.attention_unit("attention.0", query, states, self.attention[0], unit.fused());
        for (k, &outputs) in self.attention.iter().enumerate().skip(1) {
            hidden = unit.layer(plan, &format!("attention.{k}"), hidden, outputs);
        }
        // A bias would be the same for all scores: softmax takes it out.
        let scores = plan.linear_without_bias("attention.output", hidden, 1, Activation::Identity);
        plan.softmax(scores)
    }

    /// The auxiliary loss: one network, on each state with the event that came next, and with a negative instead.
    fn auxiliary_loss(&self, plan: &mut PlanBuilder, history: &SequenceField, states: View, key: View) {
        let (steps, width) = (plan.sequence(&history.name), self.factors);
        let negative = plan.buffer_in(steps, key.width);
        for (place, &id) in history.fields.iter().enumerate() {
            let field = &self.layout.ids[id];
            let view = negative.columns(place * width, width);
            look_up_negative(plan, &self.layout, &history.name, field, view);
        }
        let (clicked, negative) = (plan.next(states, key), plan.next(states, negative));
        let hidden = Unit::Sigmoid.network(plan, "auxiliary", clicked, &self.auxiliary, 0.0);
        let high = plan.linear("auxiliary.output", hidden, 1, Activation::Identity);
        let mut hidden = negative;
        for k in 0..self.auxiliary.len() {
            hidden = plan.linear_again(&format!("auxiliary.{k}"), hidden);
        }
        let low = plan.linear_again("auxiliary.output", hidden);
        plan.auxiliary(high, low, self.auxiliary_weight);
    }

    /// Checks the settings; returns the history.
    fn check(&self) -> Result<&SequenceField> {
        check_fields(&self.layout)?;
        check_width("factors", self.factors)?;
        check_deep(&self.hidden, self.dropout)?;
        for (setting, widths) in [("attention", &self.attention), ("auxiliary", &self.auxiliary)] {
            widths.iter().try_for_each(|&width| check_width(setting, width))?;
        }
        if self.attention.is_empty() {
            let reason = "the list is empty; give one width at least, as in 80,40";
            return Err(Error::config("attention", reason));
        }
        if !(self.auxiliary_weight >= 0.0 && self.auxiliary_weight.is_finite()) {
            let reason = format!("{} is not a finite number of 0 or more", self.auxiliary_weight);
            return Err(Error::config("auxiliary_weight", reason));
        }
        let [history] = &self.layout.sequences[..] else {
            let there = self.layout.sequences.len();
            let reason =
                format!("DIEN reads one behaviour sequence and there are {there}: give the schema one history");
            return Err(Error::config("sequences", reason));
        };
        if history.fields.is_empty() || history.fields.iter().any(|&id| id >= self.layout.ids.len()) {
            let reason = "its events have no fields, or fields that are not there";
            return Err(Error::config(history.name.clone(), reason));
        }
        Ok(history)
    }
}
