//! Logistic regression.

use serde::{Deserialize, Serialize};

use super::{
    click::Widths,
    fields::{check_fields, first_order},
};
use crate::{
    Result,
    data::clicks::Layout,
    ops::SigmoidCrossEntropy,
    plan::{Plan, PlanBuilder},
};

/// Logistic regression over all fields: `logit = bias + sum of the weights of the keys + sum of weight x number`.
///
/// The baseline that second-order and deep models are compared with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lr {
    /// The fields.
    pub layout: Layout,
}

impl Lr {
    /// Over these fields.
    pub fn new(layout: &Layout) -> Self {
        Lr { layout: layout.clone() }
    }

    /// Builds the plan.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) where there are no fields.
    pub fn plan(&self) -> Result<Plan> {
        check_fields(&self.layout)?;
        let mut plan = PlanBuilder::new();
        let first = first_order(&mut plan, &self.layout);
        let logit = plan.plain_sum(&first);
        plan.finish(SigmoidCrossEntropy { logit })
    }
}

impl Widths for Lr {
    fn widths(&self) -> (usize, &[usize]) {
        (1, &[])
    }
}
