//! Factorisation machine.

use serde::{Deserialize, Serialize};

use super::{
    check_width,
    click::Widths,
    fields::{check_fields, embed, first_order},
    setters,
};
use crate::{
    Result,
    data::clicks::Layout,
    ops::SigmoidCrossEntropy,
    plan::{Plan, PlanBuilder},
};

/// A factorisation machine (Rendle, *Factorization Machines*, ICDM 2010, equation 1): the first order of [`Lr`](super::Lr) and
/// the dot products of all pairs of the fields' embeddings. Numbers have a part in the first order alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fm {
    /// The fields.
    pub layout: Layout,
    /// Width of an embedding.
    #[serde(alias = "factors")] // in older files
    pub embedding_dim: usize,
}

impl Fm {
    /// With embeddings 10 wide.
    pub fn new(layout: &Layout) -> Self {
        Fm {
            layout: layout.clone(),
            embedding_dim: 10,
        }
    }

    setters!(embedding_dim);

    /// Builds the plan.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) where there are no fields or the width is out of range.
    pub fn plan(&self) -> Result<Plan> {
        check_fields(&self.layout)?;
        check_width("embedding_dim", self.embedding_dim)?;
        let mut plan = PlanBuilder::new();
        let mut terms = first_order(&mut plan, &self.layout);
        let fields = embed(&mut plan, &self.layout, self.embedding_dim, false);
        terms.extend(fields.second_order(&mut plan, self.embedding_dim));
        let logit = plan.plain_sum(&terms);
        plan.finish(SigmoidCrossEntropy { logit })
    }
}

impl Widths for Fm {
    fn widths(&self) -> (usize, &[usize]) {
        (self.embedding_dim, &[])
    }
}
