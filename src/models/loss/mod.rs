//! What models of a user and an item are trained by.

mod settings;

use alloc::format;

use serde::{Deserialize, Serialize};

use crate::{
    Error, Result,
    ops::{self, Bpr, SigmoidCrossEntropy},
    plan::{Activation, Plan, PlanBuilder, Stage, View},
};

pub use settings::{Ccl, Margin, SampledSoftmax, Softmax};

/// What a model of a user and an item learns to do with what users have, the positives, and what they do not have, the
/// negatives. It says what a sample is, too.
///
/// [`Softmax`](Loss::Softmax) and [`Ccl`](Loss::Ccl) compare a user's vector with an item's, which [`Mf`](super::Mf) has;
/// models that score both together are trained by the others, and say so.
///
/// ```
/// use pocketrec::models::{Gmf, Loss, Mf, Softmax};
/// let loss = Loss::Softmax(Softmax { temperature: 0.12, ..Softmax::default() });
/// assert!(Mf::new(100, 60).plan_for(loss).is_ok());
/// assert!(Gmf::new(100, 60).plan_for(loss).is_err());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// To tell one from the other: a sample is a user, an item and a label, 1 or 0
    /// ([`sigmoid_cross_entropy`](crate::ops::sigmoid_cross_entropy)).
    #[default]
    CrossEntropy,
    /// To rank one before the other: a sample is a user, an item of theirs and a negative ([`bpr`](crate::ops::bpr)).
    Bpr,
    /// To rank one before the other by a margin: samples as for BPR ([`margin`](crate::ops::margin)).
    Margin(Margin),
    /// To bring a user and an item of theirs together, and negatives no further apart than a margin: samples as for BPR
    /// ([`ccl`](crate::ops::ccl)).
    Ccl(Ccl),
    /// To pick a user's item out of the items of all samples of a block: a sample is a user and an item of theirs
    /// ([`softmax_cross_entropy`](crate::ops::softmax_cross_entropy)).
    Softmax(Softmax),
    /// To pick a user's item out of a list that all samples of a batch share, drawn anew for each or all items there are: a
    /// sample is a user and an item of theirs ([`sampled_softmax`](crate::ops::sampled_softmax)).
    SampledSoftmax(SampledSoftmax),
}

/// Refuses a setting by its name where it is not right.
fn check(field: &str, is_right: bool, found: f32, right: &str) -> Result<()> {
    match is_right {
        true => Ok(()),
        false => Err(Error::config(field, format!("{found} is not {right}"))),
    }
}

fn is_positive(x: f32) -> bool {
    x > 0.0 && x.is_finite()
}

/// What both kinds of softmax have.
fn check_softmax(temperature: f32, log_sum: f32) -> Result<()> {
    let is_divisor = is_positive(temperature) && is_positive(1.0 / temperature);
    check("temperature", is_divisor, temperature, "a number above 0; 0.1 is usual")?;
    let is_factor = log_sum >= 0.0 && log_sum.is_finite();
    check("log_sum", is_factor, log_sum, "a number from 0 up; 1 is usual")
}

/// How the samples of a loss are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Draw {
    /// Positives and negatives, with labels.
    Labels,
    /// A positive and a negative a sample.
    Pairs,
    /// Positives alone.
    Positives {
        /// With the logarithm of how likely each is drawn.
        log_q: bool,
        /// With pairs of related items among them.
        related: bool,
    },
    /// Positives, and a list for each batch.
    Listed {
        /// Items of the list, drawn uniformly; all items where there is no number.
        candidates: Option<u32>,
    },
}

