//! What graphics devices do not run yet, refused before anything is built for it.

use crate::{
    Error, Result,
    plan::{Activation, Flow, Plan, Stage},
};

/// Checks that every stage of a plan has its shaders.
///
/// # Errors
/// [`Error::Device`] names the first that has none.
pub(super) fn check_supported(plan: &Plan) -> Result<()> {
    let missing = |stage: &Stage| match stage {
        Stage::Numeric { .. }
        | Stage::Fm { .. }
        | Stage::Pool { .. }
        | Stage::Dropout { .. }
        | Stage::Prelu { .. }
        | Stage::AttentionUnit { .. }
        | Stage::Softmax { .. }
        | Stage::BatchNorm { .. }
        | Stage::Dice { .. }
        | Stage::Attention { .. }
        | Stage::Gru { .. }
        | Stage::Last { .. }
        | Stage::Next { .. }
        | Stage::Auxiliary { .. } => Some(stage.name()),
        Stage::Linear { bias: None, .. } => Some("a linear stage without bias"),
        Stage::Sum { bias: None, .. } => Some("a sum without bias"),
        Stage::Linear {
            activation: Activation::Sigmoid,
            ..
        } => Some("sigmoid behind a linear stage"),
        Stage::Linear { .. }
        | Stage::Gather { .. }
        | Stage::Product { .. }
        | Stage::Sum { .. }
        | Stage::SigmoidCrossEntropy { .. } => None,
    };
    let what = match plan.stages().iter().find_map(missing) {
        Some(stage) => stage,
        None if !plan.sequences().is_empty() => "a sequence",
        None if plan.backward().iter().any(|stage| stage.params == Flow::Add) => "a layer that is applied twice",
        None if plan.columns().len() != plan.vocabularies().len() => "a table that two id columns share",
        None => return Ok(()),
    };
    Err(Error::Device(format!(
        "{what} does not run on graphics devices yet: take the CPU (--device cpu, Device::cpu())"
    )))
}
