//! NeuMF: GMF and MLP side by side, fused in the last layer.

use alloc::{format, string::ToString, vec::Vec};

use serde::{Deserialize, Serialize};

use super::{EMBEDDING, Loss, check_layers, check_rows, check_width, tower};
use crate::{
    Error, Result,
    plan::{Activation, Plan, PlanBuilder, State},
};

/// Neural matrix factorisation: `logit = h . [p_u * q_i, z_L] + b` with embeddings of their own for each side.
///
/// He et al.: *Neural Collaborative Filtering*, WWW 2017, figure 3 and equation 12.
///
/// ```
/// let plan = pocketrec::models::NeuMf::new(6040, 3706).factors(8).plan()?; // layers 64-32-16-8
/// assert_eq!(plan.vocabularies(), ["user", "item"]);
/// # Ok::<(), pocketrec::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NeuMf {
    /// Rows of the user tables.
    pub users: usize,
    /// Rows of the item tables.
    pub items: usize,
    /// Width of the GMF embeddings.
    pub factors: usize,
    /// Width of both MLP embeddings together, then the outputs of each hidden layer.
    pub layers: Vec<usize>,
}

impl NeuMf {
    /// NeuMF with 8 factors and layers 64-32-16-8.
    pub fn new(users: usize, items: usize) -> Self {
        NeuMf {
            users,
            items,
            factors: 8,
            layers: tower(8),
        }
    }

    /// Sets the predictive factors `f` and the paper's tower for them, `8f-4f-2f-f`.
    pub fn factors(mut self, factors: usize) -> Self {
        self.factors = factors;
        self.layers = tower(factors);
        self
    }

    /// Sets the layers of the MLP: the width of both embeddings together, then the outputs of each hidden layer.
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
    /// As [`plan`](NeuMf::plan).
    pub fn plan_for(&self, loss: Loss) -> Result<Plan> {
        check_rows(self.users, self.items)?;
        check_width("factors", self.factors)?;
        check_layers(&self.layers)?;
        // The last layer reads the product and the tower side by side; each writes its columns of `top`.
        let Some((&last, hidden)) = self.layers[1..].split_last() else {
            let reason = "NeuMF needs at least one hidden layer";
            return Err(Error::config("layers", reason.to_string()));
        };
        let mut plan = PlanBuilder::new();
        let user = plan.query("user");
        let p = plan.buffer(self.factors);
        plan.gather("gmf.user.weight", user, self.users, EMBEDDING, p);
        loss.finish(plan, |plan, item| {
            let q = plan.buffer(self.factors);
            plan.gather("gmf.item.weight", item, self.items, EMBEDDING, q);
            let mut z = plan.buffer(self.layers[0]);
            let half = z.width / 2;
            plan.gather("mlp.user.weight", user, self.users, EMBEDDING, z.columns(0, half));
            plan.gather("mlp.item.weight", item, self.items, EMBEDDING, z.columns(half, half));

            let top = plan.buffer(self.factors + last); // both are checked: far from overflow
            plan.product(p, q, top.columns(0, self.factors));
            for (k, &outputs) in hidden.iter().enumerate() {
                z = plan.linear(&format!("mlp.{k}"), z, outputs, Activation::Relu);
            }
            let tower_top = top.columns(self.factors, last);
            plan.linear_into(&format!("mlp.{}", hidden.len()), z, tower_top, Activation::Relu);
            loss.output(plan, top)
        })
    }

    /// The state that begins from a trained GMF and a trained MLP: their tables and layers, and their output
    /// weights side by side, GMF's scaled by `alpha` and MLP's by `1 - alpha` (equation 13). The biases of the two
    /// outputs are weighted likewise. Moments and step count begin anew.
    ///
    /// # Errors
    /// [`Error::Config`] where the sizes of the three models differ, or the losses of the two.
    pub fn pretrained(&self, gmf: (&Plan, &State), mlp: (&Plan, &State), alpha: f32) -> Result<State> {
        let (loss, other) = (Loss::of(gmf.0)?, Loss::of(mlp.0)?);
        if loss != other {
            let (loss, other) = (loss.name(), other.name());
            let reason = format!("GMF was trained by {loss} and MLP by {other}; train both by the same loss");
            return Err(Error::config("pretrained", reason));
        }
        let plan = self.plan_for(loss)?;
        let mut state = State::initial(&plan, 0, false)?;
        for (param, tensor) in plan.params().iter().zip(&mut state.tensors) {
            let from = |(plan, state): (&Plan, &State)| -> Option<Vec<f32>> {
                plan.param(&param.name).map(|index| state.tensors[index].value.clone())
            };
            let weighted = |values: Vec<f32>, weight: f32| values.into_iter().map(move |x| x * weight);
            tensor.value = match (from(gmf), from(mlp)) {
                (Some(g), Some(m)) if param.is_vector => weighted(g, alpha)
                    .zip(weighted(m, 1.0 - alpha))
                    .map(|(g, m)| g + m)
                    .collect(),
                (Some(g), Some(m)) => weighted(g, alpha).chain(weighted(m, 1.0 - alpha)).collect(),
                (Some(values), None) | (None, Some(values)) => values,
                (None, None) => Vec::new(),
            };
            if tensor.value.len() != param.len() {
                let (expected, got) = (param.len(), tensor.value.len());
                let reason = format!(
                    "{}: {expected} values are needed, the trained models have {got}",
                    param.name
                );
                return Err(Error::config("pretrained", reason));
            }
        }
        Ok(state)
    }
}
