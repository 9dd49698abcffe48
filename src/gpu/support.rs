//! Which stages have shaders. The others are refused before anything is built for them.

use super::stages::{Affine, BatchNorm};
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
    Fm {
        input: View,
        factors: usize,
        output: View,
    },
    Prelu {
        alpha: usize,
        input: View,
        output: View,
    },
    BatchNorm(BatchNorm),
    Affine(Affine),
    Dice {
        alpha: usize,
        inputs: [View; 2],
        output: View,
    },
    AttentionUnit(AttentionUnit),
    Softmax {
        input: View,
        output: View,
    },
    Attention {
        inputs: [View; 2],
        output: View,
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

/// The first layer of an attention unit.
#[derive(Clone, Copy)]
pub(super) struct AttentionUnit {
    pub weight: usize,
    pub bias: usize,
    pub inputs: [View; 2],
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
            Stage::Fm { input, factors, output } => Ok(Shaded::Fm { input, factors, output }),
            Stage::Prelu { alpha, input, output } => Ok(Shaded::Prelu { alpha, input, output }),
            Stage::BatchNorm {
                mean,
                variance,
                input,
                output,
                momentum,
                epsilon,
            } => Ok(Shaded::BatchNorm(BatchNorm {
                mean,
                variance,
                input,
                output,
                momentum,
                epsilon,
            })),
            Stage::Affine {
                weight,
                bias,
                input,
                output,
                relu,
            } => Ok(Shaded::Affine(Affine {
                weight,
                bias,
                input,
                output,
                relu,
            })),
            Stage::Dice { alpha, inputs, output } => Ok(Shaded::Dice { alpha, inputs, output }),
            Stage::AttentionUnit {
                weight,
                bias,
                inputs,
                output,
                activation,
            } => Ok(Shaded::AttentionUnit(AttentionUnit {
                weight,
                bias,
                inputs,
                output,
                activation,
            })),
            Stage::Softmax { input, output } => Ok(Shaded::Softmax { input, output }),
            Stage::Attention { inputs, output } => Ok(Shaded::Attention { inputs, output }),
            Stage::SigmoidCrossEntropy { logit } => Ok(Shaded::SigmoidCrossEntropy { logit }),
            Stage::Gru { .. } | Stage::Last { .. } | Stage::Next { .. } | Stage::Auxiliary { .. } => Err(stage.name()),
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
