//! Which stages have shaders. The others are refused before anything is built for them.

use crate::{
    Error, Result,
    plan::{Activation, Plan, Stage, View},
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
    Numeric {
        first: usize,
        output: View,
    },
    Linear(Linear),
    Product {
        inputs: [View; 2],
        output: View,
    },
    Sum {
        inputs: &'a [View],
        bias: Option<usize>,
        output: View,
    },
    Pool {
        input: View,
        output: View,
        mean: bool,
    },
    Dropout {
        input: View,
        output: View,
        rate: f32,
    },
    SigmoidCrossEntropy {
        logit: View,
    },
}

/// A linear stage.
#[derive(Clone, Copy)]
pub(super) struct Linear {
    pub weight: usize,
    pub bias: Option<usize>,
    pub input: View,
    pub output: View,
    pub activation: Activation,
}

impl<'a> Shaded<'a> {
    /// The stage, or what it is that has no shaders.
    pub fn of(stage: &'a Stage) -> Result<Self, &'static str> {
        match *stage {
            Stage::Gather { table, column, output } => Ok(Shaded::Gather { table, column, output }),
            Stage::Numeric { first, output } => Ok(Shaded::Numeric { first, output }),
            Stage::Linear {
                weight,
                bias,
                input,
                output,
                activation,
            } => Ok(Shaded::Linear(Linear {
                weight,
                bias,
                input,
                output,
                activation,
            })),
            Stage::Product { inputs, output } => Ok(Shaded::Product { inputs, output }),
            Stage::Sum {
                ref inputs,
                bias,
                output,
            } => Ok(Shaded::Sum { inputs, bias, output }),
            Stage::Pool { input, output, mean } => Ok(Shaded::Pool { input, output, mean }),
            Stage::Dropout { input, output, rate } => Ok(Shaded::Dropout { input, output, rate }),
            Stage::SigmoidCrossEntropy { logit } => Ok(Shaded::SigmoidCrossEntropy { logit }),
            Stage::Fm { .. }
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

/// Checks that every stage of a plan has its shaders.
///
/// # Errors
/// [`Error::Device`] names the first that has none.
pub(super) fn check_supported(plan: &Plan) -> Result<()> {
    match plan.stages().iter().find_map(|stage| Shaded::of(stage).err()) {
        None => Ok(()),
        Some(stage) => Err(Error::Device(format!(
            "{stage} does not run on graphics devices yet: take the CPU (--device cpu, Device::cpu())"
        ))),
    }
}
