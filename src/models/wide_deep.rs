//! Wide & Deep.

use alloc::{vec, vec::Vec};

use serde::{Deserialize, Serialize};

use super::{
    Unit, check_width,
    click::Widths,
    fields::{check_deep, check_fields, deep, embed, first_order},
    setters,
};
use crate::{
    Result,
    data::clicks::Layout,
    ops::SigmoidCrossEntropy,
    plan::{Plan, PlanBuilder},
};

/// Wide & Deep (Cheng et al., DLRS 2016): a first order over the keys and numbers beside a deep network over their
/// embeddings. Crossed features, which the paper's wide part has, are for the data to bring.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WideDeep {
    /// The fields.
    pub layout: Layout,
    /// Width of an embedding.
    #[serde(alias = "factors")] // in older files
    pub embedding_dim: usize,
    /// Widths of the hidden layers.
    pub hidden: Vec<usize>,
    /// What follows each of them.
    #[serde(default)]
    pub unit: Unit,
    /// Share of hidden values that is left out in training.
    pub dropout: f32,
}

impl WideDeep {
    /// With embeddings 10 wide and three hidden layers of 400, as the comparisons on public data have it.
    pub fn new(layout: &Layout) -> Self {
        WideDeep {
            layout: layout.clone(),
            embedding_dim: 10,
            hidden: vec![400, 400, 400],
            unit: Unit::Relu,
            dropout: 0.0,
        }
    }

    setters!(embedding_dim hidden unit dropout);

    /// Builds the plan.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) where there are no fields or a size is out of range.
    pub fn plan(&self) -> Result<Plan> {
        check_fields(&self.layout)?;
        check_width("embedding_dim", self.embedding_dim)?;
        check_deep(&self.hidden, self.dropout)?;
        let mut plan = PlanBuilder::new();
        let mut terms = first_order(&mut plan, &self.layout);
        let fields = embed(&mut plan, &self.layout, self.embedding_dim, true);
        terms.push(deep(&mut plan, fields.all, self.unit, &self.hidden, self.dropout));
        let logit = plan.plain_sum(&terms);
        plan.finish(SigmoidCrossEntropy { logit })
    }
}

impl Widths for WideDeep {
    fn widths(&self) -> (usize, &[usize]) {
        (self.embedding_dim, &self.hidden)
    }
}
