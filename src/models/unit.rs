//! What follows a linear map in the click-through models' networks.

use alloc::format;

use serde::{Deserialize, Serialize};

use crate::plan::{Activation, PlanBuilder, View};

/// Of batch normalisation, as `torch.nn.BatchNorm1d` has them.
const MOMENTUM: f32 = 0.1;
const EPSILON: f32 = 1e-5;

/// What follows a linear map.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// max(x, 0).
    #[default]
    Relu,
    /// Batch normalisation, then max(x, 0) (Ioffe and Szegedy, ICML 2015). The linear map has no bias: the mean that is
    /// taken off would take it off again.
    BatchNormRelu,
    /// 1 / (1 + exp(-x)).
    Sigmoid,
    /// A slope for negative x, learnt for each column (He et al., ICCV 2015).
    Prelu,
    /// PReLU whose bend is where the data are, and soft (Zhou et al., KDD 2018, equation 3).
    Dice,
}

impl Unit {
    /// What a linear stage does itself.
    pub(super) fn fused(self) -> Activation {
        match self {
            Unit::Relu => Activation::Relu,
            Unit::Sigmoid => Activation::Sigmoid,
            Unit::BatchNormRelu | Unit::Prelu | Unit::Dice => Activation::Identity,
        }
    }

    /// Adds the stages that follow layer `name`, whose output is `x`.
    pub(super) fn after(self, plan: &mut PlanBuilder, name: &str, x: View) -> View {
        match self {
            Unit::Relu | Unit::Sigmoid => x,
            Unit::BatchNormRelu => {
                let name = format!("{name}.norm");
                let normal = plan.batch_norm(&name, x, MOMENTUM, EPSILON);
                plan.affine(&name, normal, true)
            }
            Unit::Prelu => plan.prelu(name, x),
            Unit::Dice => plan.dice(name, x),
        }
    }

    /// Adds the layers `NAME.{k}` of these widths, each with dropout behind it.
    pub(super) fn network(
        self,
        plan: &mut PlanBuilder,
        name: &str,
        mut x: View,
        widths: &[usize],
        dropout: f32,
    ) -> View {
        for (k, &outputs) in widths.iter().enumerate() {
            x = self.layer(plan, &format!("{name}.{k}"), x, outputs);
            x = plan.dropout(x, dropout);
        }
        x
    }

    /// Adds one layer.
    pub(super) fn layer(self, plan: &mut PlanBuilder, name: &str, x: View, outputs: usize) -> View {
        let x = match self {
            Unit::BatchNormRelu => plan.linear_without_bias(name, x, outputs, self.fused()),
            _ => plan.linear(name, x, outputs, self.fused()),
        };
        self.after(plan, name, x)
    }
}
