//! MF: a dot product with biases, the honest baseline.

use serde::{Deserialize, Serialize};

use super::{EMBEDDING, Loss, check_rows, check_width};
use crate::{
    Result,
    plan::{Init, Plan, PlanBuilder},
};

/// Matrix factorisation: `logit = b + b_u + b_i + p_u . q_i`, and by [`Loss::Bpr`] and [`Loss::Margin`]
/// `b_i + p_u . q_i`; by [`Loss::Softmax`] and [`Loss::SampledSoftmax`] `p_u . q_i`, and by [`Loss::Ccl`] the cosine of both.
///
/// Rendle, Krichene, Zhang, Anderson: *Neural Collaborative Filtering vs. Matrix Factorization Revisited*,
/// RecSys 2020, equation 2 with biases: well tuned it is hard to beat.
///
/// ```
/// let plan = pocketrec::models::Mf::new(6040, 3706).factors(64).plan()?;
/// assert_eq!(plan.weights(), (6040 + 3706) * (64 + 1) + 1);
/// # Ok::<(), pocketrec::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mf {
    /// Rows of the user tables.
    pub users: usize,
    /// Rows of the item tables.
    pub items: usize,
    /// Width of the embeddings.
    pub factors: usize,
}

impl Mf {
    /// MF with 64 factors.
    pub fn new(users: usize, items: usize) -> Self {
        Mf {
            users,
            items,
            factors: 64,
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
    /// As [`plan`](Mf::plan).
    pub fn plan_for(&self, loss: Loss) -> Result<Plan> {
        check_rows(self.users, self.items)?;
        check_width("factors", self.factors)?;
        let mut plan = PlanBuilder::new();
        let (user, constants) = (loss.query(&mut plan), loss.learns_constants());
        let p = plan.buffer(self.factors);
        plan.gather("user.weight", user, self.users, EMBEDDING, p);
        if loss.is_of_vectors() {
            return loss.finish_vectors(plan, p, |plan, item| {
                let q = plan.buffer_in(plan.space_of_column(item), self.factors);
                plan.gather("item.weight", item, self.items, EMBEDDING, q);
                q
            });
        }
        loss.finish(plan, |plan, item| {
            let q = plan.buffer(self.factors);
            plan.gather("item.weight", item, self.items, EMBEDDING, q);
            let biases = plan.buffer(1 + usize::from(constants));
            let item_bias = biases.columns(biases.width - 1, 1);
            if constants {
                plan.gather("user.bias", user, self.users, Init::Zeros, biases.columns(0, 1));
            }
            plan.gather("item.bias", item, self.items, Init::Zeros, item_bias);

            let terms = plan.buffer(self.factors);
            plan.product(p, q, terms);
            match constants {
                true => plan.sum("bias", &[terms, biases]),
                false => plan.plain_sum(&[terms, biases]),
            }
        })
    }
}
