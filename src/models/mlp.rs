//! MLP: a tower of ReLU layers over the concatenated embeddings.

use alloc::{format, string::ToString, vec::Vec};

use serde::{Deserialize, Serialize};

use super::{EMBEDDING, Loss, check_layers, check_rows, tower};
use crate::{
    Error, Result,
    plan::{Activation, Plan, PlanBuilder},
};

/// Multi-layer perceptron: `z_1 = [p_u, q_i]`, `z_k+1 = relu(W_k z_k + b_k)`, `logit = h . z_L + b`.
///
/// He et al.: *Neural Collaborative Filtering*, WWW 2017, equation 10.
///
/// ```
/// let plan = pocketrec::models::Mlp::new(6040, 3706).layers([64, 32, 16, 8]).plan()?; // the paper's MLP-3
/// assert_eq!(plan.param("mlp.2.weight").map(|p| plan.params()[p].rows), Some(8));
/// # Ok::<(), pocketrec::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mlp {
    /// Rows of the user table.
    pub users: usize,
    /// Rows of the item table.
    pub items: usize,
    /// Width of both embeddings together, then the outputs of each hidden layer. One entry alone means no hidden
    /// layer, the paper's MLP-0.
    pub layers: Vec<usize>,
}

impl Mlp {
    /// MLP with layers 64-32-16-8.
    pub fn new(users: usize, items: usize) -> Self {
        Mlp {
            users,
            items,
            layers: tower(8),
        }
    }

    /// Sets the layers: the width of both embeddings together, then the outputs of each hidden layer.
    pub fn layers(mut self, layers: impl Into<Vec<usize>>) -> Self {
        self.layers = layers.into();
        self
    }

    /// Builds the plan.
    ///
    /// # Errors
    /// [`Error::Config`] where a size is zero, too large, or the first layer odd.
    pub fn plan(&self) -> Result<Plan> {
        self.plan_for(Loss::CrossEntropy)
    }

    /// Builds the plan that is trained by a loss.
    ///
    /// # Errors
    /// As [`plan`](Mlp::plan), and where [`Loss::Bpr`] is to train a model without a hidden layer.
    pub fn plan_for(&self, loss: Loss) -> Result<Plan> {
        check_rows(self.users, self.items)?;
        check_layers(&self.layers)?;
        if self.layers.len() == 1 && !loss.learns_constants() {
            let reason = "without a hidden layer the user's share of a score is the same for all items, and bpr, which compares \
                          two of them, learns nothing of it; give hidden layers";
            return Err(Error::config("layers", reason.to_string()));
        }
        let mut plan = PlanBuilder::new();
        let user = plan.query("user");
        loss.finish(plan, |plan, item| {
            let mut z = plan.buffer(self.layers[0]);
            let half = z.width / 2;
            plan.gather("mlp.user.weight", user, self.users, EMBEDDING, z.columns(0, half));
            plan.gather("mlp.item.weight", item, self.items, EMBEDDING, z.columns(half, half));

            for (k, &outputs) in self.layers[1..].iter().enumerate() {
                z = plan.linear(&format!("mlp.{k}"), z, outputs, Activation::Relu);
            }
            loss.output(plan, z)
        })
    }
}
