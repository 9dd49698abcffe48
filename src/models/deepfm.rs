//! DeepFM.

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

/// DeepFM (Guo et al., IJCAI 2017, equations 1 to 4): a factorisation machine and a deep network that share the fields'
/// embeddings. The deep part reads the numbers too, as they are.
///
/// ```text
/// first order ----------------------------+
/// embeddings --- second order (FM) -------+-- sum, logit
///     |--------- hidden layers --- output-+
/// numbers -----|
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeepFm {
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

impl DeepFm {
    /// With embeddings 10 wide and three hidden layers of 400, as the comparisons on public data have it.
    pub fn new(layout: &Layout) -> Self {
        DeepFm {
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
        terms.extend(fields.second_order(&mut plan, self.embedding_dim));
        terms.push(deep(&mut plan, fields.all, self.unit, &self.hidden, self.dropout));
        let logit = plan.plain_sum(&terms);
        plan.finish(SigmoidCrossEntropy { logit })
    }
}

impl Widths for DeepFm {
    fn widths(&self) -> (usize, &[usize]) {
        (self.embedding_dim, &self.hidden)
    }
}
