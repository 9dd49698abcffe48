//! Which stages have shaders. The others are refused before anything is built for them.

use crate::{
    Error, Result,
    plan::{Activation, Flow, Plan, Stage, View},
};

/// A stage that has shaders. The rest of this folder matches on this and not on [`Stage`], so that one which gains
/// shaders is a compile error wherever it is forgotten.
#[derive(Clone, Copy)]
pub(super) enum Shaded<'a> {
    Gather {
        table: usize,
        column: usize,
        output: View,
    },
    Linear(Linear),
    Product {
        inputs: [View; 2],
        output: View,
    },
    Sum {
        inputs: &'a [View],
        bias: usize,
        output: View,
    },
    SigmoidCrossEntropy {
        logit: View,
    },
}

/// A linear stage that has shaders.
#[derive(Clone, Copy)]
pub(super) struct Linear {
    pub weight: usize,
    pub bias: usize,
    pub input: View,
    pub output: View,
    pub relu: bool,
}

impl<'a> Shaded<'a> {
    /// The stage, or what it is that has no shaders.
    pub fn of(stage: &'a Stage) -> Result<Self, &'static str> {
        match *stage {
            Stage::Gather { table, column, output } => Ok(Shaded::Gather { table, column, output }),
            Stage::Linear { bias: None, .. } => Err("a linear stage without bias"),
            Stage::Linear {
                activation: Activation::Sigmoid,
                ..
            } => Err("sigmoid behind a linear stage"),
            Stage::Linear {
                weight,
                bias: Some(bias),
                input,
                output,
                activation,
            } => Ok(Shaded::Linear(Linear {
                weight,
                bias,
                input,
                output,
                relu: activation == Activation::Relu,
            })),
            Stage::Product { inputs, output } => Ok(Shaded::Product { inputs, output }),
            Stage::Sum { bias: None, .. } => Err("a sum without bias"),
            Stage::Sum {
                ref inputs,
                bias: Some(bias),
                output,
            } => Ok(Shaded::Sum { inputs, bias, output }),
            Stage::SigmoidCrossEntropy { logit } => Ok(Shaded::SigmoidCrossEntropy { logit }),
            Stage::Numeric { .. }
            | Stage::Fm { .. }
            | Stage::Pool { .. }
            | Stage::Dropout { .. }
            | Stage::Prelu { .. }
            | Stage::AttentionUnit { .. }
            | Stage::Softmax { .. }
            | Stage::BatchNorm { .. }
            | Stage::Affine { .. }
            | Stage::Dice { .. }
            | Stage::Attention { .. }
            | Stage::Gru { .. }
            | Stage::Last { .. }
            | Stage::Next { .. }
            | Stage::Auxiliary { .. } => Err(stage.name()),
        }
    }
}

/// The stages of a plan that [`check_supported`] has passed, in order.
pub(super) fn shaded(plan: &Plan) -> impl Iterator<Item = Shaded<'_>> {
    plan.stages().iter().flat_map(Shaded::of)
}

/// Checks that every stage of a plan has its shaders.
///
/// # Errors
/// [`Error::Device`] names the first that has none.
pub(super) fn check_supported(plan: &Plan) -> Result<()> {
    let what = match plan.stages().iter().find_map(|stage| Shaded::of(stage).err()) {
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
