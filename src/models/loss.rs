//! What models of a user and an item are trained by.

use alloc::format;

use serde::{Deserialize, Serialize};

use crate::{
    Error, Result,
    ops::{Bpr, SigmoidCrossEntropy},
    plan::{Activation, Plan, PlanBuilder, Stage, View},
};

/// What a model of a user and an item learns to do with what users have, the positives, and what they do not have, the
/// negatives. It says what a sample is, too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// To tell one from the other: a sample is a user, an item and a label, 1 or 0
    /// ([`sigmoid_cross_entropy`](crate::ops::sigmoid_cross_entropy)).
    #[default]
    CrossEntropy,
    /// To rank one before the other: a sample is a user, an item of theirs and a negative ([`bpr`](crate::ops::bpr)).
    Bpr,
}

impl Loss {
    /// The name in settings: `cross-entropy` or `bpr`.
    pub fn name(self) -> &'static str {
        match self {
            Loss::CrossEntropy => "cross-entropy",
            Loss::Bpr => "bpr",
        }
    }

    /// Whether it compares a user's item with a negative, so that a sample has both and labels are not read.
    pub fn is_pairwise(self) -> bool {
        match self {
            Loss::CrossEntropy => false,
            Loss::Bpr => true,
        }
    }

    /// The loss that a plan ends in.
    ///
    /// # Errors
    /// [`Error::Config`] where it is none of these.
    pub(crate) fn of(plan: &Plan) -> Result<Loss> {
        match plan.stages().last() {
            Some(Stage::SigmoidCrossEntropy(_)) => Ok(Loss::CrossEntropy),
            Some(Stage::Bpr(_)) => Ok(Loss::Bpr),
            other => {
                let name = other.map_or("nothing", Stage::name);
                Err(Error::config(
                    "loss",
                    format!("the plan ends in {name}, which no model is trained by"),
                ))
            }
        }
    }

    /// Whether what is the same for all items of a user, such as a bias of the user, can be learnt: comparing two items says
    /// nothing of it.
    pub(super) fn learns_constants(self) -> bool {
        !self.is_pairwise()
    }

    /// The layer `logit` of one output, with a bias where one can be learnt.
    pub(super) fn output(self, plan: &mut PlanBuilder, input: View) -> View {
        match self.learns_constants() {
            true => plan.linear("logit", input, 1, Activation::Identity),
            false => plan.linear_without_bias("logit", input, 1, Activation::Identity),
        }
    }

    /// Ends a plan in which `logit` adds the stages that score the items of a column: once, or for items and negatives by
    /// the same parameters.
    pub(super) fn finish(
        self,
        mut plan: PlanBuilder,
        mut logit: impl FnMut(&mut PlanBuilder, usize) -> View,
    ) -> Result<Plan> {
        let item = plan.candidate("item");
        let of_item = logit(&mut plan, item);
        match self {
            Loss::CrossEntropy => plan.finish(SigmoidCrossEntropy { logit: of_item }),
            Loss::Bpr => {
                let negative = plan.negative("negative", "item");
                let of_negative = plan.shared(|plan| logit(plan, negative));
                plan.finish(Bpr {
                    logits: [of_item, of_negative],
                })
            }
        }
    }
}