impl Loss {
    /// The name in settings: `cross-entropy`, `bpr`, `margin`, `ccl`, `softmax` or `sampled-softmax`.
    pub fn name(self) -> &'static str {
        match self {
            Loss::CrossEntropy => "cross-entropy",
            Loss::Bpr => "bpr",
            Loss::Margin(_) => "margin",
            Loss::Ccl(_) => "ccl",
            Loss::Softmax(_) => "softmax",
            Loss::SampledSoftmax(_) => "sampled-softmax",
        }
    }

    /// Whether it compares a user's item with a negative, so that a sample has both and labels are not read.
    pub fn is_pairwise(self) -> bool {
        self.draw() == Draw::Pairs
    }

    /// How its samples are drawn.
    pub(crate) fn draw(self) -> Draw {
        match self {
            Loss::CrossEntropy => Draw::Labels,
            Loss::Bpr | Loss::Margin(_) | Loss::Ccl(_) => Draw::Pairs,
            Loss::Softmax(Softmax { corrects, related, .. }) => Draw::Positives {
                log_q: corrects,
                related,
            },
            Loss::SampledSoftmax(SampledSoftmax { candidates, .. }) => Draw::Listed { candidates },
        }
    }

    /// Checks the settings.
    ///
    /// # Errors
    /// [`Error::Config`] names the setting that is out of range.
    pub fn validate(self) -> Result<()> {
        match self {
            Loss::CrossEntropy | Loss::Bpr => Ok(()),
            Loss::Margin(Margin { margin }) => {
                check("margin", is_positive(margin), margin, "a number above 0; 1 is usual")
            }
            Loss::Ccl(Ccl { margin, weight }) => {
                check(
                    "margin",
                    (-1.0..1.0).contains(&margin),
                    margin,
                    "in -1..1, as cosines are; 0.4 is usual",
                )?;
                check(
                    "weight",
                    weight >= 0.0 && weight.is_finite(),
                    weight,
                    "a number from 0 up",
                )
            }
            Loss::Softmax(Softmax {
                temperature,
                log_sum,
                block,
                ..
            }) => {
                check_softmax(temperature, log_sum)?;
                let is_compared = block > 1 || log_sum != 1.0;
                let right = "at least 2: there is nothing to tell an item from";
                check("block", block > 0 && is_compared, block as f32, right)
            }
            Loss::SampledSoftmax(SampledSoftmax {
                temperature,
                log_sum,
                candidates,
                ..
            }) => {
                check_softmax(temperature, log_sum)?;
                let right = "at least 1: there is nothing to tell an item from";
                check("candidates", candidates != Some(0), 0.0, right)
            }
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
            Some(Stage::Margin(op)) => Ok(Loss::Margin(Margin { margin: op.margin })),
            Some(Stage::Ccl(op)) => Ok(Loss::Ccl(Ccl {
                margin: op.margin,
                weight: op.weight,
            })),
            Some(Stage::SoftmaxCrossEntropy(op)) => Ok(Loss::Softmax(Softmax::of(op, plan.has_heads()))),
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
        self.draw() == Draw::Labels
    }

    /// Whether it compares vectors of users and items, and not logits of any model.
    pub(super) fn is_of_vectors(self) -> bool {
        matches!(self, Loss::Softmax(_) | Loss::SampledSoftmax(_) | Loss::Ccl(_))
    }

    /// Whether pairs of related items are positives, too.
    pub(crate) fn is_related(self) -> bool {
        matches!(self, Loss::Softmax(Softmax { related: true, .. }))
    }

    /// The id column of users, who are not the only ones that ask where related items do.
    pub(super) fn query(self, plan: &mut PlanBuilder) -> usize {
        match self.is_related() {
            true => plan.weighted_query("user"),
            false => plan.query("user"),
        }
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
        if self.is_of_vectors() {
            let reason = format!(
                "{} compares a vector of the user with one of the item, and this model scores both together; MF has such \
                 vectors, and this model learns by cross-entropy, bpr or margin",
                self.name()
            );
            return Err(Error::config("loss", reason));
        }
        self.validate()?;
        let item = plan.candidate("item");
        let of_item = logit(&mut plan, item);
        if self == Loss::CrossEntropy {
            return plan.finish(SigmoidCrossEntropy { logit: of_item });
        }
        let negative = plan.negative("negative", "item");
        let of_negative = plan.shared(|plan| logit(plan, negative));
        let logits = [of_item, of_negative];
        match self {
            Loss::Margin(Margin { margin }) => plan.finish(ops::Margin { logits, margin }),
            _ => plan.finish(Bpr { logits }),
        }
    }

    /// Ends a plan of a loss that [compares vectors](Loss::is_of_vectors): `query` is the vector of the user, by the column that
    /// [`query`](Loss::query) gives, and `vector` adds the stages that make the item's of a column, in [its space](PlanBuilder::space_of_column). Softmax serves by their dot product, and CCL by their cosine.
    pub(crate) fn finish_vectors(
        self,
        mut plan: PlanBuilder,
        query: View,
        mut vector: impl FnMut(&mut PlanBuilder, usize) -> View,
    ) -> Result<Plan> {
        self.validate()?;
        let dot = |plan: &mut PlanBuilder, left: View, right: View| {
            let terms = plan.buffer(left.width);
            plan.product(left, right, terms);
            plan.plain_sum(&[terms])
        };
        let item = plan.candidate("item");
        let of_item = vector(&mut plan, item);
        match self {
            Loss::Softmax(softmax) => {
                let scored = dot(&mut plan, query, of_item);
                let query = match softmax.related {
                    false => query,
                    true => {
                        let head = plan.head("head", "item");
                        let of_head = plan.shared(|plan| vector(plan, head));
                        plan.add(query, of_head) // the one that the sample has is the weighted one
                    }
                };
                plan.finish(softmax.op([query, of_item], scored, item))
            }
            Loss::SampledSoftmax(softmax) => {
                let listed = plan.list("listed", "item");
                let of_list = plan.shared(|plan| vector(plan, listed));
                let scored = dot(&mut plan, query, of_item);
                plan.finish(softmax.op([query, of_item, of_list], scored, [item, listed]))
            }
            Loss::Ccl(Ccl { margin, weight }) => {
                let negative = plan.negative("negative", "item");
                let of_negative = plan.shared(|plan| vector(plan, negative));
                let [query, of_item, of_negative] = [query, of_item, of_negative].map(|view| plan.normalise(view));
                let logits = [of_item, of_negative].map(|view| dot(&mut plan, query, view));
                plan.finish(ops::Ccl { logits, margin, weight })
            }
            _ => {
                let reason = format!("{} compares logits, not vectors", self.name());
                Err(Error::config("loss", reason))
            }
        }
    }
}
