//! DIEN: a user's interest as it evolves towards the candidate.

use alloc::{format, vec, vec::Vec};

use serde::{Deserialize, Serialize};

use super::{
    Unit,
    behaviour::{Behaviour, attention, check_behaviour},
    check_widths,
    click::Widths,
    fields::{deep, look_up_negative},
    setters,
};
use crate::{
    Error, Result,
    data::clicks::{Layout, SequenceField},
    ops::SigmoidCrossEntropy,
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
/// `[q, h, q - h, q * h]`, as in the authors' code; the plan exposes its scores as `attention`.
///
/// ```
/// use pocketrec::{data::clicks::PlantedClicks, models::Dien};
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
    #[serde(alias = "factors")] // in older files
    pub embedding_dim: usize,
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
            embedding_dim: 16,
            attention: vec![80, 40],
            evolution: GruKind::Augru,
            hidden: vec![200, 80],
            unit: Unit::Prelu,
            dropout: 0.0,
            auxiliary: vec![100, 50],
            auxiliary_weight: 1.0,
        }
    }

    setters!(embedding_dim hidden unit dropout);

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
        let mut plan = PlanBuilder::new();
        let Behaviour {
            all,
            interest,
            query,
            key,
        } = Behaviour::embed(&mut plan, &self.layout, history, self.embedding_dim);
        let states = plan.gru("extractor", GruKind::Gru, key, None, key.width);
        if self.auxiliary_weight > 0.0 {
            self.auxiliary_loss(&mut plan, history, states, key);
        }
        let unit = (&self.attention[..], Unit::Sigmoid);
        let scores = (self.evolution != GruKind::Gru).then(|| attention(&mut plan, (query, states), unit, true));
        if let Some(scores) = scores {
            plan.expose("attention", scores);
        }
        let evolved = plan.gru("evolution", self.evolution, states, scores, key.width);
        plan.last_step(evolved, interest);
        let logit = deep(&mut plan, all, self.unit, &self.hidden, self.dropout);
        plan.finish(SigmoidCrossEntropy { logit })
    }

    /// The auxiliary loss: one network, on each state with the event that came next, and with a negative instead.
    fn auxiliary_loss(&self, plan: &mut PlanBuilder, history: &SequenceField, states: View, key: View) {
        let (steps, width) = (plan.sequence(&history.name), self.embedding_dim);
        let negative = plan.buffer_in(steps, key.width);
        for (place, &id) in history.fields.iter().enumerate() {
            let field = &self.layout.ids[id];
            let view = negative.columns(place * width, width);
            look_up_negative(plan, &self.layout, &history.name, field, view);
        }
        let (clicked, negative) = (plan.pair_with_next(states, key), plan.pair_with_next(states, negative));
        let network = |plan: &mut PlanBuilder, event: View| {
            let hidden = Unit::Sigmoid.network(plan, "auxiliary", event, &self.auxiliary, 0.0);
            plan.linear("auxiliary.output", hidden, 1, Activation::Identity)
        };
        let high = network(plan, clicked);
        let low = plan.shared(|plan| network(plan, negative));
        plan.auxiliary(high, low, self.auxiliary_weight);
    }

    /// Checks the settings; returns the history.
    fn check(&self) -> Result<&SequenceField> {
        let shape = (&self.hidden[..], self.dropout);
        let history = check_behaviour("DIEN", &self.layout, self.embedding_dim, &self.attention, shape)?;
        check_widths("auxiliary", &self.auxiliary)?;
        if !(self.auxiliary_weight >= 0.0 && self.auxiliary_weight.is_finite()) {
            let reason = format!("{} is not a finite number of 0 or more", self.auxiliary_weight);
            return Err(Error::config("auxiliary_weight", reason));
        }
        Ok(history)
    }
}

impl Widths for Dien {
    fn widths(&self) -> (usize, &[usize]) {
        (self.embedding_dim, &self.hidden)
    }

    fn other_widths(&self) -> [&[usize]; 2] {
        let attention = match self.evolution {
            GruKind::Gru => &[][..],
            _ => &self.attention,
        };
        let auxiliary = match self.auxiliary_weight > 0.0 {
            true => &self.auxiliary[..],
            false => &[],
        };
        [attention, auxiliary]
    }
}
