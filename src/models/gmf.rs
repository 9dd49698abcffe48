//! GMF: a dot product whose factors are weighted.

use serde::{Deserialize, Serialize};

use super::{EMBEDDING, Loss, check_rows, check_width};
use crate::{
    Result,
    plan::{Plan, PlanBuilder},
};

/// Generalised matrix factorisation: `logit = h . (p_u * q_i) + b`.
///
/// He, Liao, Zhang, Nie, Hu, Chua: *Neural Collaborative Filtering*, WWW 2017, equations 8 and 9.
///
/// ```
/// let plan = pocketrec::models::Gmf::new(6040, 3706).factors(8).plan()?;
/// assert_eq!(plan.weights(), (6040 + 3706) * 8 + 8 + 1);
/// # Ok::<(), pocketrec::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Gmf {
    /// Rows of the user table.
    pub users: usize,
    /// Rows of the item table.
    pub items: usize,
    /// Width of the embeddings, the paper's predictive factors.
    pub factors: usize,
}

impl Gmf {
    /// GMF with 8 factors.
    pub fn new(users: usize, items: usize) -> Self {
        Gmf {
            users,
            items,
            factors: 8,
        }
    }

    /// Sets the width of the embeddings.
    pub fn factors(mut self, factors: usize) -> Self {
        self.factors = factors;
        self
    }

    /// Builds the plan.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) where a size is zero or too large.
    pub fn plan(&self) -> Result<Plan> {
        self.plan_for(Loss::CrossEntropy)
    }

    /// Builds the plan that is trained by a loss.
    ///
    /// # Errors
    /// As [`plan`](Gmf::plan).
    pub fn plan_for(&self, loss: Loss) -> Result<Plan> {
        check_rows(self.users, self.items)?;
        check_width("factors", self.factors)?;
        let mut plan = PlanBuilder::new();
        let user = plan.query("user");
        let p = plan.buffer(self.factors);
        plan.gather("gmf.user.weight", user, self.users, EMBEDDING, p);
        loss.finish(plan, |plan, item| {
            let q = plan.buffer(self.factors);
            plan.gather("gmf.item.weight", item, self.items, EMBEDDING, q);

            let product = plan.buffer(self.factors);
            plan.product(p, q, product);
            loss.output(plan, product)
        })
    }
}
