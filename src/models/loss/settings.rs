//! The settings of the losses.

use serde::{Deserialize, Serialize};

use crate::{
    ops::{self, Similarity, SoftmaxCrossEntropy},
    plan::View,
};

/// The settings of [`Loss::Margin`](super::Loss::Margin).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Margin {
    /// How much higher an item's logit is to be than a negative's, above 0.
    pub margin: f32,
}

impl Default for Margin {
    fn default() -> Self {
        Margin { margin: 1.0 }
    }
}

/// The settings of [`Loss::Ccl`](super::Loss::Ccl); the defaults are near those of SimpleX on its data sets, but for the number
/// of negatives, which is [`TrainConfig::negatives`](crate::train::TrainConfig::negatives).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ccl {
    /// Cosines of negatives below this are left as they are, in -1..1.
    pub margin: f32,
    /// How much the mean over an item's negatives counts beside the item, from 0 up.
    pub weight: f32,
}

impl Default for Ccl {
    fn default() -> Self {
        Ccl {
            margin: 0.4,
            weight: 150.0,
        }
    }
}

/// The settings of [`Loss::Softmax`](super::Loss::Softmax), as [`SoftmaxCrossEntropy`] words them. Items are recommended by the
/// dot product of the vectors, whatever the loss takes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Softmax {
    /// What scores are divided by, above 0.
    pub temperature: f32,
    /// How much the logarithm of the sum counts, from 0 up: 1 for a softmax, 0.84 for the BSL of Wu et al. on Gowalla.
    pub log_sum: f32,
    /// How vectors are compared.
    pub similarity: Similarity,
    /// Samples of a block, whose items are each other's negatives. A batch is cut into such blocks; its own size is the
    /// largest that has an effect.
    pub block: u32,
    /// Whether other samples of a block with the same item are left out of the sum, as they are no negatives.
    pub leaves_out_same: bool,
    /// Whether scores are corrected for how often an item is drawn, the logarithm of its share of all positives.
    pub corrects: bool,
    /// Whether pairs of related items are positives beside the interactions
    /// ([`Relations::positives`](crate::data::Relations::positives)): a sample is then a user and an item of theirs or two
    /// items, the first of which asks for the second as a user does. So items that nobody has are learnt and ranked.
    #[serde(skip_serializing_if = "is_false")]
    pub related: bool,
}

/// Whether a setting need not be stored, as in files from before there was one.
#[allow(clippy::trivially_copy_pass_by_ref)] // serde's signature
fn is_false(setting: &bool) -> bool {
    !setting
}

impl Default for Softmax {
    fn default() -> Self {
        Softmax {
            temperature: 0.1,
            log_sum: 1.0,
            similarity: Similarity::Cosine,
            block: 2048,
            leaves_out_same: true,
            corrects: false,
            related: false,
        }
    }
}

impl Softmax {
    /// The operation on these views, of an item that `column` picks.
    pub(crate) fn op(self, vectors: [View; 2], scored: View, column: usize) -> SoftmaxCrossEntropy {
        SoftmaxCrossEntropy {
            vectors,
            scored,
            column: self.leaves_out_same.then_some(column),
            similarity: self.similarity,
            temperature: self.temperature,
            log_sum: self.log_sum,
            block: self.block as usize,
            corrects: self.corrects,
        }
    }

    /// The settings of an operation, and whether items ask beside users.
    pub(super) fn of(op: &SoftmaxCrossEntropy, related: bool) -> Self {
        Softmax {
            temperature: op.temperature,
            log_sum: op.log_sum,
            similarity: op.similarity,
            block: u32::try_from(op.block).unwrap_or(u32::MAX),
            leaves_out_same: op.column.is_some(),
            corrects: op.corrects,
            related,
        }
    }
}

/// The settings of [`Loss::SampledSoftmax`](super::Loss::SampledSoftmax), as [`ops::SampledSoftmax`] words them. Items are
/// recommended by the dot product of the vectors, whatever the loss takes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SampledSoftmax {
    /// What scores are divided by, above 0.
    pub temperature: f32,
    /// How much the logarithm of the sum counts, from 0 up: 1 for a softmax.
    pub log_sum: f32,
    /// How vectors are compared.
    pub similarity: Similarity,
    /// Items of the list, which are drawn uniformly for each batch; `None` for all items, a full softmax.
    pub candidates: Option<u32>,
}

impl Default for SampledSoftmax {
    fn default() -> Self {
        SampledSoftmax {
            temperature: 0.1,
            log_sum: 1.0,
            similarity: Similarity::Cosine,
            candidates: Some(1024),
        }
    }
}

impl SampledSoftmax {
    /// The operation on these views, of items and of a list that `columns` pick.
    pub(crate) fn op(self, vectors: [View; 3], scored: View, columns: [usize; 2]) -> ops::SampledSoftmax {
        ops::SampledSoftmax {
            vectors,
            scored,
            columns: Some(columns),
            similarity: self.similarity,
            temperature: self.temperature,
            log_sum: self.log_sum,
        }
    }
}
