//! DIN: a user's history seen through the candidate.

use alloc::{vec, vec::Vec};

use serde::{Deserialize, Serialize};

use super::{
    Unit,
    behaviour::{Behaviour, attention, check_behaviour},
    click::Widths,
    fields::deep,
    setters,
};
use crate::{
    Result,
    data::clicks::Layout,
    ops::SigmoidCrossEntropy,
    plan::{Plan, PlanBuilder},
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
/// use pocketrec::{data::clicks::PlantedClicks, models::Din};
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
    #[serde(alias = "factors")] // in older files
    pub embedding_dim: usize,
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
            embedding_dim: 16,
            attention: vec![80, 40],
            attention_unit: Unit::Sigmoid,
            softmax: false,
            hidden: vec![200, 80],
            unit: Unit::Prelu,
            dropout: 0.0,
        }
    }

    setters!(embedding_dim hidden unit dropout);

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

    /// Builds the plan.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) where there is not one behaviour sequence, the attention unit has no layer, or a size is out
    /// of range.
    pub fn plan(&self) -> Result<Plan> {
        let shape = (&self.hidden[..], self.dropout);
        let history = check_behaviour("DIN", &self.layout, self.embedding_dim, &self.attention, shape)?;
        let mut plan = PlanBuilder::new();
        let Behaviour {
            all,
            interest,
            query,
            key,
        } = Behaviour::embed(&mut plan, &self.layout, history, self.embedding_dim);
        let unit = (&self.attention[..], self.attention_unit);
        let weights = attention(&mut plan, (query, key), unit, self.softmax);
        plan.expose("attention", weights);
        plan.attention(weights, key, interest);
        let logit = deep(&mut plan, all, self.unit, &self.hidden, self.dropout);
        plan.finish(SigmoidCrossEntropy { logit })
    }
}

impl Widths for Din {
    fn widths(&self) -> (usize, &[usize]) {
        (self.embedding_dim, &self.hidden)
    }

    fn other_widths(&self) -> [&[usize]; 2] {
        [&self.attention, &[]]
    }
}
